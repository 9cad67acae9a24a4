//! What a client asks to have priced.

use rust_decimal::Decimal;

use crate::access::ClientId;
use crate::decimal::multiply;
use crate::field::{FieldError, FieldReader, FieldValue, Fields};
use crate::ticker::Ticker;

/// Smallest and largest position value, in the stock's currency.
const POSITION_VALUE: (Decimal, Decimal) =
    (Decimal::from_parts(1, 0, 0, false, 2), Decimal::from_parts(1_000_000_000, 0, 0, false, 0));
/// Decimals of a position value.
const POSITION_VALUE_SCALE: u32 = 2;
/// Decimals of a price per share.
const SHARE_PRICE_SCALE: u32 = 6;
/// Shortest and longest loan, in calendar days.
const LOAN_DAYS: (u64, u64) = (1, 365);
/// Most positions in a batch.
pub const MAX_BATCH: usize = 1_000;
/// Positions of a batch that one token of the rate limit pays for.
const POSITIONS_PER_TOKEN: usize = 100;

/// How the size of a position was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionSize {
    /// As money.
    Value(Decimal),
    /// As a number of shares and a price per share; the position value is the exact product.
    Shares {
        /// Whole shares.
        quantity: u64,
        /// Money per share.
        price: Decimal,
        /// Their product.
        value: Decimal,
    },
}

impl PositionSize {
    /// The position value, money.
    #[must_use]
    pub const fn value(&self) -> Decimal {
        match self {
            Self::Value(value) | Self::Shares { value, .. } => *value,
        }
    }
}

/// One position to price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionRequest {
    /// The stock.
    pub ticker: Ticker,
    /// How much of it.
    pub size: PositionSize,
    /// For how many calendar days, 1 to 365.
    pub loan_days: u16,
    /// The client, where the caller named one; it must be the key's own.
    pub client_id: Option<ClientId>,
}

/// Reads one position: `ticker`, `loan_days`, `position_value` or `quantity` and `price`, and optionally `client_id`.
/// Fields it does not know are ignored.
pub fn read_position(fields: &Fields) -> Result<PositionRequest, Vec<FieldError>> {
    read_with(FieldReader::new(fields))
}

