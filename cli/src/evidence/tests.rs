use clap::Parser;
use engine_core::evidence::{Archive, Options, Verdict, verify};
use engine_core::hex;
use engine_test_support::audit::entries;
use serde_json::json;

use super::filter::FilterArguments;
use super::{bucket, keys};
use crate::error::Error;
use crate::sealed::{Log, ORIGIN};

#[derive(Parser)]
struct Given {
    #[command(flatten)]
    filter: FilterArguments,
}

fn given(options: &str) -> FilterArguments {
    Given::try_parse_from(std::iter::once("engine").chain(options.split_whitespace())).unwrap().filter
}

fn file(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("engine-evidence-{}-{name}", std::process::id()))
}

#[test]
fn options_become_the_members_that_the_api_has() {
    let filter = given(
        "--from 2026-11-01T00:00:00Z --event quote.create --event client.create --outcome refused --ticker brk-b \
         --client acme --actor staff:dana --request-id r-1 --size 300 --consistent-with 200 --include-logs",
    );
    let body = json!({
        "from": "2026-11-01T00:00:00.000Z", "event": ["quote.create", "client.create"], "outcome": "refused",
        "ticker": "BRK.B", "client": "acme", "actor": "staff:dana", "request_id": "r-1", "size": 300,
        "consistent_with": 200, "include_logs": true,
    });
    assert_eq!(filter.body().unwrap(), body);
    assert_eq!(given("").body().unwrap(), json!({}));
    let request = filter.request(300).unwrap();
    assert_eq!(
        (request.ticker, request.consistent_with, request.include_logs),
        (vec!["BRK.B".to_owned()], Some(200), true)
    );
    for wrong in ["--event nothing.happens", "--outcome maybe", "--ticker a/b", "--from yesterday", "--size x"] {
        let parsed = Given::try_parse_from(std::iter::once("engine").chain(wrong.split_whitespace()));
        assert!(parsed.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn the_bucket_alone_gives_a_bundle_that_its_registered_keys_verify() {
    let log = Log::of(&entries(40)).await;
    let keys = keys::keys(&log.reader()).await.unwrap();
    let names: Vec<_> = keys.iter().map(|key| key.key.name().to_owned()).collect();
    assert_eq!(names, [ORIGIN.to_owned(), format!("{ORIGIN}/evidence")]);
    let line = keys[0].to_string();
    assert!(line.starts_with(&format!("{ORIGIN}+")) && line.ends_with("\t2026-11-22T00:00:00.000Z"), "{line}");

    let older = file("older");
    let checkpoint = log.reader().checkpoint(4).await.unwrap().unwrap();
    std::fs::write(&older, &checkpoint.note).unwrap();
    let out = file("bundle.zip");
    let filter = given(&format!("--client beta --ticker KO --against {}", older.display()));
    let exported = bucket::make(&log.reader(), &filter, None, &out).await.unwrap();
    let bundle = std::fs::read(&out).unwrap();
    assert_eq!((hex::sha256(&bundle), bundle.len() as u64), (exported.sha256, exported.bytes));
    let archive = Archive::open(std::io::Cursor::new(&bundle)).unwrap();
    let options = Options { unsigned: true, against: Some(&checkpoint.note), expect: None };
    let report = verify(&archive, &keys, &options);
    assert_eq!(report.verdict, Verdict::Complete, "{:?}", report.checks);
    for path in [older, out] {
        std::fs::remove_file(path).unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_made_leaves_no_file() {
    let log = Log::of(&entries(10)).await;
    let out = file("none.zip");
    for (options, told) in [
        (
            "--client nobody",
            "no bundle was made: missing: no entry of a log of 14 fixes the reference of client nobody",
        ),
        ("--to 2026-11-22T06:00:00Z", "no bundle was made: to must not be later than 2026-11-22T05:55:00.000Z"),
        ("--size 7", "no bundle was made: missing: there is no signed checkpoint of size 7"),
        ("--from 2026-11-22T05:00:00Z --to 2026-11-22T04:00:00Z", "--to must be later than 2026-11-22T05:00:00.000Z"),
    ] {
        let error = bucket::make(&log.reader(), &given(options), None, &out).await.map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with(told), "{options}: {error}");
        assert!(!out.exists() && !out.with_file_name(format!("{}.part", out.file_name().unwrap().display())).exists());
    }
    let missing = given("--against /no/such/checkpoint").body();
    assert!(matches!(missing, Err(Error::Open { .. })));
}
