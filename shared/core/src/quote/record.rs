//! What a quote's audit entry records: every input by value, so that it can be priced again years later.
//!
//! One position and a batch have the same form: what all positions share is said once (`common`), and each position
//! names the data sources it used by their place in a list, because most of a batch shares them.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{PositionRequest, PositionSize};
use crate::access::ClientTerms;
use crate::decimal::DecimalError;
use crate::market::{BorrowStatus, DataSources, Security};
use crate::pricing::{Coefficients, Price, PricingInputs, price};
use crate::ticker::Ticker;

/// What the positions of one request share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteTerms {
    /// The client's terms as applied.
    pub terms: ClientTerms,
    /// The weights of the rate adjustment.
    pub coefficients: Coefficients,
    /// Until when the quote may be relied on as an indication.
    #[serde(with = "crate::time::text")]
    pub valid_until: Timestamp,
}

/// One priced position: its inputs by value, and its published figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedPosition {
    /// The stock.
    pub ticker: Ticker,
    /// Currency of the position value and of every money figure (ISO 4217).
    pub currency: String,
    /// Price tier of the stock.
    pub borrow_status: BorrowStatus,
    /// Whole shares, where the position was given in shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
    /// Price per share, where the position was given in shares.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::decimal::text::option")]
    pub share_price: Option<Decimal>,
    /// Money.
    #[serde(with = "crate::decimal::text")]
    pub position_value: Decimal,
    /// Calendar days.
    pub loan_days: u16,
    /// Annual fraction before adjustment.
    #[serde(with = "crate::decimal::text")]
    pub base_rate: Decimal,
    /// Points.
    #[serde(with = "crate::decimal::text")]
    pub volatility_index: Decimal,
    /// 0 to 10.
    pub event_risk_factor: u8,
    /// Annual fraction.
    #[serde(with = "crate::decimal::text")]
    pub minimum_rate: Decimal,
    /// Place of the position's data sources in the record's list.
    pub sources: usize,
    /// The published figures.
    pub price: Price,
}

/// How one position of a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PositionOutcome {
    /// It was priced.
    Priced(Box<PricedPosition>),
    /// Its ticker is not known, or not to this key: which of the two is not told to the client, and recorded here.
    NotFound {
        /// The ticker asked for.
        ticker: Ticker,
        /// Whether the stock exists and the key may not see it.
        withheld: bool,
    },
}

/// The record of a request for one or more quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteRecord {
    /// What the positions share.
    pub common: QuoteTerms,
    /// The distinct combinations of data sources used.
    pub data_sources: Vec<DataSources>,
    /// The positions in the order asked for.
    pub positions: Vec<PositionOutcome>,
}

impl QuoteRecord {
    /// A record without positions yet.
    #[must_use]
    pub fn new(common: QuoteTerms) -> Self {
        Self { common, data_sources: Vec::new(), positions: Vec::new() }
    }

    /// Prices a position from a security and adds it.
    pub fn add(&mut self, request: &PositionRequest, security: &Security<'_>) -> Result<(), DecimalError> {
        let (quantity, share_price) = match request.size {
            PositionSize::Value(_) => (None, None),
            PositionSize::Shares { quantity, price, .. } => (Some(quantity), Some(price)),
        };
        let mut position = PricedPosition {
            ticker: security.ticker.clone(),
            currency: security.currency.to_owned(),
            borrow_status: security.status,
            quantity,
            share_price,
            position_value: request.size.value(),
            loan_days: request.loan_days,
            base_rate: security.base_rate,
            volatility_index: security.volatility_index,
            event_risk_factor: security.event_risk_factor,
            minimum_rate: security.minimum_rate,
            sources: self.place_of(&security.data_sources),
            price: Price::default(),
        };
        // Priced from the record itself, as a replay will be.
        position.price = price(&self.inputs(&position))?;
        self.positions.push(PositionOutcome::Priced(Box::new(position)));
        Ok(())
    }

    /// Adds a position that has no price.
    pub fn add_not_found(&mut self, ticker: &Ticker, withheld: bool) {
        self.positions.push(PositionOutcome::NotFound { ticker: ticker.clone(), withheld });
    }

    fn place_of(&mut self, sources: &DataSources) -> usize {
        // A batch has few combinations and the last one is the likeliest.
        if let Some(place) = self.data_sources.iter().rposition(|held| held == sources) {
            return place;
        }
        self.data_sources.push(sources.clone());
        self.data_sources.len() - 1
    }

    /// The full inputs of a priced position of this record.
    #[must_use]
    pub fn inputs(&self, position: &PricedPosition) -> PricingInputs {
        PricingInputs {
            base_rate: position.base_rate,
            volatility_index: position.volatility_index,
            event_risk_factor: position.event_risk_factor,
            minimum_rate: position.minimum_rate,
            position_value: position.position_value,
            loan_days: position.loan_days,
            markup_percentage: self.common.terms.markup_percentage,
            transaction_fee: self.common.terms.transaction_fee,
            day_count: self.common.terms.day_count,
            coefficients: self.common.coefficients.clone(),
        }
    }
}
