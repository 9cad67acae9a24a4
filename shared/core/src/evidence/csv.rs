//! `entries.csv`: the entries for a spreadsheet (RFC 4180), with nothing in a cell that one would run.

use serde_json::Value;

use super::{EntryLine, LineError};
use crate::audit::Header;

/// The first row.
pub const CSV_HEADER: &str = "index,time,event,outcome,request_id,function,actor_type,actor_id,actor_roles,source_address,\
    resource,reason,client_ref,subject_ref,actor_ref,entry_id,body_sha256,details\r\n";

/// The row of an entry.
pub fn csv_row(entry: &EntryLine) -> Result<String, LineError> {
    let header: Header = serde_json::from_str(&entry.header).map_err(LineError::json)?;
    let body: Value = serde_json::from_str(&entry.body).map_err(LineError::json)?;
    let actor = &body["actor"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let roles: Vec<_> = actor["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let details = if body["details"].is_null() { String::new() } else { super::lines::to_json(&body["details"])? };
    let cells = [
        entry.index.to_string(),
        header.time,
        header.event,
        header.outcome,
        header.request_id,
        header.function,
        text(&actor["type"]),
        text(&actor["id"]),
        roles.join(" "),
        text(&body["source_address"]),
        text(&body["resource"]),
        text(&body["reason"]),
        header.client_ref.unwrap_or_default(),
        header.subject_ref.unwrap_or_default(),
        header.actor_ref,
        header.id,
        header.body_sha256,
        details,
    ];
    let mut row = cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",");
    row.push_str("\r\n");
    Ok(row)
}

/// A cell. Spreadsheets run what begins with one of these signs, so an apostrophe goes before it; the exact text is in
/// `entries.jsonl`.
fn quoted(cell: &str) -> String {
    let apostrophe =
        if cell.trim_start().starts_with(['=', '+', '-', '@', '|', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
            || cell.starts_with(['\t', '\r', '\n'])
        {
            "'"
        } else {
            ""
        };
    if apostrophe.is_empty() && !cell.contains(['"', ',', '\r', '\n']) {
        return cell.to_owned();
    }
    format!("\"{apostrophe}{}\"", cell.replace('"', "\"\""))
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
