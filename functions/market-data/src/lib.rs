//! Turns each file that lands in the market bucket into a snapshot: parsed, judged, stored, and put in force together
//! with its audit entry. The command line accepts through the same code what was held back.

mod accept;
pub mod event;
mod file;
mod import;
pub mod report;

use std::future::Future;

use engine_aws::audit_log::AuditLog;
use engine_aws::clock::SharedClock;
use engine_aws::market::MarketStore;
use engine_aws::objects::{Object, ObjectStore};
use engine_aws::records::RecordsBucket;
use engine_core::audit::SecretKey;
use engine_core::market::FileRefusal;
use jiff::tz::TimeZone;

pub use report::{Acceptance, ImportRecord, ImportStatus, import_id};

/// Where files are read from, and where the references of a snapshot are kept.
pub trait Objects: Send + Sync {
    /// One version of an object.
    fn get(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Object, engine_aws::Error>> + Send;

    /// Keeps bytes under a key of the locked bucket, once and for good; the same again is no failure, other bytes are a
    /// conflict.
    fn keep(&self, key: &str, bytes: &[u8]) -> impl Future<Output = Result<(), engine_aws::Error>> + Send;
}

/// The buckets of the stack.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// Reads files.
    pub files: ObjectStore,
    /// The locked bucket.
    pub records: RecordsBucket,
}

impl Objects for Buckets {
    async fn get(&self, bucket: &str, key: &str, version: Option<&str>) -> Result<Object, engine_aws::Error> {
        self.files.get(bucket, key, version).await
    }

    async fn keep(&self, key: &str, bytes: &[u8]) -> Result<(), engine_aws::Error> {
        self.records.put_once(key, bytes).await.map(drop)
    }
}

/// Why an import or an acceptance did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A store could not do it.
    #[error(transparent)]
    Store(#[from] engine_aws::Error),
    /// The event is not about the market bucket.
    #[error("the event is about another bucket")]
    OtherBucket,
    /// The object's folder is no source's.
    #[error("no source publishes to {0}")]
    UnknownFolder(String),
    /// Other references are kept already under the snapshot's id, so that it cannot be put in force.
    #[error("references of the snapshot: {0}")]
    References(engine_aws::Error),
    /// Other imports of the same source came first, each time.
    #[error("other imports of this source came first {0} times")]
    Overtaken(u32),
    /// No import has that id.
    #[error("there is no import {0}")]
    UnknownImport(String),
    /// Only what was held back can be accepted.
    #[error("the import is {0}, not QUARANTINED")]
    NotQuarantined(ImportStatus),
    /// An acceptance needs a reason.
    #[error("the reason must be 1 to 500 characters, none of them control characters")]
    InvalidReason,
    /// The object is not the one that was held back.
    #[error("the object's content is not what was held back")]
    Changed,
    /// The file cannot be read, although it could when it was held back.
    #[error("the file is refused: {0}")]
    Refused(#[from] FileRefusal),
}

/// The keys of references in audit entries.
pub struct Keys {
    /// Names the importer as an actor.
    pub actor: SecretKey,
    /// Makes the tickers' salts.
    pub reference: SecretKey,
}

/// Imports files.
pub struct Importer<O> {
    objects: O,
    store: MarketStore,
    audit: AuditLog,
    keys: Keys,
    bucket: String,
    zone: TimeZone,
    clock: SharedClock,
}

impl<O: Objects> Importer<O> {
    /// An importer of the files in `bucket`, whose times without a zone are in `zone`.
    #[must_use]
    pub fn new(
        objects: O,
        store: MarketStore,
        audit: AuditLog,
        keys: Keys,
        bucket: String,
        zone: TimeZone,
        clock: SharedClock,
    ) -> Self {
        Self { objects, store, audit, keys, bucket, zone, clock }
    }

    /// The record of an import.
    pub async fn record(&self, import_id: &str) -> Result<Option<ImportRecord>, ImportError> {
        let stored = self.store.import(import_id).await?;
        Ok(stored.as_ref().map(ImportRecord::from_document).transpose()?)
    }
}
