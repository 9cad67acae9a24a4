//! One bucket: its objects with all their versions, and its uploads in parts.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest as sha};
use engine_core::hex;
use jiff::Timestamp;

use super::Stamp;
use crate::service::Refused;

/// Fewest bytes of a part that is not the last.
const SMALLEST_PART: usize = 5 * 1024 * 1024;
/// Most parts of one object.
const MOST_PARTS: u32 = 10_000;

/// A version's bytes and what was said of them when they were put.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) etag: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Content {
    /// Bytes put whole.
    pub(super) fn new(bytes: Vec<u8>, headers: Vec<(String, String)>) -> Self {
        let etag = digest(&bytes);
        Self { bytes, etag, headers }
    }

    /// Bytes of which nothing was said.
    pub(super) fn plain(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec(), Vec::new())
    }
}

/// 32 hex digits, as entity tags and version ids have.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(&sha(&SHA256, bytes).as_ref()[..16])
}

/// One version of an object.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) time: Timestamp,
    /// Nothing in a delete marker.
    pub(super) content: Option<Content>,
}

/// An upload in parts that is under way.
#[derive(Debug)]
pub(super) struct Upload {
    key: String,
    headers: Vec<(String, String)>,
    parts: BTreeMap<u32, Content>,
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) locked: bool,
    /// Mode and days of the lock that an object gets when it is put.
    pub(super) default_retention: Option<(String, u32)>,
    /// Whether somebody stopped it from keeping versions. It goes on all the same; it only says that it does not.
    pub(super) suspended: bool,
    /// The versions of each object, oldest first.
    objects: BTreeMap<String, Vec<Version>>,
    pub(super) uploads: BTreeMap<String, Upload>,
}

impl Bucket {
    /// Versions of an object, oldest first.
    pub(super) fn versions(&self, key: &str) -> &[Version] {
        self.objects.get(key).map_or(&[], Vec::as_slice)
    }

    /// The newest version, unless it is a delete marker.
    pub(super) fn current(&self, key: &str) -> Option<(&Version, &Content)> {
        current_of(self.versions(key))
    }

    pub(super) fn first(&self, key: &str) -> Option<&[u8]> {
        self.versions(key).iter().find_map(|version| version.content.as_ref()).map(|content| content.bytes.as_slice())
    }

    pub(super) fn first_mut(&mut self, key: &str) -> Option<&mut Vec<u8>> {
        let versions = self.objects.get_mut(key)?;
        versions.iter_mut().find_map(|version| version.content.as_mut()).map(|content| &mut content.bytes)
    }

    /// Keys with a current version that start with `prefix` and come after `after`, in their order.
    pub(super) fn current_keys(&self, prefix: &str, after: &str) -> impl Iterator<Item = (&str, &Version, &Content)> {
        let matching = self.objects.range(prefix.max(after).to_owned()..);
        let matching = matching.take_while(move |(key, _)| key.starts_with(prefix));
        let matching = matching.filter(move |(key, _)| after.is_empty() || key.as_str() > after);
        matching.filter_map(|(key, versions)| {
            current_of(versions).map(|(version, content)| (key.as_str(), version, content))
        })
    }

    /// Versions of the keys that start with `prefix`, by key, newest first, with whether each is its key's newest.
    pub(super) fn all_versions(&self, prefix: &str) -> impl Iterator<Item = (&str, &Version, bool)> {
        let matching = self.objects.range(prefix.to_owned()..).take_while(move |(key, _)| key.starts_with(prefix));
        matching.flat_map(|(key, versions)| {
            let newest_first = versions.iter().rev().enumerate();
            newest_first.map(|(age, version)| (key.as_str(), version, age == 0))
        })
    }

    /// Puts a new version on top.
    pub(super) fn put(&mut self, key: &str, content: Content, stamp: Stamp) {
        let version = Version { id: stamp.id, time: stamp.time, content: Some(content) };
        self.objects.entry(key.to_owned()).or_default().push(version);
    }

