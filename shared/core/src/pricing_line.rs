//! A position to price offline, as one line of a pricing file: every input by value, nothing looked up.
//!
//! A line has the nine [`COLUMNS`] and may have a [`DAY_COUNT`]; what else it has is not looked at. Within the ranges
//! read here, [`crate::pricing::price`] is always exact.

use std::fmt;

use rust_decimal::Decimal;

use crate::field::{FieldError, FieldReader, FieldValue, Fields};
use crate::pricing::{Coefficients, DayCount, FeeType, PricingInputs, TransactionFee};

/// The fields that every line has, in the order of a file's header.
pub const COLUMNS: [&str; 9] = [
    "base_rate",
    "volatility_index",
    "event_risk_factor",
    "minimum_rate",
    "position_value",
    "loan_days",
    "markup_percentage",
    "fee_type",
    "fee_amount",
];

/// The field that names the day count; ACT/365F where a line has none.
pub const DAY_COUNT: &str = "day_count";

/// The member under which a JSON line may hold its fields.
const INPUTS: &str = "inputs";

/// Decimals of an annual rate.
const RATE_DECIMALS: u32 = 10;
/// Decimals of everything else.
const DECIMALS: u32 = 6;
/// Highest annual rate: 100 is ten thousand percent.
const MAX_RATE: Decimal = Decimal::ONE_HUNDRED;
/// Highest volatility index and markup percentage.
const MAX_POINTS: Decimal = Decimal::ONE_THOUSAND;
/// Highest position value and flat fee.
const MAX_MONEY: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
/// Lowest position value.
const MIN_POSITION: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Why a line cannot be priced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// Not a JSON object; the column at which that shows.
    Json {
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// Every field that is not what it must be.
    Fields(Vec<FieldError>),
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { column } => write!(f, "must be one JSON object (see column {column})"),
            Self::Fields(errors) => {
                for (index, error) in errors.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{}: {}", error.field, error.message)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for LineError {}

impl From<Vec<FieldError>> for LineError {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Fields(errors)
    }
}

/// Reads a line of JSON: one object with the fields, or with an object `inputs` that has them.
///
/// ```
/// # use engine_core::{pricing::price, pricing_line};
/// let line = r#"{"inputs": {"base_rate": 0.05, "volatility_index": "25", "event_risk_factor": 2, "minimum_rate": "0.0001",
///     "position_value": 100000, "loan_days": 30, "markup_percentage": 5, "fee_type": "FLAT", "fee_amount": 25}}"#;
/// let inputs = pricing_line::from_json(line).unwrap();
/// assert_eq!(price(&inputs).unwrap().total_fee.to_string(), "568.6986");
/// ```
pub fn from_json(line: &str) -> Result<PricingInputs, LineError> {
    let fields = parse(line)?;
    if !fields.has(INPUTS) {
        return Ok(from_fields(&fields)?);
    }
    let FieldValue::Object(inputs) = fields.get(INPUTS) else {
        return Err(vec![FieldError::new(INPUTS, "must be a JSON object")].into());
    };
    let mut outer = FieldReader::new(&fields);
    for name in COLUMNS.into_iter().chain([DAY_COUNT]).filter(|name| fields.has(name)) {
        outer.refuse(name, "must be given once, here or in inputs");
    }
    outer.finish(Some(()))?;
    let inputs = parse(inputs)?;
    Ok(read(FieldReader::nested(&inputs, format!("{INPUTS}.")))?)
}

fn parse(object: &str) -> Result<Fields, LineError> {
    Fields::from_json(object).map_err(|error| LineError::Json { column: error.column().max(1) })
}

/// Reads a line whose fields are already apart, as those of a CSV row.
pub fn from_fields(fields: &Fields) -> Result<PricingInputs, Vec<FieldError>> {
    read(FieldReader::new(fields))
}

fn read(mut reader: FieldReader<'_>) -> Result<PricingInputs, Vec<FieldError>> {
    let base_rate = reader.decimal("base_rate", RATE_DECIMALS, (Decimal::ZERO, MAX_RATE));
    let volatility_index = reader.decimal("volatility_index", DECIMALS, (Decimal::ZERO, MAX_POINTS));
    let event_risk_factor = reader.integer("event_risk_factor", (0, 10));
    let minimum_rate = reader.decimal("minimum_rate", RATE_DECIMALS, (Decimal::ZERO, MAX_RATE));
    let position_value = reader.decimal("position_value", DECIMALS, (MIN_POSITION, MAX_MONEY));
    let loan_days = reader.integer("loan_days", (1, 365));
    let markup_percentage = reader.decimal("markup_percentage", DECIMALS, (Decimal::ZERO, MAX_POINTS));
    let kind = reader.text("fee_type", |name| FeeType::from_name(name).ok_or("must be FLAT or PERCENTAGE"));
    let highest_fee = if kind == Some(FeeType::Percentage) { Decimal::ONE_HUNDRED } else { MAX_MONEY };
    let amount = reader.decimal("fee_amount", DECIMALS, (Decimal::ZERO, highest_fee));
    let day_count = if reader.has(DAY_COUNT) {
        reader.text(DAY_COUNT, |name| DayCount::from_name(name).ok_or("must be ACT/365F or ACT/360"))
    } else {
        Some(DayCount::default())
    };
    let inputs = || {
        Some(PricingInputs {
            base_rate: base_rate?,
            volatility_index: volatility_index?,
            event_risk_factor: u8::try_from(event_risk_factor?).ok()?,
            minimum_rate: minimum_rate?,
            position_value: position_value?,
            loan_days: u16::try_from(loan_days?).ok()?,
            markup_percentage: markup_percentage?,
            transaction_fee: TransactionFee { kind: kind?, amount: amount? },
            day_count: day_count?,
            coefficients: Coefficients::default(),
        })
    };
    reader.finish(inputs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: [&str; 9] = ["0.05", "25", "2", "0.0001", "100000.000001", "30", "5", "FLAT", "25"];

    fn with(changes: &[(&str, &str)]) -> Result<PricingInputs, Vec<FieldError>> {
        let held = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
        let row = COLUMNS.into_iter().zip(ROW).filter(|(name, _)| !held(name));
        from_fields(&Fields::from_pairs(row.chain(changes.iter().copied())))
    }

    fn refused(changes: &[(&str, &str)]) -> Vec<String> {
        with(changes).unwrap_err().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn the_edges_of_every_range_are_inside_and_one_step_further_is_not() {
        let edges = [
            ("base_rate", ["0", "100"], ["-0.0000000001", "100.0000000001"]),
            ("volatility_index", ["0", "1000"], ["-1", "1000.000001"]),
            ("event_risk_factor", ["0", "10"], ["-1", "11"]),
            ("minimum_rate", ["0", "100.0000000000"], ["0.00000000001", "101"]),
            ("position_value", ["0.01", "1000000000"], ["0.009999", "1000000000.000001"]),
            ("loan_days", ["1", "365"], ["0", "366"]),
            ("markup_percentage", ["0", "1000"], ["0.0000001", "1000.1"]),
            ("fee_amount", ["0", "1000000000"], ["1000000000.1", "25.0000001"]),
            ("fee_type", ["FLAT", "PERCENTAGE"], ["flat", "PERCENT"]),
            ("day_count", ["ACT/365F", "ACT/360"], ["30/360", "act/360"]),
        ];
        for (field, inside, outside) in edges {
            for value in inside {
                assert!(with(&[(field, value)]).is_ok(), "{field} {value}");
            }
            for value in outside {
                assert_eq!(refused(&[(field, value)]), [field], "{value}");
            }
        }
    }

    #[test]
    fn a_percentage_fee_is_at_most_all_of_the_position() {
        assert!(with(&[("fee_type", "PERCENTAGE"), ("fee_amount", "100")]).is_ok());
        assert_eq!(refused(&[("fee_type", "PERCENTAGE"), ("fee_amount", "100.01")]), ["fee_amount"]);
    }

    #[test]
    fn every_bad_field_is_named_with_its_place() {
        let error = from_json(r#"{"inputs": {"base_rate": 1e2, "loan_days": "30", "fee_type": 1}}"#).unwrap_err();
        let LineError::Fields(errors) = &error else { panic!("{error}") };
        assert_eq!(errors.len(), COLUMNS.len(), "{error}");
        assert!(error.to_string().starts_with("inputs.base_rate: must be a plain decimal number"), "{error}");
    }

    #[test]
    fn what_is_not_one_object_is_refused_without_quoting_it() {
        for line in ["", "[]", "1", "\"secret\"", "{", "{} {}", "{\"a\": 01}"] {
            assert!(matches!(from_json(line), Err(LineError::Json { .. })), "{line}");
        }
        assert!(!from_json("\"secret\"").unwrap_err().to_string().contains("secret"));
        let both = r#"{"inputs": {}, "base_rate": 1}"#;
        assert_eq!(from_json(both).unwrap_err().to_string(), "base_rate: must be given once, here or in inputs");
        assert_eq!(from_json(r#"{"inputs": []}"#).unwrap_err().to_string(), "inputs: must be a JSON object");
    }
}
