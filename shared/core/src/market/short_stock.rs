//! The pipe-delimited short-stock file that brokers publish.
//!
//! `#BOF|YYYY.MM.DD|HH:MM:SS`, a header line naming the columns, rows, `#EOF|count`. A file that is cut anywhere is
//! refused whole; a row that makes no sense is rejected alone.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, civil, tz::TimeZone};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::field::FieldError;
use crate::{decimal, hex, ticker::Ticker};

/// Largest file read, in bytes: room for 100 000 rows of 160.
pub const MAX_FILE: usize = 16 * 1024 * 1024;
/// Most rows or elements in one file, several times what a broker lists. The pricing function holds a snapshot of them, and
/// the next one while it is read, in its 256 MB: raise one only with the other.
pub(super) const MAX_ROWS: usize = 100_000;
/// Highest fee taken, in percent a year.
const MAX_FEE: Decimal = Decimal::from_parts(100_000, 0, 0, false, 0);
/// Most decimals of a fee or rebate.
const RATE_SCALE: u32 = 8;

/// Why a file is refused whole. Nothing of it is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileRefusal {
    /// Longer than [`MAX_FILE`].
    #[error("the file is larger than 16 MiB")]
    TooLarge,
    /// More than a hundred thousand rows.
    #[error("the file has more than 100000 rows")]
    TooManyRows,
    /// The first line is not `#BOF|date|time`.
    #[error("the file does not begin with #BOF|date|time")]
    NoBeginning,
    /// The date and time of the first line are none.
    #[error("the file's time is not of the form YYYY.MM.DD|HH:MM:SS")]
    BadTime,
    /// The header line is absent or not text.
    #[error("the file has no header line that names the columns")]
    NoHeader,
    /// The header line lacks a column that is needed.
    #[error("the file has no column {0}")]
    MissingColumn(&'static str),
    /// The header line names a needed column more than once.
    #[error("the file has column {0} more than once")]
    RepeatedColumn(&'static str),
    /// No `#EOF` line: the file is cut.
    #[error("the file has no #EOF line with a row count; it may be cut short")]
    NoEnd,
    /// `#EOF` announces another number of rows than there are.
    #[error("the #EOF line announces {announced} rows and the file has {found}")]
    CountMismatch {
        /// The number in the `#EOF` line.
        announced: usize,
        /// Rows before it.
        found: usize,
    },
    /// Something follows the `#EOF` line.
    #[error("the file goes on after its #EOF line")]
    DataAfterEnd,
    /// A document is not a JSON object of the source's shape.
    #[error("the document is not a JSON object of the expected shape")]
    NotJson,
    /// Fields of the document itself, not of one element, are refused.
    #[error("the document is refused: {}", describe(.0))]
    Fields(Vec<FieldError>),
}

/// `field message; field message`.
pub(super) fn describe(errors: &[FieldError]) -> String {
    errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect::<Vec<_>>().join("; ")
}

/// One row or element that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Line of the file, from 1; in a JSON document the element's position in its array, from 1.
    pub line: usize,
    /// What is wrong with it, in words that do not repeat the value.
    pub reason: String,
}

/// How many shares can be borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Number of shares.
    pub shares: u64,
    /// Whether there are more than that (`>10000000`).
    pub at_least: bool,
}

impl Availability {
    /// Nothing to borrow.
    pub const NONE: Self = Self { shares: 0, at_least: false };
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at_least {
            f.write_str(">")?;
        }
        self.shares.fmt(f)
    }
}

impl FromStr for Availability {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "AVAILABLE must be NA or a number of shares, with > before it at most";
        let digits = text.strip_prefix('>').unwrap_or(text);
        if !(1..=18).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(EXPECTED);
        }
        let shares = digits.parse().map_err(|_| EXPECTED)?;
        Ok(Self { shares, at_least: digits.len() < text.len() })
    }
}

