//! The JSON documents: volatility, event risk and minimum rates.
//!
//! Numbers are taken from their literal text. A document without a time of its own has its upload's.

use std::collections::{BTreeMap, HashSet};

use jiff::{Timestamp, civil};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::short_stock::{FileRefusal, MAX_FILE, MAX_ROWS, Rejection, describe};
use crate::field::{FieldReader, FieldValue, Fields};
use crate::{decimal, hex, ticker::Ticker, time};

/// Range of a volatility index, in index points.
const VOLATILITY_RANGE: (Decimal, Decimal) = (Decimal::ZERO, Decimal::ONE_THOUSAND);
/// Most decimals of a volatility index.
const VOLATILITY_SCALE: u32 = 6;
/// Range of a minimum rate, as an annual fraction.
const MINIMUM_RANGE: (Decimal, Decimal) = (Decimal::ZERO, Decimal::TEN);
/// Most decimals of a minimum rate.
const MINIMUM_SCALE: u32 = 10;
/// Highest event risk factor.
const MAX_RISK_FACTOR: u64 = 10;

/// A stock's own volatility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockVolatility {
    /// Index points, 0 to 1000, at most 6 decimals.
    #[serde(with = "decimal::text")]
    pub volatility: Decimal,
    /// When it was measured.
    #[serde(with = "time::text")]
    pub as_of: Timestamp,
}

/// A dated event of a stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskEvent {
    /// The source's identifier, 1 to 128 characters.
    pub event_id: String,
    /// What kind of event it is, 1 to 64 characters.
    pub event_type: String,
    /// The day of the event, New York; its factor applies up to and including it.
    #[serde(with = "date_text")]
    pub event_date: civil::Date,
    /// 0 (none) to 10 (highest).
    pub risk_factor: u8,
}

/// A volatility document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolatilityDocument {
    /// The document's time.
    pub as_of: Timestamp,
    /// Digest of its bytes, lower-case hexadecimal.
    pub sha256: String,
    /// The market's index in points, 0 to 1000, where the document has one.
    pub market: Option<Decimal>,
    /// The stocks that have a volatility of their own.
    pub stocks: BTreeMap<Ticker, StockVolatility>,
}

/// An event-risk document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRiskDocument {
    /// The document's time.
    pub as_of: Timestamp,
    /// Digest of its bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Each stock's events, in the document's order.
    pub events: BTreeMap<Ticker, Vec<RiskEvent>>,
}

/// A minimum-rates document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinimumRatesDocument {
    /// The document's time.
    pub as_of: Timestamp,
    /// Digest of its bytes, lower-case hexadecimal.
    pub sha256: String,
    /// The lowest annual fraction charged, 0 to 10, by stock.
    pub minimum_rates: BTreeMap<Ticker, Decimal>,
}

/// Reads `{"value", "timestamp", "stocks": [{"ticker", "volatility", "timestamp"}]}`. Either `value` or `stocks` may be
/// absent, not both. A stock without a time has the document's.
pub fn parse_volatility(
    bytes: &[u8],
    object_time: Timestamp,
) -> Result<(VolatilityDocument, Vec<Rejection>), FileRefusal> {
    let fields = object(bytes)?;
    let mut reader = FieldReader::new(&fields);
    let as_of = timestamp(&mut reader, object_time);
    let mut market = None;
    if reader.has("value") || !reader.has("stocks") {
        market = reader.decimal("value", VOLATILITY_SCALE, VOLATILITY_RANGE);
    }
    let as_of = reader.finish(as_of).map_err(FileRefusal::Fields)?;
    let mut stocks = BTreeMap::new();
    let rejections = elements(&fields, "stocks", true, |reader| {
        let ticker = reader.text("ticker", Ticker::parse);
        let volatility = reader.decimal("volatility", VOLATILITY_SCALE, VOLATILITY_RANGE);
        let as_of = timestamp(reader, as_of);
        if ticker.as_ref().is_some_and(|ticker| stocks.contains_key(ticker)) {
            reader.refuse("ticker", "stands on an earlier element");
            return;
        }
        if let (Some(ticker), Some(volatility), Some(as_of)) = (ticker, volatility, as_of) {
            stocks.insert(ticker, StockVolatility { volatility, as_of });
        }
    })?;
    Ok((VolatilityDocument { as_of, sha256: hex::sha256(bytes), market, stocks }, rejections))
}

