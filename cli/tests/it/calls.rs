//! What each command of the API asks for.

use serde_json::{Value, json};

use crate::api::file;
use crate::engine::finish;
use crate::http::{Answer, Http, TOKEN};

const KEY: &str = "0Ab1Cd2Ef3Gh";

/// A command line (words, each a part in quotes where it has spaces), its standard input, and the call that follows.
type Case = (&'static str, &'static str, &'static str, &'static str, Option<Value>);

fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    quoted
        .flat_map(|(part, text)| match part % 2 {
            0 => text.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![text.to_owned()],
        })
        .collect()
}

fn check(cases: Vec<Case>) {
    for (line, input, method, path, body) in cases {
        let http = Http::answering(&[Answer::json(&json!({ "items": [], "next_cursor": null }))]);
        let arguments = words(line);
        let run = http.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), input);
        assert_eq!(run.status, Some(0), "{line}: {run:?}");
        assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "{line}");
        let asked = http.asked();
        assert_eq!(asked.len(), 1, "{line}: {asked:?}");
        assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), (method, path), "{line}");
        let sent = (!asked[0].body.is_empty()).then(|| asked[0].json());
        assert_eq!(sent, body, "{line}");
        assert_eq!(asked[0].header("Idempotency-Key").is_some(), method != "GET", "{line}");
    }
}

#[test]
fn keys() {
    check(vec![
        ("keys list", "", "GET", "/admin/api-keys", None),
        (
            "keys list --client-id acme --state ACTIVE --limit 5 --cursor a&b",
            "",
            "GET",
            "/admin/api-keys?limit=5&client_id=acme&state=ACTIVE&cursor=a%26b",
            None,
        ),
        ("keys show 0Ab1Cd2Ef3Gh", "", "GET", "/admin/api-keys/0Ab1Cd2Ef3Gh", None),
        (
            "keys rotate 0Ab1Cd2Ef3Gh --overlap-days 7 --reason planned",
            "",
            "POST",
            "/admin/api-keys/0Ab1Cd2Ef3Gh/rotate",
            Some(json!({ "overlap_days": 7, "reason": "planned" })),
        ),
        (
            "keys rotate 0Ab1Cd2Ef3Gh --reason planned",
            "",
            "POST",
            "/admin/api-keys/0Ab1Cd2Ef3Gh/rotate",
            Some(json!({ "reason": "planned" })),
        ),
        (
            "keys rotate --emergency 0Ab1Cd2Ef3Gh --reason leaked",
            "",
            "POST",
            "/admin/api-keys/0Ab1Cd2Ef3Gh/emergency-rotate",
            Some(json!({ "reason": "leaked" })),
        ),
        ("keys claim-code 0Ab1Cd2Ef3Gh", "", "POST", "/admin/api-keys/0Ab1Cd2Ef3Gh/claim-code", Some(json!({}))),
        ("keys unfreeze 0Ab1Cd2Ef3Gh", "", "POST", "/admin/api-keys/0Ab1Cd2Ef3Gh/unfreeze", Some(json!({}))),
        (
            "keys revoke 0Ab1Cd2Ef3Gh --reason 'client left'",
            "",
            "DELETE",
            "/admin/api-keys/0Ab1Cd2Ef3Gh",
            Some(json!({ "reason": "client left" })),
        ),
    ]);
}

#[test]
fn clients() {
    check(vec![
        (
            "clients create --client-id acme --name 'Acme LP' --markup 5 --fee-type FLAT --fee-amount 25 --justification 'as agreed'",
            "",
            "POST",
            "/admin/clients",
            Some(json!({ "client_id": "acme", "name": "Acme LP", "markup_percentage": "5", "fee_type": "FLAT",
                "fee_amount": "25", "justification": "as agreed", })),
        ),
        ("clients list", "", "GET", "/admin/clients", None),
        ("clients show acme", "", "GET", "/admin/clients/acme", None),
        ("clients contacts list acme", "", "GET", "/admin/clients/acme", None),
        (
            "clients add-terms --client-id acme --markup 4.5 --fee-type PERCENTAGE --fee-amount 0.1 --day-count ACT/360 \
             --effective-from 2099-01-01T00:00:00Z --justification review",
            "",
            "POST",
            "/admin/clients/acme/terms",
            Some(json!({
                "markup_percentage": "4.5", "fee_type": "PERCENTAGE", "fee_amount": "0.1", "day_count": "ACT/360",
                "effective_from": "2099-01-01T00:00:00Z", "justification": "review",
            })),
        ),
        (
            "clients terminate acme --reason ended",
            "",
            "POST",
            "/admin/clients/acme/terminate",
            Some(json!({ "reason": "ended" })),
        ),
        (
            "clients contacts add acme --name Desk --email desk@acme.example",
            "",
            "POST",
            "/admin/clients/acme/contacts",
            Some(json!({ "name": "Desk", "email": "desk@acme.example" })),
        ),
        (
            "clients contacts verify acme c-1",
            "brv_code\n",
            "POST",
            "/admin/clients/acme/contacts/c-1/verify",
            Some(json!({ "code": "brv_code" })),
        ),
        ("clients contacts remove acme c-1", "", "DELETE", "/admin/clients/acme/contacts/c-1", Some(json!({}))),
    ]);
}

