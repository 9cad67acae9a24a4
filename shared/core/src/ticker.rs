//! Ticker symbols as clients write them, in the one form in which they are stored.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A symbol in stored form: upper case, with `.` before the class or series suffix (`BRK B` and `brk-b` are `BRK.B`).
///
/// One to ten letters or digits, then optionally one separator (`.`, `-` or space) and one to four letters or digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ticker(String);

/// The text is not a ticker symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 10 letters or digits, optionally followed by one '.', '-' or space and 1 to 4 letters or digits")]
pub struct TickerError;

impl Ticker {
    /// Reads a symbol in any accepted spelling.
    ///
    /// ```
    /// use engine_core::ticker::Ticker;
    /// assert_eq!(Ticker::parse("brk b").unwrap().as_str(), "BRK.B");
    /// ```
    pub fn parse(text: &str) -> Result<Self, TickerError> {
        let (root, suffix) = match text.split_once(['.', '-', ' ']) {
            Some((root, suffix)) => (root, Some(suffix)),
            None => (text, None),
        };
        let part = |part: &str, longest: usize| {
            (1..=longest).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if !part(root, 10) || suffix.is_some_and(|suffix| !part(suffix, 4)) {
            return Err(TickerError);
        }
        let mut symbol = root.to_ascii_uppercase();
        if let Some(suffix) = suffix {
            symbol.push('.');
            symbol.push_str(&suffix.to_ascii_uppercase());
        }
        Ok(Self(symbol))
    }

    /// The stored form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Ticker {
    type Error = TickerError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Ticker> for String {
    fn from(ticker: Ticker) -> Self {
        ticker.0
    }
}

impl std::borrow::Borrow<str> for Ticker {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_class_share_is_one_symbol() {
        for spelling in ["BRK B", "BRK.B", "brk-b", "Brk b"] {
            assert_eq!(Ticker::parse(spelling).unwrap().as_str(), "BRK.B");
        }
        assert_eq!(Ticker::parse("0700").unwrap().as_str(), "0700");
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            " ",
            "A.",
            ".A",
            "A..B",
            "A B C",
            "TOOLONGNAME",
            "A.TOOLO",
            "A\u{0}",
            "A'--",
            "<script>",
            "ÄB",
            "A/B",
            "A\n",
        ] {
            assert_eq!(Ticker::parse(bad), Err(TickerError), "{bad:?}");
        }
    }
}
