//! From a line to the inputs of a price.

use std::io::Read;

use csv_core::ReadRecordResult;
use engine_core::decimal::DecimalError;
use engine_core::field::Fields;
use engine_core::pricing::PricingInputs;
use engine_core::pricing_line::{self, COLUMNS, LineError};

use super::InputFormat;
use super::lines::{Line, Lines};
use crate::error::Error;

/// Why one line has no price. The others have theirs.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadLine {
    /// Longer than a position can be.
    #[error("is too long")]
    Length,
    /// Not text.
    #[error("must be UTF-8 text")]
    Encoding,
    /// A row that does not fit under the header.
    #[error("has {found} columns where the header has {expected}")]
    Columns {
        /// Cells of the row.
        found: usize,
        /// Cells of the header.
        expected: usize,
    },
    /// Fields that are not what they must be.
    #[error(transparent)]
    Fields(#[from] LineError),
    /// A result with more digits than can be kept, which inputs in range do not have.
    #[error(transparent)]
    Inexact(DecimalError),
}

/// A reader of lines in one format.
pub(super) enum Input {
    /// Each line stands for itself.
    Jsonl,
    /// Each line is a row under this header.
    Csv(Box<Rows>),
}

impl Input {
    /// Reads what comes before the positions: in CSV, the header.
    pub(super) fn start(format: InputFormat, lines: &mut Lines<impl Read>) -> Result<Self, Error> {
        match format {
            InputFormat::Jsonl => Ok(Self::Jsonl),
            InputFormat::Csv => match lines.next().map_err(Error::Read)? {
                Some(header) => Ok(Self::Csv(Box::new(Rows::under(&header)?))),
                None => Err(header_error(1, format!("the header is missing: {}", COLUMNS.join(",")))),
            },
        }
    }

    /// Reads one position.
    pub(super) fn read(&mut self, line: &Line<'_>) -> Result<PricingInputs, BadLine> {
        let text = line_text(line)?;
        match self {
            Self::Jsonl => Ok(pricing_line::from_json(text)?),
            Self::Csv(rows) => rows.read(text),
        }
    }
}

fn line_text<'a>(line: &Line<'a>) -> Result<&'a str, BadLine> {
    std::str::from_utf8(line.bytes.ok_or(BadLine::Length)?).map_err(|_| BadLine::Encoding)
}

fn header_error(line: u64, problem: String) -> Error {
    Error::CsvHeader { line, problem }
}

/// Rows of a CSV file. A row is a line: an unclosed quote spoils its own line and no other.
pub(super) struct Rows {
    columns: Vec<String>,
    cells: Cells,
}

impl Rows {
    fn under(header: &Line<'_>) -> Result<Self, Error> {
        let refuse = |problem| header_error(header.number, problem);
        let text = line_text(header).map_err(|bad| refuse(bad.to_string()))?;
        let mut cells = Cells::new();
        let columns: Vec<String> = cells.split(text).map(str::to_owned).collect();
        let of_ours = |count: fn(usize) -> bool| {
            let times = |name: &str| columns.iter().filter(|column| *column == name).count();
            COLUMNS.into_iter().filter(move |name| count(times(name))).collect::<Vec<_>>().join(", ")
        };
        let (missing, repeated) = (of_ours(|times| times == 0), of_ours(|times| times > 1));
        if !missing.is_empty() {
            return Err(refuse(format!("the header lacks {missing}")));
        }
        if !repeated.is_empty() {
            return Err(refuse(format!("the header repeats {repeated}")));
        }
        Ok(Self { columns, cells })
    }

    fn read(&mut self, row: &str) -> Result<PricingInputs, BadLine> {
        let expected = self.columns.len();
        let found = self.cells.split(row).count();
        if found != expected {
            return Err(BadLine::Columns { found, expected });
        }
        // An empty cell is a field that is not there.
        let cells = self.columns.iter().map(String::as_str).zip(self.cells.iter());
        let fields = Fields::from_pairs(cells.filter(|(_, cell)| !cell.is_empty()));
        pricing_line::from_fields(&fields).map_err(|errors| BadLine::Fields(errors.into()))
    }
}

/// The cells of one row, kept in buffers that the next row uses again.
struct Cells {
    reader: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Cells {
    fn new() -> Self {
        // Not `Reader::default()`, which has no state table and finds no cells.
        Self { reader: csv_core::Reader::new(), text: Vec::new(), ends: Vec::new(), count: 0 }
    }

    /// Takes a row apart.
    fn split(&mut self, row: &str) -> impl Iterator<Item = &str> {
        // Unquoting never lengthens, and there is at most one cell more than there are commas.
        let commas = row.bytes().filter(|byte| *byte == b',').count();
        self.text.resize(self.text.len().max(row.len()), 0);
        self.ends.resize(self.ends.len().max(commas + 2), 0);
        self.reader.reset();
        let (_, _, text, ends) = self.reader.read_record(row.as_bytes(), &mut self.text, &mut self.ends);
        // The end of the input ends the last cell.
        let (result, _, _, last) = self.reader.read_record(&[], &mut self.text[text..], &mut self.ends[ends..]);
        debug_assert_eq!(result, ReadRecordResult::Record, "the buffers are long enough");
        self.count = ends + last;
        self.iter()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let bounds = starts.zip(&self.ends).take(self.count);
        bounds.map(|(start, end)| std::str::from_utf8(&self.text[start..*end]).unwrap_or_default().trim_ascii())
    }
}
