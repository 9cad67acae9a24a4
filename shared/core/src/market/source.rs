//! The four sources of market data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A source of market data; each has a current snapshot of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// What can be borrowed and at which fee, as brokers publish it.
    ShortStock,
    /// The market's volatility index and those of single stocks.
    Volatility,
    /// Dated events that make a stock riskier to lend.
    EventRisk,
    /// The lowest annual rate charged for a stock.
    MinimumRates,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::ShortStock, Self::Volatility, Self::EventRisk, Self::MinimumRates];

    /// The source's name, which is also the folder its files are uploaded to.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShortStock => "short-stock",
            Self::Volatility => "volatility",
            Self::EventRisk => "event-risk",
            Self::MinimumRates => "minimum-rates",
        }
    }

    /// Whether its figures age. A minimum rate holds until it is replaced.
    #[must_use]
    pub const fn is_dated(self) -> bool {
        !matches!(self, Self::MinimumRates)
    }

    /// The source of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == name)
    }

    /// The source of an uploaded object: what stands before the first `/` of its key.
    #[must_use]
    pub fn from_object_key(key: &str) -> Option<Self> {
        key.split_once('/').and_then(|(folder, _)| Self::from_name(folder))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_but_minimum_rates_is_dated() {
        let undated: Vec<Source> = Source::ALL.into_iter().filter(|source| !source.is_dated()).collect();
        assert_eq!(undated, [Source::MinimumRates]);
    }

    #[test]
    fn a_source_is_known_by_its_name_and_folder() {
        for source in Source::ALL {
            assert_eq!(Source::from_name(source.as_str()), Some(source));
            assert_eq!(Source::from_object_key(&format!("{source}/2026/file.txt")), Some(source));
            assert_eq!(serde_json::to_string(&source).unwrap(), format!("\"{source}\""));
        }
        for key in ["", "short-stock", "/short-stock/a", "other/a", "Short-Stock/a"] {
            assert_eq!(Source::from_object_key(key), None, "{key}");
        }
    }
}
