//! Pointers: which snapshot of a source is in force.

use aws_sdk_dynamodb::types::TransactWriteItem;
use engine_core::market::Source;
use jiff::Timestamp;

use super::POINTERS;
use crate::item::{Item, absent, n, number, s, string, time};
use crate::{Error, transact};

/// The snapshot of a source that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The source.
    pub source: Source,
    /// The snapshot.
    pub snapshot_id: String,
    /// The time its data stand for.
    pub as_of: Timestamp,
    /// Chunks it is stored in.
    pub chunks: usize,
    /// Hex SHA-256 of the file it was made from.
    pub file_sha256: String,
    /// Counts the source's snapshots, from 1.
    pub version: u64,
}

/// The put of a pointer over the one whose version was read.
pub(super) fn put(table: &str, pointer: &Pointer, expected: Option<u64>) -> Result<TransactWriteItem, Error> {
    let item = Item::from([
        ("pk".into(), s(POINTERS)),
        ("sk".into(), s(pointer.source.as_str())),
        ("snapshot_id".into(), s(&pointer.snapshot_id)),
        ("as_of".into(), n(pointer.as_of.as_millisecond())),
        ("chunks".into(), n(pointer.chunks)),
        ("file_sha256".into(), s(&pointer.file_sha256)),
        ("version".into(), n(pointer.version)),
    ]);
    match expected {
        None => transact::put(table, item, transact::ABSENT, []),
        Some(read) => transact::put(table, item, "version = :read", [(":read", n(read))]),
    }
}

/// A pointer as stored.
pub(super) fn read(item: &Item) -> Result<Pointer, Error> {
    let source = string(item, "sk")?;
    Ok(Pointer {
        source: Source::ALL.into_iter().find(|known| known.as_str() == source).ok_or_else(|| absent("sk"))?,
        snapshot_id: string(item, "snapshot_id")?.to_owned(),
        as_of: time(item, "as_of")?,
        chunks: number(item, "chunks")?,
        file_sha256: string(item, "file_sha256")?.to_owned(),
        version: number(item, "version")?,
    })
}
