//! `engine break-glass`.

use serde_json::Value;

use crate::aws::{Aws, OPERATOR};
use crate::engine::run;

/// What every run says of itself.
const NOTICE: &str = "break-glass: this acts on AWS credentials alone and is recorded under your ARN; \
                      it is for when the API cannot be used\n";

const CLIENT: [&str; 13] = [
    "break-glass",
    "clients",
    "create",
    "--client-id",
    "acme",
    "--name",
    "Acme LP",
    "--markup",
    "5",
    "--fee-type",
    "FLAT",
    "--fee-amount",
    "25",
];
const KEY: [&str; 9] =
    ["break-glass", "keys", "create", "--client-id", "acme", "--rate-limit", "60", "--expiry-days", "30"];

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Bodies of the audit entries, oldest first.
fn audited(aws: &Aws) -> Vec<(String, Value)> {
    let mut items = aws.items("audit");
    items.sort_by_key(|item| item["sk"].as_s().unwrap().clone());
    let text = |value: &aws_sdk_dynamodb::types::AttributeValue| json(value.as_s().unwrap());
    items
        .iter()
        .map(|item| (text(&item["header"])["event"].as_str().unwrap().to_owned(), text(&item["body"])))
        .collect()
}

#[test]
fn a_client_is_created_given_terms_and_shown() {
    let aws = Aws::start();
    let created = aws.run(&with(&CLIENT, &["--json"]));
    assert_eq!((created.status, created.stderr.as_str()), (Some(0), NOTICE));
    let created = json(&created.stdout);
    assert_eq!(created["terms"][0]["markup_percentage"], "5");
    assert_eq!(created["terms_version_in_force"], 1);

    let terms =
        ["break-glass", "clients", "add-terms", "--client-id", "acme", "--markup", "4.5", "--fee-type", "PERCENTAGE"];
    let later = ["--fee-amount", "0.1", "--day-count", "ACT/360", "--effective-from", "2099-01-01T00:00:00Z"];
    let added = aws.run(&with(&terms, &later));
    assert_eq!((added.status, added.stderr.as_str()), (Some(0), NOTICE));
    let rows: Vec<_> = added.stdout.lines().skip_while(|line| !line.is_empty()).collect();
    assert!(rows[2].ends_with("in force"), "{}", added.stdout);
    assert!(rows[3].contains("2099-01-01T00:00:00.000Z") && rows[3].contains("PERCENTAGE"), "{}", added.stdout);

    let shown = json(&aws.run(&["break-glass", "clients", "show", "acme", "--json"]).stdout);
    assert_eq!(shown["terms"][1]["day_count"], "ACT/360");

    let entries = audited(&aws);
    let events: Vec<_> = entries.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(events, ["client.create", "client.terms.add"]);
    for (_, body) in entries {
        assert_eq!((&body["actor"]["type"], &body["actor"]["id"]), (&"operator".into(), &OPERATOR.into()));
    }
}

#[test]
fn a_key_is_shown_once_and_revoked_for_good() {
    let aws = Aws::start();
    aws.run(&CLIENT);
    let issued = aws.run(&with(&KEY, &["--tickers", "aapl,BRK B", "--environment", "local", "--json"]));
    assert_eq!((issued.status, issued.stderr.as_str()), (Some(0), NOTICE));
    let issued = json(&issued.stdout);
    let key_id = issued["key_id"].as_str().unwrap();
    let names: Vec<_> = issued.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["api_key", "expires_at", "key_id"]);
    assert!(issued["api_key"].as_str().unwrap().starts_with(&format!("bre_local_{key_id}_")));
    assert!(issued["expires_at"].as_str().unwrap().ends_with('Z'));

    let shown = aws.run(&["break-glass", "keys", "show", key_id]);
    assert!(shown.stdout.contains("AAPL BRK.B") && !shown.stdout.contains(issued["api_key"].as_str().unwrap()));

    assert_eq!(aws.run(&["break-glass", "keys", "revoke", key_id, "--reason", ""]).status, Some(2));
    let revoke = ["break-glass", "keys", "revoke", key_id, "--reason", "lost", "--json"];
    assert_eq!(json(&aws.run(&revoke).stdout)["state"], "REVOKED");
    let again = aws.run(&revoke);
    assert_eq!(again.status, Some(1));
    assert_eq!(again.stderr, format!("{NOTICE}error: not done: key {key_id} is revoked already\n"));
    let (event, body) = audited(&aws).pop().unwrap();
    assert_eq!((event.as_str(), &body["reason"]), ("api_key.revoke", &"lost".into()));
}

#[test]
fn whoever_reads_the_screen_is_told_to_store_the_key() {
    let aws = Aws::start();
    aws.run(&CLIENT);
    let issued = aws.run(&KEY);
    assert!(issued.stdout.contains("api_key     bre_live_"), "{}", issued.stdout);
    assert!(issued.stderr.starts_with(&format!("{NOTICE}Store the key now")), "{}", issued.stderr);
}

#[test]
fn every_bad_option_is_named_as_it_is_written() {
    let aws = Aws::start();
    let client =
        ["break-glass", "clients", "create", "--client-id", "a", "--name", "", "--markup", "-1", "--fee-type", "flat"];
    let refused = aws.run(&with(&client, &["--fee-amount", "1e3", "--day-count", "30/360"]));
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""));
    for option in ["--client-id", "--name", "--markup", "--fee-type", "--fee-amount", "--day-count"] {
        assert!(refused.stderr.contains(&format!("{option} must")), "{option}: {}", refused.stderr);
    }
    aws.run(&CLIENT);
    let refused =
        aws.run(&["break-glass", "keys", "create", "--client-id", "acme", "--rate-limit", "61", "--expiry-days", "91"]);
    assert!(refused.stderr.contains("--rate-limit must be 60, 300 or 1000"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--expiry-days must be between 1 and 90"), "{}", refused.stderr);
    assert!(aws.items("keys").is_empty());
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let aws = Aws::start();
    for (arguments, message) in [
        (&KEY[..], "there is no client acme in this stack"),
        (&["break-glass", "clients", "show", "acme"], "there is no client acme in this stack"),
        (&["break-glass", "keys", "show", "000000000000"], "there is no API key 000000000000 in this stack"),
        (&["break-glass", "keys", "revoke", "short", "--reason", "x"], "short is not a key id"),
    ] {
        let missing = aws.run(arguments);
        assert_eq!((missing.status, missing.stdout.as_str()), (Some(1), ""));
        assert!(missing.stderr.starts_with(&format!("{NOTICE}error: {message}")), "{}", missing.stderr);
    }
}

#[test]
fn without_a_region_or_an_answer_the_error_says_what_to_do() {
    let nowhere = run(&["break-glass", "clients", "show", "acme"], "");
    assert_eq!(nowhere.status, Some(1));
    assert!(nowhere.stderr.contains("set AWS_REGION"), "{}", nowhere.stderr);

    let aws = Aws::start();
    let mut command = aws.command(&["break-glass", "clients", "show", "acme"]);
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let unanswered = crate::engine::finish(command, "");
    assert_eq!(unanswered.status, Some(4), "{}", unanswered.stderr);
}
