//! The object of a batch: what was sequenced together, named by its own digest.

use engine_core::audit::Entry;
use engine_core::hex;
use engine_core::merkle::{LONGEST_ENTRY, StoredBody, decode_bodies, decode_entries, encode_bodies, encode_entries};

use super::{SealError, names};

/// An entry as the log's objects hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// The header's exact text, the leaf.
    pub(super) header: String,
    /// The body, or that it is apart.
    pub(super) body: StoredBody,
}

impl Sealed {
    /// The entry, its body apart where it is long.
    pub(super) fn new(entry: &Entry) -> Result<Self, SealError> {
        let (header, body) = (entry.header(), entry.body());
        if header.len() > LONGEST_ENTRY || body.is_empty() {
            let cause = format!("a header of {} bytes, a body of {}", header.len(), body.len());
            return Err(SealError::Unsealable { id: entry.id().to_string(), cause });
        }
        Ok(Self { header: header.to_owned(), body: StoredBody::of(body) })
    }
}

/// The bytes of a batch and the key they are kept under.
pub(super) fn encode(start: u64, batch: &[Sealed]) -> Result<(String, Vec<u8>), SealError> {
    let headers: Vec<&str> = batch.iter().map(|sealed| sealed.header.as_str()).collect();
    let bodies: Vec<StoredBody> = batch.iter().map(|sealed| sealed.body.clone()).collect();
    let wrong = |cause: &dyn std::fmt::Display| SealError::forked(format!("the batch from {start}"), cause);
    let headers = encode_entries(&headers).map_err(|error| wrong(&error))?;
    let bodies = encode_bodies(&bodies).map_err(|error| wrong(&error))?;
    let length = u32::try_from(headers.len()).map_err(|error| wrong(&error))?;
    let bytes = [&length.to_be_bytes()[..], &headers, &bodies].concat();
    Ok((names::batch(start, &hex::sha256(&bytes)), bytes))
}

/// The entries of a batch, from the bytes that are under `key`.
pub(super) fn decode(start: u64, key: &str, bytes: &[u8]) -> Result<Vec<Sealed>, SealError> {
    if names::batch(start, &hex::sha256(bytes)) != key {
        return Err(SealError::forked(key, "its bytes do not have the digest that it is named by"));
    }
    parts(bytes).ok_or_else(|| SealError::forked(key, "it is no batch"))
}

fn parts(bytes: &[u8]) -> Option<Vec<Sealed>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (headers, bodies) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    join(decode_entries(headers).ok()?, decode_bodies(bodies).ok()?)
}

/// Headers and bodies, one of each for every entry.
pub(super) fn join(headers: Vec<String>, bodies: Vec<StoredBody>) -> Option<Vec<Sealed>> {
    let same = headers.len() == bodies.len();
    let pairs = headers.into_iter().zip(bodies).map(|(header, body)| Sealed { header, body });
    same.then(|| pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(header: &str, body: StoredBody) -> Sealed {
        Sealed { header: header.to_owned(), body }
    }

    #[test]
    fn a_batch_reads_back_and_no_other_bytes_are_taken_for_it() {
        let batch = vec![
            sealed("{\"a\":1}", StoredBody::Inline("{\"body\":\"é\"}".to_owned())),
            sealed("{\"b\":2}", StoredBody::Apart),
        ];
        let (key, bytes) = encode(7, &batch).unwrap();
        assert_eq!(decode(7, &key, &bytes).unwrap(), batch);
        assert!(matches!(decode(8, &key, &bytes), Err(SealError::Forked { .. })), "from another index");
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(matches!(decode(7, &key, &other), Err(SealError::Forked { .. })), "byte {at}");
            assert!(decode(7, &key, &bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
