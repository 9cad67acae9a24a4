//! The log's growing end: the right edge of the tree, and the bundle that is not full yet.

use engine_core::audit::Header;
use engine_core::hex;
use engine_core::merkle::{
    BODIES, BUNDLE, ENTRIES, Edge, FULL, Hash, StoredBody, TileId, bundle_path, encode_bodies, encode_entries,
    encode_tile, leaf_hash,
};

use super::SealError;
use super::batch::Sealed;

/// An object of the log: its key and bytes.
pub(super) type Object = (String, Vec<u8>);

/// A tree to which entries are appended.
#[derive(Debug)]
pub(super) struct Growth {
    edge: Edge,
    headers: Vec<String>,
    bodies: Vec<StoredBody>,
}

impl Growth {
    /// The tree without entries.
    pub(super) const fn empty() -> Self {
        Self { edge: Edge::empty(), headers: Vec::new(), bodies: Vec::new() }
    }

    /// The tree of `size` that ends in `last`, the entries of its last bundle, and has `above`: the partial tiles of the
    /// levels above 0, lowest first. `None` where these do not make a tree of that size.
    pub(super) fn resume(size: u64, last: Vec<Sealed>, above: Vec<Vec<Hash>>) -> Option<Self> {
        let (headers, bodies): (Vec<_>, Vec<_>) = last.into_iter().map(|sealed| (sealed.header, sealed.body)).unzip();
        let leaves: Vec<Hash> = headers.iter().map(|header: &String| leaf_hash(header.as_bytes())).collect();
        let mut tiles = above;
        if !leaves.is_empty() {
            tiles.insert(0, leaves);
        }
        let edge = Edge::from_tiles(size, tiles).ok()?;
        Some(Self { edge, headers, bodies })
    }

    /// Entries in the tree.
    pub(super) const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The tree's root.
    pub(super) fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Hex SHA-256 of the bundle of bodies that is not full yet, which no root covers; `None` where there is none.
    pub(super) fn last_bodies(&self) -> Option<String> {
        encode_bodies(&self.bodies).ok().map(|bytes| hex::sha256(&bytes))
    }

    /// Appends an entry. Answers what that fills: mostly nothing, else the bundles and tiles to lock away.
    pub(super) fn push(&mut self, sealed: Sealed) -> Result<Vec<Object>, SealError> {
        let index = self.size();
        let full = self.edge.push(leaf_hash(sealed.header.as_bytes()));
        self.headers.push(sealed.header);
        self.bodies.push(sealed.body);
        let mut objects = Vec::new();
        if !full.is_empty() {
            objects.extend(self.bundles(index / BUNDLE)?);
            self.headers.clear();
            self.bodies.clear();
        }
        objects.extend(full.into_iter().map(tile));
        Ok(objects)
    }

    /// The bundles and tiles that are not full, to be kept until they are.
    pub(super) fn partials(&self) -> Result<Vec<Object>, SealError> {
        let mut objects = Vec::new();
        if !self.headers.is_empty() {
            objects.extend(self.bundles(self.size() / BUNDLE)?);
        }
        objects.extend(self.edge.partials().into_iter().map(tile));
        Ok(objects)
    }

    fn bundles(&self, index: u64) -> Result<[Object; 2], SealError> {
        let wrong = |error| SealError::forked(format!("bundle {index}"), error);
        // At most 256.
        let width = u16::try_from(self.headers.len()).unwrap_or(FULL);
        Ok([
            (bundle_path(ENTRIES, index, width), encode_entries(&self.headers).map_err(wrong)?),
            (bundle_path(BODIES, index, width), encode_bodies(&self.bodies).map_err(wrong)?),
        ])
    }
}

fn tile((id, hashes): (TileId, Vec<Hash>)) -> Object {
    (id.path(), encode_tile(&hashes))
}

/// The header of a sealed entry, where a body that is kept beside it is the one that it names.
pub(super) fn header(sealed: &Sealed) -> Option<Header> {
    let header: Header = serde_json::from_str(&sealed.header).ok()?;
    let matches = match &sealed.body {
        StoredBody::Inline(body) => hex::sha256(body.as_bytes()) == header.body_sha256,
        StoredBody::Apart => true,
    };
    matches.then_some(header)
}
