//! The JSON documents: what is read exactly, what is rejected alone, what is refused whole.

use engine_core::market::{FileRefusal, Rejection, parse_event_risk, parse_minimum_rates, parse_volatility};
use proptest::prelude::*;

use super::market_files::{at, ticker};

const UPLOADED: &str = "2026-11-01T12:00:00Z";

fn lines(rejections: &[Rejection]) -> Vec<usize> {
    rejections.iter().map(|rejection| rejection.line).collect()
}

#[test]
fn volatility_is_read_exactly_with_times_of_its_own() {
    let text = br#"{"value": 18.50, "timestamp": "2026-10-31T20:00:00Z", "extra": 1, "stocks": [
        {"ticker": "gme", "volatility": "95.123456", "timestamp": "2026-10-30T20:00:00.5Z"}, {"ticker": "BRK B", "volatility": 0}]}"#;
    let (document, rejections) = parse_volatility(text, at(UPLOADED)).unwrap();
    assert_eq!((document.as_of, rejections.len()), (at("2026-10-31T20:00:00Z"), 0));
    assert_eq!(document.market.unwrap().to_string(), "18.50");
    assert_eq!(document.stocks[&ticker("GME")].volatility.to_string(), "95.123456");
    assert_eq!(document.stocks[&ticker("GME")].as_of, at("2026-10-30T20:00:00.5Z"));
    assert_eq!(document.stocks[&ticker("BRK.B")].as_of, document.as_of);
}

#[test]
fn a_document_without_a_time_has_its_uploads_to_the_millisecond() {
    let (document, _) = parse_volatility(br#"{"value": 1}"#, at("2026-11-01T12:00:00.1239Z")).unwrap();
    assert_eq!(document.as_of, at("2026-11-01T12:00:00.123Z"));
    let (document, _) = parse_minimum_rates(br#"{"minimum_rates": []}"#, at(UPLOADED)).unwrap();
    assert_eq!(document.as_of, at(UPLOADED));
}

#[test]
fn a_bad_element_is_rejected_alone_with_its_position() {
    let text = br#"{"value": 18, "stocks": [{"ticker": "A", "volatility": 1000.1}, {"ticker": "B", "volatility": 1.1234567},
        7, {"ticker": "C", "volatility": 1e2}, {"ticker": "D", "volatility": 1}, {"ticker": "d", "volatility": 2}, {}]}"#;
    let (document, rejections) = parse_volatility(text, at(UPLOADED)).unwrap();
    assert_eq!((document.stocks.len(), lines(&rejections)), (1, vec![1, 2, 3, 4, 6, 7]));
    assert_eq!(document.stocks[&ticker("D")].volatility.to_string(), "1");

    let text =
        br#"{"minimum_rates": [{"ticker": "A", "minimum_rate": 10.1}, {"ticker": "B", "minimum_rate": "0.12345678901"},
        {"ticker": "C", "minimum_rate": -1}, {"ticker": "D", "minimum_rate": "0.0025000001"}]}"#;
    let (document, rejections) = parse_minimum_rates(text, at(UPLOADED)).unwrap();
    assert_eq!((document.minimum_rates.len(), lines(&rejections)), (1, vec![1, 2, 3]));
    assert_eq!(document.minimum_rates[&ticker("D")].to_string(), "0.0025000001");
}

#[test]
fn events_are_read_under_either_spelling() {
    let text = br#"{"events": [
        {"event_id": "e1", "ticker": "GME", "event_type": "earnings", "event_date": "2026-12-01", "risk_factor": 7},
        {"event_id": "e2", "ticker": "gme", "type": "dividend", "date": "2026-12-02", "risk_factor": 0},
        {"event_id": "e2", "ticker": "A", "type": "dividend", "date": "2026-12-02", "risk_factor": 0},
        {"event_id": "e3", "ticker": "A", "type": "dividend", "date": "2026-02-30", "risk_factor": 0},
        {"event_id": "e4", "ticker": "A", "type": "dividend", "date": "2026-12-02T00:00:00Z", "risk_factor": 0},
        {"event_id": "e5", "ticker": "A", "type": "dividend", "date": "2026-12-02", "risk_factor": 11},
        {"event_id": "e6", "ticker": "A", "type": "", "date": "2026-12-02", "risk_factor": "3"}]}"#;
    let (document, rejections) = parse_event_risk(text, at(UPLOADED)).unwrap();
    assert_eq!(lines(&rejections), [3, 4, 5, 6, 7]);
    assert!(rejections[4].reason.contains("type") && rejections[4].reason.contains("risk_factor"), "{rejections:?}");
    let events = &document.events[&ticker("GME")];
    assert_eq!((document.events.len(), events.len(), events[0].risk_factor), (1, 2, 7));
    assert_eq!(events[1].event_type, "dividend");
}

#[test]
fn a_document_of_another_shape_is_refused_whole() {
    let time = at(UPLOADED);
    for text in ["", "[]", "null", "{", "{} {}", "\u{feff}{}"] {
        assert_eq!(parse_volatility(text.as_bytes(), time), Err(FileRefusal::NotJson), "{text}");
    }
    assert_eq!(parse_volatility(b"\xff", time), Err(FileRefusal::NotJson));
    for text in [
        "{}",
        r#"{"value": null}"#,
        r#"{"value": "x"}"#,
        r#"{"value": 1001}"#,
        r#"{"value": 1, "value": 2}"#,
        r#"{"value": 1, "timestamp": "today"}"#,
        r#"{"value": 1, "stocks": {}}"#,
    ] {
        assert!(matches!(parse_volatility(text.as_bytes(), time), Err(FileRefusal::Fields(_))), "{text}");
    }
    assert!(matches!(parse_event_risk(b"{}", time), Err(FileRefusal::Fields(_))));
    assert!(matches!(parse_minimum_rates(br#"{"minimum_rates": 1}"#, time), Err(FileRefusal::Fields(_))));
    let large = vec![b' '; engine_core::market::MAX_FILE + 1];
    assert_eq!(parse_event_risk(&large, time), Err(FileRefusal::TooLarge));
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\":,a-z0-9. ]{0,80}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let _ = parse_volatility(bytes, at(UPLOADED));
            let _ = parse_event_risk(bytes, at(UPLOADED));
            let _ = parse_minimum_rates(bytes, at(UPLOADED));
        }
    }
}
