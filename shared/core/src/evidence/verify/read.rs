//! Reading members a piece at a time: whatever a bundle holds, no more than one line of it is in memory.

use std::io::{BufRead, Read};

use sha2::{Digest, Sha256};

use super::Bundle;
use crate::evidence::Member;
use crate::hex;

/// Longest line, and longest file of those that are read whole. An entry and its body are at most 4 MiB (one DynamoDB
/// transaction), and writing them in JSON can double that.
const LONGEST: usize = 16 << 20;

/// A member's lines.
pub(super) struct Lines<'a> {
    name: String,
    source: Box<dyn BufRead + 'a>,
    number: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn open(bundle: &'a impl Bundle, member: &Member) -> Result<Self, String> {
        let source = open(bundle, member)?;
        Ok(Self { name: member.name().into_owned(), source, number: 0 })
    }

    /// The next line without its newline; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<String>, String> {
        let mut line = Vec::new();
        self.number += 1;
        let mut limited = (&mut self.source).take(LONGEST as u64);
        limited.read_until(b'\n', &mut line).map_err(|error| self.at(&error.to_string()))?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err(self.at("does not end, or is longer than 16 MiB"));
        }
        String::from_utf8(line).map(Some).map_err(|_| self.at("not UTF-8"))
    }

    /// `problem`, with the place of the line read last before it.
    pub(super) fn at(&self, problem: &str) -> String {
        format!("{} line {}: {problem}", self.name, self.number)
    }
}

fn open<'a>(bundle: &'a impl Bundle, member: &Member) -> Result<Box<dyn BufRead + 'a>, String> {
    bundle.open(&member.name()).map_err(|error| error.to_string())
}

/// A member's whole text.
pub(super) fn text(bundle: &impl Bundle, member: &Member) -> Result<String, String> {
    let name = member.name();
    let mut bytes = Vec::new();
    let read = open(bundle, member)?.take(LONGEST as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() > LONGEST {
        return Err(format!("{name} is longer than 16 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))
}

/// A member's hex SHA-256 and length.
pub(super) fn digest(bundle: &impl Bundle, member: &Member) -> Result<(String, u64), String> {
    let mut source = open(bundle, member)?;
    let (mut hash, mut length) = (Sha256::new(), 0);
    loop {
        let bytes = source.fill_buf().map_err(|error| format!("{}: {error}", member.name()))?;
        if bytes.is_empty() {
            return Ok((hex::encode(&hash.finalize()), length));
        }
        hash.update(bytes);
        let taken = bytes.len();
        length += taken as u64;
        source.consume(taken);
    }
}

/// Compares a member with text that is made anew, a piece at a time.
pub(super) struct Comparison<'a> {
    name: String,
    source: Box<dyn BufRead + 'a>,
    compared: u64,
}

impl<'a> Comparison<'a> {
    pub(super) fn open(bundle: &'a impl Bundle, member: &Member) -> Result<Self, String> {
        Ok(Self { name: member.name().into_owned(), source: open(bundle, member)?, compared: 0 })
    }

    /// Whether `text` comes next.
    pub(super) fn expect(&mut self, text: &str) -> Result<(), String> {
        let mut read = Vec::with_capacity(text.len());
        let done = (&mut self.source).take(text.len() as u64).read_to_end(&mut read);
        done.map_err(|error| format!("{}: {error}", self.name))?;
        if read != text.as_bytes() {
            let same = read.iter().zip(text.as_bytes()).take_while(|(a, b)| a == b).count() as u64;
            return Err(format!("{} differs from byte {} on", self.name, self.compared + same));
        }
        self.compared += text.len() as u64;
        Ok(())
    }

    /// Whether nothing comes after.
    pub(super) fn end(mut self) -> Result<(), String> {
        match self.source.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(format!("{} goes on after byte {}", self.name, self.compared)),
            Err(error) => Err(format!("{}: {error}", self.name)),
        }
    }
}
