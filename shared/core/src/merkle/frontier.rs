//! The state from which a tree grows: the roots of the perfect subtrees that tile it.

use super::{Hash, Subtree, fold, node_hash};

/// Largest tree: far above what a log reaches, and no sum of sizes overflows.
const LARGEST: u64 = 1 << 63;

/// A compact range from leaf 0: at most 64 hashes, enough for the root and for growing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One per bit set in `size`, highest first.
    peaks: Vec<Hash>,
}

/// The subtree does not continue the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// It starts elsewhere than where the tree ends.
    #[error("the subtree starts elsewhere than where the tree ends")]
    Position,
    /// Its start is no multiple of its width, or it ends beyond the largest tree.
    #[error("the subtree is not aligned, or too large")]
    Shape,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// Leaves in the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The RFC 6962 root.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }

    /// Appends a leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        self.merge(0, leaf);
        self.size += 1;
    }

    /// Appends a whole aligned subtree of which only the hash is known.
    pub fn push_subtree(&mut self, subtree: Subtree, hash: Hash) -> Result<(), FrontierError> {
        let end = subtree.end().filter(|end| *end <= LARGEST).ok_or(FrontierError::Shape)?;
        if subtree.start != self.size {
            return Err(FrontierError::Position);
        }
        self.merge(subtree.level, hash);
        self.size = end;
        Ok(())
    }

    /// Adds a peak at `level` and joins equal neighbours: a carry in binary addition. No peak is lower than `level`,
    /// because the size is a multiple of 2^level.
    fn merge(&mut self, level: u8, mut hash: Hash) {
        for _ in 0..(self.size >> level).trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
    }
}