/// Reads `{"timestamp", "events": [{"event_id", "ticker", "event_type" or "type", "event_date" or "date", "risk_factor"}]}`.
pub fn parse_event_risk(
    bytes: &[u8],
    object_time: Timestamp,
) -> Result<(EventRiskDocument, Vec<Rejection>), FileRefusal> {
    let fields = object(bytes)?;
    let mut reader = FieldReader::new(&fields);
    let as_of = timestamp(&mut reader, object_time);
    let as_of = reader.finish(as_of).map_err(FileRefusal::Fields)?;
    let mut events = BTreeMap::<Ticker, Vec<RiskEvent>>::new();
    let mut seen = HashSet::new();
    let rejections = elements(&fields, "events", false, |reader| {
        let event_id = reader.text("event_id", |text| words(text, 128));
        let ticker = reader.text("ticker", Ticker::parse);
        let name = if reader.has("event_type") { "event_type" } else { "type" };
        let event_type = reader.text(name, |text| words(text, 64));
        let name = if reader.has("event_date") { "event_date" } else { "date" };
        let event_date = reader.text(name, date);
        let risk_factor =
            reader.integer("risk_factor", (0, MAX_RISK_FACTOR)).and_then(|factor| u8::try_from(factor).ok());
        let all = (event_id, ticker, event_type, event_date, risk_factor);
        let (Some(event_id), Some(ticker), Some(event_type), Some(event_date), Some(risk_factor)) = all else { return };
        if seen.insert(event_id.clone()) {
            events.entry(ticker).or_default().push(RiskEvent { event_id, event_type, event_date, risk_factor });
        } else {
            reader.refuse("event_id", "stands on an earlier element");
        }
    })?;
    Ok((EventRiskDocument { as_of, sha256: hex::sha256(bytes), events }, rejections))
}

/// Reads `{"timestamp", "minimum_rates": [{"ticker", "minimum_rate"}]}`.
pub fn parse_minimum_rates(
    bytes: &[u8],
    object_time: Timestamp,
) -> Result<(MinimumRatesDocument, Vec<Rejection>), FileRefusal> {
    let fields = object(bytes)?;
    let mut reader = FieldReader::new(&fields);
    let as_of = timestamp(&mut reader, object_time);
    let as_of = reader.finish(as_of).map_err(FileRefusal::Fields)?;
    let mut minimum_rates = BTreeMap::new();
    let rejections = elements(&fields, "minimum_rates", false, |reader| {
        let ticker = reader.text("ticker", Ticker::parse);
        let minimum_rate = reader.decimal("minimum_rate", MINIMUM_SCALE, MINIMUM_RANGE);
        if ticker.as_ref().is_some_and(|ticker| minimum_rates.contains_key(ticker)) {
            reader.refuse("ticker", "stands on an earlier element");
            return;
        }
        if let (Some(ticker), Some(minimum_rate)) = (ticker, minimum_rate) {
            minimum_rates.insert(ticker, minimum_rate);
        }
    })?;
    Ok((MinimumRatesDocument { as_of, sha256: hex::sha256(bytes), minimum_rates }, rejections))
}

/// The fields of the document's object.
fn object(bytes: &[u8]) -> Result<Fields, FileRefusal> {
    if bytes.len() > MAX_FILE {
        return Err(FileRefusal::TooLarge);
    }
    let text = str::from_utf8(bytes).map_err(|_| FileRefusal::NotJson)?;
    Fields::from_json(text).map_err(|_| FileRefusal::NotJson)
}

/// Reads each element of an array field; those with errors are left out and said so.
fn elements(
    fields: &Fields,
    name: &str,
    optional: bool,
    mut read: impl FnMut(&mut FieldReader<'_>),
) -> Result<Vec<Rejection>, FileRefusal> {
    let list: Vec<&RawValue> = match fields.get(name) {
        FieldValue::Array(text) => serde_json::from_str(text).map_err(|_| FileRefusal::NotJson)?,
        FieldValue::Missing | FieldValue::Null if optional => vec![],
        _ => {
            let mut reader = FieldReader::new(fields);
            reader.refuse(name, "must be an array");
            return reader.finish(None).map_err(FileRefusal::Fields);
        }
    };
    if list.len() > MAX_ROWS {
        return Err(FileRefusal::TooManyRows);
    }
    let mut rejections = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let reason = match Fields::from_json(raw.get()) {
            Ok(fields) => {
                let mut reader = FieldReader::new(&fields);
                read(&mut reader);
                reader.finish(Some(())).err().map(|errors| describe(&errors))
            }
            Err(_) => Some("must be an object".to_owned()),
        };
        rejections.extend(reason.map(|reason| Rejection { line: index + 1, reason }));
    }
    Ok(rejections)
}

/// The `timestamp` field, cut to the milliseconds in which times are stored; `otherwise` where it is absent.
fn timestamp(reader: &mut FieldReader<'_>, otherwise: Timestamp) -> Option<Timestamp> {
    let cut = |time: Timestamp| Timestamp::from_millisecond(time.as_millisecond()).ok();
    if !reader.has("timestamp") {
        return cut(otherwise);
    }
    let parsed = reader.text("timestamp", |text| text.parse::<Timestamp>().map_err(|_| "must be an RFC 3339 time"));
    parsed.and_then(cut)
}

/// A name of 1 to `longest` printable characters.
fn words(text: &str, longest: usize) -> Result<String, String> {
    if (1..=longest).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!("must be 1 to {longest} printable characters"))
    }
}

/// A day as `YYYY-MM-DD`, and nothing else.
fn date(text: &str) -> Result<civil::Date, &'static str> {
    const EXPECTED: &str = "must be a date of the form YYYY-MM-DD";
    if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return Err(EXPECTED);
    }
    text.parse().map_err(|_| EXPECTED)
}

/// Serialises a day as `YYYY-MM-DD`.
mod date_text {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's `with` passes a reference
    pub(super) fn serialize<S: Serializer>(value: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        super::date(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
