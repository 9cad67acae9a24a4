//! The sealed log: audit entries in one order, under one Merkle tree (RFC 6962), in tiles (c2sp.org/tlog-tiles) and signed
//! checkpoints (c2sp.org/tlog-checkpoint).
//!
//! Sealing is in two steps, each of which any number of processes may do at once and be killed in:
//! - *Sequencing* gives each entry the next index, in one transaction with the log's head. What an entry is was put in a
//!   batch object before, so that from here on nothing depends on the audit table.
//! - *Integrating* derives all the rest from the batches: tiles, bundles, anchors, search rows, a signed checkpoint.
//!   Everything locked is put once, and whatever is already there must be the same.
//!
//! [`LogReader`] reads the log back from the buckets alone.

mod batch;
mod bundle;
mod cache;
mod growth;
mod integrate;
mod names;
mod read;
mod register;
mod search;
mod sequence;
mod table;

pub use integrate::{CLOSES, Integrated, MIN_CHECKPOINT_INTERVAL, MOST_AHEAD, MOST_INTEGRATED};
pub use read::{LogReader, SnapshotAnchor, StoredCheckpoint};
pub use register::RegisterStore;
pub use search::{Search, SearchKey, SearchRow};
pub use sequence::Sequenced;
pub use table::{LogTable, Newest, SequencedBatch};

use std::sync::Arc;

use crate::Error;
use crate::kms::NoteSigner;
use crate::objects::WorkBucket;
use crate::records::RecordsBucket;

/// Where the log is.
#[derive(Clone, Debug)]
pub struct SealedLogStores {
    /// DynamoDB.
    pub dynamo: aws_sdk_dynamodb::Client,
    /// The log's table: `pk`, `sk`.
    pub table: String,
    /// The locked bucket.
    pub records: RecordsBucket,
    /// The bucket of what can be made again.
    pub work: WorkBucket,
}

/// Why the log was not moved on.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A store failed. Another run goes on where this one stopped.
    #[error(transparent)]
    Store(#[from] Error),
    /// What is stored contradicts what was sealed before. Nothing is signed until a person has looked; critical.
    #[error("the log contradicts itself at {what}: {cause}")]
    Forked {
        /// The object or item.
        what: String,
        /// What it should be.
        cause: String,
    },
    /// Something that cannot be made again is gone; critical.
    #[error("the log cannot go on without {what}: {cause}")]
    Missing {
        /// The object.
        what: String,
        /// Where it was looked for.
        cause: String,
    },
    /// An entry cannot be a leaf of the log.
    #[error("entry {id} cannot be sealed: {cause}")]
    Unsealable {
        /// The entry's id.
        id: String,
        /// Why.
        cause: String,
    },
}

impl SealError {
    /// Whether a person must look: anything that another run would meet again.
    #[must_use]
    pub fn is_critical(&self) -> bool {
        !matches!(self, Self::Store(_))
    }

    fn forked(what: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Forked { what: what.into(), cause: cause.to_string() }
    }

    fn missing(what: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Missing { what: what.into(), cause: cause.to_string() }
    }
}

/// Puts entries into the log and signs for it.
#[derive(Clone, Debug)]
pub struct Sealer {
    table: LogTable,
    records: RecordsBucket,
    work: WorkBucket,
    signer: Arc<NoteSigner>,
    origin: String,
}

impl Sealer {
    /// A sealer of the log named `origin`, whose checkpoints `signer` signs. The signer's name must be the origin: nothing
    /// else opens a checkpoint.
    #[must_use]
    pub fn new(stores: SealedLogStores, signer: NoteSigner, origin: impl Into<String>) -> Self {
        let SealedLogStores { dynamo, table, records, work } = stores;
        Self { table: LogTable::new(dynamo, table), records, work, signer: Arc::new(signer), origin: origin.into() }
    }

    /// The log's table.
    #[must_use]
    pub fn table(&self) -> &LogTable {
        &self.table
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What signs its checkpoints.
    #[must_use]
    pub fn signer(&self) -> &NoteSigner {
        &self.signer
    }

    /// A reader of the same log, with a cache of its own.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(self.records.clone(), self.work.clone())
    }
}
