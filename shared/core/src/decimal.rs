//! Exact decimal arithmetic: parsing from literal text, products that refuse to lose a digit, and half-up rounding.
//!
//! `rust_decimal` silently rounds a product that needs more than 96 bits. Nothing here does: an operation that
//! cannot be exact is an error, so that the one rounding of each published figure is the only rounding there is.

use rust_decimal::{Decimal, RoundingStrategy};

/// Longest literal accepted, in characters. 28 digits, a sign and a point fit with room to spare.
const MAX_LITERAL: usize = 40;

/// Why a literal is not a decimal of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not `-?digits[.digits]`: exponents, separators, signs other than a leading minus, `NaN` and infinities.
    #[error("must be a plain decimal number, without exponent or separators")]
    Syntax,
    /// More digits after the point than the field allows.
    #[error("must have at most {0} decimals")]
    Scale(u32),
    /// More digits than an exact computation can carry.
    #[error("has too many digits")]
    Length,
    /// A result that would need more than 96 bits.
    #[error("the exact result needs more digits than can be kept")]
    Inexact,
}

/// Parses `text` as a decimal with at most `max_scale` digits after the point.
///
/// The grammar is that of a JSON number without exponent: `-?(0|[1-9][0-9]*)(\.[0-9]+)?`. The value is taken from the
/// text and never passes through binary floating point.
///
/// ```
/// use engine_core::decimal::parse;
/// assert_eq!(parse("100000.07", 2).unwrap().to_string(), "100000.07");
/// assert!(parse("1e5", 2).is_err());
/// ```
pub fn parse(text: &str, max_scale: u32) -> Result<Decimal, DecimalError> {
    if text.len() > MAX_LITERAL {
        return Err(DecimalError::Length);
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if !digits(whole) || leading_zero || fraction.is_some_and(|part| !digits(part)) {
        return Err(DecimalError::Syntax);
    }
    if fraction.map_or(0, str::len) > max_scale as usize {
        return Err(DecimalError::Scale(max_scale));
    }
    Decimal::from_str_exact(text).map_err(|_| DecimalError::Length)
}

/// `a × b`, or [`DecimalError::Inexact`] where the product does not fit.
pub fn multiply(a: Decimal, b: Decimal) -> Result<Decimal, DecimalError> {
    let (a, b) = (a.normalize(), b.normalize());
    let product = a.checked_mul(b).ok_or(DecimalError::Inexact)?;
    // `checked_mul` drops digits to fit; it can be seen by the scale that went missing.
    if product.is_zero() || product.scale() == a.scale() + b.scale() { Ok(product) } else { Err(DecimalError::Inexact) }
}

/// `a + b`, or [`DecimalError::Inexact`] where the sum does not fit.
pub fn add(a: Decimal, b: Decimal) -> Result<Decimal, DecimalError> {
    let (a, b) = (a.normalize(), b.normalize());
    let sum = a.checked_add(b).ok_or(DecimalError::Inexact)?;
    if sum.is_zero() || sum.scale() >= a.scale().max(b.scale()) { Ok(sum) } else { Err(DecimalError::Inexact) }
}

/// `value` rounded half up (away from zero at the midpoint) and padded to exactly `scale` decimals.
pub fn round_half_up(value: Decimal, scale: u32) -> Result<Decimal, DecimalError> {
    at_scale(value.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero), scale)
}

/// `numerator / divisor` rounded half up to `scale` decimals in one exact integer division, for non-negative numerators.
///
/// A decimal quotient is cut at 28 digits first and could then be rounded a second time; the integers cannot.
pub fn divide_half_up(numerator: Decimal, divisor: u32, scale: u32) -> Result<Decimal, DecimalError> {
    let numerator = numerator.normalize();
    if divisor == 0 || numerator.is_sign_negative() {
        return Err(DecimalError::Inexact);
    }
    let denominator = 10i128.pow(numerator.scale()) * i128::from(divisor);
    let doubled = numerator.mantissa().checked_mul(2 * 10i128.pow(scale)).ok_or(DecimalError::Inexact)?;
    let rounded = (doubled + denominator) / (2 * denominator);
    Decimal::try_from_i128_with_scale(rounded, scale).map_err(|_| DecimalError::Inexact)
}

/// `value` with exactly `scale` decimals; an error where that would drop a digit other than zero.
pub fn at_scale(value: Decimal, scale: u32) -> Result<Decimal, DecimalError> {
    let mut padded = value;
    padded.rescale(scale);
    if padded.scale() == scale && padded == value { Ok(padded) } else { Err(DecimalError::Inexact) }
}

/// Serialises a [`Decimal`] as its literal text, so that no JSON reader turns money into a float.
pub mod text {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the decimal as a JSON string.
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's `with` passes a reference
    pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads the decimal from a JSON string.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text, 28).map_err(D::Error::custom)
    }

    /// The same for a figure that may be absent.
    pub mod option {
        use super::{Decimal, Deserialize, Deserializer, Error, Serializer};

        /// Writes the decimal as a JSON string, or `null`.
        pub fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => serializer.collect_str(value),
                None => serializer.serialize_none(),
            }
        }

        /// Reads the decimal from a JSON string, or `null`.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| super::super::parse(&text, 28).map_err(D::Error::custom)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_plain_decimals_only() {
        for bad in [
            "", "-", ".5", "5.", "+1", "01", "1e5", "1E5", "NaN", "Infinity", "-inf", "1,000", "1_000", "0x10", " 1",
            "1 ", "１", "--1", "1.2.3",
        ] {
            assert_eq!(parse(bad, 10), Err(DecimalError::Syntax), "{bad:?}");
        }
        for good in ["0", "-0.5", "10", "0.01", "999999999.99", "100000.07"] {
            assert_eq!(parse(good, 2).unwrap().to_string(), good);
        }
    }

    #[test]
    fn decimals_beyond_the_field_are_refused_even_when_zero() {
        assert_eq!(parse("1.000", 2), Err(DecimalError::Scale(2)));
        assert_eq!(parse(&"9".repeat(41), 2), Err(DecimalError::Length));
        assert_eq!(parse(&"9".repeat(39), 2), Err(DecimalError::Length));
    }

    #[test]
    fn a_product_that_would_lose_a_digit_is_an_error() {
        let wide = parse("1.234567890123456789", 28).unwrap();
        assert_eq!(multiply(wide, wide), Err(DecimalError::Inexact));
        assert_eq!(multiply(wide, Decimal::ZERO), Ok(Decimal::ZERO));
    }

    #[test]
    fn division_rounds_the_midpoint_up_and_nothing_else() {
        let value = |text| parse(text, 28).unwrap();
        assert_eq!(divide_half_up(value("0.0001"), 2, 4).unwrap().to_string(), "0.0001");
        assert_eq!(divide_half_up(value("0.00009999999999999999999"), 2, 4).unwrap().to_string(), "0.0000");
        assert_eq!(divide_half_up(value("150000"), 365, 4).unwrap().to_string(), "410.9589");
        assert!(divide_half_up(value("1"), 0, 4).is_err());
    }
}
