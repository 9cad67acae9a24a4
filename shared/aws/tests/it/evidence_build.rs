//! Bundles: complete, the same every time, and never shorter than what was asked for.

use std::io::{Cursor, Read};

use engine_aws::evidence::{Completeness, ExportError, ExportRequest, KeyResolver, LogResolver, Progress, build};
use engine_core::audit::{ActorType, Entry, Event, SecretKey};
use engine_core::evidence::{Member, Outcome, Verdict};
use engine_test_support::audit::{TICKERS, draft, entries, finish};
use engine_test_support::keys::{actor_key, reference_key};
use serde_json::json;

use crate::evidence_log::{Log, RECORDS, SNAPSHOT, WORK, late, time};

fn day(size: u64) -> ExportRequest {
    ExportRequest {
        size,
        from: Some(time("2026-11-22T03:00:00Z")),
        to: Some(time("2026-11-22T04:00:00Z")),
        ..ExportRequest::default()
    }
}

fn member(bundle: &[u8], member: &Member) -> Option<String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bundle)).unwrap();
    let mut text = String::new();
    archive.by_name(&member.name()).ok()?.read_to_string(&mut text).unwrap();
    Some(text)
}

async fn assert_complete(log: &Log, bundle: &[u8]) {
    let report = log.verify(bundle, false).await;
    assert_eq!(report.verdict, Verdict::Complete, "{:?}", report.checks);
    assert!(report.checks.iter().all(|check| matches!(check.outcome, Outcome::Passed(_))));
}

fn matching(all: &[Entry], keep: impl Fn(&engine_core::audit::Header) -> bool) -> Vec<String> {
    let headers = all.iter().filter(|entry| keep(&entry.read_header().unwrap()));
    headers.map(|entry| entry.header().to_owned()).collect()
}

fn headers(bundle: &[u8]) -> Vec<String> {
    let header = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["header"].as_str().unwrap().to_owned()
    };
    member(bundle, &Member::Entries).unwrap().lines().map(header).collect()
}

#[tokio::test]
async fn each_condition_selects_what_it_says_and_the_bundle_verifies() {
    let all = entries(700);
    let log = Log::of(&all).await;
    let whole = day(log.size().await);
    let alpha = actor_key().actor_ref(ActorType::Client, "alpha");
    let ticker = reference_key().commitment("ticker", "GME").reference();
    let beta = reference_key().commitment("client", "beta").reference();
    let cases: Vec<(ExportRequest, Vec<String>)> = vec![
        (whole.clone(), matching(&all, |_| true)),
        (
            ExportRequest { event: vec!["quote.batch.create".to_owned()], ..whole.clone() },
            matching(&all, |header| header.event == "quote.batch.create"),
        ),
        (
            ExportRequest {
                outcome: vec!["refused".to_owned()],
                actor: vec!["client:alpha".to_owned()],
                ..whole.clone()
            },
            matching(&all, |header| header.outcome == "refused" && header.actor_ref == alpha.as_str()),
        ),
        (
            ExportRequest { client: vec!["beta".to_owned()], ticker: vec!["GME".to_owned()], ..whole.clone() },
            matching(&all, |header| {
                header.client_ref.as_deref() == Some(beta.as_str())
                    && header.subject_ref.as_deref() == Some(ticker.as_str())
            }),
        ),
        (
            ExportRequest { request_id: vec!["request-299".to_owned(), "request-300".to_owned()], ..whole.clone() },
            matching(&all, |header| ["request-299", "request-300"].contains(&header.request_id.as_str())),
        ),
        (
            ExportRequest {
                from: Some(time("2026-11-22T03:00:30Z")),
                to: Some(time("2026-11-22T03:00:31Z")),
                ..whole.clone()
            },
            matching(&all, |header| header.time.starts_with("2026-11-22T03:00:30")),
        ),
        (ExportRequest { request_id: vec!["nobody's".to_owned()], ..whole.clone() }, Vec::new()),
    ];
    for (request, expected) in cases {
        let (built, bundle) = log.export(&request).await.unwrap();
        assert_eq!((built.matched, built.completeness), (expected.len() as u64, Completeness::Range), "{request:?}");
        assert_eq!(headers(&bundle), expected, "{request:?}");
        assert_complete(&log, &bundle).await;
    }
}

