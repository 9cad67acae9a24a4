//! Reading the log from its buckets alone: checkpoints, headers and bodies, nodes of the tree and proofs.
//!
//! What is read is checked for form, and entries for the digest of their bodies. That headers are the leaves of a signed
//! tree is for whoever has the proof and the checkpoint to verify.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine_core::audit::{Entry, EntryId, Header};
use engine_core::merkle::{
    BODIES, BUNDLE, Checkpoint, ENTRIES, FULL, Hash, KeyRegister, SignedNote, StoredBody, Subtree, TileId, bundle_path,
    bundle_width, consistency_ranges, decode_bodies, decode_entries, decode_tile, fold, fold_row, hash_in_tile,
    inclusion_ranges, leaf_hash, tile_of, tiling,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bundle::{self, Found};
use super::cache::Recent;
use super::names;
use super::register::RegisterStore;
use crate::Error;
use crate::objects::WorkBucket;
use crate::records::RecordsBucket;

/// Tiles that a reader keeps, of at most 8 KiB each.
const TILES: usize = 64;
/// Header bundles that a reader keeps, of some 200 KiB each.
const HEADER_BUNDLES: usize = 4;
/// Body bundles that a reader keeps, of at most 4 MiB each.
const BODY_BUNDLES: usize = 2;
/// Checkpoints that a reader keeps, of some 300 bytes each.
const CHECKPOINTS: usize = 64;

/// A checkpoint as it is stored. Its signature has not been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note's exact text.
    pub note: String,
}

/// Where the references of a snapshot are anchored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotAnchor {
    /// Index of the `snapshot.import` entry.
    pub index: u64,
    /// The snapshot's id.
    pub snapshot: String,
}

/// Where the reference of a client is anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClientAnchor {
    /// Index of the `client.create` entry.
    pub(super) index: u64,
}

#[derive(Debug)]
struct Caches {
    tiles: Recent<(u8, u64), Arc<Vec<Hash>>>,
    headers: Recent<u64, Arc<Vec<String>>>,
    bodies: Recent<u64, Arc<Vec<StoredBody>>>,
    checkpoints: Recent<u64, StoredCheckpoint>,
    /// A size that has a checkpoint, from which the newest is searched.
    newest: AtomicU64,
}

/// Reads the log. Clones share what was read last.
#[derive(Clone, Debug)]
pub struct LogReader {
    records: RecordsBucket,
    work: WorkBucket,
    caches: Arc<Caches>,
}

impl LogReader {
    /// A reader of the log in these buckets.
    #[must_use]
    pub fn new(records: RecordsBucket, work: WorkBucket) -> Self {
        let caches = Caches {
            tiles: Recent::new(TILES),
            headers: Recent::new(HEADER_BUNDLES),
            bodies: Recent::new(BODY_BUNDLES),
            checkpoints: Recent::new(CHECKPOINTS),
            newest: AtomicU64::new(0),
        };
        Self { records, work, caches: Arc::new(caches) }
    }

    /// The locked bucket that it reads.
    #[must_use]
    pub fn records(&self) -> &RecordsBucket {
        &self.records
    }

    /// The newest checkpoint; `None` before the first.
    pub async fn newest_checkpoint(&self) -> Result<Option<StoredCheckpoint>, Error> {
        match self.newest_size().await? {
            Some(size) => self.checkpoint(size).await,
            None => Ok(None),
        }
    }

    /// The checkpoint of exactly that size.
    pub async fn checkpoint(&self, size: u64) -> Result<Option<StoredCheckpoint>, Error> {
        if let Some(known) = self.caches.checkpoints.get(&size, |_| true) {
            return Ok(Some(known));
        }
        let key = names::checkpoint(size);
        let Some(bytes) = self.records.first(&key).await? else { return Ok(None) };
        let note = text("checkpoint", &key, bytes)?;
        let signed = SignedNote::parse(&note).map_err(|error| corrupt("checkpoint", &key, error))?;
        let checkpoint = Checkpoint::parse(signed.text()).map_err(|error| corrupt("checkpoint", &key, error))?;
        if checkpoint.size != size {
            return Err(corrupt("checkpoint", &key, "it is of another size"));
        }
        let stored = StoredCheckpoint { checkpoint, note };
        self.caches.checkpoints.put(size, stored.clone());
        Ok(Some(stored))
    }

