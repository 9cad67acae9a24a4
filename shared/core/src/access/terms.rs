//! What a client pays: effective-dated, versioned, never changed in place.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::field::{FieldError, FieldReader, Fields};
use crate::pricing::{DayCount, FeeType, TransactionFee};

/// Highest markup, in percent of the borrow cost.
const MAX_MARKUP: Decimal = Decimal::ONE_HUNDRED;
/// The version of a client's first terms.
const FIRST_VERSION: u32 = 1;

/// One version of a client's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTerms {
    /// From 1, in the order in which they were added.
    pub version: u32,
    /// From when they apply.
    #[serde(with = "crate::time::text")]
    pub effective_from: Timestamp,
    /// Percent of the borrow cost: 5 is five percent. 0 to 100, at most 4 decimals.
    #[serde(with = "crate::decimal::text")]
    pub markup_percentage: Decimal,
    /// The transaction fee.
    #[serde(flatten)]
    pub transaction_fee: TransactionFee,
    /// The day count.
    pub day_count: DayCount,
}

/// The terms that apply at `now`: of those in effect, the latest to take effect, and of several the one added last. The
/// first ones apply from the start, so that a client is never without terms, even while two clocks differ.
#[must_use]
pub fn terms_in_force(terms: &[ClientTerms], now: Timestamp) -> Option<&ClientTerms> {
    let applies = |terms: &&ClientTerms| terms.effective_from <= now || terms.version == FIRST_VERSION;
    terms.iter().filter(applies).max_by_key(|terms| (terms.effective_from, terms.version))
}

/// Reads terms from `markup_percentage`, `fee_type`, `fee_amount`, and optionally `day_count` and `effective_from`
/// (RFC 3339; otherwise `now`). They may not take effect in the past, which would re-price what was already quoted, and
/// the first ones not in the future, which would leave a client without terms.
pub fn read_terms(fields: &Fields, version: u32, now: Timestamp) -> Result<ClientTerms, Vec<FieldError>> {
    let mut reader = FieldReader::new(fields);
    let markup_percentage = reader.decimal("markup_percentage", 4, (Decimal::ZERO, MAX_MARKUP));
    let kind = reader.text("fee_type", |name| FeeType::from_name(name).ok_or("must be FLAT or PERCENTAGE"));
    let most = match kind {
        Some(FeeType::Percentage) => Decimal::ONE_HUNDRED,
        _ => Decimal::from(1_000_000),
    };
    let amount = reader.decimal("fee_amount", 4, (Decimal::ZERO, most));
    let day_count = if reader.has("day_count") {
        reader.text("day_count", |name| DayCount::from_name(name).ok_or("must be ACT/365F or ACT/360"))
    } else {
        Some(DayCount::default())
    };
    let effective_from = if reader.has("effective_from") {
        reader.text("effective_from", |text| match text.parse::<Timestamp>() {
            Ok(time) if version == FIRST_VERSION && time > now => {
                Err("must not be in the future for a client's first terms")
            }
            Ok(time) if time >= now => Ok(time),
            Ok(_) => Err("must not be in the past"),
            Err(_) => Err("must be an RFC 3339 time"),
        })
    } else {
        Some(now)
    };
    let terms = (|| {
        Some(ClientTerms {
            version,
            effective_from: effective_from?,
            markup_percentage: markup_percentage?,
            transaction_fee: TransactionFee { kind: kind?, amount: amount? },
            day_count: day_count?,
        })
    })();
    reader.finish(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn terms(version: u32, effective_from: &str) -> ClientTerms {
        let fields = Fields::from_json(r#"{"markup_percentage": 5, "fee_type": "FLAT", "fee_amount": "25"}"#).unwrap();
        ClientTerms {
            effective_from: at(effective_from),
            ..read_terms(&fields, version, Timestamp::UNIX_EPOCH).unwrap()
        }
    }

    #[test]
    fn terms_apply_from_their_effective_date_and_later_versions_win_a_tie() {
        let all =
            [terms(1, "2026-01-01T00:00:00Z"), terms(2, "2026-03-01T00:00:00Z"), terms(3, "2026-03-01T00:00:00Z")];
        let version = |now| terms_in_force(&all, at(now)).map(|terms| terms.version);
        assert_eq!(version("2025-12-31T23:59:59Z"), Some(1), "the first terms apply from the start");
        assert_eq!(version("2026-02-01T00:00:00Z"), Some(1));
        assert_eq!(version("2026-03-01T00:00:00Z"), Some(3));
    }

    #[test]
    fn terms_added_with_an_earlier_date_do_not_displace_later_ones() {
        let all = [terms(1, "2026-03-01T00:00:00Z"), terms(2, "2026-02-01T00:00:00Z")];
        assert_eq!(terms_in_force(&all, at("2026-04-01T00:00:00Z")).map(|terms| terms.version), Some(1));
    }

    #[test]
    fn terms_name_every_bad_field_and_never_start_in_the_past() {
        let fields = Fields::from_json(
            r#"{"markup_percentage": 100.5, "fee_type": "flat", "fee_amount": "1e3", "day_count": "30/360",
                "effective_from": "2020-01-01T00:00:00Z"}"#,
        );
        let errors = read_terms(&fields.unwrap(), 1, at("2026-01-01T00:00:00Z")).unwrap_err();
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(names, ["markup_percentage", "fee_type", "fee_amount", "day_count", "effective_from"]);
    }
}
