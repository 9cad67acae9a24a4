#![doc = include_str!("../README.md")]

mod error;
mod event;
mod service_account;
mod settings;
mod stack_secret;
mod stages;
mod target;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use engine_aws::audit_log::AuditLog;
use engine_aws::author::Author;
use engine_aws::clock::SharedClock;
use engine_aws::https::HttpsClient;
use engine_aws::people::People;
use engine_aws::rotations::RegisterStore;
use engine_aws::secrets::{DescribedSecret, SecretStore};
use engine_core::audit::SecretKey;
use engine_http::logging::EventType;

use crate::target::{Kind, Standing};

pub use crate::error::RotationError;
pub use crate::event::{Event, Step};
pub use crate::settings::{Settings, SettingsError};

/// The function's name as an actor and in the record.
const FUNCTION: &str = "rotation";
/// How long the old credential of a service account authenticates after Secrets Manager gives out the new one: for clients that
/// read it just before, and are about to use it.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Waits so long.
pub type Pause = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The services that the function calls.
pub struct Clients {
    /// Tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The secrets that it rotates.
    pub secrets: SecretStore,
    /// The token endpoint.
    pub https: HttpsClient,
}

/// Rotates secrets, a step at a time.
pub struct Rotation {
    dynamodb: aws_sdk_dynamodb::Client,
    secrets: SecretStore,
    https: HttpsClient,
    people: People,
    register: RegisterStore,
    audit: AuditLog,
    actor_key: SecretKey,
    settings: Settings,
    clock: SharedClock,
    pause: Pause,
}

/// A step that may be taken: of which secret, and who takes it.
struct Turn<'a> {
    secret: DescribedSecret,
    /// The version that the rotation makes.
    version: &'a str,
    rotation_token: Option<&'a str>,
    author: Author,
}

impl Rotation {
    /// The function over the tables and secrets that `settings` names. `pause` waits as [`DRAIN`] says.
    #[must_use]
    pub fn new(clients: Clients, actor_key: SecretKey, settings: Settings, clock: SharedClock, pause: Pause) -> Self {
        let Clients { dynamodb, secrets, https } = clients;
        let audit = AuditLog::new(dynamodb.clone(), &settings.audit_table);
        Self {
            people: People::new(dynamodb.clone(), &settings.people_table, audit.clone()),
            register: RegisterStore::new(dynamodb.clone(), &settings.rotations_table),
            audit,
            dynamodb,
            secrets,
            https,
            actor_key,
            settings,
            clock,
            pause,
        }
    }

    /// Takes the step that the event names. One that was taken is taken again without effect.
    pub async fn run(&self, event: &Event, request_id: &str) -> Result<(), RotationError> {
        let taken = self.take(event, request_id).await;
        let event_type = EventType::Configuration.as_str();
        // Names and versions: the rotation token stays out of it.
        let (action, secret, version) = (&event.step, &event.secret_id, &event.client_request_token);
        match &taken {
            Ok(()) => tracing::info!(
                event_type,
                status = "SUCCESS",
                action = "secret.rotate",
                details.step = action,
                details.secret = secret,
                details.version = version,
                "step taken"
            ),
            Err(error) => tracing::error!(
                event_type,
                status = "FAILURE",
                action = "secret.rotate",
                details.step = action,
                details.secret = secret,
                details.version = version,
                %error,
                "step not taken"
            ),
        }
        taken
    }

    async fn take(&self, event: &Event, request_id: &str) -> Result<(), RotationError> {
        let step = Step::from_name(&event.step).ok_or_else(|| RotationError::UnknownStep(event.step.clone()))?;
        let secret = self.secrets.describe(&event.secret_id).await?;
        let kind = Kind::of(&secret, &self.settings)?;
        let standing = Standing::of(&secret, event)?;
        let turn = Turn {
            secret,
            version: &event.client_request_token,
            rotation_token: event.rotation_token.as_deref(),
            author: Author::system(FUNCTION, &self.actor_key, request_id),
        };
        // What Secrets Manager calls done may not be done here: a finish that was cut off left our own record behind.
        let finished = standing == Standing::Current;
        if finished && step != Step::Finish {
            return Ok(());
        }
        match &kind {
            Kind::ServiceAccount(name) => match step {
                Step::Create => self.create_account(&turn, name).await,
                Step::Set => self.set_account(&turn, name).await,
                Step::Test => self.test_account(&turn, name).await,
                Step::Finish if finished => self.complete_account(&turn, name).await,
                Step::Finish => self.finish_account(&turn, name).await,
            },
            Kind::Stack(secret) => match step {
                Step::Create => self.create_secret(&turn, *secret).await,
                // Whoever uses it reads it from Secrets Manager: there is nobody to tell.
                Step::Set => Ok(()),
                Step::Test => self.test_secret(&turn, *secret).await,
                Step::Finish if finished => self.complete_secret(&turn, *secret).await,
                Step::Finish => self.finish_secret(&turn, *secret).await,
            },
        }
    }
}
