//! Reading DynamoDB items: an attribute that is missing or of another type is corruption, named.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::Error;

/// An item as the SDK gives it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A string attribute.
pub(crate) fn string<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Error> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or_else(|| absent(name))
}

/// A numeric attribute.
pub(crate) fn number<T: std::str::FromStr>(item: &Item, name: &'static str) -> Result<T, Error> {
    let text = item.get(name).and_then(|value| value.as_n().ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| absent(name))
}

/// A numeric attribute that holds milliseconds since the epoch.
pub(crate) fn time(item: &Item, name: &'static str) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(number(item, name)?).map_err(|error| Error::corrupt(name, error))
}

/// A string-set attribute; empty where it is missing, since DynamoDB keeps no empty sets.
pub(crate) fn strings<'a>(item: &'a Item, name: &'static str) -> &'a [String] {
    item.get(name).and_then(|value| value.as_ss().ok()).map_or(&[], Vec::as_slice)
}

/// A string attribute, parsed.
pub(crate) fn parsed<T, E: std::fmt::Display>(
    item: &Item,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Error> {
    parse(string(item, name)?).map_err(|error| Error::corrupt(name, error))
}

/// Shorthand for a numeric value.
#[allow(clippy::needless_pass_by_value)] // numbers, which callers have by value
pub(crate) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Shorthand for a string value.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// The error for an attribute that should be there.
pub(crate) fn absent(name: &'static str) -> Error {
    Error::corrupt(name, "missing or of another type")
}
