//! Public keys as an auditor is given them: with the time in which each was valid.

use std::fmt;

use jiff::Timestamp;

use crate::merkle::VerifierKey;
use crate::time::rfc3339;

/// A verifier key (c2sp.org/signed-note) and when it was valid: `<key>`, or with tabs between `<key>`, `<from>` and
/// `<until>`, the last two RFC 3339. A key without times is valid at any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedKey {
    /// The key.
    pub key: VerifierKey,
    /// From when, included.
    pub from: Option<Timestamp>,
    /// Until when, excluded.
    pub until: Option<Timestamp>,
}

/// A line that is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimedKeyError {
    /// Not `<name>+<hash>+<key>`.
    #[error("not a verifier key: <name>+<8 hex digits>+<base64>")]
    Key,
    /// What follows the key is not one or two times.
    #[error("after the key may come, each after a tab, when it began and when it ended, in RFC 3339")]
    Times,
}

impl TimedKey {
    /// Reads a line, without its newline.
    pub fn parse(line: &str) -> Result<Self, TimedKeyError> {
        let mut parts = line.split('\t');
        let key = parts.next().unwrap_or_default().parse().map_err(|_| TimedKeyError::Key)?;
        let mut time = || parts.next().map(|text| text.parse().map_err(|_| TimedKeyError::Times)).transpose();
        let (from, until) = (time()?, time()?);
        if parts.next().is_some() {
            return Err(TimedKeyError::Times);
        }
        Ok(Self { key, from, until })
    }

    /// Whether the key was valid at `time`.
    #[must_use]
    pub fn is_valid_at(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && !self.is_over_at(time)
    }

    /// Whether the key's validity has ended at `time`.
    #[must_use]
    pub fn is_over_at(&self, time: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= time)
    }
}

impl fmt::Display for TimedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)?;
        // An end without a beginning has no form: the register knows when every key began.
        if let Some(from) = self.from {
            write!(f, "\t{}", rfc3339(from))?;
            if let Some(until) = self.until {
                write!(f, "\t{}", rfc3339(until))?;
            }
        }
        Ok(())
    }
}