    /// The smallest checkpoint of at least that size.
    pub async fn checkpoint_at_or_after(&self, size: u64) -> Result<Option<StoredCheckpoint>, Error> {
        let wanted = names::checkpoint(size);
        let Some(next) = self.records.next_key(names::CHECKPOINTS, &wanted).await? else { return Ok(None) };
        let mut next = names::number(names::CHECKPOINTS, &next);
        if next.is_none() {
            // Something else was put among the checkpoints, which must not hide those behind it.
            let (keys, _) = self.records.keys_from(names::CHECKPOINTS, &wanted).await?;
            next = keys.iter().find_map(|key| names::number(names::CHECKPOINTS, key));
        }
        match next {
            Some(size) => self.checkpoint(size).await,
            None => Ok(None),
        }
    }

    /// The last checkpoint with a time not after `time`.
    pub async fn last_checkpoint_before(&self, time: Timestamp) -> Result<Option<StoredCheckpoint>, Error> {
        Ok(self.around(|of| of <= time).await?.0)
    }

    /// The first checkpoint with a time not before `time`.
    pub async fn first_checkpoint_from(&self, time: Timestamp) -> Result<Option<StoredCheckpoint>, Error> {
        Ok(self.around(|of| of < time).await?.1)
    }

    /// The last checkpoint whose time is `early`, and the first whose time is not. Times grow with sizes.
    async fn around(
        &self,
        early: impl Fn(Timestamp) -> bool,
    ) -> Result<(Option<StoredCheckpoint>, Option<StoredCheckpoint>), Error> {
        let (mut last, mut first) = (None, None);
        let (mut from, mut to) = (0, self.newest_size().await?.map_or(0, |newest| newest + 1));
        while from < to {
            let middle = from + (to - from) / 2;
            match self.checkpoint_at_or_after(middle).await? {
                Some(found) if found.checkpoint.size < to => {
                    if early(found.checkpoint.time) {
                        from = found.checkpoint.size + 1;
                        last = Some(found);
                    } else {
                        to = middle;
                        first = Some(found);
                    }
                }
                _ => to = middle,
            }
        }
        Ok((last, first))
    }

    /// The size of the newest checkpoint. Keys are listed upwards only, so the end is searched: in steps that double
    /// until nothing is there, then by halves, each time as far as one page of keys reaches.
    async fn newest_size(&self) -> Result<Option<u64>, Error> {
        let start = self.caches.newest.load(Ordering::Relaxed);
        let (Some(mut known), all) = self.last_of_page(start).await? else { return Ok(None) };
        let (mut nothing, mut step) = (None, 1024_u64);
        let mut done = all;
        while !done {
            let probe = match nothing {
                None => known.saturating_add(step),
                Some(nothing) if nothing - known > 1 => known + (nothing - known) / 2,
                Some(_) => break,
            };
            step = step.saturating_mul(2);
            match self.last_of_page(probe).await? {
                (Some(found), all) => (known, done) = (found, all),
                (None, _) => nothing = Some(probe),
            }
        }
        self.caches.newest.fetch_max(known, Ordering::Relaxed);
        Ok(Some(known))
    }

    /// The last size on the page of checkpoints from `size` on, and whether it is the last of all.
    async fn last_of_page(&self, size: u64) -> Result<(Option<u64>, bool), Error> {
        let (keys, all) = self.records.keys_from(names::CHECKPOINTS, &names::checkpoint(size)).await?;
        Ok((keys.iter().rev().find_map(|key| names::number(names::CHECKPOINTS, key)), all))
    }

    /// The headers of bundle `index` (entries `256 * index` on) in a log of `size`, as many as there are.
    pub async fn headers(&self, index: u64, size: u64) -> Result<Arc<Vec<String>>, Error> {
        let width = usize::from(bundle_width(index, size));
        if let Some(known) = self.caches.headers.get(&index, |known| known.len() >= width) {
            return Ok(cut(known, width));
        }
        let found = self.bundle(ENTRIES, index, size).await?;
        let headers = decode_entries(&found.bytes).map_err(|error| corrupt("entry bundle", &found.key, error))?;
        let headers = Arc::new(whole("entry bundle", &found, headers)?);
        self.caches.headers.put(index, Arc::clone(&headers));
        Ok(cut(headers, width))
    }

    /// The bodies of bundle `index` in a log of `size`, the long ones still apart. [`LogReader::entry`] reads those too.
    pub async fn bodies(&self, index: u64, size: u64) -> Result<Arc<Vec<StoredBody>>, Error> {
        let width = usize::from(bundle_width(index, size));
        if let Some(known) = self.caches.bodies.get(&index, |known| known.len() >= width) {
            return Ok(cut(known, width));
        }
        let found = self.bundle(BODIES, index, size).await?;
        let bodies = decode_bodies(&found.bytes).map_err(|error| corrupt("body bundle", &found.key, error))?;
        let bodies = Arc::new(whole("body bundle", &found, bodies)?);
        self.caches.bodies.put(index, Arc::clone(&bodies));
        Ok(cut(bodies, width))
    }

