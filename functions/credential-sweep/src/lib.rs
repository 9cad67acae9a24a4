#![doc = include_str!("../README.md")]

mod certificate;
mod due;
pub mod emergency;
mod event;
mod keys;
mod kms_keys;
mod people;
mod report;
mod reviews;
mod service_accounts;
mod settings;
mod stack_secrets;
mod tally;

use std::sync::Arc;

use engine_aws::Error;
use engine_aws::audit_log::AuditLog;
use engine_aws::author::Author;
use engine_aws::clock::SharedClock;
use engine_aws::directory::{Directory, DirectoryTables};
use engine_aws::kms::ContactCipher;
use engine_aws::people::People;
use engine_aws::rotations::{Channels, EmergencyRotations, Outbox, Publisher, RegisterStore};
use engine_aws::secrets::SecretStore;
use engine_core::audit::SecretKey;
use engine_http::run;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::emergency::{Emergency, Parts};
use crate::event::Invocation;
use crate::tally::Tally;

pub use event::EventError;
pub use settings::{Named, Settings, SettingsError};
pub use tally::Done;

/// The function's name as an actor and in the record.
const FUNCTION: &str = "credential-sweep";
/// Records of people in a page.
const PAGE: usize = 100;
/// Time before the end of an invocation in which nothing more is begun.
const SPARE: SignedDuration = SignedDuration::from_secs(15);

/// The services that the function calls.
pub struct Clients {
    /// Certificates.
    pub acm: aws_sdk_acm::Client,
    /// Tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The bus of events.
    pub events: aws_sdk_eventbridge::Client,
    /// Keys.
    pub kms: aws_sdk_kms::Client,
    /// Secrets.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// The topic of notices.
    pub sns: aws_sdk_sns::Client,
}

/// Keeps credentials in time, and carries out emergency rotations.
pub struct CredentialSweep {
    acm: aws_sdk_acm::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    kms: aws_sdk_kms::Client,
    secrets: aws_sdk_secretsmanager::Client,
    directory: Arc<Directory>,
    people: People,
    register: RegisterStore,
    outbox: Outbox,
    publisher: Publisher,
    emergency: Emergency,
    audit: AuditLog,
    settings: Settings,
    clock: SharedClock,
}

/// What could not be done, each by what it was to be done to; the rest was.
pub type RunError = run::RunError<String, Error>;

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// What it was invoked with is no event of its own.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Not everything was done.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl CredentialSweep {
    /// The function over the tables and services that `settings` names.
    #[must_use]
    pub fn new(
        clients: Clients,
        (actor_key, reference_key): (SecretKey, SecretKey),
        settings: Settings,
        clock: SharedClock,
    ) -> Self {
        let Clients { acm, dynamodb, events, kms, secrets, sns } = clients;
        let audit = AuditLog::new(dynamodb.clone(), &settings.audit_table);
        let people = People::new(dynamodb.clone(), &settings.people_table, audit.clone());
        let outbox = Outbox::new(dynamodb.clone(), &settings.rotations_table);
        let tables = DirectoryTables {
            keys: settings.keys_table.clone(),
            clients: settings.clients_table.clone(),
            audit: settings.audit_table.clone(),
        };
        let directory = Arc::new(Directory::new(dynamodb.clone(), tables, actor_key, reference_key));
        let channels = Channels { events, sns, topic_arn: settings.topic.clone(), stack: settings.stack.clone() };
        let contacts = ContactCipher::new(kms.clone(), &settings.contacts_key).with_clock(Arc::clone(&clock));
        let publisher = Publisher::new(channels, outbox.clone(), Arc::clone(&directory), contacts, Arc::clone(&clock));
        let emergency = Emergency::new(Parts {
            dynamodb: dynamodb.clone(),
            directory: Arc::clone(&directory),
            people: people.clone(),
            secrets: SecretStore::new(secrets.clone()),
            rotations: EmergencyRotations::new(dynamodb.clone(), &settings.rotations_table),
            outbox: outbox.clone(),
            audit: audit.clone(),
            clock: Arc::clone(&clock),
            environment: settings.environment.clone(),
            service_account_prefix: settings.service_account_prefix.clone(),
        });
        let register = RegisterStore::new(dynamodb.clone(), &settings.rotations_table);
        Self {
            acm,
            dynamodb,
            kms,
            secrets,
            directory,
            people,
            register,
            outbox,
            publisher,
            emergency,
            audit,
            settings,
            clock,
        }
    }

    /// Does what the event asks for: one run, or emergency rotations; nothing is begun shortly before `deadline`.
    pub async fn invoke(&self, event: Value, request_id: &str, deadline: Timestamp) -> Result<Done, InvokeError> {
        match Invocation::read(event)? {
            Invocation::Sweep => Ok(self.run(request_id, deadline).await?),
            Invocation::Emergencies(ids) => Ok(self.rotate(&ids, deadline).await?),
        }
    }

    /// Makes one run. Each step is tried, whatever became of the others; what fails, fails the run, and the next one makes good.
    pub async fn run(&self, request_id: &str, deadline: Timestamp) -> Result<Done, RunError> {
        let author = Author::system(FUNCTION, self.directory.actor_key(), request_id);
        let mut tally = Tally::default();
        // First what cannot wait.
        match self.emergency.resume().await {
            Ok(completed) => tally.done.emergencies_completed += completed,
            Err(run::RunError(failed)) => tally.fail_all("emergency rotation", failed),
        }
        // However many keys are due, there is time left for the rest.
        let now = self.clock.now();
        self.sweep_keys(&author, now + deadline.duration_since(now) * 3 / 4, &mut tally).await;
        self.sweep_service_accounts(&author, &mut tally).await;
        self.sweep_elevations(&author, &mut tally).await;
        self.sweep_factors(&author, &mut tally).await;
        self.sweep_reviews(&author, &mut tally).await;
        self.sweep_signing_keys(&author, &mut tally).await;
        self.sweep_kms_keys(&author, &mut tally).await;
        self.sweep_certificate(&author, &mut tally).await;
        self.sweep_stack_secrets(&author, &mut tally).await;
        self.publish(deadline, &mut tally).await;
        tally.finish()
    }

    /// Carries out emergency rotations, and tells of them.
    async fn rotate(&self, ids: &[String], deadline: Timestamp) -> Result<Done, RunError> {
        let mut tally = Tally::default();
        match self.emergency.run(ids).await {
            Ok(()) => tally.done.emergencies_completed += ids.len(),
            Err(run::RunError(failed)) => {
                tally.done.emergencies_completed += ids.len().saturating_sub(failed.len());
                tally.fail_all("emergency rotation", failed);
            }
        }
        self.publish(deadline, &mut tally).await;
        tally.finish()
    }

    async fn publish(&self, deadline: Timestamp, tally: &mut Tally) {
        match self.publisher.publish(deadline - SPARE).await {
            Ok(published) => {
                tally.done.notices_told += published.told;
                tally.done.cut_short |= published.cut_short;
            }
            Err(error) => tally.fail("notices", error),
        }
    }
}
