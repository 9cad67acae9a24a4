//! The book: the newest snapshot of each source, and what it says of one stock at one moment.

use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::brake::CLOCK_TOLERANCE;
use super::record::SecurityRecord;
use super::short_stock::Availability;
use super::snapshot::{EventRiskSnapshot, MinimumRatesSnapshot, ShortStockSnapshot, Snapshot, VolatilitySnapshot};
use super::source::Source;
use super::status::BorrowStatus;
use crate::audit::{Commitment, Reference};
use crate::{ticker::Ticker, time};

/// Volatility index where none is known, in points.
const DEFAULT_VOLATILITY: Decimal = Decimal::from_parts(20, 0, 0, false, 0);
/// Lowest rate where a stock has none of its own, as an annual fraction: 0.0001.
const DEFAULT_MINIMUM_RATE: Decimal = Decimal::from_parts(1, 0, 0, false, 4);
/// What is named as the source of a figure that no document gave.
const DEFAULT_SOURCE: &str = "default";
/// What is named as the source of a figure that the caller supposed.
const GIVEN_SOURCE: &str = "request";

/// Where days begin and end for events; the zone is built in.
static NEW_YORK: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("America/New_York").unwrap_or(TimeZone::UTC));

/// Why a figure is not the one its source published for the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FallbackReason {
    /// The file lists the stock without a fee.
    RateNotPublished,
    /// The latest file no longer lists the stock.
    NotInLatestFile,
    /// The latest file lists the stock in a row that makes no sense.
    RowRejected,
    /// Neither the stock nor the market has a volatility index.
    NoVolatilityIndex,
    /// There is no event document.
    NoEventData,
    /// The stock has no minimum rate of its own.
    DefaultMinimumRate,
}

/// Where a figure came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DataSource {
    /// The source's name (`short-stock`, `volatility`, `event-risk`, `minimum-rates`), or `default`.
    pub source: String,
    /// The time that the figure is of; `null` for a default.
    #[serde(with = "time::text::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
    /// The snapshot that was used; `null` where there is none.
    pub snapshot_id: Option<String>,
    /// Whether the figure is older than allowed, or over five minutes ahead of the clock.
    pub stale: bool,
    /// Why the figure is a substitute; `null` where it is not.
    pub fallback: Option<FallbackReason>,
    /// Whether the fee is of a row whose fee and rebate do not add up to the file's benchmark; absent where not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off_benchmark: bool,
}

impl DataSource {
    /// A figure that the caller gave, for a rate under supposed conditions.
    #[must_use]
    pub fn given() -> Self {
        Self {
            source: GIVEN_SOURCE.to_owned(),
            as_of: None,
            snapshot_id: None,
            stale: false,
            fallback: None,
            off_benchmark: false,
        }
    }
}

/// Where a stock's figures came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DataSources {
    /// The base rate's.
    pub borrow_rate: DataSource,
    /// The volatility index's.
    pub volatility: DataSource,
    /// The event risk factor's.
    pub event_risk: DataSource,
    /// The minimum rate's. It holds until it is replaced, so it is never stale.
    pub minimum_rate: DataSource,
}

/// A snapshot and the id it is stored under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded<T> {
    /// The id.
    pub snapshot_id: String,
    /// The content.
    pub snapshot: T,
}

/// The newest snapshot of each source. A copy is cheap, and each stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Book {
    short_stock: Option<Arc<Loaded<ShortStockSnapshot>>>,
    volatility: Option<Arc<Loaded<VolatilitySnapshot>>>,
    event_risk: Option<Arc<Loaded<EventRiskSnapshot>>>,
    minimum_rates: Option<Arc<Loaded<MinimumRatesSnapshot>>>,
}

/// What the book says of one stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security<'a> {
    /// The stock.
    pub ticker: &'a Ticker,
    /// ISO 4217 code.
    pub currency: &'a str,
    /// How hard it is to borrow.
    pub status: BorrowStatus,
    /// Annual fraction before any adjustment, 0 to 1000, exact.
    pub base_rate: Decimal,
    /// Index points, 0 to 1000: the stock's own, else the market's, else 20.
    pub volatility_index: Decimal,
    /// 0 to 10: the highest among the stock's events from today (New York) on.
    pub event_risk_factor: u8,
    /// Lowest annual fraction charged, 0 to 10.
    pub minimum_rate: Decimal,
    /// Shares that can be borrowed; `None` where not published.
    pub available: Option<Availability>,
    /// Percent a year, as published; `None` where not.
    pub rebate_rate: Option<Decimal>,
    /// Percent a year, as published; `None` where not.
    pub fee_rate: Option<Decimal>,
    /// The audit log's reference to the stock.
    pub reference: Reference,
    /// Where the figures came from.
    pub data_sources: DataSources,
}

