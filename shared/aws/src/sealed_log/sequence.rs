//! Sequencing: each entry gets the next index, once, whoever else is at it.

use std::collections::HashSet;

use engine_core::audit::{Entry, EntryId};
use engine_core::hex;
use engine_core::merkle::INLINE_BODY_LIMIT;

use super::batch::{self, Sealed};
use super::table::{Moved, SequencedBatch};
use super::{SealError, Sealer, names};
use crate::{Error, transact};

/// Entries of a batch at most: a transaction has 100 writes, of which the head and the batch take two.
pub(super) const MOST_BATCHED: usize = 98;
/// Times that a batch is tried against others. Whenever one of them loses, another has got on.
const ATTEMPTS: u32 = 100;

/// What became of entries that were handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequenced {
    /// Entries that have an index by this call.
    pub new: usize,
    /// Entries that had one, and repetitions of an entry within the call.
    pub known: usize,
}

impl Sealer {
    /// Those of `ids` that have no index, in their order.
    pub async fn missing(&self, ids: &[EntryId]) -> Result<Vec<EntryId>, SealError> {
        let known = self.table.indices(ids).await?;
        Ok(ids.iter().copied().filter(|id| !known.contains_key(id)).collect())
    }

    /// Gives each entry that has none the next index. Entries must be what the audit table holds, verified.
    ///
    /// Whatever is repeated, interleaved or cut off, no entry gets two; after an error the same call may be made again.
    pub async fn sequence(&self, mut entries: Vec<Entry>) -> Result<Sequenced, SealError> {
        let given = entries.len();
        let mut seen = HashSet::with_capacity(given);
        entries.retain(|entry| seen.insert(entry.id()));
        // Ids sort by time.
        entries.sort_unstable_by_key(Entry::id);
        self.retain_missing(&mut entries).await?;
        let mut new = 0;
        for batch in entries.chunks(MOST_BATCHED) {
            new += self.sequence_batch(batch.to_vec()).await?;
        }
        Ok(Sequenced { new, known: given - new })
    }

    async fn retain_missing(&self, entries: &mut Vec<Entry>) -> Result<(), SealError> {
        let ids: Vec<EntryId> = entries.iter().map(Entry::id).collect();
        let known = self.table.indices(&ids).await?;
        entries.retain(|entry| !known.contains_key(&entry.id()));
        Ok(())
    }

    /// How many of the entries got their index here.
    async fn sequence_batch(&self, mut entries: Vec<Entry>) -> Result<usize, SealError> {
        for attempt in 0..ATTEMPTS {
            if entries.is_empty() {
                return Ok(0);
            }
            let sealed: Vec<Sealed> = entries.iter().map(Sealed::new).collect::<Result<_, _>>()?;
            if attempt == 0 {
                self.put_apart(&entries).await?;
            }
            let start = self.table.head().await?;
            let (object, bytes) = batch::encode(start, &sealed)?;
            self.work.put(&object, bytes).await?;
            let ids: Vec<EntryId> = entries.iter().map(Entry::id).collect();
            let batch = SequencedBatch { start, count: ids.len() as u64, object };
            match self.table.commit(&batch, &ids).await? {
                Moved::Done => return Ok(ids.len()),
                Moved::Lost => {
                    transact::pause(attempt).await;
                    self.retain_missing(&mut entries).await?;
                }
            }
        }
        let cause = format!("others moved the head {ATTEMPTS} times");
        Err(Error::Unavailable { operation: "dynamodb:TransactWriteItems", cause }.into())
    }

    /// Locks the long bodies away before anything refers to them.
    async fn put_apart(&self, entries: &[Entry]) -> Result<(), SealError> {
        for body in entries.iter().map(Entry::body).filter(|body| body.len() > INLINE_BODY_LIMIT) {
            self.lock(&names::body(&hex::sha256(body.as_bytes())), body.as_bytes()).await?;
        }
        Ok(())
    }

    /// Puts a locked object, which must be the same if it is there.
    pub(super) async fn lock(&self, key: &str, bytes: &[u8]) -> Result<(), SealError> {
        match self.records.put_once(key, bytes).await {
            Ok(_) => Ok(()),
            Err(Error::Conflict(_)) => {
                Err(SealError::forked(key, "its first version holds other bytes than were sealed"))
            }
            Err(error) => Err(error.into()),
        }
    }
}
