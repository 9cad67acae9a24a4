//! `engine price`: prices positions from a file, offline.

mod input;
mod lines;
mod output;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use engine_core::pricing;

use crate::error::Error;
use crate::exit::Exit;
use input::{BadLine, Input};
use lines::Lines;
use output::Output;

const EXAMPLES: &str = "\
Examples:
  engine price positions.jsonl
  engine price positions.csv --output table
  zcat positions.jsonl.gz | engine price - --output csv > prices.csv

A line:
  {\"base_rate\": \"0.05\", \"volatility_index\": \"25\", \"event_risk_factor\": 2, \"minimum_rate\": \"0.0001\",
   \"position_value\": \"100000\", \"loan_days\": 30, \"markup_percentage\": \"5\", \"fee_type\": \"FLAT\", \"fee_amount\": \"25\"}

fee_type is FLAT or PERCENTAGE. day_count, ACT/365F or ACT/360, may be left out: ACT/365F. Other fields are ignored.";

/// Price positions from a file, offline: no AWS, no market data, every input on the line
///
/// Reads one position a line and answers with `borrow_rate_used`, `borrow_cost`, `markup`, `transaction_fees` and `total_fee`, in the
/// order of the input. A bad line is reported on standard error with its number and every field that is wrong; the
/// others are still priced, and the exit status is 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PriceArguments {
    /// File to read; `-` for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Format of the input; unless given, told from the file's extension, else from its first character
    #[arg(long, value_enum)]
    format: Option<InputFormat>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = OutputFormat::Jsonl)]
    output: OutputFormat,
}

/// How positions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated, the first line naming the columns
    Csv,
}

impl InputFormat {
    fn from_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            _ => None,
        }
    }

    fn from_first_byte(first: Option<u8>) -> Self {
        match first {
            Some(b'{' | b'[') | None => Self::Jsonl,
            Some(_) => Self::Csv,
        }
    }
}

/// How prices are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// One JSON object a line
    Jsonl,
    /// A header and a row for each price
    Csv,
    /// Columns lined up, for reading
    Table,
}

/// Runs the command.
pub(crate) fn run(arguments: &PriceArguments) -> Result<Exit, Error> {
    let file = arguments.file.as_path();
    let (source, extension): (Box<dyn Read>, _) = if file == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let opened = File::open(file).map_err(|cause| Error::Open { path: file.to_owned(), cause })?;
        (Box::new(opened), InputFormat::from_extension(file))
    };
    let mut output = Output::new(arguments.output, io::stdout().lock());
    let mut report = BufWriter::new(io::stderr().lock());
    let counts = price_lines(source, arguments.format.or(extension), &mut output, &mut report)?;
    if counts.bad == 0 {
        return Ok(Exit::Done);
    }
    writeln!(report, "{} of {} positions could not be priced", counts.bad, counts.read).map_err(Error::Write)?;
    report.flush().map_err(Error::Write)?;
    Ok(Exit::Failed)
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    read: u64,
    bad: u64,
}

/// Prices line by line, holding no more than one.
fn price_lines(
    source: impl Read,
    format: Option<InputFormat>,
    output: &mut Output<impl Write>,
    report: &mut impl Write,
) -> Result<Counts, Error> {
    let mut lines = Lines::new(source);
    let first = lines.first_byte().map_err(Error::Read)?;
    let format = format.unwrap_or_else(|| InputFormat::from_first_byte(first));
    let mut input = Input::start(format, &mut lines)?;
    let mut counts = Counts::default();
    output.start().map_err(Error::Write)?;
    loop {
        // Whoever writes a line and waits for its price before writing the next gets it.
        if lines.would_wait() {
            output.flush().and_then(|()| report.flush()).map_err(Error::Write)?;
        }
        let Some(line) = lines.next().map_err(Error::Read)? else { break };
        counts.read += 1;
        let priced = input.read(&line).and_then(|inputs| pricing::price(&inputs).map_err(BadLine::Inexact));
        match priced {
            Ok(price) => output.write(line.number, &price),
            Err(bad) => {
                counts.bad += 1;
                writeln!(report, "line {}: {bad}", line.number)
            }
        }
        .map_err(Error::Write)?;
    }
    output.flush().map_err(Error::Write)?;
    Ok(counts)
}
