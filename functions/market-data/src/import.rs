//! One file, from the event to its snapshot in force.

use engine_aws::Error;
use engine_aws::author::{Act, Author};
use engine_aws::market::{Pointer, RecordCondition};
use engine_aws::objects::Object;
use engine_core::audit::{Event, Outcome};
use engine_core::hex;
use engine_core::market::{FileRefusal, MAX_FILE, Snapshot, Source, check, encode, references_jsonl};
use engine_core::time::rfc3339;
use engine_http::logging::EventType;
use serde_json::{Value, json};

use crate::event::Upload;
use crate::file::File;
use crate::report::{ImportStatus, MAX_REJECTIONS, import_id};
use crate::{ImportError, ImportRecord, Importer, Objects};

/// Tries at putting a snapshot in force; each is lost only to another import of the same source.
const MAX_TRIES: u32 = 5;
/// The importer's name as an actor and a function.
const FUNCTION: &str = "market-data";

/// Whose decision it is that a snapshot is put in force.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The importer's, which holds back what moves too much.
    Importer,
    /// A person's, whatever the snapshot moves.
    Person,
}

/// A file to put in force.
pub(crate) struct Attempt<'a> {
    /// The record so far.
    pub(crate) record: ImportRecord,
    /// The file.
    pub(crate) file: &'a File,
    /// Who does it.
    pub(crate) author: &'a Author,
    /// Whose decision it is.
    pub(crate) decision: Decision,
}

impl<O: Objects> Importer<O> {
    /// Imports a file. A file whose import has come to an end already, as when its event is redelivered, is left alone.
    pub async fn import(&self, upload: &Upload, request_id: &str) -> Result<ImportRecord, ImportError> {
        if upload.bucket != self.bucket {
            return Err(ImportError::OtherBucket);
        }
        let source =
            Source::from_object_key(&upload.key).ok_or_else(|| ImportError::UnknownFolder(upload.key.clone()))?;
        let mut record = self.begin(upload, source);
        if let Some(finished) = self.record(&record.import_id).await? {
            tracing::info!(import_id = finished.import_id, result = finished.status.as_str(), "import finished before");
            return Ok(finished);
        }
        let author = self.author(upload, request_id);
        if upload.size.is_some_and(|size| usize::try_from(size).is_ok_and(|size| size > MAX_FILE)) {
            return self.refuse(record, &FileRefusal::TooLarge, &author).await;
        }
        let Object { bytes, last_modified } =
            self.objects.get(&upload.bucket, &upload.key, upload.version.as_deref()).await?;
        record.file_sha256 = Some(hex::sha256(&bytes));
        match File::parse(source, &bytes, &self.zone, last_modified) {
            Ok(file) => {
                record.rejected = file.rejections.len();
                record.rejections = file.rejections.iter().take(MAX_REJECTIONS).cloned().collect();
                let attempt = Attempt { record, file: &file, author: &author, decision: Decision::Importer };
                self.settle(&attempt).await
            }
            Err(refusal) => self.refuse(record, &refusal, &author).await,
        }
    }

    /// Tries until the outcome is written, each time against what is in force by then.
    pub(crate) async fn settle(&self, attempt: &Attempt<'_>) -> Result<ImportRecord, ImportError> {
        for _ in 0..MAX_TRIES {
            match self.attempt(attempt).await {
                Err(ImportError::Store(Error::Conflict(_))) => {}
                settled => return settled,
            }
            // Another import of the source came first, or another delivery of this one: that one has left its record.
            match attempt.decision {
                Decision::Importer => {
                    if let Some(finished) = self.record(&attempt.record.import_id).await? {
                        return Ok(finished);
                    }
                }
                Decision::Person => drop(self.quarantined(&attempt.record.import_id).await?),
            }
        }
        Err(ImportError::Overtaken(MAX_TRIES))
    }

