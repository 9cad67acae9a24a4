//! C2SP `tlog-checkpoint`: what the log's key signs.

use jiff::Timestamp;

use super::verifier_key::is_key_name;
use super::{Hash, NoteError, SignedNote, VerifierKey, empty_root};
use crate::time::rfc3339;

/// A state of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is its key's too.
    pub origin: String,
    /// Entries in the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// When it was made, to the millisecond.
    pub time: Timestamp,
}

/// Why a note is no checkpoint of a known key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text is not origin, size, root and time, a line each, written the one right way.
    #[error("the text is no checkpoint")]
    Text,
    /// An empty tree with another root than the empty one's.
    #[error("the checkpoint of an empty tree has another root")]
    EmptyRoot,
    /// The note is malformed, or not signed by a known key named like the origin.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl Checkpoint {
    /// The four lines: origin, size, root in base64, `time` with the time in RFC 3339 and milliseconds.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\ntime {}\n", self.origin, self.size, self.root, rfc3339(self.time))
    }

    /// Reads what [`Checkpoint::text`] writes, and nothing else.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let mut line = || lines.next().ok_or(CheckpointError::Text);
        let origin = line()?.to_owned();
        let size = line()?.parse().map_err(|_| CheckpointError::Text)?;
        let root = Hash::parse(line()?).map_err(|_| CheckpointError::Text)?;
        let time = line()?.strip_prefix("time ").ok_or(CheckpointError::Text)?;
        let time = time.parse().map_err(|_| CheckpointError::Text)?;
        let checkpoint = Self { origin, size, root, time };
        // Whatever a lenient parser let through (a plus sign, zeros in front, a fifth line) is not written like this.
        if checkpoint.text() != text || !is_key_name(&checkpoint.origin) {
            return Err(CheckpointError::Text);
        }
        if size == 0 && root != empty_root() {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(checkpoint)
    }
}

/// Reads a signed checkpoint. Only a key whose name is the checkpoint's origin counts; the caller compares the origin
/// with that of the log it means.
pub fn open_checkpoint(note: &str, keys: &[VerifierKey]) -> Result<Checkpoint, CheckpointError> {
    let note = SignedNote::parse(note)?;
    let checkpoint = Checkpoint::parse(note.text())?;
    let keys: Vec<_> = keys.iter().filter(|key| key.name() == checkpoint.origin).cloned().collect();
    note.verify(&keys)?;
    Ok(checkpoint)
}
