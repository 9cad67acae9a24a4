#![doc = include_str!("../README.md")]

mod asked;
mod call;
mod event;
mod job;
mod names;
pub mod openapi;
mod pipeline;
mod proof;
mod refusal;
mod request;
pub mod routes;
mod search;
mod settings;
mod show;
mod signing;

use std::sync::OnceLock;
use std::time::Duration;

use engine_aws::audit_log::AuditLog;
use engine_aws::clock::{SharedClock, random_bytes};
use engine_aws::evidence::Jobs;
use engine_aws::guard::Guard;
use engine_aws::issuers::IssuerKeys;
use engine_aws::kms::FactorCipher;
use engine_aws::objects::WorkBucket;
use engine_aws::people::People;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::{LogReader, LogTable, Search};
use engine_aws::secrets::SecretStore;
use engine_http::auth::TokenVerifier;
use engine_http::context::RequestContext;
use engine_http::failures::Failures;
use engine_http::gateway;
use engine_http::logging::{AccessLog, log_access, request_span};
use engine_http::response::into_response;
use engine_http::step_up::StepUp;
use lambda_http::{Body, Request, Response};
use serde_json::Value;
use tracing::Instrument;

use crate::event::Invocation;
use crate::job::Bench;
use crate::names::Names;

pub use crate::event::EventError;
pub use crate::job::LONGEST;
pub use crate::names::Versions;
pub use crate::request::MOST_SCANNED;
pub use crate::settings::{Settings, SettingsError};

/// Clients of the services that the function uses, for a request that somebody waits for.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The key of second factors.
    pub kms: aws_sdk_kms::Client,
    /// The sealed log, and links to bundles.
    pub s3: aws_sdk_s3::Client,
    /// The keys of references.
    pub secrets: SecretStore,
    /// Those of the work in the background.
    pub work: WorkClients,
}

/// Clients for the making of a bundle: they should wait for a service, and try again, for far longer than a caller would.
#[derive(Clone, Debug)]
pub struct WorkClients {
    /// The end of an export. Its lease is kept with the other client: what is to be repeated soon had better fail soon.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The key of manifests.
    pub kms: aws_sdk_kms::Client,
    /// Log lines about requests.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// The sealed log, and bundles.
    pub s3: aws_sdk_s3::Client,
}

/// The keys of references.
pub struct ReferenceKeys {
    /// Names actors.
    pub actor: Versions,
    /// Commits to clients and tickers.
    pub reference: Versions,
}

/// The auditor's side of the log.
pub struct EvidenceExport {
    pub(crate) reader: LogReader,
    pub(crate) log: LogTable,
    pub(crate) search: Search,
    pub(crate) names: Names,
    pub(crate) jobs: Jobs,
    pub(crate) bench: Bench,
    pub(crate) guard: Guard,
    pub(crate) step_up: StepUp,
    pub(crate) verifier: TokenVerifier,
    pub(crate) failures: Failures,
    pub(crate) audit: AuditLog,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) clock: SharedClock,
    pub(crate) settings: Settings,
    pub(crate) most_scanned: u64,
    pub(crate) longest: Duration,
}

impl EvidenceExport {
    /// The function over what `settings` names.
    #[must_use]
    pub fn new(clients: Clients, keys: ReferenceKeys, settings: Settings, clock: SharedClock) -> Self {
        let Clients { dynamodb, kms, s3, secrets, work } = clients;
        let audit = AuditLog::new(dynamodb.clone(), &settings.audit_table);
        let people = People::new(dynamodb.clone(), &settings.people_table, audit.clone());
        let guard = Guard::new(dynamodb.clone(), &settings.guard_table);
        let factors = FactorCipher::new(kms, &settings.factors_key);
        let issuers = IssuerKeys::new(dynamodb.clone(), &settings.issuers_table);
        // The bootstrap administrator brings people in, and has no business with evidence: its second factor is never judged.
        let verifier =
            TokenVerifier::new(issuers, people.clone(), &settings.token_audience, settings.staff_issuer.clone(), None);
        let records = RecordsBucket::new(s3.clone(), &settings.records_bucket);
        let reader = LogReader::new(records, WorkBucket::new(s3.clone(), &settings.work_bucket));
        let search = Search::new(dynamodb.clone(), &settings.log_table);
        Self {
            names: Names::new(keys.actor, keys.reference, reader.clone(), search.clone()),
            log: LogTable::new(dynamodb.clone(), &settings.log_table),
            jobs: Jobs::new(dynamodb.clone(), &settings.exports_table),
            bench: Bench::new(work, &settings),
            step_up: StepUp::new(guard.clone(), people, factors, secrets, ""),
            failures: Failures::new(guard.clone()),
            reader,
            search,
            guard,
            verifier,
            audit,
            dynamodb,
            s3,
            clock,
            settings,
            most_scanned: MOST_SCANNED,
            longest: LONGEST,
        }
    }

    /// The same with another limit than [`MOST_SCANNED`].
    #[must_use]
    pub fn scanning(self, most_scanned: u64) -> Self {
        Self { most_scanned, ..self }
    }

    /// The same with another limit than [`LONGEST`].
    #[must_use]
    pub fn within(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// Answers one invocation, whose id at Lambda is `request_id`: a request to the API, or exports that the stream brings.
    pub async fn invoke(&self, event: Value, request_id: &str) -> Result<Value, EventError> {
        match Invocation::read(event)? {
            Invocation::Request(request) => {
                gateway::response(self.handle(*request).await).map_err(|_| EventError::Answer)
            }
            Invocation::Exports(ids) => {
                for id in ids {
                    // The line's own id is that of the request that asked, once it is known: by it an export finds its lines.
                    let span = tracing::error_span!(
                        "export",
                        request_id = tracing::field::Empty,
                        details.lambda_request_id = request_id,
                        details.evidence_id = id.as_str()
                    );
                    Box::pin(job::run(self, &id)).instrument(span).await?;
                }
                Ok(Value::Null)
            }
        }
    }

    /// Answers one request to the API. Every failure is an answer too.
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
