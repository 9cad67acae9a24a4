//! The log as a bundle is made from it: of one size, each thing there or its absence an error that names it.

use std::sync::Arc;

use engine_core::audit::Header;
use engine_core::evidence::{Anchor, Manifest, SETTLING_SECONDS};
use engine_core::hex;
use engine_core::merkle::{
    BUNDLE, Checkpoint, Hash, StoredBody, Subtree, TILE_WIDTH, leaf_hash, node_hash, verify_inclusion,
};
use jiff::{SignedDuration, Timestamp};

use super::ExportError;
use super::ahead::{self, Bundle, Part};
use crate::sealed_log::{LogReader, StoredCheckpoint};

/// The log at one size.
#[derive(Clone, Copy)]
pub struct LogAt<'a> {
    reader: &'a LogReader,
    size: u64,
}

/// An entry out of the log, its body checked against its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place.
    pub index: u64,
    /// Its exact header.
    pub header: String,
    /// Its exact body.
    pub body: String,
}

/// The indices that a time lies in, and the signed checkpoints that say so.
pub(super) struct Bounds {
    /// The checkpoint of the bundle's size.
    pub(super) at: StoredCheckpoint,
    /// The one before the time; none where the range begins with the log.
    pub(super) first: Option<StoredCheckpoint>,
    /// The one after it; none where it is that of the bundle's size.
    pub(super) end: Option<StoredCheckpoint>,
}

impl<'a> LogAt<'a> {
    /// The log that `reader` reads, as it was of `size`.
    #[must_use]
    pub fn new(reader: &'a LogReader, size: u64) -> Self {
        Self { reader, size }
    }

    /// What reads it.
    #[must_use]
    pub fn reader(self) -> &'a LogReader {
        self.reader
    }

    /// How many entries it had.
    #[must_use]
    pub fn size(self) -> u64 {
        self.size
    }

    /// The signed checkpoint of its size.
    pub async fn checkpoint(self) -> Result<StoredCheckpoint, ExportError> {
        let missing = || ExportError::Missing(format!("there is no signed checkpoint of size {}", self.size));
        self.reader.checkpoint(self.size).await?.ok_or_else(missing)
    }

    /// The range that holds every entry of a time, as signed checkpoints show.
    pub(super) async fn bounds(
        self,
        at: StoredCheckpoint,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Bounds, ExportError> {
        let settled = to.checked_add(SignedDuration::from_secs(SETTLING_SECONDS)).unwrap_or(Timestamp::MAX);
        if at.checkpoint.time < settled {
            return Err(ExportError::TooRecent { latest: Manifest::latest_to(at.checkpoint.time) });
        }
        let (first, end) =
            (self.reader.last_checkpoint_before(from).await?, self.reader.first_checkpoint_from(settled).await?);
        let of_this = |found: &StoredCheckpoint| found.checkpoint.size < self.size && found.checkpoint.size > 0;
        let bounds = Bounds { first: first.filter(of_this), end: end.filter(of_this), at };
        let sound = |found: &StoredCheckpoint| found.checkpoint.origin == bounds.at.checkpoint.origin;
        if !bounds.first.iter().chain(&bounds.end).all(sound) || bounds.first_index() > bounds.end_index() {
            return Err(ExportError::Inconsistent("the checkpoints of the range are not in order".to_owned()));
        }
        Ok(bounds)
    }

    /// The headers of one bundle, with the index of the first.
    pub async fn headers(self, bundle: u64) -> Result<(u64, Arc<Vec<String>>), ExportError> {
        Ok((bundle * BUNDLE, self.reader.headers(bundle, self.size).await?))
    }

    /// The entries of one bundle at the given indices, which are all of it.
    pub async fn entries(self, bundle: u64, indices: &[u64]) -> Result<Vec<LogEntry>, ExportError> {
        let bundle = ahead::read(self.reader, Part::HeadersAndBodies, bundle, self.size).await?;
        self.entries_of(&bundle, indices).await
    }

    /// The entries at the given indices of a bundle that was read with its bodies.
    pub(super) async fn entries_of(self, bundle: &Bundle, indices: &[u64]) -> Result<Vec<LogEntry>, ExportError> {
        let Bundle { start, number, headers, bodies } = bundle;
        let mut entries = Vec::with_capacity(indices.len());
        for index in indices {
            let place = usize::try_from(index - start).unwrap_or(usize::MAX);
            let (Some(header), Some(body)) = (headers.get(place), bodies.get(place)) else {
                return Err(ExportError::Inconsistent(format!("entry {index} is not in bundle {number}")));
            };
            let digest = read_header(*index, header)?.body_sha256;
            let body = match body {
                StoredBody::Inline(body) => body.clone(),
                StoredBody::Apart => self.reader.body_apart(&digest).await?,
            };
            if hex::sha256(body.as_bytes()) != digest {
                return Err(ExportError::Inconsistent(format!(
                    "the body of entry {index} is not the one it was sealed with"
                )));
            }
            entries.push(LogEntry { index: *index, header: header.clone(), body });
        }
        Ok(entries)
    }

    /// One entry.
    pub async fn entry(self, index: u64) -> Result<LogEntry, ExportError> {
        let lacking = || ExportError::Missing(format!("there is no entry {index} in a log of {}", self.size));
        if index >= self.size {
            return Err(lacking());
        }
        self.entries(index / BUNDLE, &[index]).await?.pop().ok_or_else(lacking)
    }

    /// The proof that an entry is in the log, which has been verified.
    pub(super) async fn proof(self, index: u64, header: &str, root: Hash) -> Result<Vec<Hash>, ExportError> {
        let proof = self.reader.inclusion_proof(index, self.size).await?;
        self.verified(index, header, &proof, root)?;
        Ok(proof)
    }

    fn verified(self, index: u64, header: &str, proof: &[Hash], root: Hash) -> Result<(), ExportError> {
        verify_inclusion(index, self.size, leaf_hash(header.as_bytes()), proof, root)
            .map_err(|error| ExportError::Inconsistent(format!("entry {index} is not under the checkpoint: {error}")))
    }

    /// The proofs of a bundle's entries at the given indices, which have been verified.
    ///
    /// What is above a full bundle is the same for all of its entries, so it is read and computed once.
    pub(super) async fn proofs(
        self,
        bundle: &Bundle,
        indices: &[u64],
        root: Hash,
    ) -> Result<Vec<(u64, Vec<Hash>)>, ExportError> {
        let Bundle { start, headers, .. } = bundle;
        let start = *start;
        let header = |index: u64| usize::try_from(index - start).ok().and_then(|place| headers.get(place));
        let mut proofs = Vec::with_capacity(indices.len());
        let inside = Levels::of_full(headers);
        let above = match &inside {
            Some(_) => self.reader.inclusion_proof(start, self.size).await?,
            None => Vec::new(),
        };
        for index in indices {
            let header = header(*index).map_or("", String::as_str);
            let proof = match &inside {
                Some(levels) => {
                    let mut proof = levels.siblings(usize::try_from(index - start).unwrap_or_default());
                    proof.extend(above.iter().skip(proof.len()));
                    self.verified(*index, header, &proof, root)?;
                    proof
                }
                None => self.proof(*index, header, root).await?,
            };
            proofs.push((*index, proof));
        }
        Ok(proofs)
    }

    /// An entry as the anchor of a reference.
    pub(super) async fn anchor(self, reference: &str, index: u64, root: Hash) -> Result<Anchor, ExportError> {
        let LogEntry { header, body, .. } = self.entry(index).await?;
        let proof = self.proof(index, &header, root).await?;
        Ok(Anchor { reference: reference.to_owned(), index, header, body, proof })
    }

    /// The hashes of these subtrees.
    pub(super) async fn nodes(self, subtrees: &[Subtree]) -> Result<Vec<Hash>, ExportError> {
        let mut hashes = Vec::with_capacity(subtrees.len());
        for subtree in subtrees {
            hashes.push(self.reader.node(*subtree, self.size).await?);
        }
        Ok(hashes)
    }
}

