//! `engine verify`: what scripts and auditors see. What each check notices is the specification of `engine-core::evidence`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use engine_core::evidence::Member;
use serde_json::Value;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::engine::{Run, run};
use crate::evidence_bundle::{self, Log, SIZE, Shape, text};

/// A directory with a bundle and its keys, removed at the end.
struct Files(PathBuf);

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Files {
    fn new(test: &str, log: &Log, bundle: &[u8]) -> Self {
        let directory = std::env::temp_dir().join(format!("engine-verify-{test}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let files = Self(directory);
        files.write("bundle.zip", bundle);
        let keys: Vec<_> = log.keys().iter().map(ToString::to_string).collect();
        files.write("keys.txt", keys.join("\n") + "\n");
        files
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn verify(&self, more: &[&str]) -> Run {
        let (bundle, keys) = (self.path("bundle.zip"), self.path("keys.txt"));
        run(&[&["verify", &bundle, "--keys", &keys], more].concat(), "")
    }
}

fn of_client(log: &Log) -> Shape {
    log.shape(10, 20, |filter| {
        filter.client_ref.insert(text(&log.client("acme").reference()));
        filter.subject_ref.insert(text(&log.ticker("AAPL").reference()));
    })
}

#[test]
fn a_genuine_bundle_is_shown_check_by_check() {
    let log = Log::new();
    let files = Files::new("genuine", &log, &log.bundle(&of_client(&log)));
    let verified = files.verify(&[]);
    assert_eq!((verified.status, verified.stderr.as_str()), (Some(0), ""), "{}", verified.stdout);
    insta::assert_snapshot!(verified.stdout);
}

#[test]
fn keys_are_given_one_by_one_too() {
    let log = Log::new();
    let files = Files::new("keys", &log, &log.bundle(&of_client(&log)));
    let bundle = files.path("bundle.zip");
    let [log_key, evidence_key] = [log.signer.timed(), log.evidence.timed()].map(|key| key.to_string());
    assert_eq!(run(&["verify", &bundle, "--key", &log_key, "--key", &evidence_key], "").status, Some(0));
    assert_eq!(run(&["verify", &bundle], "").status, Some(2), "no key proves nothing");
    let wrong = run(&["verify", &bundle, "--key", "key"], "");
    assert_eq!(wrong.status, Some(1));
    assert_eq!(wrong.stderr, "error: the key \"key\": not a verifier key: <name>+<8 hex digits>+<base64>\n");
}

#[test]
fn the_first_failure_is_named_and_nothing_is_claimed() {
    let log = Log::new();
    let shape = of_client(&log);
    let missing = Shape { indices: vec![18], ..shape.clone() };
    let files = Files::new("failed", &log, &log.bundle(&missing));
    let failed = files.verify(&[]);
    assert_eq!(failed.status, Some(1));
    let why = "completeness: index 12 meets the conditions and is not in entries.jsonl";
    assert_eq!(failed.stderr, format!("error: not verified: {why}\n"));
    assert!(
        failed
            .stdout
            .ends_with("\nFAILED  completeness        index 12 meets the conditions and is not in entries.jsonl\n")
    );
    let json: Value = serde_json::from_str(&files.verify(&["--json"]).stdout).unwrap();
    assert_eq!((&json["verdict"], &json["checks"][12]["passed"]), (&"failed".into(), &false.into()));

    let bundle = log.bundle(&shape);
    files.write("bundle.zip", &bundle[..bundle.len() / 2]);
    let truncated = files.verify(&[]);
    assert_eq!(truncated.status, Some(1));
    assert!(truncated.stderr.starts_with("error: not verified: archive: "), "{}", truncated.stderr);
}

#[test]
fn a_selection_says_what_it_does_not_prove() {
    let log = Log::new();
    let files = Files::new("selection", &log, &log.bundle(&Shape { range: None, ..of_client(&log) }));
    let selection = files.verify(&[]);
    assert_eq!((selection.status, selection.stderr.as_str()), (Some(3), ""));
    assert!(
        selection.stdout.ends_with("\nSELECTION ONLY: proves nothing about what is absent\n"),
        "{}",
        selection.stdout
    );
}

#[test]
fn what_was_asked_for_and_an_older_checkpoint_are_compared() {
    let log = Log::new();
    let files = Files::new("compared", &log, &log.bundle(&of_client(&log)));
    let time = r#""from":"2026-11-22T03:10:00.000Z","to":"2026-11-22T03:20:00.000Z""#;
    let asked = format!(r#"{{{time},"client":["acme"],"ticker":["AAPL"]}}"#);
    let file = files.write("asked.json", &asked);
    for expected in [&asked, &file] {
        assert_eq!(files.verify(&["--expect", expected]).status, Some(0));
    }
    let wider = files.verify(&["--expect", &format!("{{{time}}}")]);
    assert_eq!(wider.status, Some(1));
    assert!(wider.stderr.starts_with("error: not verified: filter: not what was expected: "), "{}", wider.stderr);
    assert!(files.verify(&["--expect", "{\"klient\":[]}"]).stderr.starts_with("error: --expect: "));

    let older = files.write("older", log.signed_checkpoint(16));
    assert_eq!(files.verify(&["--against", &older]).status, Some(0));
    let newer = files.write("newer", Log::of(evidence_bundle::ORIGIN, 1, SIZE + 1).signed_checkpoint(SIZE + 1));
    let rolled_back = files.verify(&["--against", &newer]);
    assert_eq!(rolled_back.status, Some(1));
    assert!(rolled_back.stderr.contains("consistency: the log was rolled back"), "{}", rolled_back.stderr);
}

#[test]
fn an_unsigned_bundle_must_be_asked_for() {
    let log = Log::new();
    let files = Files::new("unsigned", &log, &log.pack(&of_client(&log)).seal(None));
    assert_eq!(files.verify(&["--unsigned"]).status, Some(0));
    let refused = files.verify(&[]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr.starts_with("error: not verified: manifest signature: "), "{}", refused.stderr);
}

#[test]
fn the_evidence_key_alone_makes_no_log() {
    let log = Log::new();
    let name = format!("{}/evidence", evidence_bundle::ORIGIN);
    let mut forged = Log::of(&name, 2, SIZE);
    forged.signer = evidence_bundle::Signer::new(&name, 22);
    let files = Files::new("called", &log, &forged.pack(&of_client(&forged)).seal(None));
    let (bundle, key) = (files.path("bundle.zip"), log.evidence.timed().to_string());
    assert_eq!(key, forged.signer.timed().to_string(), "the same key");
    for refused in [files.verify(&["--unsigned"]), run(&["verify", &bundle, "--key", &key, "--unsigned"], "")] {
        assert_eq!(refused.status, Some(1), "{}", refused.stdout);
        assert!(refused.stderr.starts_with("error: not verified: manifest: it is of the log "), "{}", refused.stderr);
        assert!(!refused.stdout.contains("COMPLETE"));
    }
    let stray = evidence_bundle::Signer::new("other", 1).timed().to_string();
    let refused = files.verify(&["--key", &stray]);
    let why = format!(
        "error: not verified: keys: keys of two logs were given: {} is not of other\n",
        evidence_bundle::ORIGIN
    );
    assert_eq!((refused.status, refused.stderr), (Some(1), why));
}

#[test]
fn the_actor_that_an_entry_names_is_printed() {
    let log = Log::new();
    let actor = log.actor("acme");
    let shape = log.shape(10, 20, |filter| filter.actor_ref.extend([actor.clone()]));
    let files = Files::new("actor", &log, &log.bundle(&shape));
    let verified = files.verify(&[]);
    assert_eq!(verified.status, Some(0), "{}", verified.stderr);
    assert!(verified.stdout.contains(&format!("\n  {actor}: client acme in index 12\n")), "{}", verified.stdout);
    let json: Value = serde_json::from_str(&files.verify(&["--json"]).stdout).unwrap();
    assert_eq!(json["actors"][0], format!("{actor}: client acme in index 12"));
}

#[test]
fn what_a_filter_says_cannot_drive_the_terminal() {
    let log = Log::new();
    let shape = log.shape(10, 20, |filter| {
        filter.request_id.insert("\u{1b}[2Jgone".to_owned());
    });
    let files = Files::new("terminal", &log, &log.bundle(&shape));
    let verified = files.verify(&[]);
    assert_eq!(verified.status, Some(0));
    assert!(!verified.stdout.contains('\u{1b}') && verified.stdout.contains("request id: \u{fffd}[2Jgone"));
}

#[test]
fn the_archive_is_the_one_that_a_streaming_archiver_writes() {
    let log = Log::new();
    let members = log.pack(&of_client(&log)).sealed(Some(&log.evidence));
    let mut archiver = ZipWriter::new_stream(Vec::new());
    for (name, content) in &members {
        let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        archiver.start_file(name, options).unwrap();
        archiver.write_all(content).unwrap();
    }
    let written = archiver.finish().unwrap().into_inner();
    assert!(members.iter().any(|(name, _)| *name == Member::Csv.name()));
    assert!(written == evidence_bundle::zip(&members));
}
