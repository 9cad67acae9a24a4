//! That a run of leaves is the whole of `[first, end)`: the tree is rebuilt from what is left and right of it.

use super::{Frontier, Hash, ProofError, Subtree, tiling};

/// The subtrees whose hashes prove the range `[first, end)` of a tree of `size`: those left and those right of it, in
/// index order. `None` where the three are not in order.
#[must_use]
pub fn range_subtrees(first: u64, end: u64, size: u64) -> Option<(Vec<Subtree>, Vec<Subtree>)> {
    (first <= end && end <= size).then(|| (tiling(0..first), tiling(end..size)))
}

/// Checks a range proof leaf by leaf, in the memory of one [`Frontier`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeVerifier {
    frontier: Frontier,
    end: u64,
    right: Vec<(Subtree, Hash)>,
}

impl RangeVerifier {
    /// Starts at `first` with the hashes of [`range_subtrees`].
    pub fn new(first: u64, end: u64, size: u64, left: &[Hash], right: &[Hash]) -> Result<Self, ProofError> {
        let (before, after) = range_subtrees(first, end, size).ok_or(ProofError::Position)?;
        if before.len() != left.len() || after.len() != right.len() {
            return Err(ProofError::Length);
        }
        let mut frontier = Frontier::new();
        for (subtree, hash) in before.into_iter().zip(left) {
            frontier.push_subtree(subtree, *hash).map_err(|_| ProofError::Position)?;
        }
        Ok(Self { frontier, end, right: after.into_iter().zip(right.iter().copied()).collect() })
    }

    /// Takes the next leaf of the range.
    pub fn push(&mut self, leaf: Hash) -> Result<(), ProofError> {
        if self.frontier.size() >= self.end {
            return Err(ProofError::Length);
        }
        self.frontier.push(leaf);
        Ok(())
    }

    /// Index of the leaf that comes next.
    #[must_use]
    pub fn next_index(&self) -> u64 {
        self.frontier.size()
    }

    /// Root of the tree of all leaves so far: at the start of a range, and at its end, that of a checkpoint there.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Checks that all leaves of the range came, and that with what is right of it they make the tree with `root`.
    pub fn finish(mut self, root: Hash) -> Result<(), ProofError> {
        if self.frontier.size() != self.end {
            return Err(ProofError::Length);
        }
        for (subtree, hash) in self.right {
            self.frontier.push_subtree(subtree, hash).map_err(|_| ProofError::Position)?;
        }
        if self.frontier.root() == root { Ok(()) } else { Err(ProofError::Root) }
    }
}
