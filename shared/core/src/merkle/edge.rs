//! The right edge of a tree in tiles: what an append changes.

use super::tile::{FULL, LEVELS};
use super::{Hash, TILE_HEIGHT, TILE_WIDTH, TileId, fold, fold_row};

/// The partial tile of each level of a tree, from which it grows tile by tile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// By level; fewer than 256 hashes each, none at the levels that the size fills exactly.
    levels: Vec<Vec<Hash>>,
}

/// The tiles are not the edge of a tree of this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// A level has another number of hashes than the size says.
    #[error("level {0} has another number of hashes than the size says")]
    Width(u8),
}

/// Hashes in the partial tile of `level`.
fn width(size: u64, level: u8) -> usize {
    let nodes = size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
    usize::try_from(nodes).unwrap_or(usize::MAX) % TILE_WIDTH
}

/// Index of the partial tile of `level`.
fn index(size: u64, level: u8) -> u64 {
    size.checked_shr((u32::from(level) + 1) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}

impl Edge {
    /// The edge of the tree without leaves.
    #[must_use]
    pub const fn empty() -> Self {
        Self { size: 0, levels: Vec::new() }
    }

    /// The partial tiles that make the edge of a tree of `size`, lowest level first: what to read for
    /// [`Edge::from_tiles`].
    #[must_use]
    pub fn tiles(size: u64) -> Vec<TileId> {
        (0..LEVELS)
            .filter_map(|level| {
                let width = u16::try_from(width(size, level)).ok().filter(|width| *width > 0)?;
                Some(TileId { level, index: index(size, level), width })
            })
            .collect()
    }

    /// Takes the partial tile of each level, level 0 first; an empty one where the level has none. Levels left out at
    /// the end are empty.
    pub fn from_partials(size: u64, mut levels: Vec<Vec<Hash>>) -> Result<Self, EdgeError> {
        for level in 0..LEVELS {
            if levels.get(usize::from(level)).map_or(0, Vec::len) != width(size, level) {
                return Err(EdgeError::Width(level));
            }
        }
        if levels.iter().skip(usize::from(LEVELS)).any(|level| !level.is_empty()) {
            return Err(EdgeError::Width(LEVELS));
        }
        while levels.last().is_some_and(Vec::is_empty) {
            levels.pop();
        }
        Ok(Self { size, levels })
    }

    /// Takes the tiles that [`Edge::tiles`] names, in that order.
    pub fn from_tiles(size: u64, tiles: Vec<Vec<Hash>>) -> Result<Self, EdgeError> {
        let mut levels = vec![Vec::new(); usize::from(LEVELS)];
        let ids = Self::tiles(size);
        if ids.len() < tiles.len() {
            return Err(EdgeError::Width(LEVELS));
        }
        for (id, tile) in ids.into_iter().zip(tiles) {
            levels[usize::from(id.level)] = tile;
        }
        Self::from_partials(size, levels)
    }

    /// Leaves in the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf's hash. Returns the tiles it filled, lowest level first: mostly none.
    pub fn push(&mut self, leaf: Hash) -> Vec<(TileId, Vec<Hash>)> {
        let mut full = Vec::new();
        let mut hash = leaf;
        for level in 0..LEVELS {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::new());
            }
            self.levels[place].push(hash);
            if self.levels[place].len() < TILE_WIDTH {
                break;
            }
            let tile = std::mem::take(&mut self.levels[place]);
            hash = fold_row(&tile);
            full.push((TileId { level, index: index(self.size, level), width: FULL }, tile));
        }
        self.size += 1;
        full
    }

    /// The partial tiles, lowest level first.
    #[must_use]
    pub fn partials(&self) -> Vec<(TileId, Vec<Hash>)> {
        let tiles = self.levels.iter().filter(|level| !level.is_empty()).cloned();
        Self::tiles(self.size).into_iter().zip(tiles).collect()
    }

    /// The RFC 6962 root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = Vec::new();
        for level in self.levels.iter().rev() {
            let mut row = level.as_slice();
            while !row.is_empty() {
                let (peak, rest) = row.split_at(1 << row.len().ilog2());
                peaks.push(fold_row(peak));
                row = rest;
            }
        }
        fold(&peaks)
    }
}
