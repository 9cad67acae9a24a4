//! A sealed log for the evidence tests: the real sealer over doubles, the entries and checkpoints that a test wants.

use engine_aws::evidence::{Built, ExportError, ExportRequest, KeyResolver, LogSource, MemorySink, Resolver, build};
use engine_aws::kms::NoteSigner;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::{LogReader, SealedLogStores, Sealer};
use engine_core::audit::{Entry, Event};
use engine_core::evidence::{Archive, Options, Report, TimedKey, verify};
use engine_core::hex;
use engine_test_support::audit::{CLIENTS, TICKERS, client_ref, draft, finish};
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::{actor_key, reference_key};
use engine_test_support::kms::Kms;
use engine_test_support::s3::S3;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub(crate) const ORIGIN: &str = "borrow-rate-engine/123456789012/us-east-1/test";
pub(crate) const RECORDS: &str = "records";
pub(crate) const WORK: &str = "work";
/// The snapshot that the log's import anchors.
pub(crate) const SNAPSHOT: &str = "0123456789abcdef";

/// A log that can be sealed into and read.
pub(crate) struct Log {
    pub(crate) s3: S3,
    _dynamo: Dynamo,
    pub(crate) sealer: Sealer,
    pub(crate) evidence: NoteSigner,
}

impl Log {
    pub(crate) async fn empty() -> Self {
        let (s3, kms, dynamo) = (S3::new(), Kms::new(), Dynamo::start().await);
        s3.locked_bucket(RECORDS);
        s3.bucket(WORK);
        let stores = SealedLogStores {
            dynamo: dynamo.client(),
            table: tables::LOG.to_owned(),
            records: RecordsBucket::new(s3.client(), RECORDS),
            work: WorkBucket::new(s3.client(), WORK),
        };
        let signer = NoteSigner::new(kms.client(), kms.ed25519_key(), ORIGIN);
        let evidence = NoteSigner::new(kms.client(), kms.ed25519_key(), format!("{ORIGIN}/evidence"));
        Self { sealer: Sealer::new(stores, signer, ORIGIN), evidence, s3, _dynamo: dynamo }
    }

    /// Puts entries into the log and signs a checkpoint at `now`.
    pub(crate) async fn seal(&self, entries: Vec<Entry>, now: &str) -> u64 {
        self.sealer.sequence(entries).await.unwrap();
        self.sealer.integrate(time(now)).await.unwrap().to
    }

    /// A log of a day: three clients and a list of tickers, then `entries`, with checkpoints before and after them.
    pub(crate) async fn of(entries: &[Entry]) -> Self {
        let log = Self::empty().await;
        log.seal(beginning(), "2026-11-22T02:00:00Z").await;
        log.s3
            .client()
            .put_object()
            .bucket(RECORDS)
            .key(format!("references/{SNAPSHOT}.jsonl"))
            .body(references().into_bytes().into())
            .send()
            .await
            .unwrap();
        for (place, entries) in entries.chunks(300).enumerate() {
            let now = time("2026-11-22T03:01:00Z") + SignedDuration::from_mins(i64::try_from(place).unwrap());
            log.seal(entries.to_vec(), &now.to_string()).await;
        }
        log.seal(vec![late(1)], "2026-11-22T06:00:00Z").await;
        log
    }

    /// A reader of the log in another process.
    pub(crate) fn reader(&self) -> LogReader {
        LogReader::new(RecordsBucket::new(self.s3.client(), RECORDS), WorkBucket::new(self.s3.client(), WORK))
    }

    pub(crate) async fn size(&self) -> u64 {
        self.reader().newest_checkpoint().await.unwrap().unwrap().checkpoint.size
    }

    /// The bundle of a request as the function builds it.
    pub(crate) async fn export(&self, request: &ExportRequest) -> Result<(Built, Vec<u8>), ExportError> {
        let reference_keys = [reference_key()];
        let actor_key = actor_key();
        let resolver = KeyResolver { actor_keys: vec![&actor_key], reference_keys: &reference_keys };
        self.export_with(&self.reader(), &resolver, request, None, Some(&self.evidence)).await
    }

    pub(crate) async fn export_with(
        &self,
        reader: &LogReader,
        resolver: &impl Resolver,
        request: &ExportRequest,
        logs: Option<&LogSource>,
        signer: Option<&NoteSigner>,
    ) -> Result<(Built, Vec<u8>), ExportError> {
        let mut sink = MemorySink::default();
        let built = build(reader, resolver, request, logs, signer, &mut sink, |_| ()).await;
        if built.is_err() {
            assert_eq!(sink.bundle(), None, "a failed export leaves nothing");
        }
        let built = built?;
        let bundle = sink.bundle().unwrap().to_vec();
        assert_eq!((hex::sha256(&bundle), bundle.len() as u64), (built.sha256.clone(), built.bytes));
        Ok((built, bundle))
    }

    /// What the verifier says of a bundle.
    pub(crate) async fn verify(&self, bundle: &[u8], unsigned: bool) -> Report {
        let mut keys = Vec::new();
        for signer in [self.sealer.signer(), &self.evidence] {
            keys.push(TimedKey { key: signer.verifier_key().await.unwrap(), from: None, until: None });
        }
        let archive = Archive::open(std::io::Cursor::new(bundle)).unwrap();
        verify(&archive, &keys, &Options { unsigned, ..Options::default() })
    }
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The lines of the list of tickers.
pub(crate) fn references() -> String {
    let line = |ticker| {
        let salt = reference_key().commitment("ticker", ticker).salt();
        format!("{{\"salt\":\"{salt}\",\"value\":\"{ticker}\"}}\n")
    };
    TICKERS.into_iter().map(line).collect()
}

/// What the log begins with: its clients, and an import with the list of tickers.
pub(crate) fn beginning() -> Vec<Entry> {
    let at = |n: i64| time("2026-11-22T01:00:00Z") + SignedDuration::from_secs(n);
    let mut entries: Vec<_> = (1_000_000..)
        .zip(CLIENTS)
        .map(|(n, client)| {
            let mut draft = draft(n, Event::ClientCreate, at(1));
            draft.client_ref = Some(client_ref(client));
            draft.body.details = json!({ "opening": reference_key().commitment("client", client).opening() });
            finish(draft)
        })
        .collect();
    let mut import = draft(1_000_010, Event::SnapshotImport, at(2));
    import.body.details = json!({ "snapshot_id": SNAPSHOT, "references_sha256": hex::sha256(references().as_bytes()) });
    entries.push(finish(import));
    entries
}

/// An entry after the day's.
pub(crate) fn late(n: u64) -> Entry {
    finish(draft(2_000_000 + n, Event::AuditSearch, time("2026-11-22T05:59:00Z")))
}
