//! The function with everything it needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use audit_seal::{AuditSeal, Clients, Done, RunError, Settings};
use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::audit_log::AuditLog;
use engine_aws::clock::{Clock, SharedClock};
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::{LogReader, LogTable};
use engine_core::audit::{Entry, SecretKey};
use engine_core::merkle::{Checkpoint, KeyRegister};
use engine_http::logging::{JsonLines, LevelFilter};
use engine_test_support::audit;
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::kms::Kms;
use engine_test_support::life::Life;
use engine_test_support::s3::S3;
use engine_test_support::service::Control;
use engine_test_support::stream;
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

pub(crate) const RECORDS: &str = "records";
pub(crate) const WORK: &str = "work";
pub(crate) const ORIGIN: &str = "borrow-rate-engine/123456789012/us-east-1/test";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct Rig {
    pub(crate) dynamo: Dynamo,
    pub(crate) s3: S3,
    pub(crate) kms: Kms,
    pub(crate) clock: ManualClock,
    pub(crate) settings: Settings,
}

impl Rig {
    /// Empty, ten minutes after the first of the ready-made entries, and swept up to then.
    pub(crate) async fn start() -> Self {
        let rig = Self::unswept().await;
        rig.table().set_swept(at("2026-11-22T03:07:00Z")).await.unwrap();
        rig
    }

    /// The same, never swept.
    pub(crate) async fn unswept() -> Self {
        let (kms, s3) = (Kms::new(), S3::new());
        s3.locked_bucket(RECORDS);
        s3.bucket(WORK);
        let settings = Settings {
            audit_table: tables::AUDIT.into(),
            log_table: tables::LOG.into(),
            records_bucket: RECORDS.into(),
            work_bucket: WORK.into(),
            origin: ORIGIN.into(),
            log_key: kms.ed25519_key(),
            log_key_predecessor: None,
            token_key: kms.signing_key(),
            actor_key_secret: "unused: the key is given".into(),
        };
        let clock = ManualClock::at("2026-11-22T03:10:00Z");
        Self { dynamo: Dynamo::start().await, s3, kms, clock, settings }
    }

    /// A process of the function whose calls pass [`Rig::dynamo`]'s wire and the doubles' own controls.
    pub(crate) fn function(&self) -> AuditSeal {
        self.function_with(actor_key())
    }

    /// The same under another actor key.
    pub(crate) fn function_with(&self, actor_key: SecretKey) -> AuditSeal {
        self.build(self.dynamo.client(), self.s3.client(), self.kms.client(), actor_key, self.clock.shared())
    }

    /// One whose clock goes on by `step` whenever it is looked at.
    pub(crate) fn ticking(&self, step: SignedDuration) -> AuditSeal {
        let clock = Arc::new(Ticking { clock: self.clock.clone(), step });
        self.build(self.dynamo.client(), self.s3.client(), self.kms.client(), actor_key(), clock)
    }

    /// A process that ends when `life` does.
    pub(crate) fn mortal(&self, life: &Life) -> (AuditSeal, Wire) {
        let (wire, control) = (Wire::of(life), Control::of(life));
        let dynamodb = self.dynamo.client_on(&wire);
        let (s3, kms) = (self.s3.client_on(&control), self.kms.client_on(&control));
        let function = self.build(dynamodb, s3, kms, actor_key(), self.clock.shared());
        (function, wire)
    }

    fn build(
        &self,
        dynamodb: aws_sdk_dynamodb::Client,
        s3: aws_sdk_s3::Client,
        kms: aws_sdk_kms::Client,
        actor_key: SecretKey,
        clock: SharedClock,
    ) -> AuditSeal {
        AuditSeal::new(Clients { dynamodb, s3, kms }, actor_key, self.settings.clone(), clock)
    }

    /// A process's run over a batch of records of the stream.
    pub(crate) async fn stream(&self, records: Vec<Value>) -> Result<Done, RunError> {
        self.function().handle(stream::event(records), "run").await
    }

