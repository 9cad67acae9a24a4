//! The Merkle tree of the audit log, its tiles, and the signed notes that vouch for it.
//!
//! Hashing and proofs are RFC 6962 section 2.1; tiles and entry bundles C2SP `tlog-tiles` (height 8); checkpoints
//! C2SP `tlog-checkpoint`; signatures C2SP `signed-note` with Ed25519. Whoever has these documents can check what
//! we publish without this code.

mod bundle;
mod checkpoint;
mod edge;
mod frontier;
mod hash;
mod note;
mod proof;
mod range;
mod register;
mod subtree;
mod tile;
mod verifier_key;

pub use bundle::{
    BundleError, INLINE_BODY_LIMIT, LONGEST_ENTRY, StoredBody, decode_bodies, decode_entries, encode_bodies,
    encode_entries,
};
pub use checkpoint::{Checkpoint, CheckpointError, open_checkpoint};
pub use edge::{Edge, EdgeError};
pub use frontier::{Frontier, FrontierError};
pub use hash::{Hash, HashError, empty_root, fold, fold_row, leaf_hash, node_hash};
pub use note::{NoteError, NoteSignature, SignedNote, sign_line};
pub use proof::{ProofError, consistency_ranges, inclusion_ranges, verify_consistency, verify_inclusion};
pub use range::{RangeVerifier, range_subtrees};
pub use register::{FIRST_ORDINAL, KeyPurpose, KeyRecord, KeyRegister, RecordError, RegisterError};
pub use subtree::{Subtree, tiling};
pub use tile::{
    BODIES, BUNDLE, ENTRIES, FULL, TILE_HEIGHT, TILE_WIDTH, TileError, TileId, bundle_path, bundle_width, decode_tile,
    encode_tile, hash_in_tile, parse_bundle_path, tile_of,
};
pub use verifier_key::{VerifierKey, VerifierKeyError};