impl Serialize for Availability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Availability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// One row that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortStockRow {
    /// The stock.
    pub ticker: Ticker,
    /// Three capital letters, ISO 4217.
    pub currency: String,
    /// The broker's contract number, where the file has one.
    pub contract: Option<String>,
    /// The ISIN as published, where the file has one.
    pub isin: Option<String>,
    /// Percent a year, at most 8 decimals, may be negative; `None` for `NA`.
    pub rebate_rate: Option<Decimal>,
    /// Percent a year, 0 to 100 000, at most 8 decimals; `None` for `NA`.
    pub fee_rate: Option<Decimal>,
    /// Shares that can be borrowed; `None` for `NA`.
    pub available: Option<Availability>,
}

/// A file that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortStockFile {
    /// The file's own time.
    pub as_of: Timestamp,
    /// Digest of the file's bytes, lower-case hexadecimal.
    pub sha256: String,
    /// The rows taken, in the file's order, each ticker once.
    pub rows: Vec<ShortStockRow>,
    /// Rows in the file, taken or not.
    pub rows_read: usize,
    /// The rows left out.
    pub rejections: Vec<Rejection>,
    /// The tickers of rows left out, as far as they can be read, that no row taken has.
    pub rejected_tickers: BTreeSet<Ticker>,
}

/// Reads a whole file; its time is local to `zone` (an ambiguous one is the earlier, one in a gap is moved past it).
pub fn parse_short_stock(bytes: &[u8], zone: &TimeZone) -> Result<ShortStockFile, FileRefusal> {
    if bytes.len() > MAX_FILE {
        return Err(FileRefusal::TooLarge);
    }
    let mut lines = lines(bytes);
    let as_of = beginning(lines.next().unwrap_or_default(), zone)?;
    let columns = Columns::read(lines.next().unwrap_or_default())?;
    let mut file = ShortStockFile {
        as_of,
        sha256: hex::sha256(bytes),
        rows: vec![],
        rows_read: 0,
        rejections: vec![],
        rejected_tickers: BTreeSet::new(),
    };
    let mut seen = HashSet::new();
    for (index, line) in lines.by_ref().enumerate() {
        if let Some(announced) = end(line) {
            let announced = announced?;
            if announced != file.rows_read {
                return Err(FileRefusal::CountMismatch { announced, found: file.rows_read });
            }
            if !lines.all(<[u8]>::is_empty) {
                return Err(FileRefusal::DataAfterEnd);
            }
            file.rejected_tickers.retain(|ticker| !seen.contains(ticker));
            return Ok(file);
        }
        file.rows_read += 1;
        if file.rows_read > MAX_ROWS {
            return Err(FileRefusal::TooManyRows);
        }
        let row = columns.row(line).and_then(|row| {
            if seen.insert(row.ticker.clone()) {
                Ok(row)
            } else {
                Err("the ticker stands on an earlier line".to_owned())
            }
        });
        match row {
            Ok(row) => file.rows.push(row),
            Err(reason) => {
                // The first row stands on the third line.
                file.rejections.push(Rejection { line: index + 3, reason });
                file.rejected_tickers.extend(columns.ticker(line));
            }
        }
    }
    Err(FileRefusal::NoEnd)
}

/// The lines, without their ends; the empty piece behind the last line's end is none.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The time in `#BOF|date|time`.
fn beginning(line: &[u8], zone: &TimeZone) -> Result<Timestamp, FileRefusal> {
    let line = str::from_utf8(line).map_err(|_| FileRefusal::NoBeginning)?;
    let rest = line.strip_prefix("#BOF|").ok_or(FileRefusal::NoBeginning)?;
    local_time(rest.strip_suffix('|').unwrap_or(rest), zone).ok_or(FileRefusal::BadTime)
}

/// The instant of `YYYY.MM.DD|HH:MM:SS`.
fn local_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (date, time) = text.split_once('|')?;
    let [year, month, day] = numbers(date, '.', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let small = |number: i16| i8::try_from(number).ok();
    let date = civil::Date::new(year, small(month)?, small(day)?).ok()?;
    let time = civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok()
}