#[tokio::test]
async fn the_members_are_those_of_the_layout_in_their_order() {
    let log = Log::of(&entries(20)).await;
    let request = ExportRequest { ticker: vec!["KO".to_owned()], consistent_with: Some(4), ..day(log.size().await) };
    let (_, bundle) = log.export(&request).await.unwrap();
    let archive = zip::ZipArchive::new(Cursor::new(&bundle[..])).unwrap();
    let expected = [
        Member::Readme,
        Member::Checkpoint,
        Member::CheckpointFirst,
        Member::RangeProof,
        Member::RangeHeaders,
        Member::Entries,
        Member::Inclusion,
        Member::Anchors,
        Member::References(SNAPSHOT.to_owned()),
        Member::Consistency,
        Member::Csv,
        Member::Manifest,
        Member::Note,
    ];
    let names: Vec<_> =
        (0..archive.len()).map(|place| archive.name_for_index(place).unwrap().unwrap().into_owned()).collect();
    assert_eq!(names, expected.map(|member| member.name().into_owned()));
    assert_complete(&log, &bundle).await;
}

#[tokio::test]
async fn what_rotates_is_listed_once_more_wherever_it_is_and_the_bundle_verifies() {
    let (mut all, key) = (entries(600), |n: u64| format!("api_key:key-{n}"));
    for (n, place) in [(5_000_000, 3), (5_000_001, 299), (5_000_002, 590)] {
        let at = all[place].read_header().unwrap().time;
        let mut rotated = draft(n, Event::ApiKeyRotate, time(&at));
        (rotated.body.resource, rotated.body.reason) = (key(n), Some("=who knows".to_owned()));
        rotated.body.details = json!({ "expires_at": "2026-12-06T03:00:00.000Z" });
        all.insert(place, finish(rotated));
    }
    let log = Log::of(&all).await;
    let whole = day(log.size().await);
    let (_, bundle) = log.export(&whole).await.unwrap();
    let listed = member(&bundle, &Member::Rotations).unwrap();
    let rows: Vec<_> = listed.split_terminator("\r\n").skip(1).collect();
    assert_eq!(rows.len(), 3, "{listed}");
    for (n, row) in (5_000_000..).zip(rows) {
        let (_, row) = row.split_once("Z,").unwrap();
        let credential = format!("api_key,key-{n},api_key.rotate,success,client,alpha");
        assert_eq!(row, format!("{credential},\"'=who knows\",2026-12-06T03:00:00.000Z"));
    }
    assert_complete(&log, &bundle).await;
    assert_eq!(log.export_with(&log.reader(), &LogResolver, &whole, None, None).await.unwrap().1, bundle);

    let quotes = ExportRequest { event: vec!["quote.create".to_owned()], ..whole };
    let (_, bundle) = log.export(&quotes).await.unwrap();
    assert_eq!(
        member(&bundle, &Member::Rotations),
        None,
        "where no entry of the bundle rotates, whatever the range has"
    );
    assert_complete(&log, &bundle).await;
}

#[tokio::test]
async fn the_same_request_gives_the_same_bytes_whoever_builds_it_and_whenever() {
    let all = entries(600);
    let log = Log::of(&all).await;
    let request =
        ExportRequest { client: vec!["gamma".to_owned()], ticker: vec!["AAPL".to_owned()], ..day(log.size().await) };
    let (first, bundle) = log.export(&request).await.unwrap();

    let warm = log.reader();
    log.export_with(&warm, &LogResolver, &day(request.size), None, None).await.unwrap();
    let (_, again) = log.export_with(&warm, &LogResolver, &request, None, None).await.unwrap();
    assert_eq!(again, bundle, "from the bucket alone, with another reader and its cache");

    log.seal((2..400).map(late).collect(), "2026-11-23T00:00:00Z").await;
    log.seal((400..500).map(late).collect(), "2026-11-23T01:00:00Z").await;
    let (grown, later) = log.export(&request).await.unwrap();
    assert_eq!((grown, later == bundle), (first, true), "after the log has grown");

    let shuffled =
        ExportRequest { event: vec!["quote.create".to_owned(), "quote.batch.create".to_owned()], ..request.clone() };
    let sorted = ExportRequest { event: shuffled.event.iter().rev().cloned().collect(), ..request };
    assert_eq!(log.export(&shuffled).await.unwrap().1, log.export(&sorted).await.unwrap().1);
}

