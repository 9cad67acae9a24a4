//! The brake: which files wait for a person.

use engine_core::market::{BrakeReason, ShortStockSnapshot, Snapshot, check};

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
    let (new, _) = import(time, rows, Some(&first));
    check(&Snapshot::ShortStock(new), Some(&Snapshot::ShortStock(first)), at("2026-11-17T12:00:00Z"))
}

#[test]
fn a_file_like_the_one_before_passes() {
    assert_eq!(reasons(TUESDAY, &TEN), []);
}

#[test]
fn a_first_import_is_held_by_the_clock_alone() {
    let first = Snapshot::ShortStock(first());
    assert_eq!(check(&first, None, at("2026-11-16T11:55:00Z")), []);
    let now = at("2026-11-16T11:54:59Z");
    assert_eq!(check(&first, None, now), [BrakeReason::Future { as_of: first.as_of(), now }]);
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
    let (third, _) = import("2026.11.18|12:00:00", &TEN[..7], Some(&second));
    let now = at("2026-11-18T12:00:00Z");
    assert_eq!(check(&Snapshot::ShortStock(third), Some(&Snapshot::ShortStock(second)), now), []);
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
    let [reason] = reasons(MONDAY, &TEN)[..] else { panic!("one reason") };
    let expected = "the file's time 2026-11-16T12:00:00.000Z is not after the current data's, 2026-11-16T12:00:00.000Z";
    assert_eq!(reason.to_string(), expected);
}
