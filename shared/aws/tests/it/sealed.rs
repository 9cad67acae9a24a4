//! What the sealed log's tests start from: its table and buckets, its key, and processes that seal.

use engine_aws::kms::NoteSigner;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::{LogReader, SealedLogStores, Sealer, Search};
use engine_core::audit::{Entry, Event};
use engine_core::merkle::{Frontier, Hash, VerifierKey, leaf_hash, open_checkpoint};
use engine_test_support::audit::entry;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::kms::Kms;
use engine_test_support::life::Life;
use engine_test_support::s3::S3;
use engine_test_support::service::Control;
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};

use crate::fixture::{Item, at};

pub(crate) const ORIGIN: &str = "borrow-rate-engine/123456789012/us-east-1/test";
pub(crate) const RECORDS: &str = "records";
pub(crate) const WORK: &str = "work";

/// An empty log.
pub(crate) struct Log {
    pub(crate) dynamo: Dynamo,
    pub(crate) s3: S3,
    pub(crate) kms: Kms,
    pub(crate) key: String,
}

impl Log {
    pub(crate) async fn start() -> Self {
        let (s3, kms) = (S3::new(), Kms::new());
        s3.locked_bucket(RECORDS);
        s3.bucket(WORK);
        let key = kms.ed25519_key();
        Self { dynamo: Dynamo::start().await, s3, kms, key }
    }

    /// One with a checkpoint over so many entries.
    pub(crate) async fn of(size: u64) -> Self {
        let log = Self::start().await;
        log.grow(0, size).await;
        log
    }

    /// A log of its own with the same objects and key, and of the table what sealing on needs.
    pub(crate) async fn copy(&self) -> Self {
        let copy = Self { kms: self.kms.clone(), key: self.key.clone(), ..Self::start().await };
        for bucket in [RECORDS, WORK] {
            for key in self.s3.keys(bucket) {
                copy.s3.put_version(bucket, &key, &self.s3.object(bucket, &key).unwrap());
            }
        }
        for item in self.items().await {
            if ["head", "newest", "batch"].contains(&item["pk"].as_s().unwrap().as_str()) {
                copy.put_item(item).await;
            }
        }
        copy
    }

    /// Seals entries `[from, to)` under a checkpoint of [`time`] `to`.
    pub(crate) async fn grow(&self, from: u64, to: u64) {
        let sealer = self.sealer();
        sealer.sequence(plain(from, to)).await.unwrap();
        let integrated = sealer.integrate(time(to)).await.unwrap();
        assert_eq!((integrated.to, integrated.checkpoint.is_some()), (to, true));
    }

    /// What seals in a process of its own.
    pub(crate) fn sealer(&self) -> Sealer {
        self.sealer_of(&Life::new())
    }

    /// What seals in the process of that life.
    pub(crate) fn sealer_of(&self, life: &Life) -> Sealer {
        self.sealer_on(&Wire::of(life), &Control::of(life))
    }

    /// What seals with faults of that wire to DynamoDB, and of that double of S3 and KMS.
    pub(crate) fn sealer_on(&self, wire: &Wire, control: &Control) -> Sealer {
        let stores = SealedLogStores {
            dynamo: self.dynamo.client_on(wire),
            table: tables::LOG.to_owned(),
            records: RecordsBucket::new(self.s3.client_on(control), RECORDS),
            work: WorkBucket::new(self.s3.client_on(control), WORK),
        };
        Sealer::new(stores, NoteSigner::new(self.kms.client_on(control), &self.key, ORIGIN), ORIGIN)
    }

    pub(crate) fn reader(&self) -> LogReader {
        LogReader::new(RecordsBucket::new(self.s3.client(), RECORDS), WorkBucket::new(self.s3.client(), WORK))
    }

    pub(crate) fn search(&self) -> Search {
        Search::new(self.dynamo.client(), tables::LOG)
    }

    pub(crate) async fn verifier_key(&self) -> VerifierKey {
        NoteSigner::new(self.kms.client(), &self.key, ORIGIN).verifier_key().await.unwrap()
    }

    pub(crate) async fn items(&self) -> Vec<Item> {
        let client = self.dynamo.client_on(&Wire::default());
        let mut pages = client.scan().table_name(tables::LOG).into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.unwrap());
        }
        items
    }

    pub(crate) async fn put_item(&self, item: Item) {
        let client = self.dynamo.client_on(&Wire::default());
        client.put_item().table_name(tables::LOG).set_item(Some(item)).send().await.unwrap();
    }

    /// Checks the log that the buckets hold: its newest checkpoint is signed, has that size and the root of the headers
    /// that are read; every earlier one is of the same log and of an earlier time; every entry is whole. Answers its
    /// headers.
    pub(crate) async fn assert_sound(&self, size: u64) -> Vec<String> {
        let (reader, key) = (self.reader(), self.verifier_key().await);
        let newest = reader.newest_checkpoint().await.unwrap().unwrap();
        assert_eq!(newest.checkpoint.size, size);
        let mut headers = Vec::new();
        for index in 0..size {
            headers.push(reader.entry(index, size).await.unwrap().header().to_owned());
        }
        let mut before = Timestamp::UNIX_EPOCH;
        let mut next = reader.checkpoint_at_or_after(0).await.unwrap();
        while let Some(stored) = next {
            let checkpoint = open_checkpoint(&stored.note, std::slice::from_ref(&key)).unwrap();
            assert_eq!(checkpoint.root, root(&headers[..usize::try_from(checkpoint.size).unwrap()]));
            assert_eq!(reader.root(checkpoint.size).await.unwrap(), checkpoint.root);
            assert!(checkpoint.time > before);
            before = checkpoint.time;
            next = reader.checkpoint_at_or_after(checkpoint.size + 1).await.unwrap();
        }
        headers
    }
}

/// The root over those leaves, one by one.
pub(crate) fn root(headers: &[String]) -> Hash {
    let mut frontier = Frontier::new();
    for header in headers {
        frontier.push(leaf_hash(header.as_bytes()));
    }
    frontier.root()
}

/// The time at which the log of that size is sealed: a minute an entry, so that sizes grow with times.
pub(crate) fn time(size: u64) -> Timestamp {
    at("2026-11-23T00:00:00Z") + SignedDuration::from_mins(i64::try_from(size).unwrap())
}

/// Entries that concern nobody, in the order that they get their indices in.
pub(crate) fn plain(from: u64, to: u64) -> Vec<Entry> {
    let start = at("2026-11-22T03:00:00Z");
    let made = |n: u64| start + SignedDuration::from_millis(i64::try_from(n).unwrap());
    (from..to).map(|n| entry(n, Event::QuoteCreate, made(n), None, None)).collect()
}

/// The headers of [`plain`] entries.
pub(crate) fn headers(from: u64, to: u64) -> Vec<String> {
    plain(from, to).iter().map(|entry| entry.header().to_owned()).collect()
}
