//! How every command of the API calls it: who calls, with what, once; and what it makes of the answers.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::engine::{command, finish};
use crate::http::{Answer, Http, TOKEN};

const KEY: &str = "0Ab1Cd2Ef3Gh";
const REVOKE: [&str; 5] = ["keys", "revoke", KEY, "--reason", "lost"];

pub(crate) fn file(name: &str, content: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn parsed(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn a_change_carries_token_code_and_a_key_of_its_own_and_a_read_only_the_token() {
    let http = Http::answering(&[]);
    http.run(&[&REVOKE[..], &["--totp", "123 456"]].concat(), "");
    http.run(&REVOKE, "");
    let mut read = http.command(&["keys", "show", KEY]);
    read.env("ENGINE_TOTP", "123456");
    finish(read, "");
    let asked = http.asked();
    let bearer = format!("Bearer {TOKEN}");
    assert!(asked.iter().all(|asked| asked.header("Authorization") == Some(&bearer)), "{asked:?}");
    let codes: Vec<_> = asked.iter().map(|asked| asked.header("X-MFA-TOTP")).collect();
    assert_eq!(codes, [Some("123456"), None, None]);
    let keys: Vec<_> = asked.iter().map(|asked| asked.header("Idempotency-Key")).collect();
    assert_eq!((keys.iter().flatten().collect::<BTreeSet<_>>().len(), keys[2]), (2, None));
    assert!(keys[0].is_some_and(|key| key.len() == 36), "a UUID: {keys:?}");
    assert_eq!(asked[0].header("Content-Type"), Some("application/json"));
    assert_eq!((asked[2].header("Content-Type"), asked[2].body.as_str()), (None, ""));
}

#[test]
fn the_token_comes_from_a_file_or_the_environment_and_never_from_the_command_line() {
    let http = Http::answering(&[]);
    let token = file("token", "token-of-a-file\n");
    assert_eq!(http.run(&["keys", "show", KEY, "--token-file", &token], "").status, Some(0));
    assert_eq!(http.asked()[0].header("Authorization"), Some("Bearer token-of-a-file"));
    assert_eq!(http.run(&["keys", "show", KEY, "--token", TOKEN], "").status, Some(2));

    let mut without = http.command(&["keys", "show", KEY]);
    without.env_remove("ENGINE_TOKEN");
    let without = finish(without, "");
    assert_eq!(
        (without.status, without.stderr.as_str()),
        (Some(1), "error: no token: set ENGINE_TOKEN, or give --token-file\n")
    );
    let mut broken = http.command(&["keys", "show", KEY]);
    broken.env("ENGINE_TOKEN", "two secret-words");
    let broken = finish(broken, "");
    assert!(
        broken.stderr.contains("ENGINE_TOKEN holds no secret") && !broken.stderr.contains("secret-words"),
        "{broken:?}"
    );
    assert_eq!(http.asked().len(), 1, "nothing was sent without a token");
}

#[test]
fn without_the_apis_address_the_error_says_what_to_set() {
    let mut nowhere = command(&["keys", "list"]);
    nowhere.env("ENGINE_TOKEN", TOKEN);
    let nowhere = finish(nowhere, "");
    assert_eq!(
        (nowhere.status, nowhere.stderr.as_str()),
        (Some(1), "error: no API: set ENGINE_API_URL, or give --api-url\n")
    );
    let wrong = Http::answering(&[]).run(&["keys", "list", "--api-url", "https://me:hunter2@api.test"], "");
    assert_eq!(wrong.status, Some(1));
    assert!(wrong.stderr.contains("without user") && !wrong.stderr.contains("hunter2"), "{wrong:?}");
}

#[test]
fn a_token_travels_in_clear_to_nobody() {
    let run = Http::answering(&[]).run(&["keys", "list", "--api-url", "http://api.test"], "");
    assert_ne!(run.status, Some(0));
    assert!(run.stderr.contains("neither https nor http to a loopback host"), "{run:?}");
}

#[test]
fn a_problem_is_told_with_its_code_its_fields_as_options_and_the_request() {
    let body = json!({
        "code": "invalid_request", "detail": "One or more fields are not valid.", "request_id": "r-7",
        "errors": [{ "field": "rate_limit", "message": "must be 60, 300 or 1000" }, { "field": "tickers", "message": "are too many" }],
    });
    let http = Http::answering(&[Answer(400, "", body.to_string())]);
    let refused = http.run(&["keys", "create", "--client-id", "acme", "--rate-limit", "61", "--expiry-days", "30"], "");
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""));
    let text = "error: One or more fields are not valid (invalid_request): --rate-limit must be 60, 300 or 1000; \
                --tickers are too many; request r-7\n";
    assert_eq!(refused.stderr, text);
}

