//! Any JSON object as names and values, any list of them as a table: a member that is new needs no new code.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::show;

/// What stands for nothing.
const NOTHING: &str = "-";
/// What stands for an empty list.
const NONE: &str = "none";

/// Prints an object: its members as pairs, those in `first` before the others; then each list of objects in it as a table.
pub(crate) fn object(object: &Value, first: &[&str]) -> Result<(), Error> {
    let members = flat(object);
    let (tables, values): (Vec<_>, Vec<_>) =
        in_order(&members, first).into_iter().partition(|(_, value)| is_table(value));
    let pairs: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), cell(value))).collect();
    show::pairs(&pairs)?;
    for (place, (name, rows)) in tables.into_iter().enumerate() {
        if place > 0 || !pairs.is_empty() {
            show::line("")?;
        }
        show::line(name)?;
        list(rows.as_array().map(Vec::as_slice).unwrap_or_default(), first)?;
    }
    Ok(())
}

/// Prints objects as rows, the columns in `first` before the others.
pub(crate) fn list(objects: &[Value], first: &[&str]) -> Result<(), Error> {
    if objects.is_empty() {
        return show::line(NONE);
    }
    let rows: Vec<_> = objects.iter().map(flat).collect();
    let names: BTreeSet<&String> = rows.iter().flat_map(Map::keys).collect();
    let mut header: Vec<&str> = names.into_iter().map(String::as_str).collect();
    header.sort_by_key(|name| rank(name, first));
    let number = |name: &&str| {
        let mut held = rows.iter().filter_map(|row| row.get(*name)).filter(|value| !value.is_null()).peekable();
        held.peek().is_some() && held.all(Value::is_number)
    };
    let right: Vec<bool> = header.iter().map(number).collect();
    let cells = |row: &Map<String, Value>| -> Vec<String> {
        header.iter().map(|name| row.get(*name).map_or(NOTHING.to_owned(), cell)).collect()
    };
    show::table(&header, &right, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// The members in print order.
fn in_order<'a>(members: &'a Map<String, Value>, first: &[&str]) -> Vec<(&'a String, &'a Value)> {
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|(name, _)| rank(name, first));
    ordered
}

/// Where a member stands: as `first` has it, a part of it with it, the others after.
fn rank(name: &str, first: &[&str]) -> usize {
    let whole = name.split('.').next().unwrap_or(name);
    first.iter().position(|named| *named == whole).unwrap_or(first.len())
}

/// An object with the members of the objects in it as members of its own, `outer.inner`. What is no object is its only member.
fn flat(value: &Value) -> Map<String, Value> {
    let mut members = Map::new();
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| flatten(name, value, &mut members)),
        other => {
            members.insert("value".to_owned(), other.clone());
        }
    }
    members
}

fn flatten(name: &str, value: &Value, members: &mut Map<String, Value>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            object.iter().for_each(|(inner, value)| flatten(&format!("{name}.{inner}"), value, members));
        }
        other => {
            members.insert(show::plain(name), other.clone());
        }
    }
}

fn is_table(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => show::plain(text),
        Value::Array(items) if items.is_empty() => NONE.to_owned(),
        Value::Array(items) if !items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(" ")
        }
        other => show::plain(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_named_members_come_first_and_no_other_is_lost() {
        let members = flat(&json!({ "zeta": 1, "key_id": "k", "review": { "by": "a", "at": null }, "new": [] }));
        let names: Vec<_> =
            in_order(&members, &["key_id", "review"]).into_iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["key_id", "review.at", "review.by", "new", "zeta"]);
    }

    #[test]
    fn every_value_is_one_line_of_text_that_moves_no_cursor() {
        for (value, text) in [
            (json!(null), "-"),
            (json!("a\u{1b}[2J\nb"), "a\u{fffd}[2J\u{fffd}b"),
            (json!(60), "60"),
            (json!(true), "true"),
            (json!([]), "none"),
            (json!(["a", 1]), "a 1"),
            (json!([{ "a": 1 }]), r#"[{"a":1}]"#),
            (json!({}), "{}"),
        ] {
            assert_eq!(cell(&value), text);
        }
    }

    #[test]
    fn only_a_list_of_objects_is_a_table() {
        assert!(is_table(&json!([{}])));
        for other in [json!([]), json!(["a"]), json!({}), json!([{}, 1])] {
            assert!(!is_table(&other), "{other}");
        }
    }
}
