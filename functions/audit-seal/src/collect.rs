//! Entries, out of what the stream tells of the audit table.

use std::collections::{BTreeMap, HashMap};

use engine_aws::Error;
use engine_aws::audit_log::Place;
use engine_core::audit::{Entry, EntryId};
use jiff::Timestamp;

use crate::AuditSeal;
use crate::event::{Change, ChangeKind, Image};
use crate::sealable::can_be_sealed;
use crate::tamper::{Reason, Tampering};

/// What a batch of changes came to.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// The entries, each once, in the order in which they were told.
    pub(crate) entries: Vec<Entry>,
    /// The change that told of an entry.
    pub(crate) told: HashMap<EntryId, Change>,
    /// What is wrong.
    pub(crate) wrong: Vec<Wrong>,
}

/// A change that is no appending of an entry.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// What is wrong with which item.
    pub(crate) found: Tampering,
    /// The change's id in the stream.
    pub(crate) change: String,
    /// When it was made.
    pub(crate) time: Timestamp,
}

impl Wrong {
    pub(crate) fn new(change: Change, reason: Reason) -> Self {
        let Change { id, partition, sort_key, time, .. } = change;
        Self { found: Tampering { reason, partition, sort_key }, change: id, time }
    }
}

impl Collected {
    fn wrong(&mut self, change: Change, reason: Reason) {
        self.wrong.push(Wrong::new(change, reason));
    }

    /// Takes an entry that a change tells of. The same told again is nothing; another under its id was written over it.
    fn take(&mut self, entry: Entry, change: Change) {
        match self.told.get(&entry.id()) {
            None => {
                self.told.insert(entry.id(), change);
                self.entries.push(entry);
            }
            Some(_) if self.entries.contains(&entry) => {}
            Some(_) => self.wrong(change, Reason::Rewritten),
        }
    }
}

/// What is told of the items of one entry, by their ordinals.
type Pieces = BTreeMap<usize, (Change, Image)>;

impl AuditSeal {
    /// Sorts changes into entries and what is wrong. An entry of several items is put together where all of them are told
    /// of, as they were put; else it is read from the table, where its items are since one transaction.
    pub(crate) async fn collect(&self, changes: Vec<Change>) -> Result<Collected, Error> {
        let now = self.clock.now();
        let mut collected = Collected::default();
        let mut pieces: BTreeMap<EntryId, Pieces> = BTreeMap::new();
        for mut change in changes {
            let image = match &mut change.kind {
                ChangeKind::Inserted(image) => std::mem::take(image),
                ChangeKind::Modified => {
                    collected.wrong(change, Reason::Rewritten);
                    continue;
                }
                ChangeKind::Removed => {
                    collected.wrong(change, Reason::Removed);
                    continue;
                }
            };
            let (id, ordinal) = match Place::of(&change.partition, &change.sort_key) {
                Place::Entry(id) if image.chunks.as_deref() == Some("1") => {
                    match whole(id, image).filter(|entry| can_be_sealed(entry, now)) {
                        Some(entry) => collected.take(entry, change),
                        None => collected.wrong(change, Reason::Foreign),
                    }
                    continue;
                }
                Place::Entry(id) if image.chunks.is_some() => (id, 0),
                // A piece of a whole entry; what was put beside one breaks it.
                Place::Piece(id) => (id, ordinal(&change.sort_key)),
                Place::Entry(_) | Place::Foreign => {
                    collected.wrong(change, Reason::Foreign);
                    continue;
                }
            };
            let told = pieces.entry(id).or_default();
            match told.get(&ordinal) {
                None => _ = told.insert(ordinal, (change, image)),
                Some((_, known)) if *known == image => {}
                Some(_) => collected.wrong(change, Reason::Rewritten),
            }
        }
        for (id, pieces) in pieces {
            let entry = match joined(id, &pieces) {
                Some(entry) => Some(entry),
                None => self.audit.read_if_whole(id).await?,
            };
            let mut changes = pieces.into_values().map(|(change, _)| change);
            match (entry.filter(|entry| can_be_sealed(entry, now)), changes.next()) {
                (Some(entry), Some(change)) => collected.take(entry, change),
                (_, first) => {
                    for change in first.into_iter().chain(changes) {
                        collected.wrong(change, Reason::Foreign);
                    }
                }
            }
        }
        Ok(collected)
    }
}

/// The entry of an image that holds it all.
fn whole(id: EntryId, image: Image) -> Option<Entry> {
    Entry::from_stored(id, image.header?, image.body?)
}

/// The entry of several items, where all of them are there and nothing beside them.
fn joined(id: EntryId, pieces: &Pieces) -> Option<Entry> {
    let (_, first) = pieces.get(&0)?;
    let count: usize = first.chunks.as_ref()?.parse().ok()?;
    if pieces.len() != count || pieces.keys().copied().ne(0..count) {
        return None;
    }
    let header = first.header.clone()?;
    let bodies: Option<Vec<&str>> = pieces.values().map(|(_, image)| image.body.as_deref()).collect();
    Entry::from_stored(id, header, bodies?.concat())
}

/// The number of a later piece, in its sort key after the id.
fn ordinal(sort_key: &str) -> usize {
    sort_key.split_once('#').and_then(|(_, ordinal)| ordinal.parse().ok()).unwrap_or(0)
}
