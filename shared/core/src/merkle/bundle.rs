//! Entry bundles (C2SP `tlog-tiles`) of headers, and body bundles of the same shape with longer lengths.

use super::TILE_WIDTH;

/// Largest body, in bytes, that a body bundle holds itself; a longer one is stored apart under its digest.
pub const INLINE_BODY_LIMIT: usize = 16 * 1024;

/// Longest header, in bytes, that an entry bundle holds: it has 16 bits for the length.
pub const LONGEST_ENTRY: usize = u16::MAX as usize;

/// A body as its bundle holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredBody {
    /// The body, 1 to [`INLINE_BODY_LIMIT`] bytes.
    Inline(String),
    /// The body is stored apart, under the digest that the header names.
    Apart,
}

impl StoredBody {
    /// How `body` is to be stored.
    #[must_use]
    pub fn of(body: &str) -> Self {
        if (1..=INLINE_BODY_LIMIT).contains(&body.len()) { Self::Inline(body.to_owned()) } else { Self::Apart }
    }
}

/// Why entries make no bundle, or bytes are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not 1 to 256 entries.
    #[error("a bundle has 1 to 256 entries")]
    Count,
    /// An entry is longer than the form allows, or an inline body is empty.
    #[error("entry {0} of the bundle has a length that the form does not allow")]
    Length(usize),
    /// The bytes end inside an entry.
    #[error("the bundle ends inside entry {0}")]
    Truncated(usize),
    /// An entry is not UTF-8.
    #[error("entry {0} of the bundle is not UTF-8")]
    Text(usize),
}

/// Up to 256 headers: each its length in bytes (`u16`, big-endian), then its bytes.
pub fn encode_entries<S: AsRef<str>>(entries: &[S]) -> Result<Vec<u8>, BundleError> {
    count(entries.len())?;
    let mut bytes = Vec::new();
    for (place, entry) in entries.iter().map(AsRef::as_ref).enumerate() {
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::Length(place))?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry.as_bytes());
    }
    Ok(bytes)
}

/// Reads what [`encode_entries`] writes.
pub fn decode_entries(bytes: &[u8]) -> Result<Vec<String>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let place = entries.len();
        count(place + 1)?;
        let (length, after) = rest.split_first_chunk().ok_or(BundleError::Truncated(place))?;
        entries.push(text(place, after, usize::from(u16::from_be_bytes(*length)), &mut rest)?);
    }
    count(entries.len())?;
    Ok(entries)
}

/// Up to 256 bodies: each its length in bytes (`u32`, big-endian), then its bytes; length 0 is a body stored apart.
pub fn encode_bodies(bodies: &[StoredBody]) -> Result<Vec<u8>, BundleError> {
    count(bodies.len())?;
    let mut bytes = Vec::new();
    for (place, body) in bodies.iter().enumerate() {
        let body = match body {
            StoredBody::Apart => "",
            StoredBody::Inline(body) if (1..=INLINE_BODY_LIMIT).contains(&body.len()) => body,
            StoredBody::Inline(_) => return Err(BundleError::Length(place)),
        };
        let length = u32::try_from(body.len()).map_err(|_| BundleError::Length(place))?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(body.as_bytes());
    }
    Ok(bytes)
}

/// Reads what [`encode_bodies`] writes.
pub fn decode_bodies(bytes: &[u8]) -> Result<Vec<StoredBody>, BundleError> {
    let mut bodies = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let place = bodies.len();
        count(place + 1)?;
        let (length, after) = rest.split_first_chunk().ok_or(BundleError::Truncated(place))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BundleError::Length(place))?;
        if length > INLINE_BODY_LIMIT {
            return Err(BundleError::Length(place));
        }
        let body = text(place, after, length, &mut rest)?;
        bodies.push(if body.is_empty() { StoredBody::Apart } else { StoredBody::Inline(body) });
    }
    count(bodies.len())?;
    Ok(bodies)
}

fn count(entries: usize) -> Result<(), BundleError> {
    if (1..=TILE_WIDTH).contains(&entries) { Ok(()) } else { Err(BundleError::Count) }
}

/// The first `length` bytes of `from` as text; `rest` becomes what follows them.
fn text<'a>(place: usize, from: &'a [u8], length: usize, rest: &mut &'a [u8]) -> Result<String, BundleError> {
    let (entry, after) = from.split_at_checked(length).ok_or(BundleError::Truncated(place))?;
    *rest = after;
    std::str::from_utf8(entry).map(str::to_owned).map_err(|_| BundleError::Text(place))
}
