//! Results on standard output: one JSON object, or names and values lined up.

use std::io::{self, Write};

use serde_json::Value;

use crate::error::Error;

/// Writes one JSON object on a line of its own.
pub(crate) fn json(value: &Value) -> Result<(), Error> {
    writeln!(io::stdout().lock(), "{value}").map_err(Error::Write)
}

/// Writes names and values, the values lined up.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> Result<(), Error> {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut output = io::stdout().lock();
    pairs.iter().try_for_each(|(name, value)| writeln!(output, "{name:<width$}  {value}")).map_err(Error::Write)
}

/// Writes one line of text.
pub(crate) fn line(text: &str) -> Result<(), Error> {
    writeln!(io::stdout().lock(), "{text}").map_err(Error::Write)
}

/// Writes rows under a header, each column as wide as its widest cell; `right` says which columns hold numbers.
pub(crate) fn table(header: &[&str], right: &[bool], rows: &[impl AsRef<[String]>]) -> Result<(), Error> {
    let width = |(column, name): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.as_ref().get(column)).map(|cell| cell.chars().count());
        cells.chain([name.len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = header.iter().enumerate().map(width).collect();
    let mut output = io::stdout().lock();
    let mut write = |cells: &mut dyn Iterator<Item = &str>| {
        let pad = |((cell, width), right)| if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        let line: Vec<String> = cells.zip(widths.iter().copied()).zip(right.iter().copied()).map(pad).collect();
        writeln!(output, "{}", line.join("  ").trim_end())
    };
    write(&mut header.iter().copied()).map_err(Error::Write)?;
    rows.iter().try_for_each(|row| write(&mut row.as_ref().iter().map(String::as_str))).map_err(Error::Write)
}

/// Text from elsewhere with nothing in it that a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
