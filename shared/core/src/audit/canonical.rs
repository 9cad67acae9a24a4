//! The JSON Canonicalization Scheme (RFC 8785), for values whose numbers are integers.

mod check;

use serde_json::Value;

pub use check::is_canonical;

/// The largest integer that every JSON reader keeps exactly (RFC 8785, appendix D; 2^53 - 1).
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A value that has no canonical form here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A fraction, an exponent, or an integer beyond 2^53 - 1. Money and rates are strings.
    #[error("a number in a canonical document must be an integer of at most 53 bits")]
    Number,
}

/// The canonical text of `value`: members in UTF-16 order, no white space, minimal escapes.
pub fn canonical_json(value: &Value) -> Result<String, CanonicalError> {
    let mut text = String::new();
    write_value(value, &mut text)?;
    Ok(text)
}

fn write_value(value: &Value, out: &mut String) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => {
            let safe = number.as_i64().is_some_and(|number| number.unsigned_abs() <= MAX_SAFE_INTEGER);
            if !safe {
                return Err(CanonicalError::Number);
            }
            out.push_str(&number.to_string());
        }
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_value(item, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (position, (name, member)) in members.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write_value(member, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    // What needs an escape is one byte, so that everything up to it is whole characters.
    while let Some(place) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' ')) {
        let (plain, tail) = rest.split_at(place);
        let (escaped, tail) = tail.split_at(1);
        out.push_str(plain);
        match escaped {
            "\"" => out.push_str("\\\""),
            "\\" => out.push_str("\\\\"),
            "\u{8}" => out.push_str("\\b"),
            "\t" => out.push_str("\\t"),
            "\n" => out.push_str("\\n"),
            "\u{c}" => out.push_str("\\f"),
            "\r" => out.push_str("\\r"),
            control => {
                out.push_str("\\u00");
                out.push_str(&crate::hex::encode(control.as_bytes()));
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use serde_json::json;

    /// The form's definition: read, and written again, it is the same.
    fn rewritten(text: &str) -> bool {
        let value: Option<Value> = serde_json::from_str(text).ok();
        value.and_then(|value| canonical_json(&value).ok()).as_deref() == Some(text)
    }

    #[test]
    fn members_are_sorted_by_utf16_code_units_as_rfc_8785_section_3_2_3_shows() {
        let value = json!({"\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"});
        let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
            \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
            \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
        assert_eq!(canonical_json(&value).unwrap(), expected);
    }

    #[test]
    fn strings_take_the_shortest_escapes() {
        let value = json!("\u{20ac}$\u{f}\nA'B\"\\\\\"/");
        assert_eq!(canonical_json(&value).unwrap(), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
    }

    #[test]
    fn nested_members_are_kept_and_sorted() {
        let value = json!({"b": {"z": 1, "a": [true, null, {"y": -5, "x": "t"}]}, "a": {}});
        assert_eq!(canonical_json(&value).unwrap(), r#"{"a":{},"b":{"a":[true,null,{"x":"t","y":-5}],"z":1}}"#);
    }

    #[test]
    fn numbers_that_readers_could_disagree_on_are_refused() {
        for number in [json!(0.1), json!(1u64 << 53), json!(u64::MAX)] {
            assert_eq!(canonical_json(&number), Err(CanonicalError::Number), "{number}");
        }
        assert_eq!(canonical_json(&json!((1u64 << 53) - 1)).unwrap(), "9007199254740991");
    }

    #[test]
    fn every_other_spelling_of_a_value_is_told() {
        for text in [
            "",
            "null",
            "nul",
            "nulll",
            "true",
            "false",
            "tru",
            " 1",
            "1 ",
            "0",
            "-0",
            "-1",
            "01",
            "+1",
            "1.0",
            "1e3",
            "-",
            "--1",
            "9007199254740991",
            "-9007199254740991",
            "9007199254740992",
            "00",
            "12345678901234567",
            "[]",
            "[1,]",
            "[,1]",
            "[1 ,2]",
            "[1,2]",
            "[1,2",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\" :1}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"b\":2}",
            "{\"b\":1,\"a\":2}",
            "{a:1}",
            "{\"a\"}",
            "\"",
            "\"a",
            "\"a\"b",
            "\"\u{7f}\"",
            "\"\n\"",
            "\"\\n\"",
            "\"\\u000a\"",
            "\"\\u000b\"",
            "\"\\u000B\"",
            "\"\\u001f\"",
            "\"\\u0020\"",
            "\"\\u0008\"",
            "\"\\/\"",
            "\"/\"",
            "\"\\\"\"",
            "\"\\",
            "\"\\u00",
            "\"\\ud800\"",
            "\"\\u20ac\"",
            "\"\u{20ac}\"",
            "{\"\u{1f600}\":1,\"\u{fb33}\":2}",
            "{\"\u{fb33}\":2,\"\u{1f600}\":1}",
            "{\"\\r\":1,\"1\":2}",
            "{\"1\":2,\"\\r\":1}",
            "{\"\\r\":1,\"\\r\":2}",
            "{\"[\":1,\"\\\\\":2}",
            "{\"]\":1,\"\\\\\":2}",
            "1,2",
            "[]]",
        ] {
            assert_eq!(is_canonical(text), rewritten(text), "{text}");
        }
        for depth in 120..135 {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                assert_eq!(is_canonical(&text), rewritten(&text), "{depth}");
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = "[a-c\"\\\\\u{0}-\u{1f}\u{20ac}\u{fb33}\u{1f600}]{0,4}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(|number| Value::from(number % (1 << 53))),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(text, inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_in_the_form_and_a_changed_byte_only_where_the_definition_has_it(
            value in value(), place in any::<proptest::sample::Index>(), byte in 0_u8..128,
        ) {
            let text = canonical_json(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            prop_assert_eq!(is_canonical(&text), true);
            let mut changed = text.into_bytes();
            let place = place.index(changed.len());
            changed[place] = byte;
            if let Ok(changed) = String::from_utf8(changed) {
                prop_assert_eq!(is_canonical(&changed), rewritten(&changed), "{}", changed);
            }
        }
    }
}
