//! What keeps a file that moves too much from becoming the prices: it waits for a person.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::snapshot::{ImportCounts, ShortStockSnapshot, Snapshot};
use crate::time::rfc3339;

/// How far ahead of the clock a file's time may be.
pub(super) const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Why a file waits for a person to accept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrakeReason {
    /// Its time is more than five minutes ahead.
    Future {
        /// The file's time.
        as_of: Timestamp,
        /// The clock's.
        now: Timestamp,
    },
    /// It is no newer than the current snapshot.
    NotNewer {
        /// The file's time.
        as_of: Timestamp,
        /// The current snapshot's.
        current: Timestamp,
    },
    /// More than a fifth of its rows or elements were rejected.
    Rejections {
        /// Rows or elements left out.
        rejected: usize,
        /// All of them.
        read: usize,
    },
    /// It has less than four fifths of the stocks.
    FewerRows {
        /// Stocks in the file before.
        previous: usize,
        /// Stocks in this file.
        new: usize,
    },
    /// It has more than twice the stocks.
    MoreRows {
        /// Stocks in the file before.
        previous: usize,
        /// Stocks in this file.
        new: usize,
    },
    /// It is a document with less than four fifths of the elements.
    FewerElements {
        /// Elements of the document before.
        previous: usize,
        /// Elements of this document.
        new: usize,
    },
    /// Its median fee is more than a quarter higher or lower, or there is none any more.
    MedianFee {
        /// Median of the file before, in percent a year.
        previous: Decimal,
        /// Median of this file, in percent a year; `None` where no row has a fee.
        new: Option<Decimal>,
    },
}

impl fmt::Display for BrakeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Future { as_of, now } => {
                write!(f, "the file's time {} is ahead of the clock, {}", rfc3339(*as_of), rfc3339(*now))
            }
            Self::NotNewer { as_of, current } => {
                write!(f, "the file's time {} is not after the current data's, {}", rfc3339(*as_of), rfc3339(*current))
            }
            Self::Rejections { rejected, read } => {
                write!(f, "{rejected} of the file's {read} rows or elements were rejected, over 20 %")
            }
            Self::FewerRows { previous, new } => {
                write!(f, "the file has {new} stocks where the one before had {previous}, over 20 % fewer")
            }
            Self::MoreRows { previous, new } => {
                write!(f, "the file has {new} stocks where the one before had {previous}, more than double")
            }
            Self::FewerElements { previous, new } => {
                write!(f, "the document has {new} elements where the one before had {previous}, over 20 % fewer")
            }
            Self::MedianFee { previous, new: Some(new) } => {
                write!(f, "the median fee moved from {previous} % to {new} % a year, by over 25 %")
            }
            Self::MedianFee { previous, new: None } => {
                write!(f, "no stock has a fee, where the median before was {previous} % a year")
            }
        }
    }
}

/// Compares a new snapshot with the current one; nothing returned, it may become current without being asked about.
///
/// `counts` are those of the import that made `new`. Exactly 20 % fewer or rejected rows, twice the stocks or a median
/// moved by exactly 25 % pass. A first import has only the clock and its rejections to hold it.
#[must_use]
pub fn check(new: &Snapshot, previous: Option<&Snapshot>, counts: &ImportCounts, now: Timestamp) -> Vec<BrakeReason> {
    let mut reasons = Vec::new();
    let as_of = new.as_of();
    if as_of.duration_since(now) > CLOCK_TOLERANCE {
        reasons.push(BrakeReason::Future { as_of, now });
    }
    let ImportCounts { rejected, read, .. } = *counts;
    if rejected * 5 > read {
        reasons.push(BrakeReason::Rejections { rejected, read });
    }
    let Some(previous) = previous else { return reasons };
    let current = previous.as_of();
    if as_of <= current {
        reasons.push(BrakeReason::NotNewer { as_of, current });
    }
    reasons.extend(size(new, previous));
    if let (Snapshot::ShortStock(new), Snapshot::ShortStock(previous)) = (new, previous) {
        reasons.extend(median_fee(new, previous));
    }
    reasons
}

/// Compares how much the files had.
fn size(new: &Snapshot, previous: &Snapshot) -> Option<BrakeReason> {
    let stocks = matches!(new, Snapshot::ShortStock(_));
    let (new, previous) = (elements(new), elements(previous));
    match (new * 5 < previous * 4, stocks) {
        (true, true) => Some(BrakeReason::FewerRows { previous, new }),
        (true, false) => Some(BrakeReason::FewerElements { previous, new }),
        (false, _) => (stocks && new > previous * 2).then_some(BrakeReason::MoreRows { previous, new }),
    }
}

/// What a snapshot's file had that made sense; stocks that are only remembered do not count.
fn elements(snapshot: &Snapshot) -> usize {
    match snapshot {
        Snapshot::ShortStock(snapshot) => snapshot.securities.iter().filter(|record| record.is_live()).count(),
        Snapshot::Volatility(snapshot) => snapshot.stocks.len() + usize::from(snapshot.market.is_some()),
        Snapshot::EventRisk(snapshot) => snapshot.events.values().map(Vec::len).sum(),
        Snapshot::MinimumRates(snapshot) => snapshot.minimum_rates.len(),
    }
}

fn median_fee(new: &ShortStockSnapshot, previous: &ShortStockSnapshot) -> Option<BrakeReason> {
    let previous = median(previous)?;
    let new = median(new);
    let moved = new.is_none_or(|new| (new - previous).abs() * Decimal::from(4) > previous);
    moved.then_some(BrakeReason::MedianFee { previous, new })
}

/// The middle one of the published fees; between two the mean.
fn median(snapshot: &ShortStockSnapshot) -> Option<Decimal> {
    let mut fees: Vec<Decimal> = snapshot.securities.iter().filter_map(|record| record.fee_rate).collect();
    fees.sort_unstable();
    let middle = fees.len() / 2;
    let upper = *fees.get(middle)?;
    let lower = if fees.len().is_multiple_of(2) { *fees.get(middle - 1)? } else { upper };
    Some(((lower + upper) / Decimal::TWO).normalize())
}
