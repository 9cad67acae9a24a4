//! The record of an import: what became of a file, and why.

use engine_aws::Error;
use engine_aws::market::ImportDocument;
use engine_core::market::{ImportCounts, Rejection, Source};
use engine_core::{hex, time};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Hex digits of an import's id.
const ID_LENGTH: usize = 20;
/// Rejections that a record keeps; the number of all of them is kept beside.
pub const MAX_REJECTIONS: usize = 100;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ImportStatus {
    /// Its snapshot was put in force.
    Published,
    /// It is the file that the snapshot in force was made from.
    Unchanged,
    /// It moves too much, and waits for a person to accept it.
    Quarantined,
    /// It cannot be read.
    Refused,
}

impl ImportStatus {
    /// The status's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "PUBLISHED",
            Self::Unchanged => "UNCHANGED",
            Self::Quarantined => "QUARANTINED",
            Self::Refused => "REFUSED",
        }
    }
}

impl std::fmt::Display for ImportStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person's decision to publish a file that was held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The person.
    pub accepted_by: String,
    /// Why, in that person's words.
    pub reason: String,
    /// When.
    #[serde(with = "time::text")]
    pub accepted_at: Timestamp,
}

/// The record of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRecord {
    /// The import's id; see [`import_id`].
    pub import_id: String,
    /// The source.
    pub source: Source,
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub object: String,
    /// The object's version.
    pub object_version: Option<String>,
    /// The principal that put it.
    pub uploader: String,
    /// What became of it.
    pub status: ImportStatus,
    /// Why it was refused or held back.
    pub reasons: Vec<String>,
    /// Hex SHA-256 of the file; absent where it was refused unread.
    pub file_sha256: Option<String>,
    /// What was counted in it; absent where it could not be read.
    pub counts: Option<ImportCounts>,
    /// Rows that were left out, the first [`MAX_REJECTIONS`].
    pub rejections: Vec<Rejection>,
    /// Rows that were left out, all.
    pub rejected: usize,
    /// The snapshot that is in force because of it.
    pub snapshot_id: Option<String>,
    /// The time its data stand for.
    #[serde(with = "time::text::option")]
    pub as_of: Option<Timestamp>,
    /// When the import began.
    #[serde(with = "time::text")]
    pub started_at: Timestamp,
    /// When it was decided.
    #[serde(with = "time::text")]
    pub finished_at: Timestamp,
    /// Who accepted it, where it was held back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Acceptance>,
}

impl ImportRecord {
    /// The record as it is stored.
    pub fn document(&self) -> Result<ImportDocument, Error> {
        Ok(ImportDocument {
            import_id: self.import_id.clone(),
            status: self.status.as_str().to_owned(),
            document: serde_json::to_string(self).map_err(|error| Error::corrupt("import record", error))?,
        })
    }

    /// Reads a stored record.
    pub fn from_document(stored: &ImportDocument) -> Result<Self, Error> {
        serde_json::from_str(&stored.document).map_err(|error| Error::corrupt("import record", error))
    }
}

/// The id of the import of an object: the same for each delivery of the same event, another for each upload, be it of
/// content that was there before.
#[must_use]
pub fn import_id(key: &str, etag: &str, version: Option<&str>) -> String {
    let mut id = hex::sha256(format!("{key}\n{etag}\n{}", version.unwrap_or_default()).as_bytes());
    id.truncate(ID_LENGTH);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_that_of_one_version_of_one_object() {
        let id = import_id("short-stock/usa.txt", "etag", Some("v1"));
        assert_eq!(id.len(), ID_LENGTH);
        assert_eq!(import_id("short-stock/usa.txt", "etag", Some("v1")), id);
        for (key, etag, version) in [
            ("short-stock/usa.txt", "etag", Some("v2")),
            ("short-stock/usa.txt", "etag", None),
            ("short-stock/usa.txt", "other", Some("v1")),
            ("short-stock/us.txt", "etag", Some("v1")),
        ] {
            assert_ne!(import_id(key, etag, version), id, "{key} {etag} {version:?}");
        }
    }
}
