//! The book: what a stock is priced from, and what is said of figures that are old or substitutes.

use engine_core::market::{
    Book, BorrowStatus, DataSource, FallbackReason, Security, Snapshot, Source, build_event_risk, build_minimum_rates,
    build_volatility, parse_event_risk, parse_minimum_rates, parse_volatility,
};
use jiff::{SignedDuration, Timestamp};

use super::market_files::{at, import, reference_key, ticker};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const NOW: &str = "2026-11-02T13:00:00Z";

/// Rates of 1 November, with `X` missing on the 2nd.
fn rates() -> Book {
    let rows = ["A|2|0.4081|>100", "H|1|25|5", "M|1|9.99|5", "N|NA|NA|5", "X|1|99.5|5", "Y|1|0.5|5"];
    let (first, _) = import("2026.11.01|12:00:00", &rows, None);
    let (second, _) =
        import("2026.11.02|12:00:00", &["A|2|0.4081|>100", "H|1|25|5", "M|1|9.99|0", "N|NA|NA|5"], Some(&first));
    Book::default().with("rates".into(), Snapshot::ShortStock(second))
}

fn volatility(text: &str, time: &str) -> Snapshot {
    Snapshot::Volatility(build_volatility(parse_volatility(text.as_bytes(), at(time)).unwrap().0, None, 0).0)
}

fn events(text: &str) -> Snapshot {
    Snapshot::EventRisk(build_event_risk(parse_event_risk(text.as_bytes(), at(NOW)).unwrap().0, None, 0).0)
}

fn find_at<'a>(book: &'a Book, name: &str, now: Timestamp) -> Security<'a> {
    book.find(&ticker(name), now, DAY).unwrap()
}

fn find<'a>(book: &'a Book, name: &str) -> Security<'a> {
    find_at(book, name, at(NOW))
}

#[test]
fn an_empty_book_knows_nothing() {
    let book = Book::default();
    assert!(book.is_empty());
    assert_eq!(book.find(&ticker("A"), at(NOW), DAY), None);
    assert_eq!(book.page(None).count(), 0);
    assert!(Source::ALL.into_iter().all(|source| book.snapshot_id(source).is_none()));
}

#[test]
fn a_published_fee_is_the_base_rate_exactly() {
    let book = rates();
    let a = find(&book, "A");
    assert_eq!((a.base_rate.to_string().as_str(), a.status, a.currency), ("0.004081", BorrowStatus::Easy, "USD"));
    assert_eq!(a.available.unwrap().to_string(), ">100");
    assert_eq!(a.reference, reference_key().commitment("ticker", "A").reference());
    let expected = DataSource {
        source: "short-stock".into(),
        as_of: Some(at("2026-11-02T12:00:00Z")),
        snapshot_id: Some("rates".into()),
        stale: false,
        fallback: None,
        off_benchmark: false,
    };
    assert_eq!(a.data_sources.borrow_rate, expected);
    assert_eq!(
        (find(&book, "H").status, find(&book, "H").base_rate.to_string().as_str()),
        (BorrowStatus::Hard, "0.25")
    );
    assert_eq!(book.find(&ticker("ZZZ"), at(NOW), DAY), None);
}

#[test]
fn nothing_available_is_hard_at_the_published_fee() {
    let book = rates();
    let m = find(&book, "M");
    assert_eq!((m.status, m.base_rate.to_string().as_str()), (BorrowStatus::Hard, "0.0999"));
    assert_eq!(m.data_sources.borrow_rate.fallback, None);
}

#[test]
fn without_a_published_fee_the_greater_of_last_known_and_default_is_taken_and_said() {
    let book = rates();
    let cases = [
        ("N", "0.10", FallbackReason::RateNotPublished, "2026-11-02T12:00:00Z"),
        ("X", "0.995", FallbackReason::NotInLatestFile, "2026-11-01T12:00:00Z"),
        ("Y", "0.10", FallbackReason::NotInLatestFile, "2026-11-01T12:00:00Z"),
    ];
    for (name, rate, reason, as_of) in cases {
        let security = find(&book, name);
        assert_eq!((security.base_rate.to_string().as_str(), security.status), (rate, BorrowStatus::Hard), "{name}");
        let source = security.data_sources.borrow_rate;
        assert_eq!((source.fallback, source.as_of), (Some(reason), Some(at(as_of))), "{name}");
        // Known since the 1st, 25 hours ago; the file that says NA is an hour old.
        assert_eq!(source.stale, name != "N", "{name}");
        assert_eq!(security.fee_rate, None);
    }
}

#[test]
fn an_available_stock_without_a_published_fee_is_classed_by_the_last_known_one() {
    let (first, _) = import("2026.11.01|12:00:00", &["E|1|0.25|5", "M|1|9.99|5", "H|1|25|5"], None);
    let (latest, _) = import("2026.11.02|12:00:00", &["E|NA|NA|5", "M|NA|NA|5", "H|NA|NA|5"], Some(&first));
    let book = Book::default().with("rates".into(), Snapshot::ShortStock(latest));
    for (name, status, rate) in
        [("E", BorrowStatus::Easy, "0.005"), ("M", BorrowStatus::Medium, "0.0999"), ("H", BorrowStatus::Hard, "0.25")]
    {
        let security = find(&book, name);
        assert_eq!((security.status, security.base_rate.to_string().as_str()), (status, rate), "{name}");
        assert_eq!(security.data_sources.borrow_rate.fallback, Some(FallbackReason::RateNotPublished));
    }
}

