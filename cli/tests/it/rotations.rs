//! `engine rotations` and `engine rotate`: what they ask for, how they wait, and what they show.

use serde_json::{Value, json};

use crate::http::{Answer, Http};

const ID: &str = "019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b";
const KEY: &str = "0Ab1Cd2Ef3Gh";

fn row(kind: &str, credential: &str, due: Option<&str>, overdue: bool) -> Value {
    json!({
        "kind": kind, "credential": credential, "client_id": null, "owner": "p-owner", "state": "ACTIVE",
        "last_rotated_at": "2026-01-15T22:00:00.000Z", "rotated_by": "rotation", "because": "schedule",
        "next_due_at": due, "overdue": overdue,
    })
}

fn accepted() -> Answer {
    Answer(202, "", json!({ "rotation_id": ID, "state": "PENDING" }).to_string())
}

fn state(state: &str, revoked: u64) -> Answer {
    Answer::json(&json!({
        "rotation_id": ID, "state": state, "kind": "api_key",
        "target": { "credential": null, "client_id": "acme", "all": false },
        "counts": { "clients": 1, "revoked": revoked, "issued": 0, "notified": 0 },
    }))
}

#[test]
fn the_calendar_is_whole_in_the_order_of_dates_and_flags_what_is_overdue() {
    let [first, second] = [
        json!({
            "items": [
                row("api_key", KEY, Some("2026-04-15T22:00:00.000Z"), false),
                row("secret", "actor-key", None, false),
            ],
            "next_cursor": "c/1",
        }),
        json!({
            "items": [
                row("service_account", "svc-risk-batch", Some("2026-02-14T22:00:00.000Z"), true),
                row("totp", "p-owner", Some("2026-03-01T22:00:00.000Z"), false),
            ],
            "next_cursor": null,
        }),
    ];
    let http = Http::answering(&[&first, &second, &first, &second].map(Answer::json));
    let shown = http.run(&["rotations"], "");
    assert_eq!((shown.status, shown.stderr.as_str()), (Some(0), "1 overdue.\n"), "{shown:?}");
    insta::assert_snapshot!(shown.stdout);
    let asked: Vec<_> = http.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, ["/admin/rotations?limit=100", "/admin/rotations?limit=100&cursor=c%2F1"]);
    let lines = http.run(&["rotations", "--json", "--limit", "2"], "");
    assert_eq!((lines.status, lines.stderr.as_str()), (Some(0), ""));
    let expected = [&second["items"][0], &second["items"][1]].map(|row| format!("{row}\n"));
    assert_eq!(lines.stdout, expected.concat());
}

#[test]
fn an_emergency_rotation_is_shown_with_as_much_of_its_list_as_was_asked_for() {
    let page = |name: &str, next: Value| {
        let credential = json!({ "credential": name, "client_id": "acme", "revoked_at": "2026-01-15T22:00:00.000Z" });
        let target = json!({ "credential": null, "client_id": "acme", "all": false });
        Answer::json(&json!({
            "rotation_id": ID, "state": "DONE", "kind": "api_key", "target": target, "counts": { "revoked": 2 },
            "credentials": [credential], "next_cursor": next,
        }))
    };
    let answers = [page("k1", json!("c/1")), page("k2", json!(null))];
    let http = Http::answering(&answers);
    let whole = http.run(&["rotations", "show", ID, "--all"], "");
    assert_eq!((whole.status, whole.stderr.as_str()), (Some(0), ""), "{whole:?}");
    insta::assert_snapshot!(whole.stdout);
    let paths: Vec<_> = http.asked().into_iter().map(|asked| asked.path).collect();
    let path = format!("/admin/rotations/{ID}?limit=100");
    assert_eq!(paths, [path.clone(), format!("{path}&cursor=c%2F1")]);

    let http = Http::answering(&answers);
    let page = http.run(&["rotations", "--json", "show", ID], "");
    let shown: Value = serde_json::from_str(&page.stdout).unwrap();
    assert_eq!((&shown["credentials"][0]["credential"], &shown["next_cursor"]), (&json!("k1"), &json!(null)));
    assert!(page.stderr.contains("--all") && page.stderr.contains("--cursor c/1"), "{page:?}");
    assert_eq!(http.asked()[0].path, format!("/admin/rotations/{ID}"));
}

