//! Objects that are full or, at the log's end, partial: which of them there is for the part that is wanted.

use engine_core::merkle::FULL;

use crate::Error;
use crate::objects::WorkBucket;
use crate::records::RecordsBucket;

/// An object that holds at least what was wanted.
pub(super) struct Found {
    /// Its key.
    pub(super) key: String,
    /// How many hashes or entries it must hold.
    pub(super) width: u16,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// The object under `path`, the full one's, with at least `width` hashes or entries.
///
/// A partial one that has become full since is read where it is locked; else the one of just that width, or the widest.
pub(super) async fn find(
    records: &RecordsBucket,
    work: &WorkBucket,
    path: &str,
    width: u16,
) -> Result<Option<Found>, Error> {
    if let Some(bytes) = records.first(path).await? {
        return Ok(Some(Found { key: path.to_owned(), width: FULL, bytes }));
    }
    if width >= FULL {
        return Ok(None);
    }
    let prefix = format!("{path}.p/");
    let key = format!("{prefix}{width}");
    if let Some(bytes) = work.get(&key).await? {
        return Ok(Some(Found { key, width, bytes }));
    }
    let keys = work.keys(&prefix).await?;
    let widths = keys.iter().filter_map(|key| key.strip_prefix(&prefix)?.parse::<u16>().ok());
    let Some(widest) = widths.filter(|widest| (width..FULL).contains(widest)).max() else { return Ok(None) };
    let key = format!("{prefix}{widest}");
    let bytes = work.get(&key).await?;
    Ok(bytes.map(|bytes| Found { key, width: widest, bytes }))
}
