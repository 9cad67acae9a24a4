//! The key register in the locked bucket: records are added, never changed.

use engine_core::merkle::{KeyRecord, KeyRegister, SignedNote};

use super::names;
use crate::Error;
use crate::records::{Put, RecordsBucket};

/// Reads the register and adds to it.
#[derive(Clone, Debug)]
pub struct RegisterStore {
    records: RecordsBucket,
}

impl RegisterStore {
    /// The register in that bucket.
    #[must_use]
    pub fn new(records: RecordsBucket) -> Self {
        Self { records }
    }

    /// The records as they are stored: key of the object and signed note, in the order of the keys.
    pub async fn notes(&self) -> Result<Vec<(String, String)>, Error> {
        let mut notes = Vec::new();
        for key in self.records.keys(names::REGISTER).await? {
            let bytes = self.records.first(&key).await?;
            let bytes = bytes.ok_or_else(|| Error::NotFound(format!("object {key}")))?;
            let note = String::from_utf8(bytes).map_err(|error| Error::corrupt("key record", error))?;
            notes.push((key, note));
        }
        Ok(notes)
    }

    /// The register, its chains checked. [`Error::Corrupt`] where a record does not belong to them.
    pub async fn read(&self) -> Result<KeyRegister, Error> {
        let notes: Vec<String> = self.notes().await?.into_iter().map(|(_, note)| note).collect();
        KeyRegister::read(&notes).map_err(|error| Error::corrupt("key register", error))
    }

    /// Adds a record, as the note that the keys signed. [`Error::Conflict`] where its place is taken by another.
    pub async fn add(&self, record: &KeyRecord, note: &SignedNote) -> Result<Put, Error> {
        if note.text() != record.text() {
            return Err(Error::corrupt("key record", "the note is of another record"));
        }
        self.records.put_once(&record.path(), note.to_string().as_bytes()).await
    }
}