    async fn bundle(&self, kind: &str, index: u64, size: u64) -> Result<Found, Error> {
        let width = bundle_width(index, size);
        let (full, wanted) = (bundle_path(kind, index, FULL), bundle_path(kind, index, width));
        if width == 0 {
            return Err(Error::NotFound(format!("object {full} of a log of {size} entries")));
        }
        let found = bundle::find(&self.records, &self.work, &full, width).await?;
        found.ok_or_else(|| Error::NotFound(format!("object {wanted}")))
    }

    /// The entry at `index` of a log of `size`, its body checked against the digest in its header.
    pub async fn entry(&self, index: u64, size: u64) -> Result<Entry, Error> {
        let (number, place) = place(index);
        let absent = || Error::NotFound(format!("entry {index} of a log of {size} entries"));
        if index >= size {
            return Err(absent());
        }
        let text = self.headers(number, size).await?.get(place).cloned().ok_or_else(absent)?;
        let header: Header = serde_json::from_str(&text).map_err(|error| Error::corrupt("audit entry", error))?;
        let body = match self.bodies(number, size).await?.get(place).cloned().ok_or_else(absent)? {
            StoredBody::Inline(body) => body,
            StoredBody::Apart => self.body_apart(&header.body_sha256).await?,
        };
        let entry = EntryId::parse(&header.id).and_then(|id| Entry::from_stored(id, text, body));
        entry.ok_or_else(|| Error::corrupt("audit entry", format_args!("entry {index} does not match its digest")))
    }

    /// A body that is stored by its digest.
    pub(crate) async fn body_apart(&self, sha256: &str) -> Result<String, Error> {
        let key = names::body(sha256);
        let bytes = self.records.first(&key).await?;
        text("body", &key, bytes.ok_or_else(|| Error::NotFound(format!("object {key}")))?)
    }

    /// The hash of a node of a tree of `size`.
    pub async fn node(&self, node: Subtree, size: u64) -> Result<Hash, Error> {
        let (id, slice) = tile_of(node, size);
        let tile = self.tile(id).await?;
        let outside = || Error::NotFound(format!("node {node:?} in a tree of {size}"));
        node.end().filter(|end| *end <= size).and_then(|_| hash_in_tile(&tile, slice)).ok_or_else(outside)
    }

    /// The hash over a range of leaves of a tree of `size`, as [`inclusion_ranges`] and [`consistency_ranges`] have them.
    pub async fn range_hash(&self, range: Range<u64>, size: u64) -> Result<Hash, Error> {
        Ok(fold(&self.subtrees(range, size).await?))
    }

    /// The roots of the maximal aligned perfect subtrees that tile a range of leaves, in index order.
    pub async fn subtrees(&self, range: Range<u64>, size: u64) -> Result<Vec<Hash>, Error> {
        let mut hashes = Vec::new();
        for subtree in tiling(range) {
            hashes.push(self.node(subtree, size).await?);
        }
        Ok(hashes)
    }

    /// The root of the tree of `size`.
    pub async fn root(&self, size: u64) -> Result<Hash, Error> {
        self.range_hash(0..size, size).await
    }

