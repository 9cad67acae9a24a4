//! Named fields of a request, from a JSON body or a query string, before they are given a type.
//!
//! A number keeps its literal text: it becomes a decimal without passing through a float. Every bad field is reported
//! at once, so validation collects [`FieldError`]s instead of stopping at the first.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::decimal;

/// Unknown fields that are named in one answer.
const MOST_UNKNOWN: usize = 20;
/// Characters of an unknown field's name that are repeated.
const LONGEST_NAME: usize = 64;

/// One refused field: its name, and what it must be. The message never repeats the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Name of the field; `positions[3].ticker` inside a batch.
    pub field: String,
    /// What the field must be.
    pub message: String,
}

impl FieldError {
    /// An error about `field`.
    #[must_use]
    pub fn new(field: &str, message: impl fmt::Display) -> Self {
        Self { field: field.to_owned(), message: message.to_string() }
    }
}

/// A field's value as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldValue {
    /// Not there.
    #[default]
    Missing,
    /// JSON `null`.
    Null,
    /// A JSON number, as its literal text.
    Number(String),
    /// A JSON string.
    Text(String),
    /// A query parameter, which has no type of its own.
    Parameter(String),
    /// JSON `true` or `false`.
    Boolean(bool),
    /// A JSON object, as its literal text.
    Object(String),
    /// A JSON array, as its literal text.
    Array(String),
    /// Given more than once, which two readers could understand differently.
    Repeated,
}

impl FieldValue {
    fn from_raw(raw: &RawValue) -> Result<Self, serde_json::Error> {
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'{') => Self::Object(text.to_owned()),
            Some(b'[') => Self::Array(text.to_owned()),
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            _ => Self::Number(text.to_owned()),
        })
    }
}

/// The fields of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, FieldValue>);

impl Fields {
    /// Reads a JSON object. Nested values stay as text.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Reads the objects of a JSON array; `None` where there are more than `most`, of which only those are kept in memory.
    pub fn list_from_json(text: &str, most: usize) -> Result<Option<Vec<Self>>, serde_json::Error> {
        struct ListVisitor(usize);

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = Option<Vec<Fields>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of JSON objects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while list.len() < self.0 {
                    match items.next_element()? {
                        Some(fields) => list.push(fields),
                        None => return Ok(Some(list)),
                    }
                }
                let full = items.next_element::<IgnoredAny>()?.is_none();
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(full.then_some(list))
            }
        }

        let mut reader = serde_json::Deserializer::from_str(text);
        let list = reader.deserialize_seq(ListVisitor(most))?;
        reader.end()?;
        Ok(list)
    }

    /// Takes name and value pairs, as in a query string.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut fields = Self::default();
        for (name, value) in pairs {
            fields.insert(name.to_owned(), FieldValue::Parameter(value.to_owned()));
        }
        fields
    }

    fn insert(&mut self, name: String, value: FieldValue) {
        self.0.entry(name).and_modify(|held| *held = FieldValue::Repeated).or_insert(value);
    }

    /// The value of a field; [`FieldValue::Missing`] where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &FieldValue {
        self.0.get(name).unwrap_or(&FieldValue::Missing)
    }

    /// The names of the fields, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether the field is there, if only as `null`: reading it then says that it must not be.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        !matches!(self.get(name), FieldValue::Missing)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, raw)) = map.next_entry::<String, Box<RawValue>>()? {
                    let value = FieldValue::from_raw(&raw).map_err(serde::de::Error::custom)?;
                    fields.insert(name, value);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Reads typed values out of [`Fields`] and remembers everything that was wrong.
#[derive(Debug)]
pub struct FieldReader<'a> {
    fields: &'a Fields,
    prefix: String,
    errors: Vec<FieldError>,
}

impl<'a> FieldReader<'a> {
    /// Reads top-level fields.
    #[must_use]
    pub fn new(fields: &'a Fields) -> Self {
        Self::nested(fields, String::new())
    }

    /// Reads fields whose names are reported behind `prefix`.
    #[must_use]
    pub fn nested(fields: &'a Fields, prefix: String) -> Self {
        Self { fields, prefix, errors: Vec::new() }
    }

    /// Adds an error about `field`.
    pub fn refuse(&mut self, field: &str, message: impl fmt::Display) {
        self.errors.push(FieldError::new(&format!("{}{field}", self.prefix), message));
    }

