//! Accepting what was held back: a person's decision, under that person's name.

use engine_aws::author::Author;
use engine_core::hex;

use crate::file::File;
use crate::import::{Attempt, Decision};
use crate::{Acceptance, ImportError, ImportRecord, ImportStatus, Importer, Objects};

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

impl<O: Objects> Importer<O> {
    /// Publishes a file that was held back, whatever it moves, with the person's entry and reason.
    pub async fn accept(&self, import_id: &str, reason: &str, author: &Author) -> Result<ImportRecord, ImportError> {
        let reason = reason.trim();
        if !(1..=MAX_REASON).contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
            return Err(ImportError::InvalidReason);
        }
        let held = self.quarantined(import_id).await?;
        let object = self.objects.get(&held.bucket, &held.object, held.object_version.as_deref()).await?;
        if held.file_sha256.as_deref() != Some(hex::sha256(&object.bytes).as_str()) {
            return Err(ImportError::Changed);
        }
        let file = File::parse(held.source, &object.bytes, &self.zone, object.last_modified)?;
        let acceptance = Acceptance {
            accepted_by: author.actor.id.clone(),
            reason: reason.to_owned(),
            accepted_at: self.clock.now(),
        };
        let attempt = Attempt {
            record: ImportRecord { acceptance: Some(acceptance), ..held },
            file: &file,
            author,
            decision: Decision::Person,
        };
        self.settle(&attempt).await
    }

    /// The record of an import that is held back.
    pub(crate) async fn quarantined(&self, import_id: &str) -> Result<ImportRecord, ImportError> {
        let record = self.record(import_id).await?;
        let record = record.ok_or_else(|| ImportError::UnknownImport(import_id.to_owned()))?;
        match record.status {
            ImportStatus::Quarantined => Ok(record),
            other => Err(ImportError::NotQuarantined(other)),
        }
    }
}
