//! Quote ids: the id of the audit entry that records the quote, and in a batch the position's ordinal.

use std::fmt;

use super::MAX_BATCH;
use crate::audit::EntryId;

/// `<entry id>` for a single quote, `<entry id>-<ordinal>` for a position of a batch (ordinals from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteId {
    entry: EntryId,
    ordinal: Option<usize>,
}

impl QuoteId {
    /// The id of a single quote.
    #[must_use]
    pub const fn single(entry: EntryId) -> Self {
        Self { entry, ordinal: None }
    }

    /// The id of a position of a batch.
    #[must_use]
    pub const fn in_batch(batch: EntryId, ordinal: usize) -> Self {
        Self { entry: batch, ordinal: Some(ordinal) }
    }

    /// Reads an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        /// Characters of a hyphenated UUID.
        const UUID: usize = 36;
        let (id, rest) = text.split_at_checked(UUID)?;
        let entry = EntryId::parse(id)?;
        let ordinal = match rest.strip_prefix('-') {
            None if rest.is_empty() => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|ordinal| *ordinal < MAX_BATCH)?)
            }
            _ => return None,
        };
        Some(Self { entry, ordinal })
    }

    /// The entry that records the quote.
    #[must_use]
    pub const fn entry(self) -> EntryId {
        self.entry
    }

    /// The position in the batch; `None` for a single quote.
    #[must_use]
    pub const fn ordinal(self) -> Option<usize> {
        self.ordinal
    }
}

impl fmt::Display for QuoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ordinal {
            None => self.entry.fmt(f),
            Some(ordinal) => write!(f, "{}-{ordinal}", self.entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_nothing_else_is_one() {
        let entry = EntryId::new("2026-11-22T03:27:43.120Z".parse().unwrap(), [7; 10]);
        for id in [QuoteId::single(entry), QuoteId::in_batch(entry, 0), QuoteId::in_batch(entry, 999)] {
            assert_eq!(QuoteId::parse(&id.to_string()), Some(id));
        }
        for bad in
            ["", "x", &format!("{entry}-"), &format!("{entry}-1000"), &format!("{entry}-1x"), &format!("{entry}0")]
        {
            assert_eq!(QuoteId::parse(bad), None, "{bad}");
        }
    }
}