impl Bounds {
    pub(super) fn first_index(&self) -> u64 {
        self.first.as_ref().map_or(0, |found| found.checkpoint.size)
    }

    pub(super) fn end_index(&self) -> u64 {
        self.end.as_ref().unwrap_or(&self.at).checkpoint.size
    }

    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.at.checkpoint
    }
}

/// The tree over the headers of a full bundle, level by level from the leaves up, without its root.
struct Levels(Vec<Vec<Hash>>);

impl Levels {
    fn of_full(headers: &[String]) -> Option<Self> {
        if headers.len() != TILE_WIDTH {
            return None;
        }
        let mut levels = Vec::new();
        let mut level: Vec<Hash> = headers.iter().map(|header| leaf_hash(header.as_bytes())).collect();
        while let [_, _, ..] = level.as_slice() {
            let above = level.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        Some(Self(levels))
    }

    /// What stands beside a leaf and each node above it.
    fn siblings(&self, place: usize) -> Vec<Hash> {
        let beside = self.0.iter().enumerate().map(|(height, level)| level.get((place >> height) ^ 1).copied());
        beside.flatten().collect()
    }
}

/// The bundles that hold the indices of a range.
pub(super) fn bundles(first: u64, end: u64) -> std::ops::Range<u64> {
    if first >= end { 0..0 } else { first / BUNDLE..(end - 1) / BUNDLE + 1 }
}

/// The numbers of the bundles that hold indices, which are in order.
pub(super) fn numbers(indices: &[u64]) -> impl Iterator<Item = u64> {
    indices.chunk_by(|a, b| a / BUNDLE == b / BUNDLE).map(|chunk| chunk[0] / BUNDLE)
}

/// Those of the indices, which are in order, that a bundle holds.
pub(super) fn within<'a>(indices: &'a [u64], bundle: &Bundle) -> &'a [u64] {
    let before = |end: u64| indices.partition_point(|index| *index < end);
    &indices[before(bundle.start)..before(bundle.start + BUNDLE)]
}

/// The members of a header.
pub(super) fn read_header(index: u64, header: &str) -> Result<Header, ExportError> {
    serde_json::from_str(header)
        .map_err(|error| ExportError::Inconsistent(format!("the header of entry {index} cannot be read: {error}")))
}
