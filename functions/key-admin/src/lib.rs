#![doc = include_str!("../README.md")]

mod access_review;
mod call;
mod claim;
mod clients;
mod contacts;
mod done;
mod emergency;
mod factors;
mod keys;
pub mod openapi;
mod pipeline;
mod principals;
mod reading;
mod refusal;
mod register;
mod requests;
mod roles;
mod rotation;
pub mod routes;
mod service_accounts;
mod settings;

use std::sync::OnceLock;

use engine_aws::audit_log::AuditLog;
use engine_aws::clock::{SharedClock, random_bytes};
use engine_aws::directory::{Directory, DirectoryTables};
use engine_aws::guard::Guard;
use engine_aws::issuers::IssuerKeys;
use engine_aws::key_gate::KeyGate;
use engine_aws::kms::{ContactCipher, FactorCipher};
use engine_aws::notices::Notices;
use engine_aws::people::People;
use engine_aws::rotations::{EmergencyRotations, RegisterStore};
use engine_aws::secrets::SecretStore;
use engine_core::access::BOOTSTRAP;
use engine_core::audit::{ActorType, SecretKey};
use engine_http::auth::TokenVerifier;
use engine_http::context::RequestContext;
use engine_http::failures::Failures;
use engine_http::logging::{AccessLog, log_access, request_span};
use engine_http::response::into_response;
use engine_http::step_up::StepUp;
use lambda_http::{Body, Request, Response};
use tracing::Instrument;

pub use crate::settings::{Settings, SettingsError};

/// Clients of the services that the function uses.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The keys of second factors and contacts.
    pub kms: aws_sdk_kms::Client,
    /// Credentials of service accounts, and the bootstrap administrator's second factor.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Notices to contacts.
    pub sns: aws_sdk_sns::Client,
}

/// The keys of references.
pub struct ReferenceKeys {
    /// Names actors.
    pub actor: SecretKey,
    /// Commits to clients.
    pub reference: SecretKey,
}

/// The admin API over its stores.
pub struct KeyAdmin {
    pub(crate) directory: Directory,
    pub(crate) gate: KeyGate,
    pub(crate) people: People,
    pub(crate) register: RegisterStore,
    pub(crate) emergencies: EmergencyRotations,
    pub(crate) guard: Guard,
    pub(crate) step_up: StepUp,
    pub(crate) verifier: TokenVerifier,
    pub(crate) failures: Failures,
    pub(crate) notices: Notices,
    pub(crate) secrets: SecretStore,
    pub(crate) contacts: ContactCipher,
    pub(crate) factors: FactorCipher,
    pub(crate) audit: AuditLog,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) clock: SharedClock,
    pub(crate) settings: Settings,
}

impl KeyAdmin {
    /// The API over what `settings` names.
    #[must_use]
    pub fn new(clients: Clients, keys: ReferenceKeys, settings: Settings, clock: SharedClock) -> Self {
        let Clients { dynamodb, kms, secrets, sns } = clients;
        let audit = AuditLog::new(dynamodb.clone(), &settings.audit_table);
        let people = People::new(dynamodb.clone(), &settings.people_table, audit.clone());
        let guard = Guard::new(dynamodb.clone(), &settings.guard_table);
        let secrets = SecretStore::new(secrets).with_replica(settings.secrets_replica.clone());
        let factors = FactorCipher::new(kms.clone(), &settings.factors_key);
        let verifier = TokenVerifier::new(
            IssuerKeys::new(dynamodb.clone(), &settings.issuers_table),
            people.clone(),
            &settings.token_audience,
            settings.staff_issuer.clone(),
            Some(keys.actor.actor_ref(ActorType::Bootstrap, BOOTSTRAP)),
        );
        let tables = DirectoryTables {
            keys: settings.keys_table.clone(),
            clients: settings.clients_table.clone(),
            audit: settings.audit_table.clone(),
        };
        Self {
            directory: Directory::new(dynamodb.clone(), tables, keys.actor, keys.reference),
            gate: KeyGate::new(dynamodb.clone(), &settings.keys_table),
            step_up: StepUp::new(
                guard.clone(),
                people.clone(),
                factors.clone(),
                secrets.clone(),
                &settings.bootstrap_totp_secret,
            ),
            failures: Failures::new(guard.clone()),
            notices: Notices::new(sns, &settings.notices_topic),
            contacts: ContactCipher::new(kms, &settings.contacts_key),
            register: RegisterStore::new(dynamodb.clone(), &settings.rotations_table),
            emergencies: EmergencyRotations::new(dynamodb.clone(), &settings.rotations_table),
            people,
            guard,
            verifier,
            secrets,
            factors,
            audit,
            dynamodb,
            clock,
            settings,
        }
    }

    /// Answers one request. Every failure is an answer too.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let now = self.clock.now();
        let context = RequestContext::new(&request, now, random_bytes().unwrap_or_default());
        let actor = OnceLock::new();
        let span = request_span(&context);
        let (action, answer) = pipeline::answer(self, &request, &context, &actor).instrument(span).await;
        let duration_ms = self.clock.now().duration_since(now).as_millis().try_into().unwrap_or(0);
        let actor = actor.get().map(|(kind, reference)| (*kind, reference));
        log_access(&context, &answer, AccessLog { action, actor, duration_ms });
        into_response(answer, &context)
    }
}
