//! The brake: which files wait for a person.

use engine_core::market::{
    BrakeReason, ImportCounts, ShortStockSnapshot, Snapshot, build_event_risk, build_minimum_rates, build_volatility,
    check, parse_event_risk, parse_minimum_rates, parse_volatility,
};

use super::market_files::{at, import};

const MONDAY: &str = "2026.11.16|12:00:00";
const TUESDAY: &str = "2026.11.17|12:00:00";
const TEN: [&str; 10] = [
    "A|1|0.4|1",
    "B|1|0.4|1",
    "C|1|0.4|1",
    "D|1|0.4|1",
    "E|1|0.4|1",
    "F|1|0.4|1",
    "G|1|0.4|1",
    "H|1|0.4|1",
    "I|1|0.4|1",
    "J|1|0.4|1",
];

fn first() -> ShortStockSnapshot {
    import(MONDAY, &TEN, None).0
}

/// What stops `rows` of `time`, imported over [`first`] at Tuesday 12:00 UTC.
fn reasons(time: &str, rows: &[&str]) -> Vec<BrakeReason> {
    let first = first();
    let (new, counts) = import(time, rows, Some(&first));
    check(&Snapshot::ShortStock(new), Some(&Snapshot::ShortStock(first)), &counts, at("2026-11-17T12:00:00Z"))
}

type Build = fn(&str, &str) -> (Snapshot, ImportCounts);

