//! Prices as lines of text.

use std::io::{self, BufWriter, Write};

use engine_core::pricing::Price;

use super::OutputFormat;

/// The published figures and, for the table, the longest that each gets within the ranges of a pricing line. The widths are
/// fixed so that a row can be written before the next is read.
const COLUMNS: [(&str, usize); 5] =
    [("borrow_rate_used", 16), ("borrow_cost", 18), ("markup", 19), ("transaction_fees", 16), ("total_fee", 19)];
/// Width of the table's line numbers.
const NUMBER_WIDTH: usize = 6;

/// Writes prices in one format.
pub(super) struct Output<W: Write> {
    format: OutputFormat,
    writer: BufWriter<W>,
}

impl<W: Write> Output<W> {
    pub(super) fn new(format: OutputFormat, writer: W) -> Self {
        Self { format, writer: BufWriter::with_capacity(64 * 1024, writer) }
    }

    /// Writes what comes before the first price.
    pub(super) fn start(&mut self) -> io::Result<()> {
        let names = COLUMNS.map(|(name, _)| name);
        match self.format {
            OutputFormat::Jsonl => Ok(()),
            OutputFormat::Csv => writeln!(self.writer, "{}", names.join(",")),
            OutputFormat::Table => self.row("line", names),
        }
    }

    /// Writes the price of the position on line `number` of the input.
    pub(super) fn write(&mut self, number: u64, price: &Price) -> io::Result<()> {
        let Price { borrow_rate_used, borrow_cost, markup, transaction_fees, total_fee } = price;
        match self.format {
            OutputFormat::Jsonl => {
                serde_json::to_writer(&mut self.writer, price)?;
                self.writer.write_all(b"\n")
            }
            OutputFormat::Csv => {
                writeln!(self.writer, "{borrow_rate_used},{borrow_cost},{markup},{transaction_fees},{total_fee}")
            }
            OutputFormat::Table => {
                let figures = [borrow_rate_used, borrow_cost, markup, transaction_fees, total_fee];
                self.row(number, figures.map(ToString::to_string))
            }
        }
    }

    fn row(&mut self, number: impl std::fmt::Display, cells: [impl AsRef<str>; 5]) -> io::Result<()> {
        write!(self.writer, "{number:>NUMBER_WIDTH$}")?;
        for ((_, width), cell) in COLUMNS.into_iter().zip(cells) {
            write!(self.writer, "  {:>width$}", cell.as_ref())?;
        }
        writeln!(self.writer)
    }

    /// Hands on what has been written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
