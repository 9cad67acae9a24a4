#![doc = include_str!("../README.md")]

mod collect;
mod control_total;
mod event;
mod fact;
mod progress;
mod register;
mod sealable;
mod settings;
mod sweep;
mod tamper;

use engine_aws::audit_log::AuditLog;
use engine_aws::clock::SharedClock;
use engine_aws::kms::NoteSigner;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::{RegisterStore, SealError, SealedLogStores, Sealer, Sequenced};
use engine_core::audit::{Entry, SecretKey};
use engine_http::logging::EventType;
use engine_http::run;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::OnceCell;

use collect::{Collected, Wrong};
use event::{Change, Trigger};
use progress::Progress;
use tamper::Reason;

pub use control_total::AFTER_DAY;
pub use event::EventError;
pub use fact::Taken;
pub use register::KeyError;
pub use settings::{Settings, SettingsError};
pub use sweep::{FIRST_SWEEP, MOST_MINUTES, SETTLED, SWEEP_TIME, UNSEALED};

/// The function's name as an actor and in the record.
const FUNCTION: &str = "audit-seal";

/// The services that the function calls.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The audit table and the log's.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The buckets.
    pub s3: aws_sdk_s3::Client,
    /// The keys.
    pub kms: aws_sdk_kms::Client,
}

/// Seals the audit log.
pub struct AuditSeal {
    audit: AuditLog,
    sealer: Sealer,
    register: RegisterStore,
    progress: Progress,
    kms: aws_sdk_kms::Client,
    actor_key: SecretKey,
    settings: Settings,
    clock: SharedClock,
    /// From when the log key is valid, once it is known to be registered.
    log_key: OnceCell<Timestamp>,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Entries that were given their place.
    pub sealed: u64,
    /// Entries among them that the stream had left out, and the sweep found.
    pub swept: u64,
    /// Changes of the audit table that were no appending of an entry.
    pub tampered: u64,
    /// Entries about keys that came into the register.
    pub keys: u64,
    /// The day whose total came into the log.
    pub control_total: Option<String>,
    /// Entries that the newest checkpoint covers, where this run signed it.
    pub checkpoint: Option<u64>,
}

