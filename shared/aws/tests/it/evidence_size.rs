//! How much memory a large export takes. Ignored in an ordinary run, for other tests of the process would be measured too:
//! `cargo test -p engine-aws evidence_size -- --ignored --nocapture`.

use std::time::Instant;

use engine_aws::Error;
use engine_aws::evidence::{ExportRequest, FileSink, LogResolver, build};
use engine_aws::kms::NoteSigner;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::LogReader;
use engine_core::audit::Event;
use engine_core::evidence::{Archive, Options, TimedKey, Verdict, verify};
use engine_core::merkle::{
    BODIES, Checkpoint, ENTRIES, Edge, StoredBody, bundle_path, encode_bodies, encode_entries, encode_tile, leaf_hash,
};
use engine_test_support::audit::{CLIENTS, TICKERS, entry};
use engine_test_support::kms::Kms;
use engine_test_support::s3::S3;
use jiff::{SignedDuration, Timestamp};

use crate::evidence_log::{ORIGIN, RECORDS, WORK, time};

const ENTRIES_IN_ALL: u64 = 100_000;
/// What a function with 256 MB may grow by, its code and clients being there.
const MOST_GROWTH_KB: u64 = 128 * 1024;

#[tokio::test]
#[ignore = "measures the memory of its process: run it alone"]
async fn a_hundred_thousand_entries_are_exported_in_bounded_memory_and_verified_in_seconds() {
    let (s3, kms) = (S3::new(), Kms::new());
    s3.locked_bucket(RECORDS);
    s3.bucket(WORK);
    let signer = NoteSigner::new(kms.client(), kms.ed25519_key(), ORIGIN);
    let evidence = NoteSigner::new(kms.client(), kms.ed25519_key(), format!("{ORIGIN}/evidence"));
    write_log(&s3, &signer).await.unwrap();
    let reader = LogReader::new(RecordsBucket::new(s3.client(), RECORDS), WorkBucket::new(s3.client(), WORK));
    let request = ExportRequest { size: ENTRIES_IN_ALL, ..ExportRequest::default() };
    let path = std::env::temp_dir().join(format!("engine-size-{}.zip", std::process::id()));

    let before = memory("VmRSS");
    // Resets the peak to what is resident at this moment (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let start = Instant::now();
    let mut sink = FileSink::create(&path).unwrap();
    let built = build(&reader, &LogResolver, &request, None, Some(&evidence), &mut sink, |_| ()).await.unwrap();
    let (exporting, grown) = (start.elapsed(), memory("VmHWM").saturating_sub(before));
    assert_eq!(built.matched, ENTRIES_IN_ALL);

    let start = Instant::now();
    let mut keys = Vec::new();
    for signer in [&signer, &evidence] {
        keys.push(TimedKey { key: signer.verifier_key().await.unwrap(), from: None, until: None });
    }
    let archive = Archive::open(std::fs::File::open(&path).unwrap()).unwrap();
    let report = verify(&archive, &keys, &Options::default());
    let verifying = start.elapsed();
    std::fs::remove_file(&path).unwrap();
    println!("{} bytes; exported in {exporting:?}, {grown} kB more resident; verified in {verifying:?}", built.bytes);
    assert_eq!(report.verdict, Verdict::Complete, "{:?}", report.checks);
    assert!(grown < MOST_GROWTH_KB, "{grown} kB");
}

/// Writes a log without DynamoDB, which would take longer than all the rest.
async fn write_log(s3: &S3, signer: &NoteSigner) -> Result<(), Error> {
    let (records, work) = (RecordsBucket::new(s3.client(), RECORDS), WorkBucket::new(s3.client(), WORK));
    let start = time("2026-11-22T03:00:00Z");
    let mut edge = Edge::empty();
    for bundle in 0..ENTRIES_IN_ALL.div_ceil(256) {
        let (mut headers, mut bodies) = (Vec::new(), Vec::new());
        for n in bundle * 256..ENTRIES_IN_ALL.min((bundle + 1) * 256) {
            let at = start + SignedDuration::from_millis(i64::try_from(n).unwrap() * 10);
            let turn = usize::try_from(n).unwrap();
            let (client, ticker) = (CLIENTS[turn % CLIENTS.len()], TICKERS[turn % TICKERS.len()]);
            let entry = entry(n, Event::QuoteCreate, at, Some(client), Some(ticker));
            for (tile, hashes) in edge.push(leaf_hash(entry.header().as_bytes())) {
                records.put_once(&tile.path(), &encode_tile(&hashes)).await?;
            }
            headers.push(entry.header().to_owned());
            bodies.push(StoredBody::Inline(entry.body().to_owned()));
        }
        let width = u16::try_from(headers.len()).unwrap();
        for (kind, bytes) in [(ENTRIES, encode_entries(&headers).unwrap()), (BODIES, encode_bodies(&bodies).unwrap())] {
            let path = bundle_path(kind, bundle, width);
            if width == 256 {
                records.put_once(&path, &bytes).await?;
            } else {
                work.put(&path, bytes).await?;
            }
        }
    }
    for (tile, hashes) in edge.partials() {
        work.put(&tile.path(), encode_tile(&hashes)).await?;
    }
    let time: Timestamp = time("2026-11-23T00:00:00Z");
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: edge.size(), root: edge.root(), time };
    let note = signer.sign(&checkpoint.text()).await?.to_string();
    records.put_once(&format!("checkpoints/{ENTRIES_IN_ALL:016}"), note.as_bytes()).await?;
    Ok(())
}

/// A line of the process's status, in kB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().split_whitespace().next().unwrap().parse().unwrap()
}
