//! Bundles: complete, the same every time, and never shorter than what was asked for.

use std::io::{Cursor, Read};

use engine_aws::evidence::{Completeness, ExportError, ExportRequest, KeyResolver, LogResolver, Progress, build};
use engine_core::audit::{ActorType, Entry};
use engine_core::evidence::{Member, Outcome, Verdict};
use engine_test_support::audit::entries;
use engine_test_support::keys::{actor_key, reference_key};

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

#[tokio::test]
async fn progress_only_grows_and_ends_with_the_whole() {
    let log = Log::of(&entries(600)).await;
    let reader = log.reader();
    let keys = [reference_key()];
    let resolver = KeyResolver { actor_key: &actor_key(), reference_keys: &keys };
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
