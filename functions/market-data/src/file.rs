//! One file of whatever source: read once, made into a snapshot against whatever is in force.

use engine_core::audit::SecretKey;
use engine_core::market::{
    EventRiskDocument, FileRefusal, ImportCounts, MinimumRatesDocument, Rejection, ShortStockFile, Snapshot, Source,
    VolatilityDocument, build_event_risk, build_minimum_rates, build_short_stock, build_volatility, parse_event_risk,
    parse_minimum_rates, parse_short_stock, parse_volatility,
};
use jiff::{Timestamp, tz::TimeZone};

enum Content {
    ShortStock(ShortStockFile),
    Volatility(VolatilityDocument),
    EventRisk(EventRiskDocument),
    MinimumRates(MinimumRatesDocument),
}

/// A file that was read.
pub(crate) struct File {
    content: Content,
    /// The rows left out.
    pub(crate) rejections: Vec<Rejection>,
}

impl File {
    /// Reads a file of `source`, refused whole or taken but for single rows.
    pub(crate) fn parse(source: Source, bytes: &[u8], zone: &TimeZone, put_at: Timestamp) -> Result<Self, FileRefusal> {
        let (content, rejections) = match source {
            Source::ShortStock => {
                let file = parse_short_stock(bytes, zone)?;
                let rejections = file.rejections.clone();
                (Content::ShortStock(file), rejections)
            }
            Source::Volatility => {
                let (document, rejections) = parse_volatility(bytes, put_at)?;
                (Content::Volatility(document), rejections)
            }
            Source::EventRisk => {
                let (document, rejections) = parse_event_risk(bytes, put_at)?;
                (Content::EventRisk(document), rejections)
            }
            Source::MinimumRates => {
                let (document, rejections) = parse_minimum_rates(bytes, put_at)?;
                (Content::MinimumRates(document), rejections)
            }
        };
        Ok(Self { content, rejections })
    }

    /// The time its data stand for.
    pub(crate) fn as_of(&self) -> Timestamp {
        match &self.content {
            Content::ShortStock(file) => file.as_of,
            Content::Volatility(document) => document.as_of,
            Content::EventRisk(document) => document.as_of,
            Content::MinimumRates(document) => document.as_of,
        }
    }

    /// The snapshot of this file after `previous`, which is of the same source.
    pub(crate) fn build(&self, previous: Option<&Snapshot>, reference_key: &SecretKey) -> (Snapshot, ImportCounts) {
        let rejected = self.rejections.len();
        match &self.content {
            Content::ShortStock(file) => {
                let previous = previous.and_then(|previous| match previous {
                    Snapshot::ShortStock(snapshot) => Some(snapshot),
                    _ => None,
                });
                let (snapshot, counts) = build_short_stock(file.clone(), previous, reference_key);
                (Snapshot::ShortStock(snapshot), counts)
            }
            Content::Volatility(document) => {
                let previous = previous.and_then(|previous| match previous {
                    Snapshot::Volatility(snapshot) => Some(snapshot),
                    _ => None,
                });
                let (snapshot, counts) = build_volatility(document.clone(), previous, rejected);
                (Snapshot::Volatility(snapshot), counts)
            }
            Content::EventRisk(document) => {
                let previous = previous.and_then(|previous| match previous {
                    Snapshot::EventRisk(snapshot) => Some(snapshot),
                    _ => None,
                });
                let (snapshot, counts) = build_event_risk(document.clone(), previous, rejected);
                (Snapshot::EventRisk(snapshot), counts)
            }
            Content::MinimumRates(document) => {
                let previous = previous.and_then(|previous| match previous {
                    Snapshot::MinimumRates(snapshot) => Some(snapshot),
                    _ => None,
                });
                let (snapshot, counts) = build_minimum_rates(document.clone(), previous, rejected);
                (Snapshot::MinimumRates(snapshot), counts)
            }
        }
    }
}