/// Reads a batch: `positions`, an array of 1 to [`MAX_BATCH`] objects as [`read_position`] reads them. Every bad field
/// of every position is reported, as `positions[3].ticker`.
pub fn read_batch(fields: &Fields) -> Result<Vec<PositionRequest>, Vec<FieldError>> {
    let refuse = |message: &str| vec![FieldError::new("positions", message)];
    let list = match fields.get("positions") {
        FieldValue::Array(text) => {
            let list = Fields::list_from_json(text, MAX_BATCH).map_err(|_| refuse("must be an array of objects"))?;
            list.filter(|list| !list.is_empty())
        }
        FieldValue::Missing => return Err(refuse("is required")),
        _ => return Err(refuse("must be an array of objects")),
    };
    let list = list.ok_or_else(|| refuse(&format!("must hold 1 to {MAX_BATCH} positions")))?;
    let mut positions = Vec::with_capacity(list.len());
    let mut errors = Vec::new();
    for (ordinal, fields) in list.iter().enumerate() {
        match read_with(FieldReader::nested(fields, format!("positions[{ordinal}]."))) {
            Ok(position) => positions.push(position),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(positions) } else { Err(errors) }
}

/// Tokens of the rate limit that a batch of `positions` costs: one per hundred, at least one.
#[must_use]
pub fn batch_tokens(positions: usize) -> u32 {
    let tokens = positions.min(MAX_BATCH).div_ceil(POSITIONS_PER_TOKEN).max(1);
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn read_with(mut reader: FieldReader<'_>) -> Result<PositionRequest, Vec<FieldError>> {
    let ticker = reader.text("ticker", Ticker::parse);
    let size = read_size(&mut reader);
    let loan_days = reader.integer("loan_days", LOAN_DAYS).and_then(|days| u16::try_from(days).ok());
    let client_id =
        if reader.has("client_id") { reader.text("client_id", ClientId::parse).map(Some) } else { Some(None) };
    let request =
        (|| Some(PositionRequest { ticker: ticker?, size: size?, loan_days: loan_days?, client_id: client_id? }))();
    reader.finish(request)
}

fn read_size(reader: &mut FieldReader<'_>) -> Option<PositionSize> {
    let by_shares = reader.has("quantity") || reader.has("price");
    if !by_shares {
        return reader.decimal("position_value", POSITION_VALUE_SCALE, POSITION_VALUE).map(PositionSize::Value);
    }
    if reader.has("position_value") {
        reader.refuse("position_value", "must not be given together with quantity and price");
    }
    let quantity = reader.integer("quantity", (1, 100_000_000_000));
    let price = reader.decimal("price", SHARE_PRICE_SCALE, (Decimal::new(1, SHARE_PRICE_SCALE), POSITION_VALUE.1));
    let (quantity, price) = (quantity?, price?);
    match multiply(Decimal::from(quantity), price) {
        Ok(mut value) if POSITION_VALUE.0 <= value && value <= POSITION_VALUE.1 => {
            if value.scale() < POSITION_VALUE_SCALE {
                value.rescale(POSITION_VALUE_SCALE);
            }
            Some(PositionSize::Shares { quantity, price, value })
        }
        _ => {
            let range = format!("times price must be between {} and {}", POSITION_VALUE.0, POSITION_VALUE.1);
            reader.refuse("quantity", range);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<PositionRequest, Vec<FieldError>> {
        read_position(&Fields::from_json(json).unwrap())
    }

    #[test]
    fn a_position_is_a_value_or_shares_at_a_price_never_both() {
        let value = read(r#"{"ticker": "aapl", "position_value": 100000.07, "loan_days": 30}"#).unwrap();
        assert_eq!(value.size.value().to_string(), "100000.07");
        let shares = read(r#"{"ticker": "aapl", "quantity": 333, "price": "12.3456", "loan_days": 30}"#).unwrap();
        assert_eq!(shares.size.value().to_string(), "4111.0848");
        let round = read(r#"{"ticker": "aapl", "quantity": 100, "price": 412.5, "loan_days": 30}"#).unwrap();
        assert_eq!(round.size.value().to_string(), "41250.00", "money has at least its two decimals");
        let both = r#"{"ticker": "aapl", "quantity": 1, "price": 1, "position_value": 1, "loan_days": 30}"#;
        assert_eq!(read(both).unwrap_err()[0].field, "position_value");
        for half in [r#"{"ticker":"A","quantity":1,"loan_days":1}"#, r#"{"ticker":"A","price":1,"loan_days":1}"#] {
            assert_eq!(read(half).unwrap_err().len(), 1);
        }
    }

    #[test]
    fn limits_are_inclusive() {
        for (value, days) in [("0.01", 1), ("1000000000", 365), ("999999999.99", 30), ("0.1", 30)] {
            let json = format!(r#"{{"ticker": "A", "position_value": {value}, "loan_days": {days}}}"#);
            assert_eq!(read(&json).unwrap().size.value().to_string(), value);
        }
        for (value, days) in [("0", 1), ("0.001", 1), ("1000000000.01", 1), ("1", 0), ("1", 366), ("-1", 1), ("1e3", 1)]
        {
            let json = format!(r#"{{"ticker": "A", "position_value": {value}, "loan_days": {days}}}"#);
            assert_eq!(read(&json).unwrap_err().len(), 1, "{json}");
        }
    }

    #[test]
    fn a_batch_reports_every_bad_field_by_position() {
        let json =
            r#"{"positions": [{"ticker": "A", "position_value": 1, "loan_days": 1}, {"ticker": 5, "loan_days": "1"}]}"#;
        let errors = read_batch(&Fields::from_json(json).unwrap()).unwrap_err();
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(names, ["positions[1].ticker", "positions[1].position_value", "positions[1].loan_days"]);
        for bad in
            ["{}", r#"{"positions": null}"#, r#"{"positions": []}"#, r#"{"positions": [1]}"#, r#"{"positions": {}}"#]
        {
            let errors = read_batch(&Fields::from_json(bad).unwrap()).unwrap_err();
            assert_eq!(errors[0].field, "positions", "{bad}");
        }
    }

    #[test]
    fn a_batch_costs_a_token_per_hundred_positions() {
        for (positions, tokens) in [(0, 1), (1, 1), (100, 1), (101, 2), (1000, 10), (5000, 10)] {
            assert_eq!(batch_tokens(positions), tokens);
        }
    }
}
