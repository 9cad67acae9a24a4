//! An importer with everything it needs.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use engine_aws::Error;
use engine_aws::audit_log::AuditLog;
use engine_aws::market::{MarketStore, Pointer};
use engine_aws::objects::Object;
use engine_core::hex;
use engine_core::market::Source;
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys;
use engine_test_support::wire::Wire;
use jiff::tz::TimeZone;
use market_data::event::Upload;
use market_data::{Importer, Keys, Objects};
use serde_json::Value;

pub(crate) const BUCKET: &str = "example-market-111122223333-us-east-1";

/// Objects in memory: files by key and version; what is kept, by key.
#[derive(Clone, Default)]
pub(crate) struct MemoryObjects {
    files: Arc<Mutex<HashMap<(String, String), Object>>>,
    kept: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    full: Arc<AtomicBool>,
}

impl MemoryObjects {
    /// Puts a version of an object, and gives the event's account of it.
    pub(crate) fn put(&self, key: &str, version: &str, bytes: &str, last_modified: &str) -> Upload {
        let object = Object { bytes: bytes.into(), last_modified: last_modified.parse().unwrap() };
        self.files.lock().unwrap().insert((key.into(), version.into()), object);
        Upload {
            bucket: BUCKET.into(),
            key: key.into(),
            version: Some(version.into()),
            etag: hex::sha256(bytes.as_bytes())[..32].into(),
            size: u64::try_from(bytes.len()).ok(),
            uploader: "AWS:AROAEXAMPLE:market-feed".into(),
            source_address: Some("192.0.2.10".into()),
        }
    }

    /// What is kept, by key.
    pub(crate) fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        self.kept.lock().unwrap().clone()
    }

    /// Keeps other bytes under every key that is there.
    pub(crate) fn forge(&self) {
        self.kept.lock().unwrap().values_mut().for_each(|bytes| bytes.push(b'!'));
    }

    /// Whether nothing can be kept from here on.
    pub(crate) fn fail(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }
}

impl Objects for MemoryObjects {
    async fn get(&self, _bucket: &str, key: &str, version: Option<&str>) -> Result<Object, Error> {
        let name = (key.to_owned(), version.unwrap_or_default().to_owned());
        self.files.lock().unwrap().get(&name).cloned().ok_or_else(|| Error::NotFound(key.to_owned()))
    }

    async fn keep(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        if self.full.load(Ordering::Relaxed) {
            return Err(Error::Unavailable { operation: "s3:PutObject", cause: "as the test wants it".into() });
        }
        let mut kept = self.kept.lock().unwrap();
        if kept.entry(key.to_owned()).or_insert_with(|| bytes.to_vec()) == bytes {
            Ok(())
        } else {
            Err(Error::Conflict(format!("object {key} was put before with other bytes")))
        }
    }
}

pub(crate) struct Rig {
    pub(crate) dynamo: Dynamo,
    pub(crate) objects: MemoryObjects,
    pub(crate) clock: ManualClock,
    pub(crate) importer: Importer<MemoryObjects>,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let dynamo = Dynamo::start().await;
        let objects = MemoryObjects::default();
        let clock = ManualClock::at("2026-01-20T00:00:00Z");
        let importer = importer(dynamo.client(), &objects, &clock);
        Self { dynamo, objects, clock, importer }
    }

    /// An importer of another process.
    pub(crate) fn second(&self) -> Importer<MemoryObjects> {
        importer(self.dynamo.client_on(&Wire::default()), &self.objects, &self.clock)
    }

    pub(crate) fn store(&self) -> MarketStore {
        MarketStore::new(self.dynamo.client_on(&Wire::default()), tables::MARKET)
    }

    /// Puts a short-stock file as a version of its own.
    pub(crate) fn short_stock(&self, version: &str, file: &str) -> Upload {
        self.objects.put("short-stock/usa.txt", version, file, "2026-01-19T00:00:00Z")
    }

    pub(crate) async fn pointer(&self, source: Source) -> Option<Pointer> {
        self.store().pointers().await.unwrap().into_iter().find(|pointer| pointer.source == source)
    }

    /// The bodies of every entry of that event.
    pub(crate) async fn entries(&self, event: &str) -> Vec<Value> {
        let client = self.dynamo.client_on(&Wire::default());
        let items = client.scan().table_name(tables::AUDIT).send().await.unwrap().items.unwrap_or_default();
        let text = |item: &HashMap<_, aws_sdk_dynamodb::types::AttributeValue>, name: &str| {
            let text = item.get(name).and_then(|value| value.as_s().ok()).unwrap();
            serde_json::from_str::<Value>(text).unwrap()
        };
        items.iter().filter(|item| text(item, "header")["event"] == event).map(|item| text(item, "body")).collect()
    }
}

fn importer(client: aws_sdk_dynamodb::Client, objects: &MemoryObjects, clock: &ManualClock) -> Importer<MemoryObjects> {
    Importer::new(
        objects.clone(),
        MarketStore::new(client.clone(), tables::MARKET),
        AuditLog::new(client, tables::AUDIT),
        Keys { actor: keys::actor_key(), reference: keys::reference_key() },
        BUCKET.to_owned(),
        TimeZone::get("America/New_York").unwrap(),
        clock.shared(),
    )
}

/// A short-stock file of `rows` stocks at 9:30 on that day of January 2026, the first at `fee`.
pub(crate) fn file(day: u8, rows: usize, fee: &str) -> String {
    let mut text = format!("#BOF|2026.01.{day:02}|09:30:00\n#SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|\n");
    for row in 0..rows {
        let letter = char::from(b'A' + u8::try_from(row).unwrap());
        let fee = if row == 0 { fee } else { "0.5000" };
        writeln!(text, "T{letter}|USD|COMPANY {letter}|{row}|XXXXXXX0{row:04}|3.6000|{fee}|1000|").unwrap();
    }
    text + &format!("#EOF|{rows}\n")
}