#[tokio::test]
async fn without_a_signer_the_kept_note_is_used_and_else_left_out() {
    let log = Log::of(&entries(20)).await;
    let request = day(log.size().await);
    let (built, unsigned) = log.export_with(&log.reader(), &LogResolver, &request, None, None).await.unwrap();
    assert_eq!(member(&unsigned, &Member::Note), None);
    assert_eq!(log.verify(&unsigned, true).await.verdict, Verdict::Complete);
    assert_eq!(log.verify(&unsigned, false).await.verdict, Verdict::Failed);

    let (_, signed) = log.export(&request).await.unwrap();
    let kept = log.s3.object(RECORDS, &format!("notes/{}", built.manifest_sha256)).unwrap();
    assert_eq!(member(&signed, &Member::Note).unwrap().as_bytes(), kept);
    let (_, from_bucket) = log.export_with(&log.reader(), &LogResolver, &request, None, None).await.unwrap();
    assert_eq!(from_bucket, signed);
}

#[tokio::test]
async fn the_end_of_a_range_must_have_settled() {
    let log = Log::of(&entries(20)).await;
    let size = log.size().await;
    let to = |to: Option<&str>| ExportRequest { to: to.map(time), ..day(size) };
    let refused = log.export(&to(Some("2026-11-22T05:55:00.001Z"))).await.unwrap_err();
    assert!(
        matches!(refused, ExportError::TooRecent { latest } if latest == time("2026-11-22T05:55:00Z")),
        "{refused}"
    );
    let (_, latest) = log.export(&to(Some("2026-11-22T05:55:00Z"))).await.unwrap();
    assert_eq!(log.export(&to(None)).await.unwrap().1, latest, "what an absent end means");
    let nothing = ExportRequest { from: Some(time("2026-11-22T04:00:00Z")), ..day(size) };
    assert!(matches!(log.export(&nothing).await, Err(ExportError::Invalid { field: "to", .. })));
    let between = ExportRequest { from: Some(time("2026-11-22T03:00:00.0005Z")), ..day(size) };
    assert!(matches!(log.export(&between).await, Err(ExportError::Invalid { field: "from", .. })));
    let no_checkpoint = log.export(&day(size - 2)).await.unwrap_err();
    assert!(no_checkpoint.to_string().contains(&format!("size {}", size - 2)), "{no_checkpoint}");
}

#[tokio::test]
async fn what_is_missing_fails_the_export_by_name() {
    let log = Log::of(&entries(600)).await;
    let request = ExportRequest { ticker: vec!["KO".to_owned()], ..day(log.size().await) };
    for (bucket, key, name) in [
        (RECORDS, "tile/entries/001", "tile/entries/001"),
        (RECORDS, "tile/bodies/001", "tile/bodies/001"),
        (RECORDS, "tile/0/000", "tile/0/000"),
        (WORK, "tile/entries/002.p/93", "tile/entries/002.p/93"),
        (WORK, "tile/bodies/002.p/93", "tile/bodies/002.p/93"),
        (RECORDS, "checkpoints/0000000000000605", "checkpoint of size 605"),
        (RECORDS, "references/0123456789abcdef.jsonl", "references/0123456789abcdef.jsonl"),
    ] {
        let kept = log.s3.current(bucket, key).unwrap_or_else(|| panic!("{key}: {:?}", log.s3.keys(bucket)));
        log.s3.remove(bucket, key);
        let told = log.export(&request).await.map(|_| ()).unwrap_err().to_string();
        assert!(told.contains(name), "{key}: {told}");
        log.s3.put_version(bucket, key, &kept);
    }
    log.export(&request).await.unwrap();
}

#[tokio::test]
async fn what_was_altered_fails_the_export_or_plays_no_part_in_it() {
    let log = Log::of(&entries(600)).await;
    let request = ExportRequest { ticker: vec!["KO".to_owned()], ..day(log.size().await) };
    let sound = log.export(&request).await.unwrap().1;
    for (key, is_used) in [
        ("tile/entries/001", true),
        ("tile/bodies/001", true),
        ("references/0123456789abcdef.jsonl", true),
        ("tile/0/000", true),
        // What is below a full bundle is computed from its headers.
        ("tile/0/001", false),
    ] {
        let kept = log.s3.object(RECORDS, key).unwrap();
        let mut altered = kept.clone();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        log.s3.corrupt(RECORDS, key, &altered);
        match log.export(&request).await {
            Ok((_, bundle)) => assert!(!is_used && bundle == sound, "{key}"),
            Err(_) => assert!(is_used, "{key}"),
        }
        log.s3.corrupt(RECORDS, key, &kept);
    }
    // A version put over an object is not the record.
    log.s3.put_version(RECORDS, "tile/entries/001", b"other");
    assert_eq!(log.export(&request).await.unwrap().1, sound);
}

