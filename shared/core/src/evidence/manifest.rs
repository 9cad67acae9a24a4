//! `manifest.json`: what a bundle says of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Filter, LineError, Member, Openings, lines};
use crate::audit::Commitment;

/// The format's name and version.
pub const FORMAT: &str = "borrow-rate-engine/evidence/1";

/// First line of the note over the manifest: it keeps that signature from being taken for one over anything else.
pub const MANIFEST_NOTE_TITLE: &str = "borrow-rate-engine evidence manifest";

/// Whether a bundle can show what it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// It carries every header of the range that the time asked for lies in: the filter can be run again.
    Range,
    /// The range is too long to carry: it proves what it holds, and nothing about what is absent.
    Selected,
}

impl Completeness {
    /// The name in manifests and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::Selected => "selected",
        }
    }
}

/// Indices of the log, half open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indices {
    /// The first, included.
    pub first: u64,
    /// The end, excluded.
    pub end: u64,
}

/// What opens a reference: hex SHA-256(salt ‖ value).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The value in clear: a client id, or a ticker.
    pub value: String,
    /// The salt, 16 bytes in base64.
    pub salt: String,
}

impl Opening {
    /// Whether this opens `reference`.
    #[must_use]
    pub fn opens(&self, reference: &str) -> bool {
        Commitment::from_stored(self.value.clone(), &self.salt)
            .is_some_and(|commitment| commitment.reference().as_str() == reference)
    }
}

impl From<&Commitment> for Opening {
    fn from(commitment: &Commitment) -> Self {
        Self { value: commitment.value().to_owned(), salt: commitment.salt() }
    }
}

/// What a file of the bundle must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name.
    pub path: String,
    /// Hex SHA-256.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// The manifest, written as canonical JSON (RFC 8785).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Name of the log.
    pub origin: String,
    /// Entries in the log at the bundle's checkpoint.
    pub size: u64,
    /// Whether the bundle can show what it does not hold.
    pub completeness: Completeness,
    /// The range whose headers are here; present with [`Completeness::Range`] alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Indices>,
    /// What was asked for.
    pub filter: Filter,
    /// What opens every reference of the filter.
    pub opened: Openings,
    /// Entries that the filter matches.
    pub matched: u64,
    /// Every other file but the note, in their order in the bundle.
    pub files: Vec<FileDigest>,
}

impl Manifest {
    /// The exact text of `manifest.json`: canonical JSON, no newline.
    pub fn text(&self) -> Result<String, LineError> {
        lines::to_json(self)
    }

    /// Reads a manifest that is exactly what [`Manifest::text`] writes.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let manifest: Self = serde_json::from_str(text).map_err(LineError::json)?;
        if manifest.text()? == text { Ok(manifest) } else { Err(LineError::NotCanonical) }
    }

    /// The digest of a file.
    #[must_use]
    pub fn file(&self, member: &Member) -> Option<&FileDigest> {
        let name = member.name();
        self.files.iter().find(|file| file.path == name)
    }

    /// The latest time that a request without `to` means: entries younger than this may not be sealed.
    #[must_use]
    pub fn latest_to(checkpoint_time: Timestamp) -> Timestamp {
        let settling = jiff::SignedDuration::from_secs(super::SETTLING_SECONDS);
        checkpoint_time.checked_sub(settling).unwrap_or(Timestamp::MIN)
    }
}

/// What the note over a manifest says: [`MANIFEST_NOTE_TITLE`] and the hex SHA-256 of `manifest.json`, a line each.
#[must_use]
pub fn manifest_note_text(manifest_sha256: &str) -> String {
    format!("{MANIFEST_NOTE_TITLE}\n{manifest_sha256}\n")
}
