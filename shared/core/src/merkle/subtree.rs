//! Perfect subtrees, the pieces of which every range of leaves is made.

use std::ops::Range;

/// The perfect subtree over the leaves `[start, start + 2^level)`; `start` is a multiple of 2^level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    /// Index of the first leaf.
    pub start: u64,
    /// Height: 0 is a leaf.
    pub level: u8,
}

impl Subtree {
    /// Index after the last leaf; `None` where no such subtree exists (start not aligned, or beyond 64 bits).
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        let width = 1_u64.checked_shl(u32::from(self.level))?;
        if self.start.is_multiple_of(width) { self.start.checked_add(width) } else { None }
    }

    /// The leaf at `index`.
    #[must_use]
    pub const fn leaf(index: u64) -> Self {
        Self { start: index, level: 0 }
    }
}

/// The maximal aligned perfect subtrees that tile `range`, in index order; none for an empty range.
#[must_use]
pub fn tiling(range: Range<u64>) -> Vec<Subtree> {
    let Range { mut start, end } = range;
    let mut tiles = Vec::new();
    while start < end {
        // The largest power of two that both aligns with `start` and fits before `end`. At most 63: it fits into `u8`.
        let level = start.trailing_zeros().min((end - start).ilog2());
        #[allow(clippy::cast_possible_truncation)] // at most 63
        tiles.push(Subtree { start, level: level as u8 });
        start += 1 << level;
    }
    tiles
}
