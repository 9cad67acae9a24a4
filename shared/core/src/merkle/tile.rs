//! C2SP `tlog-tiles`: where nodes are stored, and the form of a tile.

use std::ops::Range;

use super::{Hash, Subtree, fold_row};

/// Levels of the tree in a tile.
pub const TILE_HEIGHT: u8 = 8;
/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: usize = 256;
/// [`TILE_WIDTH`] as a tile's width.
pub const FULL: u16 = 256;
/// [`TILE_WIDTH`] as a number of indices.
pub const BUNDLE: u64 = 256;
/// [`bundle_path`] of headers.
pub const ENTRIES: &str = "entries";
/// [`bundle_path`] of bodies.
pub const BODIES: &str = "bodies";

/// Levels of tiles that a tree of 64-bit size can have.
pub(super) const LEVELS: u8 = 8;

/// A tile: `width` nodes of the tree's level `8 * level`, from node `256 * index` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Level in tiles, 0 to 7.
    pub level: u8,
    /// Place in its level.
    pub index: u64,
    /// Hashes in it, 1 to 256; 256 is a full tile.
    pub width: u16,
}

/// The bytes are no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not 1 to 256 whole hashes, or not as many as the tile's width.
    #[error("the tile has {0} bytes")]
    Length(usize),
}

impl TileId {
    /// `tile/<level>/<index>`, and `.p/<width>` where it is partial.
    #[must_use]
    pub fn path(&self) -> String {
        path(&self.level.to_string(), self.index, self.width)
    }

    /// Reads what [`TileId::path`] writes, and nothing else.
    #[must_use]
    pub fn from_path(text: &str) -> Option<Self> {
        let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
        let level: u8 = level.parse().ok().filter(|level| *level < LEVELS)?;
        let (index, width) = parse_index(rest)?;
        let tile = Self { level, index, width };
        (tile.path() == text).then_some(tile)
    }

    /// True for a tile that will not change.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == FULL
    }

    /// Reads the tile's hashes; there must be as many as it is wide.
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let hashes = decode_tile(bytes)?;
        if hashes.len() == usize::from(self.width) { Ok(hashes) } else { Err(TileError::Length(bytes.len())) }
    }
}

/// Path of the bundle of [`ENTRIES`] or [`BODIES`] of the leaves from `256 * index` on: `tile/<kind>/<index>`, and
/// `.p/<width>` below 256.
#[must_use]
pub fn bundle_path(kind: &str, index: u64, width: u16) -> String {
    path(kind, index, width)
}

/// Reads what [`bundle_path`] writes for `kind`, and nothing else: index and width.
#[must_use]
pub fn parse_bundle_path(kind: &str, text: &str) -> Option<(u64, u16)> {
    let rest = text.strip_prefix("tile/")?.strip_prefix(kind)?.strip_prefix('/')?;
    let (index, width) = parse_index(rest)?;
    (bundle_path(kind, index, width) == text).then_some((index, width))
}

/// Entries in bundle `index` of a tree of `size`: 256, less in the last, 0 beyond it. The width of level 0's tile too.
#[must_use]
pub fn bundle_width(index: u64, size: u64) -> u16 {
    width(0, index, size)
}

fn path(directory: &str, index: u64, width: u16) -> String {
    // Groups of three digits, least significant first.
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    let index = groups.join("/");
    if width == FULL { format!("tile/{directory}/{index}") } else { format!("tile/{directory}/{index}.p/{width}") }
}

/// Leniently: the caller compares with the one right spelling.
fn parse_index(text: &str) -> Option<(u64, u16)> {
    let (index, width) = match text.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok().filter(|width| (1..FULL).contains(width))?),
        None => (text, FULL),
    };
    let digits: String = index.split('/').map(|group| group.strip_prefix('x').unwrap_or(group)).collect();
    Some((digits.parse().ok()?, width))
}

fn width(level: u8, index: u64, size: u64) -> u16 {
    let nodes = size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
    let before = index.saturating_mul(u64::from(FULL));
    u16::try_from(nodes.saturating_sub(before)).map_or(FULL, |width| width.min(FULL))
}

/// Where the hash of `node` is stored in a tree of `size`: a tile, and the slice of it to give to [`hash_in_tile`].
///
/// The node must be in the tree (`node.end() <= size`); of others the slice reaches beyond the tile.
#[must_use]
pub fn tile_of(node: Subtree, size: u64) -> (TileId, Range<usize>) {
    let level = node.level / TILE_HEIGHT;
    let first = node.start.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
    let index = first / u64::from(FULL);
    #[allow(clippy::cast_possible_truncation)] // below 256
    let offset = (first % u64::from(FULL)) as usize;
    (TileId { level, index, width: width(level, index, size) }, offset..offset + (1 << (node.level % TILE_HEIGHT)))
}

/// The hash of a node from its tile's hashes and the slice that [`tile_of`] names; `None` where the tile ends before.
#[must_use]
pub fn hash_in_tile(tile: &[Hash], slice: Range<usize>) -> Option<Hash> {
    tile.get(slice).filter(|row| !row.is_empty()).map(fold_row)
}

/// The hashes one after the other, 32 bytes each.
#[must_use]
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Reads 1 to 256 hashes.
pub fn decode_tile(bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::LENGTH }>();
    if rest.is_empty() && (1..=TILE_WIDTH).contains(&hashes.len()) {
        Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
    } else {
        Err(TileError::Length(bytes.len()))
    }
}
