//! `entries.csv`: the entries for a spreadsheet (RFC 4180), with nothing in a cell that one would run.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{EntryLine, LineError};
use crate::audit::{Header, is_canonical};

/// The first row.
pub const CSV_HEADER: &str = "index,time,event,outcome,request_id,function,actor_type,actor_id,actor_roles,source_address,\
    resource,reason,client_ref,subject_ref,actor_ref,entry_id,body_sha256,details\r\n";

/// What the tables show of a body. Members may be missing, and what is not of its kind is shown as missing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Told<'a> {
    #[serde(borrow)]
    actor: Option<&'a RawValue>,
    #[serde(borrow)]
    source_address: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) resource: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reason: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) details: Option<&'a RawValue>,
}

impl<'a> Told<'a> {
    /// Reads a body in canonical form.
    pub(super) fn read(body: &'a str) -> Result<Self, LineError> {
        if body.starts_with('{') { serde_json::from_str(body).map_err(LineError::json) } else { Ok(Self::default()) }
    }

    /// The actor; null where there is none.
    pub(super) fn actor(&self) -> Value {
        self.actor.and_then(|actor| serde_json::from_str(actor.get()).ok()).unwrap_or_default()
    }
}

/// A member that is text; empty where it is not.
pub(super) fn text(raw: Option<&RawValue>) -> String {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// A body in canonical form.
pub(super) fn canonical(body: &str) -> Result<Cow<'_, str>, LineError> {
    if is_canonical(body) {
        return Ok(Cow::Borrowed(body));
    }
    let value: Value = serde_json::from_str(body).map_err(LineError::json)?;
    super::lines::to_json(&value).map(Cow::Owned)
}

/// The row of an entry.
pub fn csv_row(entry: &EntryLine) -> Result<String, LineError> {
    let header: Header = serde_json::from_str(&entry.header).map_err(LineError::json)?;
    row(entry.index, &header, &entry.body)
}

/// The row of an entry whose header was read before.
pub(super) fn row(index: u64, header: &Header, body: &str) -> Result<String, LineError> {
    let body = canonical(body)?;
    let told = Told::read(&body)?;
    let actor = told.actor();
    let roles: Vec<_> = actor["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Ok(cells(
        index,
        &[
            header.time.as_str(),
            &header.event,
            &header.outcome,
            &header.request_id,
            &header.function,
            actor["type"].as_str().unwrap_or_default(),
            actor["id"].as_str().unwrap_or_default(),
            &roles.join(" "),
            &text(told.source_address),
            &text(told.resource),
            &text(told.reason),
            header.client_ref.as_deref().unwrap_or_default(),
            header.subject_ref.as_deref().unwrap_or_default(),
            &header.actor_ref,
            &header.id,
            &header.body_sha256,
            told.details.map_or("", RawValue::get),
        ],
    ))
}

/// A row: the entry's index and these cells.
pub(super) fn cells(index: u64, cells: &[&str]) -> String {
    let mut row = index.to_string();
    for cell in cells {
        row.push(',');
        row.push_str(&quoted(cell));
    }
    row.push_str("\r\n");
    row
}

/// A cell. Spreadsheets run what begins with one of these signs, so an apostrophe goes before it; the exact text is in
/// `entries.jsonl`.
fn quoted(cell: &str) -> Cow<'_, str> {
    let apostrophe =
        if cell.trim_start().starts_with(['=', '+', '-', '@', '|', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
            || cell.starts_with(['\t', '\r', '\n'])
        {
            "'"
        } else {
            ""
        };
    if apostrophe.is_empty() && !cell.contains(['"', ',', '\r', '\n']) {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(format!("\"{apostrophe}{}\"", cell.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_text() {
        for (cell, expected) in [
            ("AAPL", "AAPL"),
            ("", ""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\"'\t=1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("a=1", "a=1"),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("a\nb", "\"a\nb\""),
        ] {
            assert_eq!(quoted(cell), expected, "{cell:?}");
        }
    }
}