    /// Whether the field is there: see [`Fields::has`].
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.fields.has(field)
    }

    /// A decimal given as a JSON number or string, at most `max_scale` decimals, in `range` (inclusive).
    pub fn decimal(&mut self, field: &str, max_scale: u32, range: (Decimal, Decimal)) -> Option<Decimal> {
        let literal = self.literal(field, "must be a decimal number or a string that holds one")?;
        match decimal::parse(literal, max_scale) {
            Ok(value) if range.0 <= value && value <= range.1 => Some(value),
            Ok(_) => {
                self.refuse(field, format_args!("must be between {} and {}", range.0, range.1));
                None
            }
            Err(error) => {
                self.refuse(field, error);
                None
            }
        }
    }

    /// A whole number in `range` (inclusive): a JSON number or a query parameter, not a JSON string.
    pub fn integer(&mut self, field: &str, range: (u64, u64)) -> Option<u64> {
        let literal = match self.fields.get(field) {
            FieldValue::Number(text) | FieldValue::Parameter(text) => text,
            other => {
                self.refuse(field, absent_or(other, "must be a whole number"));
                return None;
            }
        };
        let plain = (1..=19).contains(&literal.len())
            && literal.bytes().all(|b| b.is_ascii_digit())
            && (literal == "0" || !literal.starts_with('0'));
        match literal.parse::<u64>() {
            Ok(value) if plain && range.0 <= value && value <= range.1 => Some(value),
            _ => {
                self.refuse(field, format_args!("must be a whole number between {} and {}", range.0, range.1));
                None
            }
        }
    }

    /// A string that `parse` accepts.
    pub fn text<T, E: fmt::Display>(&mut self, field: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        match self.fields.get(field) {
            FieldValue::Text(text) | FieldValue::Parameter(text) => match parse(text) {
                Ok(value) => Some(value),
                Err(error) => {
                    self.refuse(field, error);
                    None
                }
            },
            other => {
                self.refuse(field, absent_or(other, "must be a string"));
                None
            }
        }
    }

    /// 1 to `most` strings, each of which `parse` accepts, in a JSON array. A bad one is named by its place.
    pub fn texts<T, E: fmt::Display>(
        &mut self,
        field: &str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let expected = format!("must be a list of 1 to {most} strings");
        let items = match self.fields.get(field) {
            FieldValue::Array(literal) => serde_json::from_str::<Vec<Cow<'_, str>>>(literal).ok(),
            FieldValue::Text(_) | FieldValue::Parameter(_) => None,
            other => {
                self.refuse(field, absent_or(other, &expected));
                return None;
            }
        };
        let Some(items) = items.filter(|items| (1..=most).contains(&items.len())) else {
            self.refuse(field, expected);
            return None;
        };
        let mut values = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            match parse(item) {
                Ok(value) => values.push(value),
                Err(error) => self.refuse(&format!("{field}[{place}]"), error),
            }
        }
        (values.len() == items.len()).then_some(values)
    }

    /// The strings of [`FieldReader::texts`], or one string alone.
    pub fn text_or_texts<T, E: fmt::Display>(
        &mut self,
        field: &str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        match self.fields.get(field) {
            FieldValue::Text(_) | FieldValue::Parameter(_) => self.text(field, parse).map(|value| vec![value]),
            _ => self.texts(field, most, parse),
        }
    }

    /// JSON `true` or `false`.
    pub fn boolean(&mut self, field: &str) -> Option<bool> {
        match self.fields.get(field) {
            FieldValue::Boolean(value) => Some(*value),
            other => {
                self.refuse(field, absent_or(other, "must be true or false"));
                None
            }
        }
    }

    /// Refuses fields that are not among `known`: what the caller meant by one would go unheeded.
    pub fn unknown(&mut self, known: &[&str]) {
        let fields = self.fields;
        for name in fields.names().filter(|name| !known.contains(name)).take(MOST_UNKNOWN) {
            // The name is the caller's: no longer than a name of ours might be.
            let name: String = name.chars().take(LONGEST_NAME).collect();
            self.refuse(&name, "is not a field of this request");
        }
    }

    /// Ends the reading: the value if nothing was refused, else every error.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }

    fn literal(&mut self, field: &str, expected: &'static str) -> Option<&'a str> {
        match self.fields.get(field) {
            FieldValue::Number(text) | FieldValue::Text(text) | FieldValue::Parameter(text) => Some(text),
            other => {
                self.refuse(field, absent_or(other, expected));
                None
            }
        }
    }
}