    async fn attempt(&self, attempt: &Attempt<'_>) -> Result<ImportRecord, ImportError> {
        let mut record = attempt.record.clone();
        let in_force = self.store.pointers().await?.into_iter().find(|pointer| pointer.source == record.source);
        if attempt.decision == Decision::Importer
            && let Some(pointer) = &in_force
            && record.file_sha256.as_ref() == Some(&pointer.file_sha256)
            // A document without a time stands for when it was put: put again, it is fresh again.
            && attempt.file.as_of() == pointer.as_of
        {
            record.snapshot_id = Some(pointer.snapshot_id.clone());
            record.as_of = Some(pointer.as_of);
            return self.finish(record, ImportStatus::Unchanged, attempt.author).await;
        }
        let previous = match &in_force {
            Some(pointer) => Some(self.store.load(pointer).await?),
            None => None,
        };
        let (snapshot, counts) = attempt.file.build(previous.as_ref(), &self.keys.reference);
        record.counts = Some(counts);
        record.as_of = Some(snapshot.as_of());
        if attempt.decision == Decision::Importer {
            record.reasons = check(&snapshot, previous.as_ref(), &counts, self.clock.now())
                .iter()
                .map(ToString::to_string)
                .collect();
            if !record.reasons.is_empty() {
                return self.finish(record, ImportStatus::Quarantined, attempt.author).await;
            }
        }
        self.publish(record, &snapshot, in_force.as_ref(), attempt).await
    }

    async fn publish(
        &self,
        mut record: ImportRecord,
        snapshot: &Snapshot,
        in_force: Option<&Pointer>,
        attempt: &Attempt<'_>,
    ) -> Result<ImportRecord, ImportError> {
        let encoded = encode(snapshot).map_err(|error| Error::corrupt("snapshot", error))?;
        self.store.put_chunks(&encoded).await?;
        record.status = ImportStatus::Published;
        record.finished_at = self.clock.now();
        record.snapshot_id = Some(encoded.id.clone());
        let pointer = Pointer {
            source: record.source,
            snapshot_id: encoded.id,
            as_of: snapshot.as_of(),
            chunks: encoded.chunks.len(),
            file_sha256: record.file_sha256.clone().unwrap_or_default(),
            version: in_force.map_or(0, |pointer| pointer.version) + 1,
        };
        let mut details = details(&record);
        if let Value::Object(details) = &mut details {
            details.insert("previous_snapshot_id".into(), json!(in_force.map(|pointer| &pointer.snapshot_id)));
            // Anchors the salts: an opening of a ticker's reference is one of this list, or invented.
            if let Snapshot::ShortStock(snapshot) = snapshot {
                let references = references_jsonl(snapshot);
                self.keep_references(&pointer.snapshot_id, references.as_bytes()).await?;
                details.insert("references_sha256".into(), hex::sha256(references.as_bytes()).into());
            }
        }
        let condition = match attempt.decision {
            Decision::Importer => RecordCondition::Absent,
            Decision::Person => RecordCondition::Status(ImportStatus::Quarantined.as_str()),
        };
        let entry = attempt.author.entry(act(Event::SnapshotImport, &record, details), record.finished_at)?;
        let audit = self.audit.transact_items(&entry)?;
        let expected = in_force.map(|pointer| pointer.version);
        self.store.publish(&pointer, expected, &record.document()?, condition, audit).await?;
        log(&record);
        Ok(record)
    }

    /// Keeps the list that the entry anchors, before there is an entry: evidence about a ticker is of no use without it.
    async fn keep_references(&self, snapshot_id: &str, references: &[u8]) -> Result<(), ImportError> {
        let kept = self.objects.keep(&references_key(snapshot_id), references).await;
        kept.map_err(|error| match error {
            // Not one that a second try settles, as a lost race for the pointer is.
            Error::Conflict(_) => ImportError::References(error),
            other => ImportError::Store(other),
        })
    }

    async fn refuse(
        &self,
        mut record: ImportRecord,
        refusal: &FileRefusal,
        author: &Author,
    ) -> Result<ImportRecord, ImportError> {
        record.reasons = vec![refusal.to_string()];
        let import_id = record.import_id.clone();
        match self.finish(record, ImportStatus::Refused, author).await {
            Err(ImportError::Store(Error::Conflict(lost))) => {
                self.record(&import_id).await?.ok_or(ImportError::Store(Error::Conflict(lost)))
            }
            refused => refused,
        }
    }

