//! The records of the bundle's JSON files, each written as canonical JSON (RFC 8785).

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::audit::{CanonicalError, canonical_json, is_canonical};
use crate::merkle::Hash;

/// Text that is not the record it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not JSON, or not with these members.
    #[error("not the JSON expected: {0}")]
    Json(String),
    /// The same record, written another way.
    #[error("not in canonical form")]
    NotCanonical,
    /// A value that has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl LineError {
    #[allow(clippy::needless_pass_by_value)] // the shape that `map_err` takes
    pub(super) fn json(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

/// A record as canonical JSON without a newline: the whole text of a `.json` file.
pub fn to_json(record: &impl Serialize) -> Result<String, LineError> {
    Ok(canonical_json(&serde_json::to_value(record).map_err(LineError::json)?)?)
}

/// A record's line, with the newline that ends it.
pub fn to_line(record: &impl Serialize) -> Result<String, LineError> {
    let mut line = to_json(record)?;
    line.push('\n');
    Ok(line)
}

/// Reads a record of a line or file below, without a newline, that is exactly what [`to_json`] writes.
///
/// The form is checked and the record not written again. That is the same for those records: they take no member that is
/// not theirs, leave none out, and each member has one spelling (text, an integer, a hash).
pub fn from_json<T: DeserializeOwned>(line: &str) -> Result<T, LineError> {
    let record = serde_json::from_str(line).map_err(LineError::json)?;
    if is_canonical(line) { Ok(record) } else { Err(LineError::NotCanonical) }
}

/// A line of `entries.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryLine {
    /// Its place in the log.
    pub index: u64,
    /// The exact header, which is the leaf.
    pub header: String,
    /// The exact body.
    pub body: String,
}

/// A line of `inclusion.jsonl`: the proof of one entry against the bundle's tree size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// The entry's place in the log.
    pub index: u64,
    /// In the order of RFC 6962.
    pub proof: Vec<Hash>,
}

/// A line of `anchors.jsonl`: the entry that fixed what a reference opens to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The opened reference.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The anchoring entry's place in the log.
    pub index: u64,
    /// Its exact header.
    pub header: String,
    /// Its exact body.
    pub body: String,
    /// Its proof against the bundle's tree size, in the order of RFC 6962.
    pub proof: Vec<Hash>,
}

/// `range/proof.json`: what lies left and right of the range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeProof {
    /// The range's first index.
    pub first: u64,
    /// Its end, excluded.
    pub end: u64,
    /// The bundle's tree size.
    pub size: u64,
    /// Roots of the maximal aligned perfect subtrees that tile `[0, first)`, in index order.
    pub left: Vec<Hash>,
    /// Roots of those that tile `[end, size)`.
    pub right: Vec<Hash>,
}

/// `consistency.json`: the proof that the bundle's tree extends an older one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// The older size.
    pub first: u64,
    /// The bundle's tree size.
    pub size: u64,
    /// In the order of RFC 6962.
    pub proof: Vec<Hash>,
}

/// A line of `log-events.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEvent {
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
    /// When, as the log service has it: RFC 3339, milliseconds.
    pub time: String,
    /// What was written, exactly.
    pub message: String,
}
