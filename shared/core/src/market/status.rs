//! How hard a stock is to borrow.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The borrow class of a stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BorrowStatus {
    /// Available at a fee below 1 % a year.
    Easy,
    /// Available at a fee of at least 1 % and below 10 % a year.
    Medium,
    /// A fee of 10 % a year or more, nothing available, or nothing known.
    Hard,
}

impl BorrowStatus {
    /// Every status, the easiest first.
    pub const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];

    /// The status as responses spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Easy => "EASY",
            Self::Medium => "MEDIUM",
            Self::Hard => "HARD",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The class of a published fee in percent a year. An unpublished fee is [`Self::Hard`], and so is nothing available.
    #[must_use]
    pub fn classify(fee_percent: Option<Decimal>, available: bool) -> Self {
        match fee_percent {
            Some(fee) if available && fee < Decimal::ONE => Self::Easy,
            Some(fee) if available && fee < Decimal::TEN => Self::Medium,
            _ => Self::Hard,
        }
    }

    /// The least base rate assumed for the class where none is published, as an annual fraction.
    #[must_use]
    pub fn default_rate(self) -> Decimal {
        match self {
            Self::Easy => Decimal::new(5, 3),
            Self::Medium => Decimal::new(2, 2),
            Self::Hard => Decimal::new(10, 2),
        }
    }
}

impl fmt::Display for BorrowStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_follows_from_fee_and_availability() {
        use BorrowStatus::{Easy, Hard, Medium};
        let cases = [
            (Some("0"), true, Easy),
            (Some("0.9999"), true, Easy),
            (Some("1"), true, Medium),
            (Some("9.9999"), true, Medium),
            (Some("10"), true, Hard),
            (Some("0.25"), false, Hard),
            (None, true, Hard),
            (None, false, Hard),
        ];
        for (fee, available, expected) in cases {
            let fee_percent = fee.map(|fee| crate::decimal::parse(fee, 4).unwrap());
            assert_eq!(BorrowStatus::classify(fee_percent, available), expected, "{fee:?} {available}");
        }
    }

    #[test]
    fn every_default_lies_in_its_own_class() {
        for status in BorrowStatus::ALL {
            assert_eq!(BorrowStatus::classify(Some(status.default_rate() * Decimal::ONE_HUNDRED), true), status);
            assert_eq!(BorrowStatus::from_name(status.as_str()), Some(status));
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
    }
}