    /// Records an outcome that puts nothing in force.
    async fn finish(
        &self,
        mut record: ImportRecord,
        status: ImportStatus,
        author: &Author,
    ) -> Result<ImportRecord, ImportError> {
        record.status = status;
        record.finished_at = self.clock.now();
        let event = match status {
            ImportStatus::Published => Some(Event::SnapshotImport),
            ImportStatus::Quarantined => Some(Event::ImportQuarantine),
            ImportStatus::Refused => Some(Event::ImportRefuse),
            ImportStatus::Unchanged => None,
        };
        let audit = match event {
            Some(event) => {
                let entry = author.entry(act(event, &record, details(&record)), record.finished_at)?;
                self.audit.transact_items(&entry)?
            }
            None => Vec::new(),
        };
        self.store.record_import(&record.document()?, RecordCondition::Absent, audit).await?;
        log(&record);
        Ok(record)
    }

    fn begin(&self, upload: &Upload, source: Source) -> ImportRecord {
        let now = self.clock.now();
        ImportRecord {
            import_id: import_id(&upload.key, &upload.etag, upload.version.as_deref()),
            source,
            bucket: upload.bucket.clone(),
            object: upload.key.clone(),
            object_version: upload.version.clone(),
            uploader: upload.uploader.clone(),
            status: ImportStatus::Refused,
            reasons: Vec::new(),
            file_sha256: None,
            counts: None,
            rejections: Vec::new(),
            rejected: 0,
            snapshot_id: None,
            as_of: None,
            started_at: now,
            finished_at: now,
            acceptance: None,
        }
    }

    fn author(&self, upload: &Upload, request_id: &str) -> Author {
        let source_address = upload.source_address.clone();
        Author { source_address, ..Author::system(FUNCTION, &self.keys.actor, request_id) }
    }
}

/// Where the references of a snapshot are kept.
fn references_key(snapshot_id: &str) -> String {
    format!("references/{snapshot_id}.jsonl")
}

/// What an entry about an import says.
fn act(event: Event, record: &ImportRecord, details: Value) -> Act {
    let outcome = if event == Event::SnapshotImport { Outcome::Success } else { Outcome::Refused };
    Act {
        event,
        outcome,
        resource: format!("import:{}", record.import_id),
        reason: record.acceptance.as_ref().map(|acceptance| acceptance.reason.clone()),
        client_ref: None,
        subject_ref: None,
        details,
    }
}

/// The facts of an import, as its entry tells them.
fn details(record: &ImportRecord) -> Value {
    json!({
        "import_id": record.import_id,
        "source": record.source,
        "bucket": record.bucket,
        "object": record.object,
        "object_version": record.object_version,
        "uploader": record.uploader,
        "file_sha256": record.file_sha256,
        "snapshot_id": record.snapshot_id,
        "as_of": record.as_of.map(rfc3339),
        "counts": record.counts,
        "rejected": record.rejected,
        "reasons": record.reasons,
    })
}

fn log(record: &ImportRecord) {
    let event_type = EventType::DataAccess.as_str();
    let (import_id, source, rejected) = (record.import_id.as_str(), record.source.as_str(), record.rejected);
    let (action, result) = ("market_data.import", record.status.as_str());
    match record.status {
        ImportStatus::Published | ImportStatus::Unchanged => tracing::info!(
            event_type,
            status = "SUCCESS",
            action,
            import_id,
            source,
            rejected,
            result,
            snapshot_id = record.snapshot_id,
            "import finished"
        ),
        ImportStatus::Quarantined | ImportStatus::Refused => tracing::warn!(
            event_type,
            status = "FAILURE",
            action,
            import_id,
            source,
            rejected,
            result,
            reasons = record.reasons.join("; "),
            "file not taken"
        ),
    }
}