#[test]
fn each_refusal_says_what_to_do_and_its_exit_status_whether_to_try_again() {
    for (status, code, told, exit) in [
        (401, "not_authenticated", "set ENGINE_TOKEN", 1),
        (403, "not_permitted", "engine roles list", 1),
        (403, "step_up_required", "--totp or ENGINE_TOTP", 1),
        (409, "conflict", "before trying again", 1),
        (429, "too_many_failures", "try again in 30 s", 4),
        (503, "unavailable", "try again in 30 s", 4),
        (500, "internal_error", "internal_error", 1),
    ] {
        let Answer(_, _, body) = Answer::problem(status, code, "Told so.");
        let refused = Http::answering(&[Answer(status, "Retry-After: 30", body)]).run(&REVOKE, "");
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(exit), ""), "{code}");
        let start = format!("error: Told so ({code})");
        assert!(refused.stderr.starts_with(&start) && refused.stderr.contains(told), "{}", refused.stderr);
        assert!(refused.stderr.ends_with("; request r-1\n") && !refused.stderr.contains(TOKEN), "{}", refused.stderr);
    }
}

#[test]
fn an_api_that_does_not_answer_may_be_asked_again() {
    let read = Http::answering(&[]).run(&["keys", "list", "--api-url", "http://127.0.0.1:9"], "");
    assert_eq!(read.status, Some(4), "{read:?}");
    assert!(!read.stderr.contains("whether it was done"), "{}", read.stderr);
    let change = Http::answering(&[]).run(&[&REVOKE[..], &["--api-url", "http://127.0.0.1:9"]].concat(), "");
    assert_eq!(change.status, Some(4), "{change:?}");
    assert!(change.stderr.contains("having looked whether it was done"), "{}", change.stderr);
}

#[test]
fn what_is_not_the_api_is_not_taken_for_it() {
    for (answer, told) in [
        (Answer(200, "", "<html>".to_owned()), "check --api-url"),
        (Answer(200, "", "[]".to_owned()), "check --api-url"),
        (Answer(200, "", "{}".to_owned()), "no list"),
        (Answer(302, "Location: https://elsewhere.test/", String::new()), "check --api-url"),
    ] {
        let http = Http::answering(&[answer]);
        let run = http.run(&["keys", "list"], "");
        assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{run:?}");
        assert!(run.stderr.contains(told), "{run:?}");
        assert_eq!(http.asked().len(), 1, "no redirect is followed");
    }
}

#[test]
fn a_list_is_a_table_for_people_and_an_object_a_line_for_machines() {
    let page = json!({
        "items": [
            { "key_id": "k1", "state": "ACTIVE", "rate_limit": 60, "permissions": ["rates:view", "fees:calculate"], "new": { "a": 1 } },
            { "key_id": "k22", "state": "REVOKED", "rate_limit": 1000, "permissions": [], "last_used_at": null },
        ],
        "next_cursor": null,
    });
    let http = Http::answering(&[Answer::json(&page), Answer::json(&page)]);
    let table = http.run(&["keys", "list"], "");
    assert_eq!((table.status, table.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(table.stdout);
    let lines = parsed(&http.run(&["keys", "--json", "list"], "").stdout);
    assert_eq!(lines, page["items"].as_array().unwrap().as_slice());
}

#[test]
fn all_pages_are_followed_only_where_all_are_asked_for() {
    let page = |id: &str, next: Value| Answer::json(&json!({ "items": [{ "client_id": id }], "next_cursor": next }));
    let answers = [page("a", json!("one/more")), page("b", json!(null))];
    let http = Http::answering(&answers);
    let all = http.run(&["clients", "list", "--all", "--json"], "");
    assert_eq!(parsed(&all.stdout), [json!({ "client_id": "a" }), json!({ "client_id": "b" })]);
    assert_eq!(all.stderr, "");
    let paths: Vec<_> = http.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/admin/clients?limit=100", "/admin/clients?limit=100&cursor=one%2Fmore"]);

    let http = Http::answering(&answers);
    let one = http.run(&["clients", "list", "--limit", "1"], "");
    assert!(one.stderr.contains("--all") && one.stderr.contains("--cursor one/more"), "{}", one.stderr);
    assert_eq!(http.asked().len(), 1);
}

#[test]
fn an_object_is_shown_whole_whatever_is_in_it() {
    let client = json!({
        "client_id": "acme", "name": "Acme \u{1b}[2J", "status": "ACTIVE", "key_ids": ["k1", "k2"], "note": null,
        "review": { "by": "bob", "decision": "keep" },
        "terms": [{ "version": 1, "markup_percentage": "5" }, { "version": 12, "markup_percentage": "4.5" }],
        "contacts": [],
    });
    let http = Http::answering(&[Answer::json(&client), Answer::json(&client)]);
    insta::assert_snapshot!(http.run(&["clients", "show", "acme"], "").stdout);
    assert_eq!(parsed(&http.run(&["clients", "show", "acme", "--json"], "").stdout), [client]);
}
