//! Snapshots: what a file keeps, carries, drops and flags; and that storing one loses nothing.

use engine_core::hex;
use engine_core::market::{
    Availability, BorrowStatus, CodecError, ImportCounts, LastKnown, MAX_CHUNK, SecurityRecord, ShortStockSnapshot,
    Snapshot, Source, build_event_risk, build_minimum_rates, build_volatility, decode, encode, parse_event_risk,
    parse_minimum_rates, parse_volatility, references_jsonl,
};
use engine_core::{audit::canonical_json, decimal};
use proptest::prelude::*;

use super::market_files::{at, import, reference_key, ticker};

fn find<'a>(snapshot: &'a ShortStockSnapshot, name: &str) -> &'a SecurityRecord {
    snapshot.securities.iter().find(|record| record.ticker == ticker(name)).unwrap()
}

#[test]
fn a_name_missing_from_the_newer_file_is_carried_with_nothing_available() {
    let (first, counts) = import("2026.11.01|12:00:00", &["A|2|0.32|5", "B|1|1.32|7"], None);
    assert_eq!(counts, ImportCounts { read: 2, written: 2, ..ImportCounts::default() });
    let (second, counts) = import("2026.11.02|12:00:00", &["A|2|0.32|5"], Some(&first));
    assert_eq!(counts, ImportCounts { read: 1, unchanged: 1, carried: 1, ..ImportCounts::default() });
    let b = find(&second, "B");
    assert_eq!((b.available, b.fee_rate, b.rebate_rate), (Some(Availability::NONE), None, None));
    assert_eq!(b.missing_since, Some(second.as_of));
    assert_eq!(b.last_known, Some(LastKnown { fee_rate: decimal::parse("1.32", 4).unwrap(), as_of: first.as_of }));
    assert_eq!(BorrowStatus::classify(b.fee_rate, b.is_available()), BorrowStatus::Hard);
}

#[test]
fn a_carried_name_is_dropped_after_thirty_days_and_comes_back_with_a_row() {
    let (first, _) = import("2026.11.01|12:00:00", &["A|2|0.32|5", "B|1|1.32|7"], None);
    let (second, _) = import("2026.11.02|12:00:00", &["A|2|0.32|5"], Some(&first));
    let (third, counts) = import("2026.12.02|12:00:00", &["A|2|0.32|5"], Some(&second));
    assert_eq!((counts.carried, counts.dropped), (1, 0));
    assert_eq!(find(&third, "B").missing_since, Some(second.as_of));
    assert_eq!(find(&third, "B").last_known.unwrap().as_of, first.as_of);
    let (fourth, counts) = import("2026.12.02|12:00:01", &["A|2|0.32|5"], Some(&third));
    assert_eq!((counts.carried, counts.dropped, fourth.securities.len()), (0, 1, 1));
    let (back, counts) = import("2026.12.02|12:00:01", &["A|2|0.32|5", "B|1|1.32|7"], Some(&third));
    assert_eq!((counts.written, counts.unchanged, find(&back, "B").missing_since), (1, 1, None));
}

#[test]
fn a_name_whose_row_is_rejected_keeps_what_was_known_of_it_and_is_not_missing() {
    let (first, _) = import("2026.11.01|12:00:00", &["A|2|0.32|>5", "B|1|1.32|7", "C|NA|NA|7"], None);
    let bad = ["A|2|much|5", "B|?|1.32|7", "C|?|1|7", "D|?|1|1"];
    let (second, counts) = import("2026.11.02|12:00:00", &bad, Some(&first));
    assert_eq!(counts, ImportCounts { read: 4, rejected: 4, ..ImportCounts::default() });
    assert_eq!(second.securities.len(), 3, "D was never known");
    for (name, status) in [("A", BorrowStatus::Easy), ("B", BorrowStatus::Medium), ("C", BorrowStatus::Hard)] {
        let (old, held) = (find(&first, name), find(&second, name));
        assert_eq!((held.status(), held.held_status, held.available), (status, Some(status), old.available), "{name}");
        assert_eq!((held.fee_rate, held.rebate_rate, held.missing_since), (None, None, None), "{name}");
        let known = old.fee_rate.map(|fee_rate| LastKnown { fee_rate, as_of: first.as_of });
        assert_eq!(held.last_known, known, "{name}");
    }
    let (third, _) = import("2026.11.03|12:00:00", &bad, Some(&second));
    assert_eq!(third.securities, second.securities, "and still");
    let (fourth, counts) = import("2026.11.04|12:00:00", &["A|2|0.32|>5"], Some(&third));
    assert_eq!((counts.written, counts.carried, find(&fourth, "A").held_status), (1, 2, None));
    let gone = find(&fourth, "B");
    assert_eq!((gone.status(), gone.available), (BorrowStatus::Hard, Some(Availability::NONE)));
    assert_eq!(gone.last_known.unwrap().as_of, first.as_of);
}

