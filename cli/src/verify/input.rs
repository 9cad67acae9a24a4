//! What the command line gives the verifier: keys, an expectation, an older checkpoint.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use engine_core::evidence::{Expectation, TimedKey};

use crate::error::Error;

/// Most bytes read of a file that should hold some lines.
const MOST: u64 = 1 << 20;

/// The text of a small file.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    let open = |cause| Error::Open { path: path.to_owned(), cause };
    let mut text = String::new();
    File::open(path).map_err(open)?.take(MOST).read_to_string(&mut text).map_err(open)?;
    Ok(text)
}

/// The keys given one by one and those of a file, whose empty lines do not count.
pub(super) fn keys(given: &[String], file: Option<&Path>) -> Result<Vec<TimedKey>, Error> {
    let of_file = file.map(text).transpose()?.unwrap_or_default();
    let of_file = of_file.lines().filter(|line| !line.is_empty());
    given
        .iter()
        .map(String::as_str)
        .chain(of_file)
        .map(|line| {
            let wrong = |error| Error::Argument { what: format!("the key {line:?}"), problem: format!("{error}") };
            TimedKey::parse(line).map_err(wrong)
        })
        .collect()
}

/// An expectation written out, or the file that holds it.
pub(super) fn expectation(argument: &str) -> Result<Expectation, Error> {
    let json = if argument.trim_start().starts_with('{') { argument.to_owned() } else { text(Path::new(argument))? };
    Expectation::parse(&json)
        .map_err(|error| Error::Argument { what: "--expect".to_owned(), problem: error.to_string() })
}