#[test]
fn a_figure_is_stale_once_it_is_older_than_allowed() {
    let book = rates().with("v".into(), volatility(r#"{"value": 18.5}"#, "2026-11-02T11:00:00Z"));
    let stale = |now: &str| {
        let sources = find_at(&book, "A", at(now)).data_sources;
        (sources.borrow_rate.stale, sources.volatility.stale, sources.event_risk.stale, sources.minimum_rate.stale)
    };
    assert_eq!(stale("2026-11-03T11:00:00Z"), (false, false, false, false));
    assert_eq!(stale("2026-11-03T11:00:01Z"), (false, true, false, false));
    assert_eq!(stale("2026-11-03T12:00:00Z"), (false, true, false, false));
    assert_eq!(stale("2026-11-03T12:00:01Z"), (true, true, false, false));
}

#[test]
fn a_figure_over_five_minutes_ahead_of_the_clock_is_stale_but_a_minimum_never() {
    let minimums = br#"{"minimum_rates": [{"ticker": "A", "minimum_rate": 0.0025}]}"#;
    let (minimums, _) = parse_minimum_rates(minimums, at("2026-11-02T12:00:00Z")).unwrap();
    let ahead = r#"{"timestamp": "2026-11-02T12:00:00Z", "events": []}"#;
    let book = rates()
        .with("v".into(), volatility(r#"{"value": 18.5}"#, "2026-11-02T12:00:00Z"))
        .with("e".into(), events(ahead))
        .with("m".into(), Snapshot::MinimumRates(build_minimum_rates(minimums, None, 0).0));
    let stale = |now: &str| {
        let sources = find_at(&book, "A", at(now)).data_sources;
        [sources.borrow_rate.stale, sources.volatility.stale, sources.event_risk.stale, sources.minimum_rate.stale]
    };
    assert_eq!(stale("2026-11-02T11:55:00Z"), [false; 4]);
    assert_eq!(stale("2026-11-02T11:54:59Z"), [true, true, true, false]);
    assert_eq!(stale("2026-11-30T12:00:00Z"), [true, true, true, false]);
}

#[test]
fn a_rejected_row_leaves_the_class_at_the_greater_of_last_known_and_its_default_and_is_said() {
    let good = ["E|1|0.25|5", "F|1|0.75|5", "M|1|9.99|5", "H|1|25|5", "N|NA|NA|5"];
    let bad = ["E|?|0.25|5", "F|1|?|5", "M|1|9.99|?", "H|?|25|5", "N|NA|?|5"];
    let (first, _) = import("2026.11.01|12:00:00", &good, None);
    let (second, _) = import("2026.11.02|12:00:00", &bad, Some(&first));
    let book = Book::default().with("rates".into(), Snapshot::ShortStock(second));
    let cases = [
        ("E", BorrowStatus::Easy, "0.005", "2026-11-01T12:00:00Z"),
        ("F", BorrowStatus::Easy, "0.0075", "2026-11-01T12:00:00Z"),
        ("M", BorrowStatus::Medium, "0.0999", "2026-11-01T12:00:00Z"),
        ("H", BorrowStatus::Hard, "0.25", "2026-11-01T12:00:00Z"),
        ("N", BorrowStatus::Hard, "0.10", "2026-11-02T12:00:00Z"),
    ];
    for (name, status, rate, as_of) in cases {
        let security = find(&book, name);
        assert_eq!((security.status, security.base_rate.to_string().as_str()), (status, rate), "{name}");
        assert_eq!(security.available.unwrap().shares, 5, "{name}");
        let source = security.data_sources.borrow_rate;
        assert_eq!((source.fallback, source.as_of), (Some(FallbackReason::RowRejected), Some(at(as_of))), "{name}");
    }
}

#[test]
fn a_fee_off_the_benchmark_is_said_and_where_nothing_is_said_it_is_not() {
    let (snapshot, _) = import("2026.11.02|12:00:00", &["A|2|0.32|5", "B|1|1.32|7", "C|1|1|7"], None);
    let book = Book::default().with("rates".into(), Snapshot::ShortStock(snapshot));
    let said = |name| {
        let sources = find(&book, name).data_sources;
        assert!(!sources.volatility.off_benchmark && !sources.minimum_rate.off_benchmark);
        let text = serde_json::to_value(&sources.borrow_rate).unwrap();
        assert_eq!(serde_json::from_value::<DataSource>(text.clone()).unwrap(), sources.borrow_rate);
        text.get("off_benchmark").cloned()
    };
    assert_eq!((said("A"), said("C")), (None, Some(true.into())));
}

#[test]
fn a_stocks_own_volatility_beats_the_markets_and_the_market_beats_the_default() {
    let none = rates();
    let a = find(&none, "A");
    assert_eq!(a.volatility_index.to_string(), "20");
    let source = &a.data_sources.volatility;
    assert_eq!((source.source.as_str(), source.fallback), ("default", Some(FallbackReason::NoVolatilityIndex)));
    assert_eq!((source.as_of, source.snapshot_id.as_ref()), (None, None));

    let own = r#"{"ticker": "A", "volatility": 95.5, "timestamp": "2026-10-01T00:00:00Z"}"#;
    let book = none.with("v".into(), volatility(&format!(r#"{{"value": 18.5, "stocks": [{own}]}}"#), NOW));
    assert_eq!(find(&book, "A").volatility_index.to_string(), "95.5");
    assert!(find(&book, "A").data_sources.volatility.stale);
    assert_eq!(find(&book, "H").volatility_index.to_string(), "18.5");
    assert_eq!(find(&book, "H").data_sources.volatility.as_of, Some(at(NOW)));

    let book = none.with("v".into(), volatility(&format!(r#"{{"stocks": [{own}]}}"#), NOW));
    let source = find(&book, "H").data_sources.volatility;
    assert_eq!((source.fallback, source.snapshot_id.as_deref()), (Some(FallbackReason::NoVolatilityIndex), Some("v")));
}

#[test]
fn the_event_factor_is_the_highest_from_todays_new_york_date_on() {
    let book = rates().with(
        "e".into(),
        events(
            r#"{"events": [{"event_id": "1", "ticker": "A", "type": "x", "date": "2026-11-01", "risk_factor": 9},
            {"event_id": "2", "ticker": "A", "type": "x", "date": "2026-11-02", "risk_factor": 7},
            {"event_id": "3", "ticker": "A", "type": "x", "date": "2026-12-24", "risk_factor": 2}]}"#,
        ),
    );
    let factor = |now: &str| find_at(&book, "A", at(now)).event_risk_factor;
    assert_eq!(factor("2026-11-02T04:59:59Z"), 9);
    assert_eq!(factor("2026-11-02T05:00:00Z"), 7);
    assert_eq!(factor("2026-11-03T04:59:59Z"), 7);
    assert_eq!(factor("2026-11-03T05:00:00Z"), 2);
    assert_eq!(factor("2027-01-01T00:00:00Z"), 0);
    let h = find(&book, "H");
    assert_eq!((h.event_risk_factor, h.data_sources.event_risk.fallback), (0, None));
    let none = rates();
    let h = find(&none, "H");
    assert_eq!((h.event_risk_factor, h.data_sources.event_risk.fallback), (0, Some(FallbackReason::NoEventData)));
}

#[test]
fn the_minimum_is_the_stocks_own_or_one_basis_point() {
    let text = br#"{"minimum_rates": [{"ticker": "A", "minimum_rate": 0.0025}]}"#;
    let (document, _) = parse_minimum_rates(text, at("2020-01-01T00:00:00Z")).unwrap();
    let book = rates().with("m".into(), Snapshot::MinimumRates(build_minimum_rates(document, None, 0).0));
    let a = find(&book, "A");
    assert_eq!((a.minimum_rate.to_string().as_str(), a.data_sources.minimum_rate.fallback), ("0.0025", None));
    assert!(!a.data_sources.minimum_rate.stale);
    for book in [&book, &rates()] {
        let h = find(book, "H");
        let reason = h.data_sources.minimum_rate.fallback;
        assert_eq!((h.minimum_rate.to_string().as_str(), reason), ("0.0001", Some(FallbackReason::DefaultMinimumRate)));
    }
}

#[test]
fn pages_follow_ticker_order_from_any_ticker_known_or_not() {
    let book = rates();
    let names = |after: Option<&str>| {
        let after = after.map(ticker);
        book.page(after.as_ref()).map(|ticker| ticker.as_str().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(None), "A H M N X Y");
    assert_eq!(names(Some("H")), "M N X Y");
    assert_eq!(names(Some("B")), "H M N X Y");
    assert_eq!(names(Some("Y")), "");
}

#[test]
fn a_book_with_a_part_replaced_leaves_the_one_before_as_it_was() {
    let before = rates();
    let (other, _) = import("2026.11.03|12:00:00", &["B|1|1|1"], None);
    let after = before.with("newer".into(), Snapshot::ShortStock(other));
    assert_eq!(before.snapshot_id(Source::ShortStock), Some("rates"));
    assert_eq!(after.snapshot_id(Source::ShortStock), Some("newer"));
    assert!(before.find(&ticker("B"), at(NOW), DAY).is_none());
    assert!(after.find(&ticker("B"), at(NOW), DAY).is_some());
}

#[test]
fn sources_are_written_and_read_alike() {
    let book = rates();
    let sources = find(&book, "N").data_sources;
    let text = serde_json::to_value(&sources).unwrap();
    assert_eq!(text["borrow_rate"]["fallback"], "rate_not_published");
    assert_eq!(text["borrow_rate"]["as_of"], "2026-11-02T12:00:00.000Z");
    assert_eq!(text["volatility"]["as_of"], serde_json::Value::Null);
    assert_eq!(serde_json::from_value::<engine_core::market::DataSources>(text).unwrap(), sources);
}
