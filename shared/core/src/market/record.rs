//! One stock in a short-stock snapshot.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::short_stock::Availability;
use super::status::BorrowStatus;
use crate::{decimal, ticker::Ticker, time};

/// The last fee that was published for a stock, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastKnown {
    /// Percent a year, 0 to 100 000.
    #[serde(with = "decimal::text")]
    pub fee_rate: Decimal,
    /// Time of the file that published it.
    #[serde(with = "time::text")]
    pub as_of: Timestamp,
}

/// One stock: what its row said, and what is remembered where the row said nothing, makes no sense or is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityRecord {
    /// The stock.
    #[serde(rename = "t")]
    pub ticker: Ticker,
    /// ISO 4217 code of the row.
    #[serde(rename = "c")]
    pub currency: String,
    /// The broker's contract number.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// The ISIN as published, sometimes masked.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub isin: Option<String>,
    /// Percent a year; `None` where the row said `NA`, was rejected or is missing.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none", with = "decimal::text::option")]
    pub rebate_rate: Option<Decimal>,
    /// Percent a year, 0 to 100 000; `None` where the row said `NA`, was rejected or is missing.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none", with = "decimal::text::option")]
    pub fee_rate: Option<Decimal>,
    /// Shares that can be borrowed; `None` where the row said `NA`. As before where the row
    /// was rejected; zero where it is missing.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub available: Option<Availability>,
    /// The fee published last, where this file publishes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_known: Option<LastKnown>,
    /// Time of the first file that lacked the stock; `None` while files carry it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::text::option")]
    pub missing_since: Option<Timestamp>,
    /// The class that the stock had, where this file's row of it was rejected; `None` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_status: Option<BorrowStatus>,
    /// Whether fee and rebate do not add up to the file's benchmark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off_benchmark: bool,
    /// The salt that opens the audit log's reference to the ticker: 16 bytes in base64.
    #[serde(rename = "s")]
    pub salt: String,
}

impl SecurityRecord {
    /// Whether anything can be borrowed.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.available.is_some_and(|available| available.shares > 0)
    }

    /// How hard the stock is to borrow: as this file says, or as before where its row was rejected.
    #[must_use]
    pub fn status(&self) -> BorrowStatus {
        self.held_status.unwrap_or_else(|| {
            let fee_rate = self.fee_rate.or(self.last_known.map(|known| known.fee_rate));
            BorrowStatus::classify(fee_rate, self.is_available())
        })
    }

    /// Whether this file has a row of it that makes sense.
    pub(super) const fn is_live(&self) -> bool {
        self.missing_since.is_none() && self.held_status.is_none()
    }

    /// What is known of the fee: this file's, else the last published one.
    pub(super) fn known_fee(&self, as_of: Timestamp) -> Option<LastKnown> {
        self.fee_rate.map(|fee_rate| LastKnown { fee_rate, as_of }).or(self.last_known)
    }
}