#[test]
fn each_rotation_asks_for_what_it_names() {
    for (words, expected) in [
        (&["key", KEY][..], json!({ "kind": "api_key", "credential": KEY })),
        (&["client", "acme"], json!({ "kind": "api_key", "client_id": "acme" })),
        (&["service-account", "svc-a-b"], json!({ "kind": "service_account", "credential": "svc-a-b" })),
        (&["all", "--kind", "api-key"], json!({ "kind": "api_key", "all": true })),
        (&["all", "--kind", "service_account"], json!({ "kind": "service_account", "all": true })),
    ] {
        let http = Http::answering(&[accepted()]);
        let more = ["--reason", "incident 2026-17", "--no-wait", "--totp", "123456", "--json"];
        let run = http.run(&[&["rotate"], words, &more].concat(), "");
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{words:?}: {run:?}");
        assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap()["rotation_id"], ID);
        let asked = http.asked();
        assert_eq!(asked.len(), 1, "{words:?}");
        assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/admin/rotations"));
        assert_eq!(asked[0].header("X-MFA-TOTP"), Some("123456"));
        let mut expected = expected;
        expected["reason"] = json!("incident 2026-17");
        assert_eq!(asked[0].json(), expected, "{words:?}");
    }
}

#[test]
fn it_waits_until_the_rotation_is_done_and_shows_it() {
    let http = Http::answering(&[accepted(), state("REVOKING", 1), state("DONE", 3)]);
    let arguments = ["rotate", "client", "acme", "--reason", "incident 2026-17", "--totp", "123456"];
    let run = http.run(&arguments, "");
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(run.stderr, format!("Rotation {ID} has begun, and goes on without this command.\n"));
    insta::assert_snapshot!(run.stdout);
    let asked = http.asked();
    assert_eq!(asked[1].path, format!("/admin/rotations/{ID}"));
    let codes: Vec<_> = asked.iter().map(|asked| asked.header("X-MFA-TOTP")).collect();
    assert_eq!(codes, [Some("123456"), None, None]);
}

#[test]
fn a_rotation_that_failed_or_goes_on_is_not_called_done() {
    let arguments = ["rotate", "all", "--kind", "api-key", "--reason", "incident 2026-17"];
    let failed = Http::answering(&[accepted(), state("FAILED", 2)]).run(&[&arguments[..], &["--json"]].concat(), "");
    assert_eq!(failed.status, Some(1), "{failed:?}");
    assert_eq!(serde_json::from_str::<Value>(&failed.stdout).unwrap()["counts"]["revoked"], 2);
    assert!(failed.stderr.contains(&format!("rotation {ID} failed")), "{failed:?}");
    let late =
        Http::answering(&[accepted(), state("REVOKING", 2)]).run(&[&arguments[..], &["--timeout", "0"]].concat(), "");
    assert_eq!((late.status, late.stdout.as_str()), (Some(4), ""), "{late:?}");
    assert!(late.stderr.contains(&format!("engine rotations show {ID}")), "{late:?}");
    let refused = Http::answering(&[Answer::problem(409, "conflict", "Under way.")]).run(&arguments, "");
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    let odd = Http::answering(&[Answer::json(&json!({}))]).run(&arguments, "");
    assert_eq!(odd.status, Some(1), "{odd:?}");
}

#[test]
fn what_names_no_rotation_goes_nowhere() {
    let http = Http::answering(&[]);
    for (line, status) in [
        ("rotate all --reason r", 2),
        ("rotate all --kind totp --reason r", 2),
        ("rotate client acme", 2),
        ("rotate client acme --reason r --no-wait --timeout 3", 2),
        ("rotate key bre_live_0Ab1Cd2Ef3Gh_SECRETSECRETSECRET --reason r", 1),
        ("rotations --kind password", 2),
        ("rotations --overdue show r-1", 1),
    ] {
        let run = http.run(&line.split(' ').collect::<Vec<_>>(), "");
        assert_eq!((run.status, run.stdout.as_str()), (Some(status), ""), "{line}: {run:?}");
        assert!(!run.stderr.contains("SECRET"), "{run:?}");
    }
    assert!(http.asked().is_empty());
}
