//! Sequencing: each entry gets the next index, once, whoever else is at it.

use std::collections::HashMap;

use engine_core::audit::{Entry, EntryId};
use engine_core::hex;
use engine_core::merkle::{Hash, INLINE_BODY_LIMIT, leaf_hash};

use super::batch::{self, Sealed};
use super::table::{Moved, SequencedBatch};
use super::{SealError, Sealer, names};
use crate::{Error, transact};

/// Entries of a batch at most: a transaction has 100 writes, of which the head and the batch take two.
pub(super) const MOST_BATCHED: usize = 98;
/// Times that a batch is tried against others. Whenever one of them loses, another has got on.
const ATTEMPTS: u32 = 100;

/// What became of entries that were handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequenced {
    /// Entries that have an index by this call.
    pub new: usize,
    /// Entries that had one, and repetitions of an entry within the call.
    pub known: usize,
    /// Ids of those known entries that were handed in with another header than is in the log.
    pub contradicted: Vec<EntryId>,
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
    /// [`SealError::Forked`] where the table was set back behind a locked checkpoint: its indices are given out already.
    pub async fn sequence(&self, entries: Vec<Entry>) -> Result<Sequenced, SealError> {
        let mut done = Sequenced::default();
        let given = entries.len();
        let mut first: HashMap<EntryId, Entry> = HashMap::with_capacity(given);
        for entry in entries {
            match first.get(&entry.id()) {
                Some(known) if known.header() != entry.header() => done.contradicted.push(entry.id()),
                Some(_) => {}
                None => _ = first.insert(entry.id(), entry),
            }
        }
        let mut entries: Vec<Entry> = first.into_values().collect();
        // Ids sort by time.
        entries.sort_unstable_by_key(Entry::id);
        self.retain_missing(&mut entries, &mut done).await?;
        if !entries.is_empty() {
            self.check_head().await?;
        }
        for batch in entries.chunks(MOST_BATCHED) {
            self.sequence_batch(batch.to_vec(), &mut done).await?;
        }
        done.known = given - done.new;
        Ok(done)
    }

    /// No checkpoint may be ahead of the head.
    async fn check_head(&self) -> Result<(), SealError> {
        let head = self.table.head().await?;
        let Some(locked) = self.locked_beyond(head).await? else { return Ok(()) };
        // Others may have come as far since the head was read.
        let head = self.table.head().await?;
        if head >= locked {
            return Ok(());
        }
        Err(SealError::forked("the log's head", format_args!("it is {head} with a checkpoint of {locked}")))
    }

    /// The size of a locked checkpoint over more than `size` entries, where there is one.
    async fn locked_beyond(&self, size: u64) -> Result<Option<u64>, SealError> {
        let (keys, _) = self.records.keys_from(names::CHECKPOINTS, &names::checkpoint(size + 1)).await?;
        Ok(keys.iter().filter_map(|key| names::number(names::CHECKPOINTS, key)).max())
    }

    /// Drops the entries that have an index, and notes which of them is another in the log.
    async fn retain_missing(&self, entries: &mut Vec<Entry>, done: &mut Sequenced) -> Result<(), SealError> {
        let ids: Vec<EntryId> = entries.iter().map(Entry::id).collect();
        let known = self.table.leaves(&ids).await?;
        entries.retain(|entry| {
            let Some(sealed) = known.get(&entry.id()) else { return true };
            if *sealed != leaf(entry) {
                done.contradicted.push(entry.id());
            }
            false
        });
        Ok(())
    }

    async fn sequence_batch(&self, mut entries: Vec<Entry>, done: &mut Sequenced) -> Result<(), SealError> {
        for attempt in 0..ATTEMPTS {
            if entries.is_empty() {
                return Ok(());
            }
            let sealed: Vec<Sealed> = entries.iter().map(Sealed::new).collect::<Result<_, _>>()?;
            if attempt == 0 {
                self.put_apart(&entries).await?;
            }
            let start = self.table.head().await?;
            let (object, bytes) = batch::encode(start, &sealed)?;
            self.work.put(&object, bytes).await?;
            let leaves: Vec<(EntryId, Hash)> = entries.iter().map(|entry| (entry.id(), leaf(entry))).collect();
            let batch = SequencedBatch { start, count: leaves.len() as u64, object };
            match self.table.commit(&batch, &leaves).await? {
                Moved::Done => {
                    done.new += leaves.len();
                    return Ok(());
                }
                Moved::Lost => {
                    transact::pause(attempt).await;
                    self.retain_missing(&mut entries, done).await?;
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

fn leaf(entry: &Entry) -> Hash {
    leaf_hash(entry.header().as_bytes())
}
