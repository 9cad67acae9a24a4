//! The price of a borrow: from market inputs and client terms to a rate and the lines of a fee.
//!
//! ```text
//! adjusted        = base_rate × (1 + 0.01 × volatility_index + 0.05 × event_risk_factor / 10)
//! rate            = round6(max(adjusted, minimum_rate))                     annual fraction
//! borrow_cost     = round4(position_value × rate × loan_days / 365)         money
//! markup          = round4(borrow_cost × markup_percentage / 100)
//! transaction_fee = round4(flat amount)  or  round4(position_value × percentage / 100)
//! total_fee       = borrow_cost + markup + transaction_fee
//! ```
//!
//! Each published figure is rounded once, half up, and the later ones are computed from the published ones, so that a
//! client can redo the sum from the response. No intermediate is rounded: see [`crate::decimal`].

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decimal::{DecimalError, add, divide_half_up, multiply, round_half_up};

/// Decimals of a published annual rate.
pub const RATE_SCALE: u32 = 6;
/// Decimals of a published money amount.
pub const MONEY_SCALE: u32 = 4;

/// The weights of the rate adjustment. Versioned: a quote's record names the version and carries the values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coefficients {
    /// Version of this set, from 1.
    pub version: u32,
    /// Added to the multiplier for each point of the volatility index.
    #[serde(with = "crate::decimal::text")]
    pub volatility_per_point: Decimal,
    /// Added to the multiplier at the highest event risk factor, 10; in proportion below.
    #[serde(with = "crate::decimal::text")]
    pub event_risk_at_ten: Decimal,
}

impl Default for Coefficients {
    fn default() -> Self {
        Self { version: 1, volatility_per_point: Decimal::new(1, 2), event_risk_at_ten: Decimal::new(5, 2) }
    }
}

/// How days become a fraction of a year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum DayCount {
    /// Actual days over 365, leap years alike.
    #[default]
    #[serde(rename = "ACT/365F")]
    Act365Fixed,
    /// Actual days over 360, the US money-market convention.
    #[serde(rename = "ACT/360")]
    Act360,
}

impl DayCount {
    /// Days in the convention's year.
    #[must_use]
    pub const fn days_in_year(self) -> u32 {
        match self {
            Self::Act365Fixed => 365,
            Self::Act360 => 360,
        }
    }

    /// The convention's name, as in the client's terms and in every quote.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Act365Fixed => "ACT/365F",
            Self::Act360 => "ACT/360",
        }
    }

    /// The convention of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Act365Fixed, Self::Act360].into_iter().find(|day_count| day_count.as_str() == name)
    }
}

/// How a transaction fee is reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeeType {
    /// A fixed amount of money.
    Flat,
    /// A percentage of the position value: 0.5 is half of one percent.
    Percentage,
}

impl FeeType {
    /// The type's name, as in client terms and pricing files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "FLAT",
            Self::Percentage => "PERCENTAGE",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Flat, Self::Percentage].into_iter().find(|fee_type| fee_type.as_str() == name)
    }
}

/// The locate's transaction fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionFee {
    /// What `amount` means.
    #[serde(rename = "fee_type")]
    pub kind: FeeType,
    /// Money, or percent.
    #[serde(rename = "fee_amount", with = "crate::decimal::text")]
    pub amount: Decimal,
}

/// Everything a price depends on, by value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricingInputs {
    /// Annual fraction before adjustment: 0.05 is five percent a year.
    #[serde(with = "crate::decimal::text")]
    pub base_rate: Decimal,
    /// Points of the volatility index.
    #[serde(with = "crate::decimal::text")]
    pub volatility_index: Decimal,
    /// 0 (no event) to 10.
    pub event_risk_factor: u8,
    /// Annual fraction that the rate never goes below.
    #[serde(with = "crate::decimal::text")]
    pub minimum_rate: Decimal,
    /// Money, in the stock's currency.
    #[serde(with = "crate::decimal::text")]
    pub position_value: Decimal,
    /// Calendar days from settlement to return, 1 to 365.
    pub loan_days: u16,
    /// Percent of the borrow cost: 5 is five percent.
    #[serde(with = "crate::decimal::text")]
    pub markup_percentage: Decimal,
    /// The transaction fee.
    #[serde(flatten)]
    pub transaction_fee: TransactionFee,
    /// The convention by which days become a fraction of a year.
    pub day_count: DayCount,
    /// The weights of the adjustment.
    pub coefficients: Coefficients,
}

/// The published figures of a price: rates with six decimals, money with four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Annual fraction after adjustment and floor.
    #[serde(with = "crate::decimal::text")]
    pub borrow_rate_used: Decimal,
    /// Estimated carry of the loan before markup.
    #[serde(with = "crate::decimal::text")]
    pub borrow_cost: Decimal,
    /// The broker's markup on the borrow cost.
    #[serde(with = "crate::decimal::text")]
    pub markup: Decimal,
    /// What the locate itself costs.
    #[serde(with = "crate::decimal::text")]
    pub transaction_fees: Decimal,
    /// The sum of the three.
    #[serde(with = "crate::decimal::text")]
    pub total_fee: Decimal,
}

/// The annual borrow rate: adjusted for volatility and event risk, floored, rounded half up to six decimals.
pub fn borrow_rate(
    base_rate: Decimal,
    volatility_index: Decimal,
    event_risk_factor: u8,
    minimum_rate: Decimal,
    coefficients: &Coefficients,
) -> Result<Decimal, DecimalError> {
    let volatility = multiply(coefficients.volatility_per_point, volatility_index)?;
    let tenths = Decimal::new(i64::from(event_risk_factor), 1);
    let event_risk = multiply(coefficients.event_risk_at_ten, tenths)?;
    let multiplier = add(Decimal::ONE, add(volatility, event_risk)?)?;
    let adjusted = multiply(base_rate, multiplier)?;
    round_half_up(adjusted.max(minimum_rate), RATE_SCALE)
}

/// Prices one position. The only error is an exact result that does not fit, which inputs in range never reach.
pub fn price(inputs: &PricingInputs) -> Result<Price, DecimalError> {
    let rate = borrow_rate(
        inputs.base_rate,
        inputs.volatility_index,
        inputs.event_risk_factor,
        inputs.minimum_rate,
        &inputs.coefficients,
    )?;
    let rate_days = multiply(rate, Decimal::from(inputs.loan_days))?;
    let cost_years = multiply(inputs.position_value, rate_days)?;
    let borrow_cost = divide_half_up(cost_years, inputs.day_count.days_in_year(), MONEY_SCALE)?;
    let markup = percent_of(borrow_cost, inputs.markup_percentage)?;
    let transaction_fees = match inputs.transaction_fee.kind {
        FeeType::Flat => round_half_up(inputs.transaction_fee.amount, MONEY_SCALE)?,
        FeeType::Percentage => percent_of(inputs.position_value, inputs.transaction_fee.amount)?,
    };
    let total_fee = round_half_up(add(add(borrow_cost, markup)?, transaction_fees)?, MONEY_SCALE)?;
    Ok(Price { borrow_rate_used: rate, borrow_cost, markup, transaction_fees, total_fee })
}

fn percent_of(amount: Decimal, percentage: Decimal) -> Result<Decimal, DecimalError> {
    round_half_up(multiply(multiply(amount, percentage)?, Decimal::new(1, 2))?, MONEY_SCALE)
}

impl Price {
    /// What is owed only if stock is borrowed: borrow cost and markup, 4 decimals.
    #[must_use]
    pub fn estimated_carry(&self) -> Decimal {
        self.total_fee - self.transaction_fees
    }
}