#[test]
fn principals() {
    check(vec![
        (
            "principals request dana@example.com --person-id p-100 --name 'Dana Doe' --manager p-001 --roles operations,security \
             --justification joins",
            "",
            "POST",
            "/admin/principals",
            Some(json!({
                "principal_id": "dana@example.com", "person_id": "p-100", "name": "Dana Doe", "manager": "p-001",
                "roles": ["operations", "security"], "justification": "joins",
            })),
        ),
        ("principals list --all", "", "GET", "/admin/principals?limit=100", None),
        ("principals show dana@example.com", "", "GET", "/admin/principals/dana%40example.com", None),
        (
            "principals grant dana --roles admin --justification moves",
            "",
            "POST",
            "/admin/principals/dana/roles",
            Some(json!({ "roles": ["admin"], "justification": "moves" })),
        ),
        (
            "principals remove-role dana admin --reason moved",
            "",
            "DELETE",
            "/admin/principals/dana/roles/admin",
            Some(json!({ "reason": "moved" })),
        ),
        (
            "principals elevate dana --roles admin --hours 4 --justification release",
            "",
            "POST",
            "/admin/principals/dana/elevations",
            Some(json!({ "roles": ["admin"], "hours": 4, "justification": "release" })),
        ),
        (
            "principals disable dana --reason left",
            "",
            "POST",
            "/admin/principals/dana/disable",
            Some(json!({ "reason": "left" })),
        ),
        (
            "principals re-enrol dana --justification 'phone lost'",
            "",
            "POST",
            "/admin/principals/dana/re-enrolment",
            Some(json!({ "justification": "phone lost" })),
        ),
        (
            "principals enrol dana --code 123456",
            "",
            "POST",
            "/admin/principals/dana/totp/confirm",
            Some(json!({ "code": "123456" })),
        ),
    ]);
}

#[test]
fn requests_service_accounts_and_reviews() {
    check(vec![
        ("requests list --state OPEN", "", "GET", "/admin/requests?state=OPEN", None),
        ("requests show r-1", "", "GET", "/admin/requests/r-1", None),
        ("requests approve r-1", "", "POST", "/admin/requests/r-1/approve", Some(json!({}))),
        (
            "requests approve r-1 --as system_owner",
            "",
            "POST",
            "/admin/requests/r-1/approve",
            Some(json!({ "as": "system_owner" })),
        ),
        ("requests reject r-1 --reason no", "", "POST", "/admin/requests/r-1/reject", Some(json!({ "reason": "no" }))),
        (
            "service-accounts request svc-a-b --purpose 'prices the book' --scopes rates:view,keys:read --owner p-100 --justification why",
            "",
            "POST",
            "/admin/service-accounts",
            Some(json!({
                "name": "svc-a-b", "purpose": "prices the book", "scopes": ["rates:view", "keys:read"], "owner": "p-100",
                "justification": "why",
            })),
        ),
        ("service-accounts list", "", "GET", "/admin/service-accounts", None),
        ("service-accounts show svc-a-b", "", "GET", "/admin/service-accounts/svc-a-b", None),
        (
            "service-accounts disable svc-a-b --reason replaced",
            "",
            "POST",
            "/admin/service-accounts/svc-a-b/disable",
            Some(json!({ "reason": "replaced" })),
        ),
        (
            "service-accounts review svc-a-b --decision keep --note used",
            "",
            "POST",
            "/admin/service-accounts/svc-a-b/review",
            Some(json!({ "decision": "keep", "note": "used" })),
        ),
        ("roles list", "", "GET", "/admin/roles", None),
        (
            "roles review operations --decision reduce --note much",
            "",
            "POST",
            "/admin/roles/operations/review",
            Some(json!({ "decision": "reduce", "note": "much" })),
        ),
        ("access-review show", "", "GET", "/admin/access-review", None),
        (
            "access-review decide dana --decision remove --note gone",
            "",
            "POST",
            "/admin/access-review/dana",
            Some(json!({ "decision": "remove", "note": "gone" })),
        ),
    ]);
}