impl Book {
    /// This book with one source's snapshot replaced.
    #[must_use]
    pub fn with(&self, snapshot_id: String, snapshot: Snapshot) -> Self {
        let mut book = self.clone();
        match snapshot {
            Snapshot::ShortStock(snapshot) => book.short_stock = Some(Arc::new(Loaded { snapshot_id, snapshot })),
            Snapshot::Volatility(snapshot) => book.volatility = Some(Arc::new(Loaded { snapshot_id, snapshot })),
            Snapshot::EventRisk(snapshot) => book.event_risk = Some(Arc::new(Loaded { snapshot_id, snapshot })),
            Snapshot::MinimumRates(snapshot) => book.minimum_rates = Some(Arc::new(Loaded { snapshot_id, snapshot })),
        }
        book
    }

    /// Whether there is no stock to price.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records().is_empty()
    }

    /// The id of a source's snapshot.
    #[must_use]
    pub fn snapshot_id(&self, source: Source) -> Option<&str> {
        match source {
            Source::ShortStock => id(self.short_stock.as_ref()),
            Source::Volatility => id(self.volatility.as_ref()),
            Source::EventRisk => id(self.event_risk.as_ref()),
            Source::MinimumRates => id(self.minimum_rates.as_ref()),
        }
    }

    /// The time that a source's snapshot is of.
    #[must_use]
    pub fn as_of(&self, source: Source) -> Option<Timestamp> {
        match source {
            Source::ShortStock => self.short_stock.as_ref().map(|held| held.snapshot.as_of),
            Source::Volatility => self.volatility.as_ref().map(|held| held.snapshot.as_of),
            Source::EventRisk => self.event_risk.as_ref().map(|held| held.snapshot.as_of),
            Source::MinimumRates => self.minimum_rates.as_ref().map(|held| held.snapshot.as_of),
        }
    }

    /// The tickers that follow `after`, in order; all of them without it.
    pub fn page(&self, after: Option<&Ticker>) -> impl Iterator<Item = &Ticker> {
        let records = self.records();
        let start = after.map_or(0, |after| records.partition_point(|record| &record.ticker <= after));
        records.iter().skip(start).map(|record| &record.ticker)
    }

    /// What is known of a stock at `now`; figures older than `max_age`, or of a time over five minutes ahead, are flagged.
    /// `None` for an unknown ticker, and for one whose salt does not open its reference (which [`super::decode`] lets through never).
    #[must_use]
    pub fn find(&self, ticker: &Ticker, now: Timestamp, max_age: SignedDuration) -> Option<Security<'_>> {
        let loaded = self.short_stock.as_deref()?;
        let records = &loaded.snapshot.securities;
        let record = records.get(records.binary_search_by(|record| record.ticker.cmp(ticker)).ok()?)?;
        let age = Age { now, max_age };
        let (status, base_rate, borrow_rate) = base_rate(record, loaded, age);
        let (volatility_index, volatility) = self.volatility(ticker, age);
        let (event_risk_factor, event_risk) = self.event_risk(ticker, age);
        let (minimum_rate, minimum) = self.minimum_rate(ticker, age);
        Some(Security {
            ticker: &record.ticker,
            currency: &record.currency,
            status,
            base_rate,
            volatility_index,
            event_risk_factor,
            minimum_rate,
            available: record.available,
            rebate_rate: record.rebate_rate,
            fee_rate: record.fee_rate,
            reference: Commitment::from_stored(ticker.as_str().to_owned(), &record.salt)?.reference(),
            data_sources: DataSources { borrow_rate, volatility, event_risk, minimum_rate: minimum },
        })
    }

    fn records(&self) -> &[SecurityRecord] {
        self.short_stock.as_deref().map_or(&[], |loaded| &loaded.snapshot.securities)
    }

    fn volatility(&self, ticker: &Ticker, age: Age) -> (Decimal, DataSource) {
        let found = self.volatility.as_deref().and_then(|loaded| {
            let snapshot = &loaded.snapshot;
            let own = snapshot.stocks.get(ticker).map(|own| (own.volatility, own.as_of));
            let (index, as_of) = own.or_else(|| snapshot.market.map(|market| (market, snapshot.as_of)))?;
            Some((index, age.source(Source::Volatility, as_of, &loaded.snapshot_id, None)))
        });
        let id = self.snapshot_id(Source::Volatility);
        found.unwrap_or_else(|| (DEFAULT_VOLATILITY, default_source(id, FallbackReason::NoVolatilityIndex)))
    }

    fn event_risk(&self, ticker: &Ticker, age: Age) -> (u8, DataSource) {
        let Some(loaded) = self.event_risk.as_deref() else {
            return (0, default_source(None, FallbackReason::NoEventData));
        };
        let today = age.today();
        let events = loaded.snapshot.events.get(ticker).into_iter().flatten();
        let ahead = events.filter(|event| event.event_date >= today);
        let factor = ahead.map(|event| event.risk_factor).max().unwrap_or(0);
        (factor, age.source(Source::EventRisk, loaded.snapshot.as_of, &loaded.snapshot_id, None))
    }

    fn minimum_rate(&self, ticker: &Ticker, age: Age) -> (Decimal, DataSource) {
        let found = self.minimum_rates.as_deref().and_then(|loaded| {
            let rate = *loaded.snapshot.minimum_rates.get(ticker)?;
            Some((rate, age.source(Source::MinimumRates, loaded.snapshot.as_of, &loaded.snapshot_id, None)))
        });
        let id = self.snapshot_id(Source::MinimumRates);
        found.unwrap_or_else(|| (DEFAULT_MINIMUM_RATE, default_source(id, FallbackReason::DefaultMinimumRate)))
    }
}