fn absent_or<'e>(value: &FieldValue, expected: &'e str) -> &'e str {
    match value {
        FieldValue::Missing => "is required",
        FieldValue::Null => "must not be null",
        FieldValue::Repeated => "must be given once",
        _ => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_literal_text() {
        let fields =
            Fields::from_json(r#"{"a": 100000.07, "b": 1e400, "c": "0.1", "d": [1], "e": null, "f": true}"#).unwrap();
        assert_eq!(fields.get("a"), &FieldValue::Number("100000.07".into()));
        assert_eq!(fields.get("b"), &FieldValue::Number("1e400".into()));
        assert_eq!(fields.get("c"), &FieldValue::Text("0.1".into()));
        assert_eq!(fields.get("d"), &FieldValue::Array("[1]".into()));
        assert_eq!(fields.get("e"), &FieldValue::Null);
        assert_eq!(fields.get("f"), &FieldValue::Boolean(true));
        assert_eq!(fields.get("g"), &FieldValue::Missing);
    }

    #[test]
    fn a_field_given_twice_is_refused_not_guessed() {
        let fields = Fields::from_json(r#"{"a": 1, "a": 2}"#).unwrap();
        assert_eq!(fields.get("a"), &FieldValue::Repeated);
        assert_eq!(Fields::from_pairs([("a", "1"), ("a", "1")]).get("a"), &FieldValue::Repeated);
    }

    #[test]
    fn a_list_beyond_its_limit_is_read_no_further() {
        let list = |text: &str| Fields::list_from_json(text, 2).map(|list| list.map(|list| list.len()));
        assert_eq!(list("[]").unwrap(), Some(0));
        assert_eq!(list(r#"[{}, {"a": 1}]"#).unwrap(), Some(2));
        assert_eq!(list("[{}, {}, 5]").unwrap(), None);
        for bad in ["[1]", "{}", "[{}", "[{}] x"] {
            assert!(list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_bad_field_is_reported_at_once() {
        let fields = Fields::from_json(r#"{"a": "x", "b": 0, "c": 3}"#).unwrap();
        let mut reader = FieldReader::nested(&fields, "positions[3].".into());
        let one = Decimal::ONE;
        assert_eq!(reader.decimal("a", 2, (one, one)), None);
        assert_eq!(reader.integer("b", (1, 365)), None);
        assert_eq!(reader.text("c", |text| Ok::<_, String>(text.to_owned())), None);
        assert_eq!(reader.integer("d", (1, 365)), None);
        let errors = reader.finish(Some(())).unwrap_err();
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(names, ["positions[3].a", "positions[3].b", "positions[3].c", "positions[3].d"]);
    }

    #[test]
    fn one_string_may_stand_for_a_list_of_one_where_the_field_says_so() {
        let fields = Fields::from_json(r#"{"one": "a", "more": ["a", "b"], "bad": 1}"#).unwrap();
        let mut reader = FieldReader::new(&fields);
        let any = |text: &str| Ok::<_, String>(text.to_owned());
        assert_eq!(reader.text_or_texts("one", 2, any), Some(vec!["a".to_owned()]));
        assert_eq!(reader.text_or_texts("more", 2, any), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(reader.text_or_texts("bad", 2, any), None);
        assert_eq!(reader.finish(Some(())).unwrap_err().len(), 1);
    }

    #[test]
    fn a_boolean_is_no_string_and_no_number() {
        let fields = Fields::from_json(r#"{"yes": true, "no": false, "text": "true", "one": 1}"#).unwrap();
        let mut reader = FieldReader::new(&fields);
        let read = ["yes", "no", "text", "one", "absent"].map(|field| reader.boolean(field));
        assert_eq!(read, [Some(true), Some(false), None, None, None]);
        assert_eq!(reader.finish(Some(())).unwrap_err().len(), 3);
    }

    #[test]
    fn a_list_of_strings_is_read_whole_or_refused_by_place() {
        let text = r#"{"good": ["a", "\u0062"], "bad": ["a", "?"], "none": [], "many": ["a", "b", "c"], "mixed": ["a", 1], "one": "a"}"#;
        let fields = Fields::from_json(text).unwrap();
        let mut reader = FieldReader::new(&fields);
        let letter = |text: &str| if text == "?" { Err("must be a letter") } else { Ok(text.to_owned()) };
        assert_eq!(reader.texts("good", 2, letter), Some(vec!["a".to_owned(), "b".to_owned()]));
        for field in ["bad", "none", "many", "mixed", "one", "absent"] {
            assert_eq!(reader.texts(field, 2, letter), None, "{field}");
        }
        let errors = reader.finish(Some(())).unwrap_err();
        let told: Vec<_> = errors.iter().map(|error| (error.field.as_str(), error.message.as_str())).collect();
        let list = "must be a list of 1 to 2 strings";
        let wanted = [("none", list), ("many", list), ("mixed", list), ("one", list), ("absent", "is required")];
        assert_eq!(told, [[("bad[1]", "must be a letter")].as_slice(), &wanted].concat());
    }

    #[test]
    fn a_field_that_nobody_reads_is_refused_and_its_name_cut() {
        let long = "x".repeat(100);
        let fields = Fields::from_pairs([("a", "1"), ("role", "1"), (long.as_str(), "1")]);
        let mut reader = FieldReader::new(&fields);
        reader.unknown(&["a", "roles"]);
        let errors = reader.finish(Some(())).unwrap_err();
        let names: Vec<_> = errors.iter().map(|error| error.field.len()).collect();
        assert_eq!(names, [4, 64]);
    }
}