    /// The proof that the leaf at `index` is in the tree of `size` (RFC 6962 section 2.1.1).
    pub async fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
        let ranges = inclusion_ranges(index, size);
        let outside = || Error::NotFound(format!("entry {index} of a log of {size} entries"));
        self.proof(ranges.ok_or_else(outside)?, size).await
    }

    /// The proof that the tree of `new` extends the tree of `old` (RFC 6962 section 2.1.2).
    pub async fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        let ranges = consistency_ranges(old, new);
        let outside = || Error::NotFound(format!("a log of {old} entries in one of {new}"));
        self.proof(ranges.ok_or_else(outside)?, new).await
    }

    async fn proof(&self, ranges: Vec<Range<u64>>, size: u64) -> Result<Vec<Hash>, Error> {
        let mut proof = Vec::with_capacity(ranges.len());
        for range in ranges {
            proof.push(self.range_hash(range, size).await?);
        }
        Ok(proof)
    }

    /// The hashes of a tile, as many as it is wide.
    pub(super) async fn tile(&self, id: TileId) -> Result<Arc<Vec<Hash>>, Error> {
        let width = usize::from(id.width);
        if let Some(known) = self.caches.tiles.get(&(id.level, id.index), |known| known.len() >= width) {
            return Ok(cut(known, width));
        }
        let path = TileId { width: FULL, ..id }.path();
        let tile = match bundle::find(&self.records, &self.work, &path, id.width).await? {
            Some(found) => {
                let hashes = decode_tile(&found.bytes).map_err(|error| corrupt("tile", &found.key, error))?;
                whole("tile", &found, hashes)?
            }
            // A tile that will not change must be where it was locked away; a partial one can be made again.
            None if id.width == FULL => return Err(Error::NotFound(format!("object {path}"))),
            None => self.rebuilt(id).await?,
        };
        let tile = Arc::new(tile);
        self.caches.tiles.put((id.level, id.index), Arc::clone(&tile));
        Ok(cut(tile, width))
    }

    /// The hashes of a tile from what is below it: the full tiles of the level below, or the headers.
    pub(super) async fn rebuilt(&self, id: TileId) -> Result<Vec<Hash>, Error> {
        let first = id.index * BUNDLE;
        let Some(below) = id.level.checked_sub(1) else {
            let headers = self.headers(id.index, first + u64::from(id.width)).await?;
            return Ok(headers.iter().map(|header| leaf_hash(header.as_bytes())).collect());
        };
        let mut hashes = Vec::with_capacity(usize::from(id.width));
        for index in first..first + u64::from(id.width) {
            // Read past the cache, which holds what is used more than once.
            let below = TileId { level: below, index, width: FULL };
            let path = below.path();
            let bytes = self.records.first(&path).await?;
            let bytes = bytes.ok_or_else(|| Error::NotFound(format!("object {path}")))?;
            hashes.push(fold_row(&below.decode(&bytes).map_err(|error| corrupt("tile", &path, error))?));
        }
        Ok(hashes)
    }

    /// The key register, its chains checked.
    pub async fn register(&self) -> Result<KeyRegister, Error> {
        RegisterStore::new(self.records.clone()).read().await
    }

    /// The index of the `client.create` entry that has this reference.
    pub async fn client_anchor(&self, client_ref: &str) -> Result<Option<u64>, Error> {
        let key = names::client_anchor(client_ref);
        let Some(bytes) = self.records.first(&key).await? else { return Ok(None) };
        let anchor: ClientAnchor = serde_json::from_slice(&bytes).map_err(|error| corrupt("anchor", &key, error))?;
        Ok(Some(anchor.index))
    }

    /// The indices of the `snapshot.import` entries that name a list of references, in order.
    pub async fn snapshot_anchors(&self) -> Result<Vec<u64>, Error> {
        let keys = self.records.keys(names::SNAPSHOT_ANCHORS).await?;
        Ok(keys.iter().filter_map(|key| names::number(names::SNAPSHOT_ANCHORS, key)).collect())
    }

    /// The snapshot that the entry at `index` anchors.
    pub async fn snapshot_anchor(&self, index: u64) -> Result<Option<SnapshotAnchor>, Error> {
        let key = names::snapshot_anchor(index);
        let Some(bytes) = self.records.first(&key).await? else { return Ok(None) };
        let anchor: SnapshotAnchor = serde_json::from_slice(&bytes).map_err(|error| corrupt("anchor", &key, error))?;
        if anchor.index == index { Ok(Some(anchor)) } else { Err(corrupt("anchor", &key, "it is of another entry")) }
    }

    /// The references of a snapshot, a line each. That they have the digest in the entry's body is for the caller to check.
    pub async fn references(&self, snapshot: &str) -> Result<Option<Vec<u8>>, Error> {
        self.records.first(&names::references(snapshot)).await
    }
}

/// The bundle of an entry, and its place in there.
#[allow(clippy::cast_possible_truncation)] // below 256
fn place(index: u64) -> (u64, usize) {
    (index / BUNDLE, (index % BUNDLE) as usize)
}

/// The first `width` of them.
fn cut<T: Clone>(all: Arc<Vec<T>>, width: usize) -> Arc<Vec<T>> {
    if all.len() == width { all } else { Arc::new(all[..width.min(all.len())].to_vec()) }
}

/// What an object holds, where it is as much as its key says.
fn whole<T>(what: &'static str, found: &Found, holds: Vec<T>) -> Result<Vec<T>, Error> {
    if holds.len() == usize::from(found.width) {
        Ok(holds)
    } else {
        Err(corrupt(what, &found.key, format_args!("it holds {}", holds.len())))
    }
}

fn text(what: &'static str, key: &str, bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|error| corrupt(what, key, error))
}

fn corrupt(what: &'static str, key: &str, cause: impl std::fmt::Display) -> Error {
    Error::corrupt(what, format_args!("{key}: {cause}"))
}
