//! What S3 tells: which version of which object was put, and by whom.

use aws_lambda_events::event::s3::{S3Event, S3EventRecord};

/// An object that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// Its version, where the bucket keeps versions.
    pub version: Option<String>,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its length in bytes, where told.
    pub size: Option<u64>,
    /// The principal that put it.
    pub uploader: String,
    /// Network address it was put from.
    pub source_address: Option<String>,
}

/// A record of an event that does not say what it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event names no {0}")]
pub struct EventError(pub &'static str);

/// The objects of an event, in its order.
pub fn uploads(event: &S3Event) -> Result<Vec<Upload>, EventError> {
    event.records.iter().map(upload).collect()
}

fn upload(record: &S3EventRecord) -> Result<Upload, EventError> {
    let object = &record.s3.object;
    Ok(Upload {
        bucket: record.s3.bucket.name.clone().ok_or(EventError("bucket"))?,
        key: object.key.as_deref().and_then(decode).ok_or(EventError("object key"))?,
        version: object.version_id.clone(),
        etag: object.e_tag.clone().ok_or(EventError("entity tag"))?.trim_matches('"').to_owned(),
        size: object.size.and_then(|size| u64::try_from(size).ok()),
        uploader: record.principal_id.principal_id.clone().ok_or(EventError("uploader"))?,
        source_address: record.request_parameters.source_ip_address.clone(),
    })
}

/// A key as events spell it: `+` for a space, `%XX` for a byte. `None` where that is no text.
fn decode(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_s3_encodes_them() {
        assert_eq!(decode("short-stock/usa+2026%2B01%281%29.txt").as_deref(), Some("short-stock/usa 2026+01(1).txt"));
        assert_eq!(decode("volatility/%C3%A9.json").as_deref(), Some("volatility/é.json"));
        for broken in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
