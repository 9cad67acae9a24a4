//! Snapshots as stored: content-addressed, compressed, in pieces that fit an item.

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::snapshot::Snapshot;
use super::source::Source;
use crate::audit::Commitment;
use crate::hex;

/// Most bytes of one chunk; an item may have 400 kB with everything in it.
pub const MAX_CHUNK: usize = 350_000;
/// Version of the stored form.
const FORMAT: u8 = 1;
/// Most bytes that chunks may unpack to: the longest records of a full file, and half as many carried ones. It is tied to
/// the 256 MB of the pricing function, which holds these bytes, the records made of them and those before at once.
const MAX_UNPACKED: usize = 64 * 1024 * 1024;

/// A snapshot ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedSnapshot {
    /// SHA-256 of the unpacked bytes, lower-case hexadecimal: the same content has the same id.
    pub id: String,
    /// The packed bytes, at most [`MAX_CHUNK`] each, in order; at least one.
    pub chunks: Vec<Vec<u8>>,
}

/// Why a snapshot cannot be packed, or chunks are not the snapshot asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The content has no stored form, or one that is too long.
    #[error("the snapshot could not be packed")]
    Pack,
    /// The chunks are not a compressed stream, or one that is too long.
    #[error("the snapshot's chunks do not unpack")]
    Unpack,
    /// The unpacked bytes have another digest.
    #[error("the snapshot's content is not that of its id")]
    Digest,
    /// The bytes are of another source, another format, or break a snapshot's rules.
    #[error("the snapshot's content is not of the expected source and format")]
    Content,
}

/// The stored form: the format's version first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    format: u8,
    source: Source,
    snapshot: T,
}

/// Packs a snapshot.
pub fn encode(snapshot: &Snapshot) -> Result<EncodedSnapshot, CodecError> {
    let source = snapshot.source();
    let bytes = match snapshot {
        Snapshot::ShortStock(snapshot) => to_bytes(source, snapshot),
        Snapshot::Volatility(snapshot) => to_bytes(source, snapshot),
        Snapshot::EventRisk(snapshot) => to_bytes(source, snapshot),
        Snapshot::MinimumRates(snapshot) => to_bytes(source, snapshot),
    }?;
    if bytes.len() > MAX_UNPACKED {
        return Err(CodecError::Pack);
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&bytes).map_err(|_| CodecError::Pack)?;
    let packed = encoder.finish().map_err(|_| CodecError::Pack)?;
    Ok(EncodedSnapshot { id: hex::sha256(&bytes), chunks: packed.chunks(MAX_CHUNK).map(<[u8]>::to_vec).collect() })
}

fn to_bytes<T: Serialize>(source: Source, snapshot: T) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(&Stored { format: FORMAT, source, snapshot }).map_err(|_| CodecError::Pack)
}

/// Unpacks the chunks of the snapshot `id` of `source`; anything but exactly that snapshot is an error.
pub fn decode<C: AsRef<[u8]>>(source: Source, id: &str, chunks: &[C]) -> Result<Snapshot, CodecError> {
    let bytes = unpack(chunks)?;
    if hex::sha256(&bytes) != id {
        return Err(CodecError::Digest);
    }
    let snapshot = match source {
        Source::ShortStock => Snapshot::ShortStock(from_bytes(source, &bytes)?),
        Source::Volatility => Snapshot::Volatility(from_bytes(source, &bytes)?),
        Source::EventRisk => Snapshot::EventRisk(from_bytes(source, &bytes)?),
        Source::MinimumRates => Snapshot::MinimumRates(from_bytes(source, &bytes)?),
    };
    checked(snapshot)
}

/// The bytes that were packed; the packed copy is gone before they are read.
fn unpack<C: AsRef<[u8]>>(chunks: &[C]) -> Result<Vec<u8>, CodecError> {
    let packed: Vec<u8> = chunks.iter().flat_map(AsRef::as_ref).copied().collect();
    let mut bytes = Vec::with_capacity((packed.len() * 4).min(MAX_UNPACKED));
    let most = u64::try_from(MAX_UNPACKED).map_err(|_| CodecError::Unpack)?;
    let unpacked = DeflateDecoder::new(packed.as_slice()).take(most).read_to_end(&mut bytes);
    unpacked.map_err(|_| CodecError::Unpack)?;
    Ok(bytes)
}

fn from_bytes<T: DeserializeOwned>(source: Source, bytes: &[u8]) -> Result<T, CodecError> {
    let stored: Stored<T> = serde_json::from_slice(bytes).map_err(|_| CodecError::Content)?;
    if stored.format == FORMAT && stored.source == source { Ok(stored.snapshot) } else { Err(CodecError::Content) }
}

/// Holds a short-stock snapshot to ticker order, which searches rely on, and to salts that open.
fn checked(snapshot: Snapshot) -> Result<Snapshot, CodecError> {
    if let Snapshot::ShortStock(snapshot) = &snapshot {
        let ordered = snapshot.securities.is_sorted_by(|a, b| a.ticker < b.ticker);
        let salted =
            snapshot.securities.iter().all(|record| Commitment::from_stored(String::new(), &record.salt).is_some());
        if !ordered || !salted {
            return Err(CodecError::Content);
        }
    }
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::market::short_stock::MAX_ROWS;
    use crate::market::{BorrowStatus, LastKnown, SecurityRecord, ShortStockSnapshot};
    use crate::{decimal, ticker::Ticker};

    #[test]
    fn the_longest_records_of_a_full_file_and_half_as_many_carried_can_be_unpacked() {
        let rate = decimal::parse("100000.12345678", 8).unwrap();
        let record = SecurityRecord {
            ticker: Ticker::parse("ABCDEFGHIJ").unwrap(),
            currency: "USD".into(),
            contract: Some("\"".repeat(32)),
            isin: Some("X".repeat(32)),
            rebate_rate: Some(-rate),
            fee_rate: Some(rate),
            available: Some(">999999999999999999".parse().unwrap()),
            last_known: Some(LastKnown { fee_rate: rate, as_of: Timestamp::UNIX_EPOCH }),
            missing_since: None,
            held_status: Some(BorrowStatus::Medium),
            off_benchmark: true,
            salt: "0".repeat(24),
        };
        let length = serde_json::to_vec(&record).unwrap().len();
        assert!(length * MAX_ROWS * 3 / 2 < MAX_UNPACKED, "{length} bytes each");
    }

    #[test]
    fn a_snapshot_that_could_not_be_unpacked_is_not_packed() {
        let long = |length| ShortStockSnapshot {
            as_of: Timestamp::UNIX_EPOCH,
            file_sha256: "0".repeat(length),
            benchmark: None,
            securities: vec![],
        };
        assert_eq!(encode(&Snapshot::ShortStock(long(MAX_UNPACKED))), Err(CodecError::Pack));
        assert!(encode(&Snapshot::ShortStock(long(64))).is_ok());
    }
}
