//! The locked bucket: every object put once, listed in key order, and read as it was first put.
//!
//! Object Lock keeps a version from being deleted or altered; it does not keep another version from being put over it. So
//! what counts is the first version of a key, whatever came after.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;

use crate::objects::ObjectStore;
use crate::{Error, transact};

/// Most keys that S3 lists at once.
const MOST_KEYS: i32 = 1000;

/// What became of an object that was to be put once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there by this put.
    Written,
    /// It was there, with the same bytes.
    AlreadySame,
}

/// Puts objects once and reads their first versions.
#[derive(Clone, Debug)]
pub struct RecordsBucket {
    client: Client,
    bucket: String,
}

impl RecordsBucket {
    /// The versioned bucket of that name.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// Puts an object that must not exist (`If-None-Match: *`). [`Error::Conflict`] where the key's first version holds
    /// other bytes; the same bytes are what an earlier attempt of the same put left.
    pub async fn put_once(&self, key: &str, bytes: &[u8]) -> Result<Put, Error> {
        let mut retry = 0;
        loop {
            let put = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*");
            let Err(error) = put.body(ByteStream::from(bytes.to_vec())).send().await else { return Ok(Put::Written) };
            // 412: it exists. 409: somebody is putting it at this moment, and may yet fail.
            if !matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict")) {
                return Err(Error::unavailable("s3:PutObject", &error));
            }
            match self.first(key).await? {
                Some(first) if first == bytes => return Ok(Put::AlreadySame),
                Some(_) => return Err(Error::Conflict(format!("object {key} was put before with other bytes"))),
                None if retry < transact::RETRIES => transact::pause(retry).await,
                None => return Err(Error::unavailable("s3:PutObject", &error)),
            }
            retry += 1;
        }
    }

    /// The first version of a key; `None` where there never was one.
    pub async fn first(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(version) = self.first_version(key).await? else { return Ok(None) };
        let object = ObjectStore::new(self.client.clone()).get(&self.bucket, key, Some(&version)).await?;
        Ok(Some(object.bytes))
    }

    /// S3 lists a key's versions newest first, so the first is the last one listed.
    async fn first_version(&self, key: &str) -> Result<Option<String>, Error> {
        let (mut first, mut key_marker, mut version_marker) = (None, None, None);
        loop {
            let request = self.client.list_object_versions().bucket(&self.bucket).prefix(key);
            let request = request.set_key_marker(key_marker.take()).set_version_id_marker(version_marker.take());
            let page = request.send().await.map_err(|error| Error::unavailable("s3:ListObjectVersions", &error))?;
            let of_key = |version: &&aws_sdk_s3::types::ObjectVersion| version.key() == Some(key);
            if let Some(version) = page.versions().iter().rfind(of_key) {
                first = version.version_id().map(str::to_owned);
            }
            // The key comes before all that it is a prefix of.
            let over = page.next_key_marker().is_none_or(|next| next != key);
            if page.is_truncated() != Some(true) || over {
                return Ok(first);
            }
            (key_marker, version_marker) = (page.next_key_marker, page.next_version_id_marker);
        }
    }

    /// The first key under `prefix` that is not before `at_or_after`, in byte order.
    pub async fn next_key(&self, prefix: &str, at_or_after: &str) -> Result<Option<String>, Error> {
        let (mut keys, _) = self.page(prefix, at_or_after, 1).await?;
        Ok(keys.pop())
    }

    /// At most 1,000 keys under `prefix` from `at_or_after` on, in byte order, and whether these are all.
    pub async fn keys_from(&self, prefix: &str, at_or_after: &str) -> Result<(Vec<String>, bool), Error> {
        self.page(prefix, at_or_after, MOST_KEYS).await
    }

    /// Every key under `prefix`, in byte order.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            // Listing begins after a key, and no key is empty.
            let after = keys.last().cloned().unwrap_or_default();
            let (mut page, all) = self.list(prefix, &after, MOST_KEYS).await?;
            keys.append(&mut page);
            if all {
                return Ok(keys);
            }
        }
    }

    async fn page(&self, prefix: &str, at_or_after: &str, most: i32) -> Result<(Vec<String>, bool), Error> {
        self.list(prefix, &just_before(at_or_after), most).await
    }

    async fn list(&self, prefix: &str, after: &str, most: i32) -> Result<(Vec<String>, bool), Error> {
        let after = Some(after).filter(|after| !after.is_empty()).map(str::to_owned);
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).max_keys(most);
        let page = request.set_start_after(after).send().await;
        let page = page.map_err(|error| Error::unavailable("s3:ListObjectsV2", &error))?;
        let all = page.is_truncated() != Some(true);
        Ok((page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect(), all))
    }
}

/// A text that comes before `key` and after every shorter or smaller key that these buckets hold: keys are of printable
/// ASCII, so the last character's predecessor followed by a tilde, which no key contains, is one.
fn just_before(key: &str) -> String {
    let mut text = key.to_owned();
    if let Some(before) = text.pop().filter(char::is_ascii).and_then(|last| (last as u8).checked_sub(1)) {
        text.push(char::from(before));
        text.push('~');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_starts_just_before_the_key_that_may_be_the_first() {
        for key in ["checkpoints/0000000000000000", "checkpoints/0000000000000100", "keys/log/0001", "a"] {
            let before = just_before(key);
            assert!(before.as_str() < key);
        }
        assert!("checkpoints/0000000000000099" < just_before("checkpoints/0000000000000100").as_str());
        assert!("checkpoints/0000000000000100" < just_before("checkpoints/0000000000000101").as_str());
        assert_eq!(just_before(""), "");
    }
}
