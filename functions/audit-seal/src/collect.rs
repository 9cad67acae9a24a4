//! Entries, out of what the stream tells of the audit table.

use std::collections::{BTreeMap, BTreeSet};

use engine_aws::Error;
use engine_aws::audit_log::Place;
use engine_core::audit::{Entry, EntryId, canonical_json};
use engine_core::time::rfc3339;
use jiff::Timestamp;

use crate::AuditSeal;
use crate::event::{Change, ChangeKind, Image};
use crate::tamper::{Reason, Tampering};

/// Longest header in bytes: an entry bundle states lengths in 16 bits (c2sp.org/tlog-tiles).
const LONGEST_HEADER: usize = u16::MAX as usize;

/// What a batch of changes came to.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// The entries, each once, in the order in which they were told.
    pub(crate) entries: Vec<Entry>,
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
    fn new(change: Change, reason: Reason) -> Self {
        let Change { id, partition, sort_key, time, .. } = change;
        Self { found: Tampering { reason, partition, sort_key }, change: id, time }
    }
}

impl AuditSeal {
    /// Sorts changes into entries and what is wrong. An entry of several items is read from the table, where its items
    /// are since one transaction: the stream may tell of them apart.
    pub(crate) async fn collect(&self, changes: Vec<Change>) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        let mut seen = BTreeSet::new();
        let mut to_read: BTreeMap<EntryId, Vec<Change>> = BTreeMap::new();
        for mut change in changes {
            let image = match &mut change.kind {
                ChangeKind::Inserted(image) => std::mem::take(image),
                ChangeKind::Modified => {
                    collected.wrong.push(Wrong::new(change, Reason::Rewritten));
                    continue;
                }
                ChangeKind::Removed => {
                    collected.wrong.push(Wrong::new(change, Reason::Removed));
                    continue;
                }
            };
            match Place::of(&change.partition, &change.sort_key) {
                Place::Entry(id) if image.chunks.as_deref() == Some("1") => match whole(id, image) {
                    Some(entry) if seen.insert(id) => collected.entries.push(entry),
                    Some(_) => {}
                    None => collected.wrong.push(Wrong::new(change, Reason::Foreign)),
                },
                Place::Entry(id) if image.chunks.is_some() => to_read.entry(id).or_default().push(change),
                // A piece of a whole entry; what was put beside one breaks it.
                Place::Piece(id) => to_read.entry(id).or_default().push(change),
                Place::Entry(_) | Place::Foreign => collected.wrong.push(Wrong::new(change, Reason::Foreign)),
            }
        }
        for (id, changes) in to_read {
            match self.audit.read_if_whole(id).await?.filter(can_be_sealed) {
                Some(entry) if seen.insert(id) => collected.entries.push(entry),
                Some(_) => {}
                None => {
                    collected.wrong.extend(changes.into_iter().map(|change| Wrong::new(change, Reason::Foreign)));
                }
            }
        }
        Ok(collected)
    }
}

/// The entry of an image that holds it all.
fn whole(id: EntryId, image: Image) -> Option<Entry> {
    Entry::from_stored(id, image.header?, image.body?).filter(can_be_sealed)
}

/// Whether an entry that is whole is also one that every reader of the log can read: its header is canonical (RFC 8785),
/// so that it is one line, is no longer than a bundle can say, its time is written as the engine writes times, and there
/// is a body.
pub(crate) fn can_be_sealed(entry: &Entry) -> bool {
    let text = entry.header();
    let canonical = serde_json::from_str(text).ok().and_then(|header| canonical_json(&header).ok());
    let time = entry.read_header().and_then(|header| {
        let time = header.time.parse::<Timestamp>().ok()?;
        Some(rfc3339(time) == header.time)
    });
    !entry.body().is_empty() && text.len() <= LONGEST_HEADER && canonical.as_deref() == Some(text) && time == Some(true)
}
