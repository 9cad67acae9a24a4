//! A sealed log for the tests of commands that read one: the real sealer over doubles.

use engine_aws::kms::NoteSigner;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::{LogReader, RegisterStore, SealedLogStores, Sealer};
use engine_core::audit::{Entry, Event};
use engine_core::hex;
use engine_core::merkle::{FIRST_ORDINAL, KeyPurpose, KeyRecord};
use engine_test_support::audit::{CLIENTS, TICKERS, client_ref, draft, finish};
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::reference_key;
use engine_test_support::kms::Kms;
use engine_test_support::s3::S3;
use jiff::Timestamp;
use serde_json::json;

use crate::fsck::Parts;

pub(crate) const ORIGIN: &str = "borrow-rate-engine/123456789012/us-east-1/desk";
pub(crate) const RECORDS: &str = "records";
pub(crate) const SNAPSHOT: &str = "0123456789abcdef";
const WORK: &str = "work";

/// A log and the audit table that it was sealed from.
pub(crate) struct Log {
    pub(crate) s3: S3,
    pub(crate) dynamo: Dynamo,
    sealer: Sealer,
}

impl Log {
    /// With clients, a list of tickers, registered keys, and `entries` under two checkpoints.
    pub(crate) async fn of(entries: &[Entry]) -> Self {
        let (s3, kms, dynamo) = (S3::new(), Kms::new(), Dynamo::start().await);
        s3.locked_bucket(RECORDS);
        s3.bucket(WORK);
        let records = RecordsBucket::new(s3.client(), RECORDS);
        let signer = NoteSigner::new(kms.client(), kms.ed25519_key(), ORIGIN);
        let evidence = NoteSigner::new(kms.client(), kms.ed25519_key(), format!("{ORIGIN}/evidence"));
        for (purpose, signer) in [(KeyPurpose::Log, &signer), (KeyPurpose::Evidence, &evidence)] {
            let record = KeyRecord {
                purpose,
                ordinal: FIRST_ORDINAL,
                name: signer.name().to_owned(),
                key: signer.verifier_key().await.unwrap().to_string(),
                kms_key: signer.key_arn().to_owned(),
                from: time("2026-11-22T00:00:00Z"),
                predecessor: None,
            };
            let note = signer.sign(&record.text()).await.unwrap();
            RegisterStore::new(records.clone()).add(&record, &note).await.unwrap();
        }
        records.put_once(&format!("references/{SNAPSHOT}.jsonl"), references().as_bytes()).await.unwrap();
        let stores = SealedLogStores {
            dynamo: dynamo.client(),
            table: tables::LOG.to_owned(),
            records,
            work: WorkBucket::new(s3.client(), WORK),
        };
        let log = Self { sealer: Sealer::new(stores, signer, ORIGIN), s3, dynamo };
        log.seal(beginning(), "2026-11-22T02:00:00Z").await;
        log.seal(entries.to_vec(), "2026-11-22T06:00:00Z").await;
        log
    }

    pub(crate) async fn seal(&self, entries: Vec<Entry>, now: &str) {
        for entry in &entries {
            self.parts().audit().append(entry).await.unwrap();
        }
        self.sealer.sequence(entries).await.unwrap();
        self.sealer.integrate(time(now)).await.unwrap();
    }

    pub(crate) fn parts(&self) -> Parts {
        Parts {
            records: RecordsBucket::new(self.s3.client(), RECORDS),
            work: WorkBucket::new(self.s3.client(), WORK),
            dynamodb: self.dynamo.client(),
            audit_table: tables::AUDIT.to_owned(),
            log_table: tables::LOG.to_owned(),
        }
    }

    pub(crate) fn reader(&self) -> LogReader {
        self.sealer.reader()
    }
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn references() -> String {
    let line = |ticker| {
        let salt = reference_key().commitment("ticker", ticker).salt();
        format!("{{\"salt\":\"{salt}\",\"value\":\"{ticker}\"}}\n")
    };
    TICKERS.into_iter().map(line).collect()
}

fn beginning() -> Vec<Entry> {
    let at = time("2026-11-22T01:00:00Z");
    let client = |(n, client): (u64, &str)| {
        let mut draft = draft(n, Event::ClientCreate, at);
        draft.client_ref = Some(client_ref(client));
        draft.body.details = json!({ "opening": reference_key().commitment("client", client).opening() });
        finish(draft)
    };
    let mut entries: Vec<_> = (1_000_000..).zip(CLIENTS).map(client).collect();
    let mut import = draft(1_000_010, Event::SnapshotImport, at);
    import.body.details = json!({ "snapshot_id": SNAPSHOT, "references_sha256": hex::sha256(references().as_bytes()) });
    entries.push(finish(import));
    entries
}
