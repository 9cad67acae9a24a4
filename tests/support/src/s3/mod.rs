//! S3 in the process: versioned buckets, some under a lock, behind the real SDK.

mod bucket;
mod rest;
mod xml;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use engine_aws::clock::Clock;
use jiff::{SignedDuration, Timestamp};

use self::bucket::Bucket;
use crate::clock::ManualClock;
use crate::service::{Control, Endpoint, Network, client};

/// Most keys or versions on one page of a listing.
const LONGEST_PAGE: usize = 1000;
/// When everything is put, unless a clock says otherwise.
const EPOCH: &str = "2026-11-22T03:27:43Z";

/// An S3 whose buckets keep every version. A bucket is made when it is first named. Clones are the same one.
///
/// It knows the calls on objects and listings, and of those on buckets the two that say how one is locked; prefixes are not grouped by a
/// delimiter.
#[derive(Clone, Debug, Default)]
pub struct S3 {
    buckets: Arc<Buckets>,
    control: Control,
}

impl S3 {
    /// One without buckets.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it, which does not retry.
    pub fn client(&self) -> Client {
        self.client_on(&self.control)
    }

    /// A client of a second process, with faults of its own.
    pub fn client_on(&self, control: &Control) -> Client {
        let client = client!(aws_sdk_s3, Network::new(&self.buckets, control));
        Client::from_conf(client.config().to_builder().force_path_style(true).build())
    }

    /// The calls of [`S3::client`] by action (`PutObject` …), and their faults.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Makes a bucket that keeps versions, if there is none of that name.
    pub fn bucket(&self, name: &str) {
        self.buckets.with(name, |_| ());
    }

    /// Makes a bucket whose versions cannot be deleted, or locks the one that there is.
    pub fn locked_bucket(&self, name: &str) {
        self.buckets.with(name, |bucket| bucket.locked = true);
    }

    /// Says by how a locked bucket locks what is put (`COMPLIANCE` or `GOVERNANCE`, and days), or that it locks nothing by itself.
    pub fn set_default_retention(&self, name: &str, retention: Option<(&str, u32)>) {
        let retention = retention.map(|(mode, days)| (mode.to_owned(), days));
        self.buckets.with(name, |bucket| bucket.default_retention = retention);
    }

    /// Says that a bucket keeps no more versions, as Object Lock forbids.
    pub fn suspend_versioning(&self, name: &str) {
        self.buckets.with(name, |bucket| bucket.suspended = true);
    }

    /// Puts at most `keys` keys or versions on a page of a listing, whatever is asked for.
    pub fn set_page(&self, keys: usize) {
        self.buckets.0.lock().unwrap().page = keys;
    }

    /// Lets `clock` say when objects are put.
    pub fn set_clock(&self, clock: &ManualClock) {
        self.buckets.0.lock().unwrap().clock = Some(clock.clone());
    }

    /// The bytes of an object's first version, without a call.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.buckets.with(bucket, |bucket| bucket.first(key).map(<[u8]>::to_vec))
    }

    /// The bytes of an object's current version, without a call.
    pub fn current(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.buckets.with(bucket, |bucket| bucket.current(key).map(|(_, content)| content.bytes.clone()))
    }

    /// How many versions there are of an object, delete markers included.
    pub fn versions(&self, bucket: &str, key: &str) -> usize {
        self.buckets.with(bucket, |bucket| bucket.versions(key).len())
    }

    /// Keys with a current version, in their order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.buckets.with(bucket, |bucket| bucket.current_keys("", "").map(|(key, _, _)| key.to_owned()).collect())
    }

    /// Uploads in parts that were neither completed nor aborted.
    pub fn open_uploads(&self, bucket: &str) -> usize {
        self.buckets.with(bucket, |bucket| bucket.uploads.len())
    }

    /// Puts a version on top of what is there, as an attacker who may put can.
    pub fn put_version(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let mut state = self.buckets.0.lock().unwrap();
        let stamp = state.stamp();
        state.bucket(bucket).put(key, bucket::Content::plain(bytes), stamp);
    }

    /// Changes the bytes of the first version where they are, as nobody can; panics where there is none.
    pub fn corrupt(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.buckets.with(bucket, |bucket| *bucket.first_mut(key).expect("an object") = bytes.to_vec());
    }

    /// Removes an object with all its versions, past every lock.
    pub fn remove(&self, bucket: &str, key: &str) {
        self.buckets.with(bucket, |bucket| bucket.remove(key));
    }

    /// What a browser gets at a presigned URL at that time, or the status that refuses it. Signatures are not checked.
    pub fn download(&self, url: &str, now: Timestamp) -> Result<Vec<u8>, u16> {
        let request = HttpRequest::get(url).expect("a URL");
        if !within(&request, now) {
            return Err(403);
        }
        let response = self.buckets.answer(&request, &[], &Control::default());
        let body = response.body().bytes().expect("a body in memory").to_vec();
        if response.status().is_success() { Ok(body) } else { Err(response.status().as_u16()) }
    }
}

/// Whether a presigned URL is in its time.
fn within(request: &HttpRequest, now: Timestamp) -> bool {
    let query = rest::query(request);
    let signed = query.get("X-Amz-Date").and_then(|time| time.strip_suffix('Z'));
    let signed = signed.and_then(|time| jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", time).ok());
    let signed = signed.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let seconds = query.get("X-Amz-Expires").and_then(|seconds| seconds.parse().ok());
    let (Some(signed), Some(seconds)) = (signed, seconds) else { return false };
    let signed = signed.timestamp();
    query.contains_key("X-Amz-Signature") && (signed..signed + SignedDuration::from_secs(seconds)).contains(&now)
}

/// The buckets by name.
#[derive(Debug, Default)]
struct Buckets(Mutex<State>);

#[derive(Debug)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    /// Versions and uploads made.
    minted: u64,
    page: usize,
    clock: Option<ManualClock>,
}

impl Default for State {
    fn default() -> Self {
        Self { buckets: BTreeMap::new(), minted: 0, page: LONGEST_PAGE, clock: None }
    }
}

/// What a new version is marked with.
#[derive(Clone, Debug)]
struct Stamp {
    id: String,
    time: Timestamp,
}

impl State {
    fn bucket(&mut self, name: &str) -> &mut Bucket {
        self.buckets.entry(name.to_owned()).or_default()
    }

    /// The next id, in no order that a reader could lean on.
    fn stamp(&mut self) -> Stamp {
        self.minted += 1;
        let id = bucket::digest(&self.minted.to_be_bytes());
        let time = self.clock.as_ref().map_or_else(|| EPOCH.parse().unwrap(), Clock::now);
        Stamp { id, time }
    }
}

impl Buckets {
    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Bucket) -> T) -> T {
        act(self.0.lock().unwrap().bucket(name))
    }
}
