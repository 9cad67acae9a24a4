//! Files and snapshots that the market tests share.

use engine_core::audit::SecretKey;
use engine_core::market::{ImportCounts, ShortStockFile, ShortStockSnapshot, build_short_stock, parse_short_stock};
use engine_core::ticker::Ticker;
use jiff::{Timestamp, tz::TimeZone};

/// A key of test salts.
pub(crate) fn reference_key() -> SecretKey {
    SecretKey::from_document(r#"{"current":"k1","k1":"0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"}"#).unwrap()
}

/// A file at `time` (`YYYY.MM.DD|HH:MM:SS`, UTC) with rows of `ticker|rebate|fee|available`.
pub(crate) fn text(time: &str, rows: &[&str]) -> String {
    let mut text = format!("#BOF|{time}\n#SYM|CUR|REBATERATE|FEERATE|AVAILABLE|\n");
    for row in rows {
        let (ticker, figures) = row.split_once('|').unwrap();
        text.extend([ticker, "|USD|", figures, "|\n"]);
    }
    text + &format!("#EOF|{}\n", rows.len())
}

/// [`text`], parsed.
pub(crate) fn file(time: &str, rows: &[&str]) -> ShortStockFile {
    parse_short_stock(text(time, rows).as_bytes(), &TimeZone::UTC).unwrap()
}

/// [`file`], made into the snapshot that follows `previous`.
pub(crate) fn import(
    time: &str,
    rows: &[&str],
    previous: Option<&ShortStockSnapshot>,
) -> (ShortStockSnapshot, ImportCounts) {
    build_short_stock(file(time, rows), previous, &reference_key())
}

/// A ticker.
pub(crate) fn ticker(text: &str) -> Ticker {
    Ticker::parse(text).unwrap()
}

/// A time.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