/// Three numbers of fixed widths between separators.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[i16; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, width) in found.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// The count in an `#EOF` line; `None` for another line.
fn end(line: &[u8]) -> Option<Result<usize, FileRefusal>> {
    let rest = line.strip_prefix(b"#EOF")?;
    let count = str::from_utf8(rest).ok().and_then(|rest| rest.strip_prefix('|'));
    let count = count.map(|count| count.strip_suffix('|').unwrap_or(count));
    let plain = count.filter(|count| (1..=9).contains(&count.len()) && count.bytes().all(|b| b.is_ascii_digit()));
    Some(plain.and_then(|count| count.parse().ok()).ok_or(FileRefusal::NoEnd))
}

/// Where the columns stand that are read.
struct Columns {
    count: usize,
    ticker: usize,
    currency: usize,
    contract: Option<usize>,
    isin: Option<usize>,
    rebate_rate: usize,
    fee_rate: usize,
    available: usize,
}

impl Columns {
    fn read(line: &[u8]) -> Result<Self, FileRefusal> {
        let line = str::from_utf8(line).map_err(|_| FileRefusal::NoHeader)?;
        let names: Vec<&str> = line.strip_prefix('#').ok_or(FileRefusal::NoHeader)?.split('|').collect();
        let find = |name: &'static str| {
            let mut places = names.iter().enumerate().filter(|(_, found)| **found == name).map(|(place, _)| place);
            match (places.next(), places.next()) {
                (place, None) => Ok(place),
                _ => Err(FileRefusal::RepeatedColumn(name)),
            }
        };
        let need = |name| find(name)?.ok_or(FileRefusal::MissingColumn(name));
        Ok(Self {
            count: names.len(),
            ticker: need("SYM")?,
            currency: need("CUR")?,
            contract: find("CON")?,
            isin: find("ISIN")?,
            rebate_rate: need("REBATERATE")?,
            fee_rate: need("FEERATE")?,
            available: need("AVAILABLE")?,
        })
    }

    /// The ticker of a row that may be wrong in everything else.
    fn ticker(&self, line: &[u8]) -> Option<Ticker> {
        let field = line.split(|byte| *byte == b'|').nth(self.ticker)?;
        Ticker::parse(str::from_utf8(field).ok()?).ok()
    }

    fn row(&self, line: &[u8]) -> Result<ShortStockRow, String> {
        let line = str::from_utf8(line).map_err(|_| "is not UTF-8 text")?;
        let fields: Vec<&str> = line.split('|').collect();
        if fields.len() != self.count {
            return Err(format!("has {} columns and the header {}", fields.len(), self.count));
        }
        let field = |place: usize| fields.get(place).copied().unwrap_or_default();
        let kept = |place: Option<usize>, name: &str| match place.map(field).unwrap_or_default() {
            "" => Ok(None),
            text if text.len() <= 32 && text.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(text.to_owned())),
            _ => Err(format!("{name} must be at most 32 printable characters")),
        };
        let currency = field(self.currency);
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err("CUR must be three capital letters".to_owned());
        }
        let fee_rate = rate("FEERATE", field(self.fee_rate))?;
        if fee_rate.is_some_and(|fee| fee < Decimal::ZERO || fee > MAX_FEE) {
            return Err(format!("FEERATE must be between 0 and {MAX_FEE}"));
        }
        Ok(ShortStockRow {
            ticker: Ticker::parse(field(self.ticker)).map_err(|error| format!("SYM {error}"))?,
            currency: currency.to_owned(),
            contract: kept(self.contract, "CON")?,
            isin: kept(self.isin, "ISIN")?,
            rebate_rate: rate("REBATERATE", field(self.rebate_rate))?,
            fee_rate,
            available: match field(self.available) {
                "NA" => None,
                text => Some(text.parse()?),
            },
        })
    }
}

/// A rate in percent a year; `None` for `NA`.
fn rate(column: &str, text: &str) -> Result<Option<Decimal>, String> {
    match text {
        "NA" => Ok(None),
        text => decimal::parse(text, RATE_SCALE).map(Some).map_err(|error| format!("{column} {error}")),
    }
}