    /// A process's scheduled run, some time after whatever was before.
    pub(crate) async fn schedule(&self) -> Result<Done, RunError> {
        self.clock.advance(SignedDuration::from_secs(6));
        self.function().handle(schedule(), "run").await
    }

    pub(crate) fn audit(&self) -> AuditLog {
        AuditLog::new(self.dynamo.client_on(&Wire::default()), tables::AUDIT)
    }

    pub(crate) async fn append(&self, entries: &[Entry]) {
        for entry in entries {
            self.audit().append(entry).await.unwrap();
        }
    }

    /// Puts an item past the engine.
    pub(crate) async fn put(&self, item: &Item) {
        let client = self.dynamo.client_on(&Wire::default());
        client.put_item().table_name(tables::AUDIT).set_item(Some(item.clone())).send().await.unwrap();
    }

    pub(crate) fn table(&self) -> LogTable {
        LogTable::new(self.dynamo.client_on(&Wire::default()), tables::LOG)
    }

    pub(crate) fn reader(&self) -> LogReader {
        let client = self.s3.client_on(&Control::of(&Life::new()));
        LogReader::new(RecordsBucket::new(client.clone(), RECORDS), WorkBucket::new(client, WORK))
    }

    pub(crate) async fn register(&self) -> KeyRegister {
        self.reader().register().await.unwrap()
    }

    /// The newest checkpoint, verified with the register.
    pub(crate) async fn checkpoint(&self) -> Option<Checkpoint> {
        let newest = self.reader().newest_checkpoint().await.unwrap()?;
        Some(self.register().await.open_checkpoint(&newest.note).unwrap())
    }

    /// Every entry under the newest checkpoint, in the log's order, as the bundles have them.
    pub(crate) async fn log(&self) -> Vec<Entry> {
        let size = self.checkpoint().await.map_or(0, |checkpoint| checkpoint.size);
        let (reader, mut entries) = (self.reader(), Vec::new());
        for index in 0..size {
            entries.push(reader.entry(index, size).await.unwrap());
        }
        entries
    }

    /// The log's entries of one event, as header and body.
    pub(crate) async fn log_of(&self, event: &str) -> Vec<(Value, Value)> {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let entries = self.log().await;
        let entries = entries.iter().map(|entry| (json(entry.header()), json(entry.body())));
        entries.filter(|(header, _)| header["event"] == event).collect()
    }
}

struct Ticking {
    clock: ManualClock,
    step: SignedDuration,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.clock.advance(self.step);
        self.clock.now()
    }
}

pub(crate) fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// What `EventBridge` sends.
pub(crate) fn schedule() -> Value {
    json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} })
}

/// The stream's records of entries that were appended.
pub(crate) fn inserts(entries: &[Entry]) -> Vec<Value> {
    entries.iter().flat_map(audit::items).map(|item| stream::insert(&item)).collect()
}

/// What is logged as long as it lives, on the test's own thread.
pub(crate) struct Logged {
    lines: Arc<Mutex<Vec<String>>>,
    _installed: DefaultGuard,
}

impl Logged {
    pub(crate) fn listen() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let filter = LevelFilter::from_settings(Some("trace"), None);
        let clock = ManualClock::at("2026-01-15T22:00:00Z");
        let layer =
            JsonLines::new("audit-seal", filter, clock, move |line: &str| written.lock().unwrap().push(line.into()));
        let installed = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Self { lines, _installed: installed }
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().concat()
    }

    /// Critical security events: reason and resource.
    pub(crate) fn security_events(&self) -> Vec<(String, String)> {
        let lines = self.lines.lock().unwrap();
        let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let critical = lines.filter(|line| line["event_type"] == "SECURITY_EVENT");
        let told = critical.map(|line| {
            assert_eq!((&line["level"], &line["status"]), (&json!("ERROR"), &json!("FAILURE")), "{line}");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&line["details"]["reason"]), text(&line["resource"]))
        });
        told.collect()
    }
}
