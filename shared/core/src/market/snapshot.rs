//! Snapshots: the whole content of a source at a time, made of a file and of what is remembered from the one before.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::documents::{EventRiskDocument, MinimumRatesDocument, RiskEvent, StockVolatility, VolatilityDocument};
use super::record::SecurityRecord;
use super::short_stock::{Availability, ShortStockFile, ShortStockRow};
use super::source::Source;
use crate::audit::{SecretKey, TICKER_KIND};
use crate::{decimal, ticker::Ticker, time};

/// How long a name that files no longer carry is kept.
const CARRIED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Every stock that can or could lately be borrowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortStockSnapshot {
    /// The file's time.
    #[serde(with = "time::text")]
    pub as_of: Timestamp,
    /// Digest of the file, lower-case hexadecimal.
    pub file_sha256: String,
    /// The sum of fee and rebate that most rows share, in percent a year; `None` where no row has both.
    #[serde(with = "decimal::text::option")]
    pub benchmark: Option<Decimal>,
    /// The stocks, in ticker order, each once.
    pub securities: Vec<SecurityRecord>,
}

/// The market's and single stocks' volatility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolatilitySnapshot {
    /// The document's time.
    #[serde(with = "time::text")]
    pub as_of: Timestamp,
    /// Digest of the document, lower-case hexadecimal.
    pub file_sha256: String,
    /// The market's index in points, 0 to 1000.
    #[serde(with = "decimal::text::option")]
    pub market: Option<Decimal>,
    /// The stocks that have a volatility of their own.
    pub stocks: BTreeMap<Ticker, StockVolatility>,
}

/// The events that are ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRiskSnapshot {
    /// The document's time.
    #[serde(with = "time::text")]
    pub as_of: Timestamp,
    /// Digest of the document, lower-case hexadecimal.
    pub file_sha256: String,
    /// Each stock's events.
    pub events: BTreeMap<Ticker, Vec<RiskEvent>>,
}

/// The lowest rates charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinimumRatesSnapshot {
    /// The document's time.
    #[serde(with = "time::text")]
    pub as_of: Timestamp,
    /// Digest of the document, lower-case hexadecimal.
    pub file_sha256: String,
    /// Annual fractions, 0 to 10, by stock.
    #[serde(with = "rates_text")]
    pub minimum_rates: BTreeMap<Ticker, Decimal>,
}

/// A snapshot of one of the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// Of [`Source::ShortStock`].
    ShortStock(ShortStockSnapshot),
    /// Of [`Source::Volatility`].
    Volatility(VolatilitySnapshot),
    /// Of [`Source::EventRisk`].
    EventRisk(EventRiskSnapshot),
    /// Of [`Source::MinimumRates`].
    MinimumRates(MinimumRatesSnapshot),
}

impl Snapshot {
    /// Where the data came from.
    #[must_use]
    pub const fn source(&self) -> Source {
        match self {
            Self::ShortStock(_) => Source::ShortStock,
            Self::Volatility(_) => Source::Volatility,
            Self::EventRisk(_) => Source::EventRisk,
            Self::MinimumRates(_) => Source::MinimumRates,
        }
    }

    /// The file's time.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        match self {
            Self::ShortStock(snapshot) => snapshot.as_of,
            Self::Volatility(snapshot) => snapshot.as_of,
            Self::EventRisk(snapshot) => snapshot.as_of,
            Self::MinimumRates(snapshot) => snapshot.as_of,
        }
    }

    /// Digest of the file, lower-case hexadecimal.
    #[must_use]
    pub fn file_sha256(&self) -> &str {
        match self {
            Self::ShortStock(snapshot) => &snapshot.file_sha256,
            Self::Volatility(snapshot) => &snapshot.file_sha256,
            Self::EventRisk(snapshot) => &snapshot.file_sha256,
            Self::MinimumRates(snapshot) => &snapshot.file_sha256,
        }
    }
}

/// What an import did, in rows or elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImportCounts {
    /// In the file, taken or not.
    pub read: usize,
    /// New, or other than in the snapshot before.
    pub written: usize,
    /// As in the snapshot before.
    pub unchanged: usize,
    /// Left out because they make no sense.
    pub rejected: usize,
    /// Missing from the file and kept with nothing available.
    pub carried: usize,
    /// Missing from files for more than 30 days, and forgotten.
    pub dropped: usize,
    /// In the file without a fee.
    pub without_rate: usize,
    /// In the file with fee and rebate that do not add up to its benchmark.
    pub off_benchmark: usize,
}