#[test]
fn rotations() {
    check(vec![
        ("rotations", "", "GET", "/admin/rotations?limit=100", None),
        (
            "rotations --kind service-account --overdue",
            "",
            "GET",
            "/admin/rotations?limit=100&kind=service_account&overdue=true",
            None,
        ),
        ("rotations --kind kms_key", "", "GET", "/admin/rotations?limit=100&kind=kms_key", None),
    ]);
}

#[test]
fn a_key_is_issued_shown_once_and_described() {
    let issued = json!({ "key_id": KEY, "api_key": "bre_live_secret" });
    let metadata = json!({ "key_id": KEY, "client_id": "acme", "state": "ACTIVE", "rate_limit": 300 });
    let create = words(
        "keys create --client-id acme --rate-limit 300 --expiry-days 90 --tickers AAPL,BRK.B --permissions rates:view",
    );
    let create: Vec<_> = create.iter().map(String::as_str).collect();

    let http = Http::answering(&[Answer(201, "", issued.to_string()), Answer::json(&metadata)]);
    let run = http.run(&create, "");
    assert_eq!(run.status, Some(0), "{run:?}");
    insta::assert_snapshot!(run.stdout);
    assert!(run.stderr.starts_with("Store the key now") && !run.stderr.contains("secret and"), "{}", run.stderr);
    let asked = http.asked();
    let body = json!({
        "client_id": "acme", "rate_limit": 300, "expiry_days": 90, "tickers": ["AAPL", "BRK.B"], "permissions": ["rates:view"],
    });
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str(), asked[0].json()), ("POST", "/admin/api-keys", body));
    assert_eq!((asked[1].method.as_str(), asked[1].path.as_str()), ("GET", "/admin/api-keys/0Ab1Cd2Ef3Gh"));

    let http = Http::answering(&[Answer(201, "", issued.to_string())]);
    let run = http.run(&[&create[..], &["--json"]].concat(), "");
    assert_eq!((run.stdout, run.stderr), (format!("{issued}\n"), String::new()));
    assert_eq!(http.asked().len(), 1);

    let http = Http::answering(&[Answer(201, "", issued.to_string()), Answer::problem(403, "not_permitted", "No.")]);
    let run = http.run(&create, "");
    assert_eq!(run.status, Some(0), "the key is issued all the same");
    assert!(run.stdout.contains("bre_live_secret") && run.stderr.contains("not_permitted"), "{run:?}");
}

#[test]
fn a_whole_key_in_the_place_of_its_id_goes_nowhere() {
    let http = Http::answering(&[]);
    let key = "bre_live_0Ab1Cd2Ef3Gh_SECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRET";
    let run = http.run(&["keys", "show", key], "");
    assert_eq!(run.status, Some(1));
    assert!(run.stderr.contains("not a key id") && !run.stderr.contains("SECRET"), "{}", run.stderr);
    assert!(http.asked().is_empty());
}

#[test]
fn a_client_claims_and_confirms_with_its_keys_and_without_a_token() {
    let claimed = json!({ "key_id": KEY, "api_key": "bre_live_new" });
    let http = Http::answering(&[Answer::json(&claimed)]);
    let client = |arguments: &[&str], variable: &str, key: &str, input: &str| {
        let mut command = http.command(arguments);
        command.env_remove("ENGINE_TOKEN").env(variable, key);
        finish(command, input)
    };
    let run = client(&["keys", "claim"], "ENGINE_API_KEY", "bre_live_old", "");
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stdout.contains("bre_live_new") && run.stderr.contains("engine keys confirm"), "{run:?}");
    assert!(!run.stderr.contains("bre_live"), "{}", run.stderr);
    let run = client(&["keys", "confirm"], "API_KEY", "bre_live_new", "");
    assert_eq!(run.status, Some(0), "{run:?}");
    let code = file("claim-code", "brc_live_code\n");
    client(&["keys", "claim", "--claim-code-file", &code], "API_KEY", "bre_live_other", "");
    client(&["keys", "freeze"], "API_KEY", "bre_live_other", "brf_live_code\n");
    let calls: Vec<_> = http.asked().iter().map(|asked| (asked.path.clone(), asked.json())).collect();
    let expected = [
        ("/api/v1/keys/claim", json!({})),
        ("/api/v1/keys/confirm", json!({})),
        ("/api/v1/keys/claim", json!({ "claim_code": "brc_live_code" })),
        ("/api/v1/keys/freeze", json!({ "freeze_code": "brf_live_code" })),
    ];
    assert_eq!(calls, expected.map(|(path, body)| (path.to_owned(), body)));
    let keys: Vec<_> = http.asked().iter().map(|asked| asked.header("X-API-Key").map(str::to_owned)).collect();
    assert_eq!(keys, [Some("bre_live_old".to_owned()), Some("bre_live_new".to_owned()), None, None]);
    assert!(http.asked().iter().all(|asked| asked.header("Authorization").is_none()));

    let mut without = http.command(&["keys", "confirm"]);
    without.env_remove("ENGINE_TOKEN");
    let without = finish(without, "");
    assert_eq!(
        (without.status, without.stderr.as_str()),
        (Some(1), "error: no API key: set ENGINE_API_KEY or API_KEY\n")
    );
}

