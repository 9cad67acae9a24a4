//! What the client API says, as JSON. Money and rates are strings.

use engine_core::market::{BorrowStatus, DataSources, Security};
use engine_core::quote::{PricedPosition, QuoteId, QuoteTerms};
use engine_core::time::rfc3339;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

/// A quote is an indication: it reserves no shares and fixes no rate.
const QUOTE_TYPE: &str = "INDICATIVE";

/// The lines of a fee.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Breakdown {
    /// Estimated carry of the loan before markup, 4 decimals.
    #[schema(example = "517.8082")]
    borrow_cost: String,
    /// The broker's markup on the borrow cost, 4 decimals.
    #[schema(example = "25.8904")]
    markup: String,
    /// What the locate itself costs, 4 decimals.
    #[schema(example = "25.0000")]
    transaction_fees: String,
}

/// A priced position. Every figure can be recomputed from the others.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quote)]
pub(crate) struct QuoteBody {
    /// Id of the quote's record; in a batch `<batch id>-<ordinal>`.
    quote_id: String,
    /// `INDICATIVE`: a quote is not a locate.
    quote_type: &'static str,
    /// The stock, in stored form.
    ticker: String,
    /// Currency of every money figure (ISO 4217).
    currency: String,
    /// Position value priced.
    position_value: String,
    /// Whole shares, where the position was given in shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u64>,
    /// Price per share, where the position was given in shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    /// Calendar days priced.
    loan_days: u16,
    /// Sum of the breakdown, 4 decimals.
    #[schema(example = "568.6986")]
    total_fee: String,
    /// The lines of the fee.
    breakdown: Breakdown,
    /// What is owed if a locate is given: the transaction fee.
    due_on_locate: String,
    /// The rest of the total: an estimate, owed only if stock is borrowed.
    estimated_carry: String,
    /// Annual fraction before adjustment.
    base_rate: String,
    /// Points of the volatility index applied.
    volatility_index: String,
    /// 0 to 10.
    event_risk_factor: u8,
    /// Annual fraction that the rate never goes below.
    minimum_rate: String,
    /// Annual fraction charged, 6 decimals.
    #[schema(example = "0.063000")]
    borrow_rate_used: String,
    /// Percent of the borrow cost.
    markup_percentage: String,
    /// `FLAT` or `PERCENTAGE`.
    fee_type: &'static str,
    /// Money, or percent of the position value.
    fee_amount: String,
    /// Day count of the client's terms.
    day_count: &'static str,
    /// Price tier of the stock.
    borrow_status: BorrowStatus,
    /// RFC 3339; 15 minutes after the quote.
    valid_until: String,
    /// Where each input came from, how old it is, and whether it is a fallback.
    data_sources: DataSources,
    /// Version of the client's terms.
    terms_version: u32,
}

impl QuoteBody {
    /// The answer for a recorded position.
    pub(crate) fn new(id: QuoteId, common: &QuoteTerms, position: &PricedPosition, sources: &DataSources) -> Self {
        let price = &position.price;
        let fee = common.terms.transaction_fee;
        Self {
            quote_id: id.to_string(),
            quote_type: QUOTE_TYPE,
            ticker: position.ticker.to_string(),
            currency: position.currency.clone(),
            position_value: position.position_value.to_string(),
            quantity: position.quantity,
            price: position.share_price.map(|price| price.to_string()),
            loan_days: position.loan_days,
            total_fee: price.total_fee.to_string(),
            breakdown: Breakdown {
                borrow_cost: price.borrow_cost.to_string(),
                markup: price.markup.to_string(),
                transaction_fees: price.transaction_fees.to_string(),
            },
            due_on_locate: price.transaction_fees.to_string(),
            estimated_carry: price.estimated_carry().to_string(),
            base_rate: position.base_rate.to_string(),
            volatility_index: position.volatility_index.to_string(),
            event_risk_factor: position.event_risk_factor,
            minimum_rate: position.minimum_rate.to_string(),
            borrow_rate_used: price.borrow_rate_used.to_string(),
            markup_percentage: common.terms.markup_percentage.to_string(),
            fee_type: fee.kind.as_str(),
            fee_amount: fee.amount.to_string(),
            day_count: common.terms.day_count.as_str(),
            borrow_status: position.borrow_status,
            valid_until: rfc3339(common.valid_until),
            data_sources: sources.clone(),
            terms_version: common.terms.version,
        }
    }
}

/// A position of a batch that has no price.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnpricedPosition)]
pub(crate) struct UnpricedBody {
    /// `<batch id>-<ordinal>`.
    pub quote_id: String,
    /// The ticker asked for.
    pub ticker: String,
    /// Why: an error code, as in a problem.
    pub code: &'static str,
    /// The same in words.
    pub detail: String,
}

/// One position of a batch: a quote, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = BatchPosition)]
pub(crate) enum BatchPositionBody {
    /// A quote.
    Quote(Box<QuoteBody>),
    /// No quote.
    Unpriced(UnpricedBody),
}

/// The answer to a batch, positions in the order asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(crate) struct BatchBody {
    /// Id of the batch's record.
    pub batch_id: String,
    /// Positions priced.
    pub priced: usize,
    /// Positions without a price.
    pub unpriced: usize,
    /// The positions.
    pub positions: Vec<BatchPositionBody>,
}

/// A stock's borrow rate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rate)]
pub(crate) struct RateBody {
    /// The stock, in stored form.
    pub ticker: String,
    /// Currency of the stock (ISO 4217).
    pub currency: String,
    /// Price tier of the stock.
    pub borrow_status: BorrowStatus,
    /// Annual fraction, adjusted and floored, 6 decimals: what a quote would use now.
    #[schema(example = "0.063000")]
    pub current_rate: String,
    /// Annual fraction before adjustment.
    pub base_rate: String,
    /// Annual fraction that the rate never goes below.
    pub minimum_rate: String,
    /// Points of the volatility index.
    pub volatility_index: String,
    /// 0 to 10.
    pub event_risk_factor: u8,
    /// Shares available, `>` before it where the source says at least; absent where the source gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<String>,
    /// Percent a year that the source pays on cash collateral.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebate_rate: Option<String>,
    /// RFC 3339 time of the borrow rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<String>,
    /// Where each input came from, how old it is, and whether it is a fallback.
    pub data_sources: DataSources,
}

impl RateBody {
    /// The answer for a security whose rate was computed.
    pub(crate) fn new(security: &Security<'_>, current_rate: Decimal) -> Self {
        Self {
            ticker: security.ticker.to_string(),
            currency: security.currency.to_owned(),
            borrow_status: security.status,
            current_rate: current_rate.to_string(),
            base_rate: security.base_rate.to_string(),
            minimum_rate: security.minimum_rate.to_string(),
            volatility_index: security.volatility_index.to_string(),
            event_risk_factor: security.event_risk_factor,
            available: security.available.map(|available| available.to_string()),
            rebate_rate: security.rebate_rate.map(|rate| rate.to_string()),
            last_updated: security.data_sources.borrow_rate.as_of.map(rfc3339),
            data_sources: security.data_sources.clone(),
        }
    }
}

/// A page of rates in ticker order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RatePage)]
pub(crate) struct RatePageBody {
    /// The rates.
    pub items: Vec<RateBody>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