    /// Hides the object under a delete marker.
    pub(super) fn hide(&mut self, key: &str, stamp: Stamp) {
        let marker = Version { id: stamp.id, time: stamp.time, content: None };
        self.objects.entry(key.to_owned()).or_default().push(marker);
    }

    /// Deletes one version for good, which a lock forbids; a delete marker is under none.
    pub(super) fn delete_version(&mut self, key: &str, id: &str) -> Result<(), Refused> {
        let Some(versions) = self.objects.get_mut(key) else { return Ok(()) };
        let protected = self.locked && versions.iter().any(|version| version.id == id && version.content.is_some());
        if protected {
            let why = "Access Denied because object protected by object lock.";
            return Err(Refused::with_status(403, "AccessDenied", why));
        }
        versions.retain(|version| version.id != id);
        if versions.is_empty() {
            self.objects.remove(key);
        }
        Ok(())
    }

    /// Removes an object, past every lock.
    pub(super) fn remove(&mut self, key: &str) {
        self.objects.remove(key);
    }

    /// Starts an upload in parts.
    pub(super) fn start_upload(&mut self, key: &str, headers: Vec<(String, String)>, id: &str) {
        self.uploads.insert(id.to_owned(), Upload { key: key.to_owned(), headers, parts: BTreeMap::new() });
    }

    fn upload(&mut self, key: &str, id: &str) -> Result<&mut Upload, Refused> {
        let upload = self.uploads.get_mut(id).filter(|upload| upload.key == key);
        upload.ok_or_else(|| Refused::with_status(404, "NoSuchUpload", "The specified upload does not exist."))
    }

    /// Takes a part, in place of one of the same number; answers its entity tag.
    pub(super) fn put_part(&mut self, key: &str, id: &str, number: u32, bytes: &[u8]) -> Result<String, Refused> {
        if !(1..=MOST_PARTS).contains(&number) {
            return Err(Refused::new("InvalidArgument", "Part number must be an integer between 1 and 10000"));
        }
        let part = Content::plain(bytes);
        let etag = part.etag.clone();
        self.upload(key, id)?.parts.insert(number, part);
        Ok(etag)
    }

    /// Makes the parts that are named, in that order, one object, and ends the upload.
    pub(super) fn join_parts(&mut self, key: &str, id: &str, named: &[(u32, String)]) -> Result<Content, Refused> {
        let upload = self.upload(key, id)?;
        if named.is_empty() {
            return Err(Refused::new("MalformedXML", "an upload has at least one part"));
        }
        if !named.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(Refused::new("InvalidPartOrder", "The list of parts was not in ascending order."));
        }
        let mut bytes = Vec::new();
        let mut tags = String::new();
        for (at, (number, etag)) in named.iter().enumerate() {
            let part = upload.parts.get(number).filter(|part| part.etag == *etag);
            let part = part.ok_or_else(|| Refused::new("InvalidPart", format!("part {number} could not be found")))?;
            if at + 1 < named.len() && part.bytes.len() < SMALLEST_PART {
                return Err(Refused::new("EntityTooSmall", format!("part {number} is smaller than 5 MiB")));
            }
            bytes.extend_from_slice(&part.bytes);
            tags.push_str(etag);
        }
        let etag = format!("{}-{}", digest(tags.as_bytes()), named.len());
        let headers = std::mem::take(&mut upload.headers);
        self.uploads.remove(id);
        Ok(Content { bytes, etag, headers })
    }

    /// Throws an upload's parts away.
    pub(super) fn abort_upload(&mut self, key: &str, id: &str) -> Result<(), Refused> {
        self.upload(key, id)?;
        self.uploads.remove(id);
        Ok(())
    }
}

fn current_of(versions: &[Version]) -> Option<(&Version, &Content)> {
    let newest = versions.last()?;
    Some((newest, newest.content.as_ref()?))
}
