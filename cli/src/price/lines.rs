//! Lines of a file of any length, one in memory at a time.

use std::io::{self, BufRead, BufReader, Read};

/// Longest line kept; a pricing line has a few hundred bytes.
const MAX_LINE: usize = 64 * 1024;
/// Bytes read at a time.
const BUFFER: usize = 128 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads lines that are not blank.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

/// One line, without its end.
pub(super) struct Line<'a> {
    /// Counted from 1, blank lines included.
    pub(super) number: u64,
    /// Its bytes; `None` where there are too many.
    pub(super) bytes: Option<&'a [u8]>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER, source), line: Vec::new(), number: 0 }
    }

    /// The first byte that is not white space, left to be read. Skips a byte order mark.
    pub(super) fn first_byte(&mut self) -> io::Result<Option<u8>> {
        if self.reader.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            self.reader.consume(BYTE_ORDER_MARK.len());
        }
        loop {
            let held = self.reader.fill_buf()?;
            if held.is_empty() {
                return Ok(None);
            }
            let blank = held.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(held.len());
            let found = held.get(blank).copied();
            self.number += held[..blank].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            self.reader.consume(blank);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Whether the next line has yet to arrive.
    pub(super) fn would_wait(&self) -> bool {
        !self.reader.buffer().contains(&b'\n')
    }

    /// The next line that is not blank.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.line.clear();
            let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
            if (&mut self.reader).take(limit).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.len() == MAX_LINE && !self.line.ends_with(b"\n") {
                self.reader.skip_until(b'\n')?;
                return Ok(Some(Line { number: self.number, bytes: None }));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(Line { number: self.number, bytes: Some(self.line.trim_ascii_end()) }));
            }
        }
    }
}
