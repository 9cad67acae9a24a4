//! What was looked at, and what is not as it was sealed.

use serde_json::json;

use crate::error::Error;
use crate::show;

/// What fsck found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Name of the log, where there is one.
    pub(crate) origin: Option<String>,
    /// Entries of the newest checkpoint.
    pub(crate) entries: u64,
    /// Full tiles compared.
    pub(crate) tiles: u64,
    /// Signed checkpoints verified.
    pub(crate) checkpoints: u64,
    /// Registered keys.
    pub(crate) keys: usize,
    /// References whose anchors were compared.
    pub(crate) anchors: u64,
    /// Entries compared with the audit table.
    pub(crate) audit_entries: u64,
    /// Items of the audit table whose entry is not in the log yet, and may still come.
    pub(crate) unsealed: u64,
    /// What is not as it must be, a line each.
    pub(crate) differences: Vec<String>,
}

impl Report {
    /// Notes a difference.
    pub(crate) fn differs(&mut self, what: impl std::fmt::Display) {
        self.differences.push(show::plain(&what.to_string()));
    }

    /// Prints it.
    pub(crate) fn show(&self, json: bool) -> Result<(), Error> {
        if json {
            return show::json(&json!({
                "origin": self.origin, "entries": self.entries, "tiles": self.tiles, "checkpoints": self.checkpoints,
                "keys": self.keys, "anchors": self.anchors, "audit_entries": self.audit_entries, "unsealed": self.unsealed,
                "differences": self.differences,
            }));
        }
        show::pairs(&[
            ("log", self.origin.clone().unwrap_or_else(|| "-".to_owned())),
            ("entries", self.entries.to_string()),
            ("full_tiles", self.tiles.to_string()),
            ("checkpoints", self.checkpoints.to_string()),
            ("registered_keys", self.keys.to_string()),
            ("anchors", self.anchors.to_string()),
            ("compared_in_audit_table", self.audit_entries.to_string()),
            ("not_sealed_yet", self.unsealed.to_string()),
            ("differences", self.differences.len().to_string()),
        ])?;
        self.differences.iter().try_for_each(|difference| show::line(difference))
    }
}