fn id<T>(loaded: Option<&Arc<Loaded<T>>>) -> Option<&str> {
    loaded.map(|loaded| loaded.snapshot_id.as_str())
}

/// The source of a default: the snapshot, if any, is the one that lacked the figure.
fn default_source(snapshot_id: Option<&str>, reason: FallbackReason) -> DataSource {
    DataSource {
        source: DEFAULT_SOURCE.to_owned(),
        as_of: None,
        snapshot_id: snapshot_id.map(str::to_owned),
        stale: false,
        fallback: Some(reason),
        off_benchmark: false,
    }
}

/// The moment asked about, and how old a figure may be at it.
#[derive(Clone, Copy)]
struct Age {
    now: Timestamp,
    max_age: SignedDuration,
}

impl Age {
    fn source(self, source: Source, as_of: Timestamp, id: &str, fallback: Option<FallbackReason>) -> DataSource {
        DataSource {
            source: source.as_str().to_owned(),
            as_of: Some(as_of),
            snapshot_id: Some(id.to_owned()),
            stale: is_stale(source, as_of, self.now, self.max_age),
            fallback,
            off_benchmark: false,
        }
    }

    /// The day in New York.
    fn today(self) -> civil::Date {
        self.now.to_zoned(NEW_YORK.clone()).date()
    }
}

/// Whether data of a source are too old, or so far ahead of the clock that they are as little to be trusted.
#[must_use]
pub fn is_stale(source: Source, as_of: Timestamp, now: Timestamp, max_age: SignedDuration) -> bool {
    source.is_dated() && (now.duration_since(as_of) > max_age || as_of.duration_since(now) > CLOCK_TOLERANCE)
}

/// A stock's class and base rate, and where the rate came from.
fn base_rate(
    record: &SecurityRecord,
    loaded: &Loaded<ShortStockSnapshot>,
    age: Age,
) -> (BorrowStatus, Decimal, DataSource) {
    let source = |as_of, fallback| age.source(Source::ShortStock, as_of, &loaded.snapshot_id, fallback);
    let as_of = loaded.snapshot.as_of;
    let status = record.status();
    if let Some(fee) = record.fee_rate {
        let source = DataSource { off_benchmark: record.off_benchmark, ..source(as_of, None) };
        return (status, per_hundred(fee), source);
    }
    let reason = match (record.held_status, record.missing_since) {
        (Some(_), _) => FallbackReason::RowRejected,
        (None, Some(_)) => FallbackReason::NotInLatestFile,
        (None, None) => FallbackReason::RateNotPublished,
    };
    let floor = status.default_rate();
    match record.last_known {
        Some(known) => (status, per_hundred(known.fee_rate).max(floor), source(known.as_of, Some(reason))),
        None => (status, floor, source(as_of, Some(reason))),
    }
}

/// Percent as a fraction, exact.
fn per_hundred(percent: Decimal) -> Decimal {
    // A published fee has at most 8 decimals, far below the 28 that fit, so the product is exact.
    (percent * Decimal::new(1, 2)).normalize()
}
