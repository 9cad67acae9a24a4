//! Evidence bundles: what is in one, in which order and in which words, and the verifier that believes none of it unproved.
//!
//! The format is `borrow-rate-engine/evidence/1`. A bundle is a function of the log, the filter and the tree size: nothing in it
//! comes from a clock, the annex `log-events.jsonl` apart.

mod archive;
mod csv;
mod expectation;
mod filter;
mod key;
mod layout;
mod lines;
mod manifest;
mod readme;
mod rotations;
mod verify;

pub use archive::{Archive, ArchiveError};
pub use csv::{CSV_HEADER, csv_row};
pub use expectation::Expectation;
pub use filter::{Filter, Openings};
pub use key::{TimedKey, TimedKeyError};
pub use layout::Member;
pub use lines::{
    Anchor, Consistency, EntryLine, Inclusion, LineError, LogEvent, RangeProof, from_json, to_json, to_line,
};
pub use manifest::{
    Completeness, FORMAT, FileDigest, Indices, MANIFEST_NOTE_TITLE, Manifest, Opening, manifest_note_text,
};
pub use readme::{Facts, describe, readme};
pub use rotations::{ROTATIONS_HEADER, rotates, rotation_row};
pub use verify::{Bundle, BundleError, Check, CheckName, Options, Outcome, Report, Verdict, verify};

/// Seconds between an event and the checkpoint that must hold its entry: a range ends with a checkpoint this long after
/// the time asked for, so that an entry sealed late is still in it.
pub const SETTLING_SECONDS: i64 = 300;

/// Most headers that a bundle with completeness `range` carries. A longer range is exported as `selected`.
pub const MOST_RANGE: u64 = 250_000;
