//! Objects in S3, read by version: what an event names, not whatever is newest by the time it is read.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;

use crate::Error;

/// An object as read.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When this version was put, to the second.
    pub last_modified: Timestamp,
}

/// What S3 says of an object that was put.
#[derive(Clone, Debug)]
pub struct PutObject {
    /// The entity tag, without quotes.
    pub etag: String,
    /// The version, where the bucket keeps versions.
    pub version: Option<String>,
}

/// Reads and puts objects.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    client: Client,
}

impl ObjectStore {
    /// The objects that `client` may read and put.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// One version of an object; the current one where none is named.
    pub async fn get(&self, bucket: &str, key: &str, version: Option<&str>) -> Result<Object, Error> {
        let request = self.client.get_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
        let got = request.send().await.map_err(|error| {
            if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) {
                Error::NotFound(format!("object {key}"))
            } else {
                Error::unavailable("s3:GetObject", &error)
            }
        })?;
        let seconds = got.last_modified.map(|time| time.secs());
        let last_modified = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let bytes = got.body.collect().await;
        let bytes =
            bytes.map_err(|error| Error::Unavailable { operation: "s3:GetObject", cause: error.to_string() })?;
        Ok(Object {
            bytes: bytes.into_bytes().to_vec(),
            last_modified: last_modified.ok_or_else(|| Error::corrupt("object", "it has no time"))?,
        })
    }

    /// Puts an object.
    pub async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<PutObject, Error> {
        let put = self.client.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes)).send().await;
        let put = put.map_err(|error| Error::unavailable("s3:PutObject", &error))?;
        let etag = put.e_tag.as_deref().unwrap_or_default().trim_matches('"').to_owned();
        Ok(PutObject { etag, version: put.version_id })
    }
}

/// A bucket whose objects are working copies: each can be made again, and may be overwritten or gone.
#[derive(Clone, Debug)]
pub struct WorkBucket {
    store: ObjectStore,
    bucket: String,
}

impl WorkBucket {
    /// The bucket of that name.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { store: ObjectStore::new(client), bucket: bucket.into() }
    }

    /// The bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.bucket
    }

    /// The bytes of an object; `None` where there is none.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.store.get(&self.bucket, key, None).await {
            Ok(object) => Ok(Some(object.bytes)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts an object, over whatever is there.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        self.store.put(&self.bucket, key, bytes).await.map(|_| ())
    }

    /// Every key under `prefix`, in byte order.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let request = self.store.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::unavailable("s3:ListObjectsV2", &error))?;
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        Ok(keys)
    }
}