/// The document of `elements`, of that time.
fn volatility(time: &str, elements: &str) -> (Snapshot, ImportCounts) {
    let text = format!(r#"{{"timestamp": "{time}", "value": 18.5, "stocks": [{elements}]}}"#);
    let (document, rejections) = parse_volatility(text.as_bytes(), at(time)).unwrap();
    let (snapshot, counts) = build_volatility(document, None, rejections.len());
    (Snapshot::Volatility(snapshot), counts)
}

fn event_risk(time: &str, elements: &str) -> (Snapshot, ImportCounts) {
    let text = format!(r#"{{"timestamp": "{time}", "events": [{elements}]}}"#);
    let (document, rejections) = parse_event_risk(text.as_bytes(), at(time)).unwrap();
    let (snapshot, counts) = build_event_risk(document, None, rejections.len());
    (Snapshot::EventRisk(snapshot), counts)
}

fn minimum_rates(time: &str, elements: &str) -> (Snapshot, ImportCounts) {
    let text = format!(r#"{{"timestamp": "{time}", "minimum_rates": [{elements}]}}"#);
    let (document, rejections) = parse_minimum_rates(text.as_bytes(), at(time)).unwrap();
    let (snapshot, counts) = build_minimum_rates(document, None, rejections.len());
    (Snapshot::MinimumRates(snapshot), counts)
}

/// `good` elements that every document takes, and `bad` ones that none does.
fn elements(good: usize, bad: usize) -> String {
    let element = |n: usize| {
        format!(
            r#"{{"ticker": "S{n}", "volatility": 30, "minimum_rate": 0.01, "event_id": "e{n}", "type": "x",
            "date": "2026-12-01", "risk_factor": 1}}"#
        )
    };
    let bad = (0..bad).map(|_| r#"{"ticker": "?"}"#.to_owned());
    (0..good).map(element).chain(bad).collect::<Vec<_>>().join(",")
}

#[test]
fn a_file_like_the_one_before_passes() {
    assert_eq!(reasons(TUESDAY, &TEN), []);
}

#[test]
fn a_first_import_is_held_by_the_clock_and_its_rejections_alone() {
    let (first, counts) = import(MONDAY, &TEN, None);
    let first = Snapshot::ShortStock(first);
    assert_eq!(check(&first, None, &counts, at("2026-11-16T11:55:00Z")), []);
    let now = at("2026-11-16T11:54:59Z");
    assert_eq!(check(&first, None, &counts, now), [BrakeReason::Future { as_of: first.as_of(), now }]);
    let (first, counts) = import(MONDAY, &["A|1|0.4|1", "?|1|0.4|1"], None);
    let held = check(&Snapshot::ShortStock(first), None, &counts, at("2026-11-16T12:00:00Z"));
    assert_eq!(held, [BrakeReason::Rejections { rejected: 1, read: 2 }]);
}

#[test]
fn more_than_a_fifth_of_rows_rejected_is_held() {
    let mut rows = TEN;
    rows[0] = "A|1|much|1";
    rows[1] = "?|1|0.4|1";
    assert_eq!(reasons(TUESDAY, &rows), []);
    rows[2] = "C|1|much|1";
    let expected = [BrakeReason::Rejections { rejected: 3, read: 10 }, BrakeReason::FewerRows { previous: 10, new: 7 }];
    assert_eq!(reasons(TUESDAY, &rows), expected);
}

#[test]
fn more_than_twice_the_stocks_is_held() {
    let more: Vec<String> = (0..21).map(|n| format!("S{n}|1|0.4|1")).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    assert_eq!(reasons(TUESDAY, &more[..20]), []);
    assert_eq!(reasons(TUESDAY, &more), [BrakeReason::MoreRows { previous: 10, new: 21 }]);
}

#[test]
fn a_document_with_more_than_a_fifth_fewer_elements_or_none_or_as_many_rejected_is_held() {
    let (monday, tuesday) = ("2026-11-16T12:00:00Z", "2026-11-17T12:00:00Z");
    // The market's index is an element of its own.
    for (build, index) in [(volatility as Build, 1), (event_risk, 0), (minimum_rates, 0)] {
        let previous = build(monday, &elements(10 - index, 0)).0;
        let reasons = |good: usize, bad: usize| {
            let (new, counts) = build(tuesday, &elements(good - index, bad));
            check(&new, Some(&previous), &counts, at(tuesday))
        };
        let source = previous.source();
        for (good, bad) in [(10, 0), (8, 0), (8, 2), (30, 0)] {
            assert_eq!(reasons(good, bad), [], "{source}: {good} and {bad}");
        }
        assert_eq!(reasons(7, 0), [BrakeReason::FewerElements { previous: 10, new: 7 }], "{source}");
        assert_eq!(reasons(index, 0), [BrakeReason::FewerElements { previous: 10, new: index }], "{source}");
        assert_eq!(reasons(11, 3), [BrakeReason::Rejections { rejected: 3, read: 14 }], "{source}");
        let (first, counts) = build(monday, &elements(3 - index, 1));
        let held = check(&first, None, &counts, at(monday));
        assert_eq!(held, [BrakeReason::Rejections { rejected: 1, read: 4 }], "{source}");
    }
    let nothing = br#"{"timestamp": "2026-11-17T12:00:00Z", "stocks": []}"#;
    let (nothing, counts) = build_volatility(parse_volatility(nothing, at(tuesday)).unwrap().0, None, 0);
    let held = check(&Snapshot::Volatility(nothing), Some(&volatility(monday, "").0), &counts, at(tuesday));
    assert_eq!(held, [BrakeReason::FewerElements { previous: 1, new: 0 }], "the index alone is gone");
}

#[test]
fn a_file_ahead_of_the_clock_or_not_newer_is_held() {
    assert!(matches!(reasons("2026.11.17|12:05:00", &TEN)[..], []));
    assert!(matches!(reasons("2026.11.17|12:05:01", &TEN)[..], [BrakeReason::Future { .. }]));
    assert!(matches!(reasons(MONDAY, &TEN)[..], [BrakeReason::NotNewer { .. }]));
    assert!(matches!(reasons("2026.11.13|12:00:00", &TEN)[..], [BrakeReason::NotNewer { .. }]));
}

#[test]
fn more_than_a_fifth_fewer_stocks_are_held_though_the_missing_are_carried() {
    assert_eq!(reasons(TUESDAY, &TEN[..8]), []);
    assert_eq!(reasons(TUESDAY, &TEN[..7]), [BrakeReason::FewerRows { previous: 10, new: 7 }]);
}

#[test]
fn carried_stocks_do_not_count_as_rows_of_the_file_before() {
    let (second, _) = import(TUESDAY, &TEN[..8], Some(&first()));
    let (third, counts) = import("2026.11.18|12:00:00", &TEN[..7], Some(&second));
    let now = at("2026-11-18T12:00:00Z");
    assert_eq!(check(&Snapshot::ShortStock(third), Some(&Snapshot::ShortStock(second)), &counts, now), []);
}

#[test]
fn a_median_fee_moved_by_more_than_a_quarter_is_held() {
    let all_at = |fee: &str| {
        let rows: Vec<String> = TEN.iter().map(|row| row.replace("0.4", fee)).collect();
        reasons(TUESDAY, &rows.iter().map(String::as_str).collect::<Vec<_>>())
    };
    for fee in ["0.3", "0.5"] {
        assert_eq!(all_at(fee), [], "{fee}");
    }
    for fee in ["0.2999", "0.5001", "40"] {
        assert!(matches!(all_at(fee)[..], [BrakeReason::MedianFee { new: Some(_), .. }]), "{fee}");
    }
    assert!(matches!(all_at("NA")[..], [BrakeReason::MedianFee { new: None, .. }]));
}

#[test]
fn a_reason_reads_as_plain_words() {
    let [reason] = reasons(TUESDAY, &TEN[..7])[..] else { panic!("one reason") };
    assert_eq!(reason.to_string(), "the file has 7 stocks where the one before had 10, over 20 % fewer");
    let more = BrakeReason::MoreRows { previous: 10, new: 21 };
    assert_eq!(more.to_string(), "the file has 21 stocks where the one before had 10, more than double");
    let fewer = BrakeReason::FewerElements { previous: 10, new: 0 };
    assert_eq!(fewer.to_string(), "the document has 0 elements where the one before had 10, over 20 % fewer");
    let rejections = BrakeReason::Rejections { rejected: 3, read: 10 };
    assert_eq!(rejections.to_string(), "3 of the file's 10 rows or elements were rejected, over 20 %");
    let [reason] = reasons(MONDAY, &TEN)[..] else { panic!("one reason") };
    let expected = "the file's time 2026-11-16T12:00:00.000Z is not after the current data's, 2026-11-16T12:00:00.000Z";
    assert_eq!(reason.to_string(), expected);
}