#[tokio::test]
async fn what_nothing_anchors_is_not_opened() {
    let log = Log::of(&entries(20)).await;
    let whole = day(log.size().await);
    for request in [
        ExportRequest { client: vec!["delta".to_owned()], ..whole.clone() },
        ExportRequest { ticker: vec!["NOPE".to_owned()], ..whole.clone() },
    ] {
        for told in [
            log.export(&request).await.unwrap_err().to_string(),
            log.export_with(&log.reader(), &LogResolver, &request, None, None).await.unwrap_err().to_string(),
        ] {
            assert!(told.contains("no entry of a log of 25 fixes the reference of"), "{told}");
        }
    }
    for actor in ["robot:x", "alpha", "client:"] {
        let request = ExportRequest { actor: vec![actor.to_owned()], ..whole.clone() };
        assert!(matches!(log.export(&request).await, Err(ExportError::Invalid { field: "actor", .. })), "{actor}");
    }
    let reference = actor_key().actor_ref(ActorType::Client, "alpha").as_str().to_owned();
    let by_name = ExportRequest { actor: vec!["client:alpha".to_owned()], ..whole.clone() };
    let by_reference = ExportRequest { actor: vec![reference], ..whole };
    assert_eq!(log.export(&by_name).await.unwrap().1, log.export(&by_reference).await.unwrap().1);
}

/// The list of tickers under a key, without one of them.
fn list(key: &SecretKey, without: &str) -> String {
    let line = |ticker: &&str| {
        format!("{{\"salt\":\"{}\",\"value\":\"{ticker}\"}}\n", key.commitment("ticker", ticker).salt())
    };
    TICKERS.iter().filter(|ticker| **ticker != without).map(line).collect()
}

async fn import(log: &Log, n: u64, snapshot: &str, list: &str) -> Entry {
    let put = log.s3.client().put_object().bucket(RECORDS).key(format!("references/{snapshot}.jsonl"));
    put.body(list.to_owned().into_bytes().into()).send().await.unwrap();
    let mut import = draft(n, Event::SnapshotImport, time("2026-11-22T02:30:00Z"));
    import.body.details =
        json!({ "snapshot_id": snapshot, "references_sha256": engine_core::hex::sha256(list.as_bytes()) });
    finish(import)
}