impl ImportCounts {
    fn tally(&mut self, unchanged: bool) {
        self.unchanged += usize::from(unchanged);
        self.written += usize::from(!unchanged);
    }
}

/// Makes a file into a snapshot. A name that the file lacks is carried from `previous`, with nothing available, for 30 days.
/// One whose row was rejected keeps what `previous` has of it, its fee as the last known.
///
/// `reference_key` derives the salts of the audit log's references to tickers.
#[must_use]
pub fn build_short_stock(
    file: ShortStockFile,
    previous: Option<&ShortStockSnapshot>,
    reference_key: &SecretKey,
) -> (ShortStockSnapshot, ImportCounts) {
    let mut counts = ImportCounts { read: file.rows_read, rejected: file.rejections.len(), ..ImportCounts::default() };
    let mut before: BTreeMap<&Ticker, &SecurityRecord> =
        previous.into_iter().flat_map(|snapshot| &snapshot.securities).map(|record| (&record.ticker, record)).collect();
    let previous_as_of = previous.map_or(file.as_of, |snapshot| snapshot.as_of);
    let benchmark = benchmark(&file.rows);
    let mut securities = Vec::with_capacity(file.rows.len());
    for row in file.rows {
        let old = before.remove(&row.ticker);
        let record = listed(row, benchmark, old.and_then(|old| old.known_fee(previous_as_of)), reference_key);
        counts.without_rate += usize::from(record.fee_rate.is_none());
        counts.off_benchmark += usize::from(record.off_benchmark);
        counts.tally(old.is_some_and(|old| same_row(old, &record)));
        securities.push(record);
    }
    for old in before.into_values() {
        if file.rejected_tickers.contains(&old.ticker) {
            securities.push(held(old, previous_as_of));
            continue;
        }
        let missing_since = old.missing_since.unwrap_or(file.as_of);
        if file.as_of.duration_since(missing_since) > CARRIED_FOR {
            counts.dropped += 1;
        } else {
            counts.carried += 1;
            securities.push(carried(old, missing_since, previous_as_of));
        }
    }
    securities.sort_unstable_by(|a, b| a.ticker.cmp(&b.ticker));
    (ShortStockSnapshot { as_of: file.as_of, file_sha256: file.sha256, benchmark, securities }, counts)
}

/// The record of a name that the file has.
fn listed(
    row: ShortStockRow,
    benchmark: Option<Decimal>,
    known: Option<super::LastKnown>,
    reference_key: &SecretKey,
) -> SecurityRecord {
    let sum = fee_and_rebate(&row);
    SecurityRecord {
        salt: reference_key.commitment(TICKER_KIND, row.ticker.as_str()).salt(),
        last_known: if row.fee_rate.is_none() { known } else { None },
        off_benchmark: sum.is_some() && sum != benchmark,
        missing_since: None,
        held_status: None,
        ticker: row.ticker,
        currency: row.currency,
        contract: row.contract,
        isin: row.isin,
        rebate_rate: row.rebate_rate,
        fee_rate: row.fee_rate,
        available: row.available,
    }
}

/// The record of a name that the file lacks.
fn carried(old: &SecurityRecord, missing_since: Timestamp, previous_as_of: Timestamp) -> SecurityRecord {
    SecurityRecord {
        rebate_rate: None,
        fee_rate: None,
        available: Some(Availability::NONE),
        last_known: old.known_fee(previous_as_of),
        missing_since: Some(missing_since),
        held_status: None,
        off_benchmark: false,
        ..old.clone()
    }
}

/// The record of a name whose row was rejected: the file lists it, so what can be borrowed and its class stay.
fn held(old: &SecurityRecord, previous_as_of: Timestamp) -> SecurityRecord {
    SecurityRecord {
        rebate_rate: None,
        fee_rate: None,
        last_known: old.known_fee(previous_as_of),
        missing_since: None,
        held_status: Some(old.status()),
        off_benchmark: false,
        ..old.clone()
    }
}

/// Whether two records were published alike; the salt and what is remembered are not the file's.
fn same_row(old: &SecurityRecord, new: &SecurityRecord) -> bool {
    old.is_live()
        && (&old.currency, &old.contract, &old.isin) == (&new.currency, &new.contract, &new.isin)
        && (old.rebate_rate, old.fee_rate, old.available) == (new.rebate_rate, new.fee_rate, new.available)
}

/// Fee plus rebate where both are published.
fn fee_and_rebate(row: &ShortStockRow) -> Option<Decimal> {
    decimal::add(row.fee_rate?, row.rebate_rate?).ok()
}

