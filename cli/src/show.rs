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
pub(crate) fn table<const N: usize>(header: [&str; N], right: [bool; N], rows: &[[String; N]]) -> Result<(), Error> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut output = io::stdout().lock();
    let mut write = |cells: [&str; N]| {
        let pad = |((cell, width), right)| if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        let line: Vec<String> = cells.into_iter().zip(widths).zip(right).map(pad).collect();
        writeln!(output, "{}", line.join("  ").trim_end())
    };
    write(header).map_err(Error::Write)?;
    rows.iter().try_for_each(|row| write(std::array::from_fn(|column| row[column].as_str()))).map_err(Error::Write)
}