#[tokio::test]
async fn a_name_with_a_reference_under_each_of_two_keys_is_asked_for_under_both() {
    let (old, new) = (
        reference_key(),
        SecretKey::from_document(&format!(r#"{{"current":"k2","k2":"{}"}}"#, "s".repeat(64))).unwrap(),
    );
    let (old_actors, new_actors) =
        (actor_key(), SecretKey::from_document(&format!(r#"{{"current":"k2","k2":"{}"}}"#, "b".repeat(64))).unwrap());
    let log = Log::of(&[]).await;
    let mut sealed = Vec::new();
    for (n, (key, without)) in
        (3_000_000..).zip([(&old, ""), (&old, "KO"), (&old, ""), (&new, "AAPL"), (&new, ""), (&new, "KO")])
    {
        let snapshot = format!("{n:016x}");
        sealed.push(import(&log, n, &snapshot, &list(key, without)).await);
    }
    // The same client was created a second time, under the new key.
    let mut created = draft(3_000_100, Event::ClientCreate, time("2026-11-22T06:10:00Z"));
    created.client_ref = Some(new.commitment("client", "beta").reference());
    created.body.details = json!({ "opening": new.commitment("client", "beta").opening() });
    sealed.push(finish(created));
    let mut of_both = Vec::new();
    for (n, key, actors) in [(3_000_200, &old, &old_actors), (3_000_201, &new, &new_actors)] {
        let mut draft = draft(n, Event::QuoteCreate, time("2026-11-22T06:30:00Z"));
        draft.client_ref = Some(key.commitment("client", "beta").reference());
        draft.subject_ref = Some(key.commitment("ticker", "KO").reference());
        draft.actor_ref = actors.actor_ref(ActorType::Client, "alpha");
        of_both.push(finish(draft));
    }
    sealed.extend(of_both.clone());
    log.seal(sealed, "2026-11-22T07:00:00Z").await;
    log.seal(vec![late(7)], "2026-11-22T08:00:00Z").await;

    let keys = [new, old];
    let by_key = KeyResolver { actor_keys: vec![&old_actors], reference_keys: &keys };
    let whole = ExportRequest {
        from: Some(time("2026-11-22T06:15:00Z")),
        to: Some(time("2026-11-22T06:40:00Z")),
        ..day(log.size().await)
    };
    for request in [
        ExportRequest { ticker: vec!["KO".to_owned()], ..whole.clone() },
        ExportRequest { client: vec!["beta".to_owned()], ..whole.clone() },
        ExportRequest { client: vec!["beta".to_owned()], ticker: vec!["KO".to_owned()], ..whole.clone() },
    ] {
        let (built, bundle) =
            log.export_with(&log.reader(), &by_key, &request, None, Some(&log.evidence)).await.unwrap();
        assert_eq!(built.matched, 2, "{request:?}");
        let found: std::collections::BTreeSet<_> = headers(&bundle).into_iter().collect();
        assert_eq!(found, of_both.iter().map(|entry| entry.header().to_owned()).collect(), "{request:?}");
        assert_complete(&log, &bundle).await;
        let from_bucket = log.export_with(&log.reader(), &LogResolver, &request, None, None).await.unwrap();
        assert_eq!(from_bucket.1, bundle, "{request:?}");
        let anchors = member(&bundle, &Member::Anchors).unwrap();
        assert_eq!(anchors.lines().count(), 2 * (request.client.len() + request.ticker.len()));
    }
    // Each reference in the newest list that has it.
    let ko = ExportRequest { ticker: vec!["KO".to_owned()], ..whole.clone() };
    let (_, bundle) = log.export_with(&log.reader(), &LogResolver, &ko, None, None).await.unwrap();
    for n in [3_000_002, 3_000_004] {
        assert!(member(&bundle, &Member::References(format!("{n:016x}"))).is_some(), "{n}");
    }
    // An actor is found under every reference that an entry's body gives the name to.
    let alpha = ExportRequest { actor: vec!["client:alpha".to_owned()], ..whole };
    let (built, _) = log.export_with(&log.reader(), &LogResolver, &alpha, None, None).await.unwrap();
    assert_eq!(built.matched, 2);
    // Without the old key what it made cannot be told from an invention.
    let resolver = KeyResolver { actor_keys: vec![&old_actors], reference_keys: &keys[..1] };
    let refused = log.export_with(&log.reader(), &resolver, &ko, None, None).await.unwrap_err();
    assert!(matches!(refused, ExportError::Inconsistent(_)), "{refused}");
}

#[tokio::test]
async fn progress_only_grows_and_ends_with_the_whole() {
    let log = Log::of(&entries(600)).await;
    let reader = log.reader();
    let keys = [reference_key()];
    let actor_key = actor_key();
    let resolver = KeyResolver { actor_keys: vec![&actor_key], reference_keys: &keys };
    let mut seen: Vec<Progress> = Vec::new();
    let mut sink = engine_aws::evidence::MemorySink::default();
    let request = day(log.size().await);
    build(&reader, &resolver, &request, None, Some(&log.evidence), &mut sink, |progress| seen.push(progress))
        .await
        .unwrap();
    assert!(seen.iter().all(|progress| progress.done <= progress.total));
    assert!(seen.is_sorted_by_key(|progress| progress.done));
    assert!(seen.last().is_some_and(|last| last.done == last.total) && seen.len() > 5, "{seen:?}");
}

/// A function's future is sent between threads.
#[allow(dead_code)]
fn building_can_be_sent(log: &Log, reader: &engine_aws::sealed_log::LogReader, request: &ExportRequest) {
    fn assert_send(_: impl Send) {}
    let mut sink = engine_aws::evidence::MemorySink::default();
    assert_send(build(reader, &LogResolver, request, None, Some(&log.evidence), &mut sink, |_| ()));
}