#[test]
fn a_record_stored_before_classes_were_held_is_read_and_written_alike() {
    let text = r#"{"t":"A","c":"USD","f":"0.32","a":">5","s":"AAAAAAAAAAAAAAAAAAAAAA=="}"#;
    let record: SecurityRecord = serde_json::from_str(text).unwrap();
    assert_eq!((record.held_status, record.status()), (None, BorrowStatus::Easy));
    assert_eq!(serde_json::to_string(&record).unwrap(), text);
}

#[test]
fn a_row_without_a_fee_keeps_the_last_known_one() {
    let (first, _) = import("2026.11.01|12:00:00", &["A|2|0.32|5", "B|NA|NA|7"], None);
    assert_eq!(find(&first, "B").last_known, None);
    let (second, counts) = import("2026.11.02|12:00:00", &["A|NA|NA|5", "B|NA|NA|7"], Some(&first));
    assert_eq!((counts.without_rate, counts.written, counts.unchanged), (2, 1, 1));
    assert_eq!(find(&second, "A").last_known.unwrap().as_of, first.as_of);
    let (third, _) = import("2026.11.03|12:00:00", &["A|NA|NA|5"], Some(&second));
    assert_eq!(find(&third, "A").last_known, find(&second, "A").last_known);
    let (fourth, _) = import("2026.11.04|12:00:00", &["A|2|0.32|5"], Some(&third));
    assert_eq!(find(&fourth, "A").last_known, None);
}

#[test]
fn rows_off_the_files_benchmark_are_flagged() {
    let rows = ["A|2|0.32|5", "B|1|1.32|7", "C|1|1|7", "D|NA|1|7"];
    let (snapshot, counts) = import("2026.11.01|12:00:00", &rows, None);
    assert_eq!((snapshot.benchmark.unwrap().to_string().as_str(), counts.off_benchmark), ("2.32", 1));
    let flags: Vec<bool> = snapshot.securities.iter().map(|record| record.off_benchmark).collect();
    assert_eq!(flags, [false, false, true, false]);
    let (tied, _) = import("2026.11.01|12:00:00", &["A|2|1|5", "B|1|1|7"], None);
    assert_eq!(tied.benchmark.unwrap().to_string(), "2");
    assert_eq!(import("2026.11.01|12:00:00", &["A|NA|1|5"], None).0.benchmark, None);
}

#[test]
fn the_references_are_canonical_lines_in_ticker_order() {
    let (snapshot, _) = import("2026.11.01|12:00:00", &["ZZ|2|1|5", "BRK B|1|1|7", "A|1|1|7"], None);
    let text = references_jsonl(&snapshot);
    let mut names = Vec::new();
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(canonical_json(&value).unwrap(), line);
        let name = value["value"].as_str().unwrap().to_owned();
        assert_eq!(value["salt"], reference_key().commitment("ticker", &name).salt());
        names.push(name);
    }
    assert_eq!(names, ["A", "BRK.B", "ZZ"]);
    assert!(text.ends_with("}\n"));
}

fn documents() -> Vec<Snapshot> {
    let time = at("2026-11-01T12:00:00.123456Z");
    let volatility = br#"{"value":18.5,"stocks":[{"ticker":"gme","volatility":"95.25"}]}"#;
    let events =
        br#"{"events":[{"event_id":"e1","ticker":"GME","type":"earnings","date":"2026-12-01","risk_factor":7}]}"#;
    let minimums = br#"{"minimum_rates":[{"ticker":"GME","minimum_rate":0.0025}]}"#;
    vec![
        Snapshot::ShortStock(import("2026.11.01|12:00:00", &["A|2|1|>5", "B|NA|NA|NA"], None).0),
        Snapshot::Volatility(build_volatility(parse_volatility(volatility, time).unwrap().0, None, 0).0),
        Snapshot::EventRisk(build_event_risk(parse_event_risk(events, time).unwrap().0, None, 0).0),
        Snapshot::MinimumRates(build_minimum_rates(parse_minimum_rates(minimums, time).unwrap().0, None, 0).0),
    ]
}