#[test]
fn a_claim_code_is_shown_once_with_what_to_do_with_it() {
    let answer = json!({ "key_id": KEY, "state": "REVOKED", "claim_code": "brc_1", "claim_code_expires_at": "2026-11-25T00:00:00.000Z" });
    let http = Http::answering(&[Answer::json(&answer)]);
    let run = http.run(&["keys", "rotate", "--emergency", KEY, "--reason", "leaked"], "");
    assert!(run.stdout.contains("claim_code             brc_1"), "{}", run.stdout);
    assert!(run.stderr.contains("only the client reads") && !run.stderr.contains("brc_1"), "{}", run.stderr);
}

#[test]
fn a_second_factor_is_drawn_and_proved_with_its_first_code() {
    let issued = json!({ "otpauth_uri": "otpauth://totp/Borrow%20Rate%20Engine:dana?secret=GEZDGNBVGY3TQOJQ", "secret": "GEZDGNBVGY3TQOJQ" });
    let ticket = file("ticket", "brt_live_ticket\n");
    let http = Http::answering(&[Answer::json(&issued)]);
    let run = http.run(&["principals", "enrol", "dana", "--ticket-file", &ticket], "123456\n");
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stdout.lines().next().unwrap().chars().all(|block| block == '█'), "{}", run.stdout);
    assert!(run.stdout.contains("secret       GEZDGNBVGY3TQOJQ"), "{}", run.stdout);
    let asked = http.asked();
    let calls: Vec<_> = asked.iter().map(|asked| (asked.path.as_str(), asked.json())).collect();
    let expected = [
        ("/admin/principals/dana/totp", json!({ "ticket": "brt_live_ticket" })),
        ("/admin/principals/dana/totp/confirm", json!({ "code": "123456" })),
    ];
    assert_eq!(calls, expected);
    assert_ne!(asked[0].header("Idempotency-Key"), asked[1].header("Idempotency-Key"));

    let http = Http::answering(&[Answer::json(&issued)]);
    let run = http.run(&["principals", "enrol", "dana", "--totp", "111111", "--json"], "222222\n");
    assert_eq!(run.stdout, format!("{issued}\n{{}}\n"), "no code is drawn for machines");
    let codes: Vec<_> = http.asked().iter().map(|asked| asked.header("X-MFA-TOTP").map(str::to_owned)).collect();
    assert_eq!(codes, [Some("111111".to_owned()), None], "a code works once, so it is sent once");
    assert_eq!(http.asked()[0].json(), json!({}));

    let http = Http::answering(&[Answer::json(&issued)]);
    let run = http.run(&["principals", "enrol", "dana", "--ticket-file", &ticket], "");
    assert_eq!(run.status, Some(1));
    assert!(run.stderr.contains("engine principals enrol dana --code CODE"), "{}", run.stderr);
}

#[test]
fn a_ticket_is_shown_once_with_what_to_do_with_it() {
    let answer = json!({ "request_id": "r-1", "state": "APPROVED", "missing": [], "ticket": "brt_1" });
    let approve = ["requests", "approve", "r-1"];
    for (arguments, told) in [(approve.to_vec(), true), ([&approve[..], &["--json"]].concat(), false)] {
        let run = Http::answering(&[Answer::json(&answer)]).run(&arguments, "");
        assert!(run.stdout.contains("brt_1"), "{}", run.stdout);
        assert_eq!(run.stderr.contains("only the person reads"), told, "{}", run.stderr);
        assert!(!run.stderr.contains("brt_1"), "{}", run.stderr);
    }
}