/// Why a step was not done. Another run makes it again from where it was.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The event is none for this function.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A store or the key service did not do it.
    #[error(transparent)]
    Store(#[from] engine_aws::Error),
    /// The log was not moved on.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A key cannot be registered.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Somebody has put an entry in the place of one of this function's.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// A read that ran beside others did not come to its end.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
    /// A time outside the calendar.
    #[error(transparent)]
    Time(#[from] jiff::Error),
    /// What the log holds cannot be read.
    #[error("the log holds what is no entry: {0}")]
    Json(#[from] serde_json::Error),
}

/// Steps that were not done; the others were.
pub type RunError = run::RunError<&'static str, StepError>;

impl AuditSeal {
    /// The function over what `settings` names.
    #[must_use]
    pub fn new(clients: Clients, actor_key: SecretKey, settings: Settings, clock: SharedClock) -> Self {
        let Clients { dynamodb, s3, kms } = clients;
        let records = RecordsBucket::new(s3.clone(), &settings.records_bucket);
        let stores = SealedLogStores {
            dynamo: dynamodb.clone(),
            table: settings.log_table.clone(),
            records: records.clone(),
            work: WorkBucket::new(s3, &settings.work_bucket),
        };
        let signer = NoteSigner::new(kms.clone(), &settings.log_key, &settings.origin);
        Self {
            audit: AuditLog::new(dynamodb.clone(), &settings.audit_table),
            sealer: Sealer::new(stores, signer, &settings.origin),
            register: RegisterStore::new(records),
            progress: Progress::new(dynamodb, &settings.log_table),
            kms,
            actor_key,
            settings,
            clock,
            log_key: OnceCell::new(),
        }
    }

    /// Makes one run. After a failure the same event may be handed in again: what was done is not done twice.
    pub async fn handle(&self, event: Value, request_id: &str) -> Result<Done, RunError> {
        match Trigger::read(event, &self.settings.audit_table) {
            Ok(Trigger::Changes(changes)) => self.changes(changes, request_id).await,
            Ok(Trigger::Schedule) => self.schedule(request_id).await,
            Err(error) => {
                let mut run = Run::new(request_id);
                run.noted::<()>("audit.read_event", Err(error.into()));
                run.end(Done::default())
            }
        }
    }

    /// A batch of the stream.
    async fn changes(&self, changes: Vec<Change>, request_id: &str) -> Result<Done, RunError> {
        let (mut run, mut done) = (Run::new(request_id), Done::default());
        let sealed = self.seal_changes(changes, request_id, &mut done).await;
        done.sealed = run.noted("audit.seal", sealed).unwrap_or_default();
        // Integrating what others have sequenced is of use whatever became of this batch. That it fails does not keep the
        // stream from being read on: what is sequenced is integrated by the next run, and each failure has its line.
        let checkpoint = self.integrate().await;
        done.checkpoint = checkpoint.map_err(|error| run.log("audit.checkpoint", &error)).ok().flatten();
        run.end(done)
    }

    async fn seal_changes(&self, changes: Vec<Change>, request_id: &str, done: &mut Done) -> Result<u64, StepError> {
        let Collected { mut entries, mut told, wrong } = self.collect(changes).await?;
        // Sealed here as well: their minutes may have been swept already.
        entries.extend(self.tampered(&wrong, request_id, done).await?);
        let sequenced = self.sequence(entries).await?;
        // The sweep was first, and found something else in the table than was appended.
        let appended = sequenced.contradicted.iter().filter_map(|id| told.remove(id));
        let wrong: Vec<_> = appended.map(|change| Wrong::new(change, Reason::Rewritten)).collect();
        let recorded = self.tampered(&wrong, request_id, done).await?;
        Ok(sequenced_of(&sequenced) + self.seal(recorded).await?)
    }

    /// Says what is wrong, all of it before any of it is recorded; answers the entries about it.
    async fn tampered(&self, wrong: &[Wrong], request_id: &str, done: &mut Done) -> Result<Vec<Entry>, StepError> {
        for wrong in wrong {
            wrong.found.log(request_id);
            done.tampered += 1;
        }
        let mut entries = Vec::with_capacity(wrong.len());
        for wrong in wrong {
            entries.push(self.record_tampering(wrong).await?);
        }
        Ok(entries)
    }

    /// A scheduled run. Each step is tried, whatever became of the others; one that fails, fails the run.
    async fn schedule(&self, request_id: &str) -> Result<Done, RunError> {
        let (mut run, mut done) = (Run::new(request_id), Done::default());
        done.swept = run.noted("audit.sweep", self.sweep(request_id).await).unwrap_or_default();
        done.keys = run.noted("audit.register_keys", self.register_keys().await).unwrap_or_default();
        // Before a day is counted, which can take long, and after.
        let before = run.noted("audit.checkpoint", self.integrate().await);
        done.control_total = run.noted("audit.control_total", self.control_total(request_id).await).flatten();
        done.sealed = done.swept + done.keys + u64::from(done.control_total.is_some());
        done.checkpoint = before.flatten();
        if before.is_some() {
            let after = run.noted("audit.checkpoint", self.integrate().await);
            done.checkpoint = after.flatten().or(done.checkpoint);
        }
        run.end(done)
    }

    /// Gives entries their places; answers how many had none.
    async fn seal(&self, entries: Vec<Entry>) -> Result<u64, StepError> {
        Ok(sequenced_of(&self.sequence(entries).await?))
    }

    async fn sequence(&self, entries: Vec<Entry>) -> Result<Sequenced, StepError> {
        if entries.is_empty() {
            return Ok(Sequenced::default());
        }
        Ok(self.sealer.sequence(entries).await?)
    }

    /// Derives what follows from the places, and signs; answers how many entries the new checkpoint covers.
    async fn integrate(&self) -> Result<Option<u64>, StepError> {
        // A checkpoint's time says how far all was swept: the sweep has begun before the first.
        self.swept().await?;
        let valid_from = self.log_key_registered().await?;
        let integrated = self.sealer.integrate_under(self.clock.now(), valid_from).await?;
        Ok(integrated.checkpoint.map(|checkpoint| checkpoint.size))
    }
}

fn sequenced_of(sequenced: &Sequenced) -> u64 {
    u64::try_from(sequenced.new).unwrap_or(u64::MAX)
}

/// One run's failures.
struct Run<'a> {
    request_id: &'a str,
    failed: Vec<(&'static str, StepError)>,
}

impl<'a> Run<'a> {
    fn new(request_id: &'a str) -> Self {
        Self { request_id, failed: Vec::new() }
    }

    /// What a step came to, after a line about it where it failed.
    fn noted<T>(&mut self, step: &'static str, result: Result<T, StepError>) -> Option<T> {
        match result {
            Ok(result) => Some(result),
            Err(error) => {
                self.log(step, &error);
                self.failed.push((step, error));
                None
            }
        }
    }

    /// Writes the line about a step that failed.
    fn log(&self, step: &'static str, error: &StepError) {
        let reason = match error {
            StepError::Seal(error) if error.is_critical() => Some("sealed_log_contradiction"),
            StepError::Taken(_) => Some("audit_entry_taken"),
            _ => None,
        };
        let event_type = if reason.is_some() { EventType::SecurityEvent } else { EventType::Audit }.as_str();
        tracing::error!(
            event_type,
            status = "FAILURE",
            action = step,
            request_id = self.request_id,
            details.reason = reason,
            %error,
            "step failed"
        );
    }

    /// The run's own line and answer.
    fn end(self, done: Done) -> Result<Done, RunError> {
        if !self.failed.is_empty() {
            return Err(run::RunError(self.failed));
        }
        tracing::info!(
            event_type = EventType::Audit.as_str(),
            status = "SUCCESS",
            action = "audit.seal",
            request_id = self.request_id,
            details.sealed = done.sealed,
            details.swept = done.swept,
            details.tampered = done.tampered,
            details.control_total = done.control_total.as_deref(),
            details.checkpoint = done.checkpoint,
            "run done"
        );
        Ok(done)
    }
}
