//! `engine evidence export`, against doubles of the API and of where bundles are fetched.

use std::path::PathBuf;

use engine_core::hex;
use serde_json::{Value, json};

use crate::http::{Answer, Http};

const BUNDLE: &str = "not really a zip file, and nobody here minds";
const ID: &str = "019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b";

fn out(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("engine-export-{}-{name}.zip", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn done(url: &str, sha256: &str) -> Value {
    json!({
        "evidence_id": ID, "state": "done", "size": 300, "sha256": sha256, "bytes": BUNDLE.len(), "matched": 7,
        "completeness": "range", "download_url": url,
    })
}

fn accepted() -> Answer {
    Answer(202, "", json!({ "evidence_id": ID, "state": "pending" }).to_string())
}

fn bundle() -> Answer {
    Answer(206, "", BUNDLE.to_owned())
}

fn digest() -> String {
    hex::sha256(BUNDLE.as_bytes())
}

#[test]
fn a_bundle_is_asked_for_awaited_fetched_and_checked() {
    let store = Http::answering(&[Answer(403, "", String::new()), bundle()]);
    let fresh = format!("{}/exports/1.zip?X-Amz-Signature=2", store.url);
    let running = json!({ "state": "running", "progress": { "done": 1, "total": 2 } });
    let http = Http::answering(&[
        accepted(),
        Answer::json(&running),
        Answer::json(&done(&format!("{}/exports/1.zip?X-Amz-Signature=1", store.url), &digest())),
        Answer::json(&done(&fresh, &digest())),
    ]);
    let out = out("done");
    let arguments = [
        "evidence",
        "export",
        "--client",
        "acme",
        "--event",
        "quote.create",
        "--out",
        out.to_str().unwrap(),
        "--totp",
        "123456",
    ];
    let run = http.run(&arguments, "");
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), BUNDLE);
    for shown in [format!("sha256        {}", digest()), "entries       7".to_owned(), "completeness  range".to_owned()]
    {
        assert!(run.stdout.contains(&shown), "{}", run.stdout);
    }
    let asked = http.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/api/v1/evidence"));
    assert_eq!(asked[0].json(), json!({ "client": "acme", "event": "quote.create" }));
    assert_eq!((asked[0].header("x-mfa-totp"), asked[1].header("x-mfa-totp")), (Some("123456"), None));
    assert!(asked[0].header("idempotency-key").is_some());
    assert_eq!(asked[1].path, format!("/api/v1/evidence/{ID}"));
    let fetched = store.asked();
    assert_eq!(fetched[1].path, "/exports/1.zip?X-Amz-Signature=2", "an address that has run out is replaced");
    assert_eq!(fetched[1].header("range"), Some(format!("bytes=0-{}", BUNDLE.len() - 1).as_str()));
    assert_eq!(fetched[1].header("authorization"), None, "the token is not for whoever keeps bundles");
    std::fs::remove_file(&out).unwrap();
}

#[test]
fn what_is_not_the_bundle_that_was_made_is_not_kept() {
    for (answer, sha256, status, told) in [
        (bundle(), "ab".repeat(32), 4, "is not the bundle that was made"),
        (Answer(206, "", "short".to_owned()), digest(), 1, "instead of a piece of the bundle"),
        (Answer(404, "", String::new()), digest(), 1, "status 404"),
    ] {
        let store = Http::answering(&[answer]);
        let http = Http::answering(&[accepted(), Answer::json(&done(&store.url, &sha256))]);
        let out = out("other");
        let run = http.run(&["evidence", "export", "--out", out.to_str().unwrap()], "");
        assert_eq!((run.status, run.stdout.as_str()), (Some(status), ""), "{run:?}");
        assert!(run.stderr.contains(told), "{}", run.stderr);
        assert!(!out.exists());
    }
}

#[test]
fn a_failed_export_says_why() {
    let failed = json!({ "state": "failed", "cause": "missing: object tile/entries/000" });
    let http = Http::answering(&[accepted(), Answer::json(&failed)]);
    let out = out("failed");
    let run = http.run(&["evidence", "export", "--out", out.to_str().unwrap()], "");
    assert_eq!(run.status, Some(1));
    assert_eq!(run.stderr, "error: no bundle was made: missing: object tile/entries/000\n");
    assert!(!out.exists());
}

#[test]
fn an_export_that_takes_too_long_can_be_asked_for_again() {
    let http = Http::answering(&[accepted(), Answer::json(&json!({ "state": "pending" }))]);
    let run = http.run(&["evidence", "export", "--timeout", "0", "--out", out("late").to_str().unwrap()], "");
    assert_eq!(run.status, Some(4));
    assert!(run.stderr.contains(&format!("export {ID} was not done after 0 s")), "{}", run.stderr);
}

#[test]
fn a_selection_says_that_it_is_one() {
    let store = Http::answering(&[bundle()]);
    let mut selected = done(&store.url, &digest());
    selected["completeness"] = json!("selected");
    let http = Http::answering(&[accepted(), Answer::json(&selected)]);
    let out = out("selected");
    let run = http.run(&["evidence", "export", "--json", "--out", out.to_str().unwrap()], "");
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&shown["completeness"], &shown["sha256"]), (&json!("selected"), &json!(digest())));
    assert_eq!(run.status, Some(0));
    std::fs::remove_file(&out).unwrap();
}

#[test]
fn conditions_that_cannot_be_are_refused_before_anything_is_asked() {
    let http = Http::answering(&[]);
    for options in [&["--event", "nothing.happens"][..], &["--consistent-with", "3", "--against", "file"], &[]] {
        let arguments = [&["evidence", "export"][..], options].concat();
        assert_eq!(http.run(&arguments, "").status, Some(2), "{options:?}");
    }
    let run = http.run(&["evidence", "export", "--out", "o.zip", "--against", "/no/such/file"], "");
    assert_eq!((run.status, run.stderr.starts_with("error: cannot open /no/such/file")), (Some(1), true));
    assert!(http.asked().is_empty());
}