/// The commonest sum of fee and rebate; of equally common ones the lowest.
fn benchmark(rows: &[ShortStockRow]) -> Option<Decimal> {
    let mut tally = BTreeMap::<Decimal, usize>::new();
    for sum in rows.iter().filter_map(fee_and_rebate) {
        *tally.entry(sum).or_default() += 1;
    }
    // `max_by_key` keeps the last of equals: from the highest sum down that is the lowest.
    tally.into_iter().rev().max_by_key(|(_, count)| *count).map(|(sum, _)| sum.normalize())
}

/// Makes a document into a snapshot. `rejected` elements of it were left out.
#[must_use]
pub fn build_volatility(
    document: VolatilityDocument,
    previous: Option<&VolatilitySnapshot>,
    rejected: usize,
) -> (VolatilitySnapshot, ImportCounts) {
    let VolatilityDocument { as_of, sha256, market, stocks } = document;
    let mut counts = compare(stocks.iter(), rejected, |ticker| previous?.stocks.get(*ticker));
    if market.is_some() {
        counts.read += 1;
        counts.tally(previous.is_some_and(|old| old.market == market));
    }
    (VolatilitySnapshot { as_of, file_sha256: sha256, market, stocks }, counts)
}

/// Makes a document into a snapshot. `rejected` elements of it were left out.
#[must_use]
pub fn build_event_risk(
    document: EventRiskDocument,
    previous: Option<&EventRiskSnapshot>,
    rejected: usize,
) -> (EventRiskSnapshot, ImportCounts) {
    let EventRiskDocument { as_of, sha256, events } = document;
    let each = events.iter().flat_map(|(ticker, events)| events.iter().map(move |event| (ticker, event)));
    let keyed = each.map(|(ticker, event)| ((ticker, event), event));
    let counts = compare(keyed, rejected, |(ticker, event)| {
        previous?.events.get(*ticker)?.iter().find(|old| old.event_id == event.event_id)
    });
    (EventRiskSnapshot { as_of, file_sha256: sha256, events }, counts)
}

/// Makes a document into a snapshot. `rejected` elements of it were left out.
#[must_use]
pub fn build_minimum_rates(
    document: MinimumRatesDocument,
    previous: Option<&MinimumRatesSnapshot>,
    rejected: usize,
) -> (MinimumRatesSnapshot, ImportCounts) {
    let MinimumRatesDocument { as_of, sha256, minimum_rates } = document;
    let counts = compare(minimum_rates.iter(), rejected, |ticker| previous?.minimum_rates.get(*ticker));
    (MinimumRatesSnapshot { as_of, file_sha256: sha256, minimum_rates }, counts)
}

/// Counts elements by whether the snapshot before had them alike.
fn compare<'a, K, V: PartialEq + 'a>(
    elements: impl Iterator<Item = (K, &'a V)>,
    rejected: usize,
    old: impl Fn(&K) -> Option<&'a V>,
) -> ImportCounts {
    let mut counts = ImportCounts { read: rejected, rejected, ..ImportCounts::default() };
    for (key, value) in elements {
        counts.read += 1;
        counts.tally(old(&key) == Some(value));
    }
    counts
}

/// What opens the audit log's references to the snapshot's tickers: a line `{"salt":"…","value":"AAPL"}` each, in
/// ticker order. Its digest anchors them in the entry of the import.
#[must_use]
pub fn references_jsonl(snapshot: &ShortStockSnapshot) -> String {
    let mut text = String::with_capacity(snapshot.securities.len() * 60);
    for record in &snapshot.securities {
        // Neither base64 nor a ticker has a character that JSON escapes.
        for part in [r#"{"salt":""#, &record.salt, r#"","value":""#, record.ticker.as_str(), "\"}\n"] {
            text.push_str(part);
        }
    }
    text
}

/// Serialises rates by stock as literal text.
mod rates_text {
    use std::collections::BTreeMap;

    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::{decimal, ticker::Ticker};

    #[derive(Serialize, Deserialize)]
    struct Rate(#[serde(with = "decimal::text")] Decimal);

    pub(super) fn serialize<S: Serializer>(
        rates: &BTreeMap<Ticker, Decimal>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(rates.iter().map(|(ticker, rate)| (ticker, Rate(*rate))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Ticker, Decimal>, D::Error> {
        let rates = BTreeMap::<Ticker, Rate>::deserialize(deserializer)?;
        Ok(rates.into_iter().map(|(ticker, Rate(rate))| (ticker, rate)).collect())
    }
}