#[test]
fn every_source_survives_storage_under_a_stable_id() {
    for snapshot in documents() {
        let stored = encode(&snapshot).unwrap();
        assert_eq!(decode(snapshot.source(), &stored.id, &stored.chunks), Ok(snapshot.clone()));
        assert_eq!(encode(&snapshot).unwrap(), stored);
    }
}

#[test]
fn chunks_that_are_not_the_snapshot_are_refused() {
    let snapshots = documents();
    let stored = encode(&snapshots[0]).unwrap();
    let source = Source::ShortStock;
    assert_eq!(decode(source, &hex::sha256(b"other"), &stored.chunks), Err(CodecError::Digest));
    assert_eq!(decode(Source::Volatility, &stored.id, &stored.chunks), Err(CodecError::Content));
    assert!(decode::<Vec<u8>>(source, &stored.id, &[]).is_err());
    let mut cut = stored.chunks.clone();
    cut[0].pop();
    assert!(decode(source, &stored.id, &cut).is_err());
    let Snapshot::ShortStock(mut unordered) = snapshots[0].clone() else { panic!("short stock comes first") };
    unordered.securities.reverse();
    let stored = encode(&Snapshot::ShortStock(unordered)).unwrap();
    assert_eq!(decode(source, &stored.id, &stored.chunks), Err(CodecError::Content));
}

#[test]
fn documents_count_what_changed() {
    let time = at("2026-11-01T12:00:00Z");
    let old = br#"{"value":18.5,"stocks":[{"ticker":"A","volatility":1},{"ticker":"B","volatility":1}]}"#;
    let (old, _) = build_volatility(parse_volatility(old, time).unwrap().0, None, 0);
    let new =
        br#"{"value":18.5,"stocks":[{"ticker":"A","volatility":1},{"ticker":"B","volatility":2},{"ticker":"?"}]}"#;
    let (new, rejections) = parse_volatility(new, time).unwrap();
    let (_, counts) = build_volatility(new, Some(&old), rejections.len());
    assert_eq!(counts, ImportCounts { read: 4, written: 1, unchanged: 2, rejected: 1, ..ImportCounts::default() });
}

#[test]
fn a_large_snapshot_is_stored_in_chunks_that_fit_an_item() {
    let rows: Vec<String> = (0..15_000u32).map(|n| format!("S{n}|1|{}.{:04}|{n}", n % 97, n * 7919 % 10_000)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let snapshot = Snapshot::ShortStock(import("2026.11.01|12:00:00", &rows, None).0);
    let stored = encode(&snapshot).unwrap();
    assert!(stored.chunks.len() > 1 && stored.chunks.iter().all(|chunk| chunk.len() <= MAX_CHUNK));
    assert_eq!(decode(Source::ShortStock, &stored.id, &stored.chunks), Ok(snapshot));
    let mut swapped = stored.chunks.clone();
    swapped.swap(0, 1);
    assert!(decode(Source::ShortStock, &stored.id, &swapped).is_err());
}

proptest! {
    #[test]
    fn any_short_stock_snapshot_survives_storage(
        rows in proptest::collection::btree_map("[A-Z]{1,6}", (0i64..10_000_000_000, -99_999i64..99_999, any::<u32>()), 0..40),
        gone in any::<bool>(),
    ) {
        let row = |(name, (fee, rebate, shares)): (&String, &(i64, i64, u32))| {
            let fee = rust_decimal::Decimal::new(*fee, 6);
            format!("{name}|{}|{fee}|>{shares}", rust_decimal::Decimal::new(*rebate, 4))
        };
        let rows: Vec<String> = rows.iter().map(row).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let (mut snapshot, _) = import("2026.11.01|12:00:00", &rows, None);
        if gone {
            snapshot = import("2026.11.02|12:00:00", &[], Some(&snapshot)).0;
        }
        let snapshot = Snapshot::ShortStock(snapshot);
        let stored = encode(&snapshot).unwrap();
        let back = decode(Source::ShortStock, &stored.id, &stored.chunks).unwrap();
        prop_assert_eq!(&encode(&back).unwrap().id, &stored.id);
        prop_assert_eq!(back, snapshot);
    }
}
