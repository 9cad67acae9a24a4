#![doc = include_str!("../README.md")]

mod bootstrap;
mod client;
mod event;
mod form;
mod issue;
mod oauth;
mod refusal;
mod settings;

use std::sync::OnceLock;

use engine_aws::audit_log::AuditLog;
use engine_aws::clock::{SharedClock, random_bytes};
use engine_aws::guard::{Guard, nobody};
use engine_aws::kms::{FactorCipher, TokenSigner};
use engine_aws::people::People;
use engine_aws::secrets::SecretStore;
use engine_core::audit::{ActorRef, ActorType, Event, SecretKey};
use engine_http::context::RequestContext;
use engine_http::failures::{Failed, Failures};
use engine_http::gateway;
use engine_http::logging::{AccessLog, log_access, request_span};
use engine_http::problem::{Code, Problem};
use engine_http::response::into_response;
use engine_http::route::{Access, Route, Routes};
use engine_http::step_up::StepUp;
use lambda_http::{Body, Request, Response};
use serde_json::Value;
use tracing::Instrument;

pub use crate::event::EventError;
use crate::event::Invocation;
pub use crate::refusal::OauthError;
use crate::refusal::{Refusal, finished};
pub use crate::settings::{Settings, SettingsError};

/// The function's name in the record.
const FUNCTION: &str = "token";
/// What is asked for, in logs.
const ACTION: &str = Event::TokenIssue.as_str();

/// The route table. The handler judges the client's secret.
pub static ROUTES: Routes<()> =
    Routes(&[Route { method: "POST", path: "/api/v1/oauth/token", access: Access::Possession, handler: () }]);

/// The services that the function calls.
pub struct Clients {
    /// Tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Signatures.
    pub kms: aws_sdk_kms::Client,
    /// The bootstrap administrator's second factor.
    pub secrets: SecretStore,
}

/// Issues tokens.
pub struct TokenIssuer {
    people: People,
    failures: Failures,
    step_up: StepUp,
    signer: TokenSigner,
    audit: AuditLog,
    actor_key: SecretKey,
    settings: Settings,
    clock: SharedClock,
}

impl TokenIssuer {
    /// An issuer over the tables and keys that `settings` names.
    #[must_use]
    pub fn new(clients: Clients, actor_key: SecretKey, settings: Settings, clock: SharedClock) -> Self {
        let Clients { dynamodb, kms, secrets } = clients;
        let audit = AuditLog::new(dynamodb.clone(), &settings.audit_table);
        let people = People::new(dynamodb.clone(), &settings.people_table, audit.clone());
        let guard = Guard::new(dynamodb, &settings.guard_table);
        // Nobody's factor but the bootstrap administrator's is judged here, so there is no key to open others with.
        let factors = FactorCipher::new(kms.clone(), "");
        Self {
            failures: Failures::new(guard.clone()),
            step_up: StepUp::new(guard, people.clone(), factors, secrets, &settings.totp_secret),
            signer: TokenSigner::new(kms, &settings.token_key),
            people,
            audit,
            actor_key,
            settings,
            clock,
        }
    }

    /// Answers one invocation, whose id at Lambda is `request_id`.
    pub async fn invoke(&self, event: Value, request_id: &str) -> Result<Value, EventError> {
        match Invocation::read(event)? {
            Invocation::Request(request) => {
                gateway::response(self.handle(*request).await).map_err(|_| EventError::Answer)
            }
            Invocation::Bootstrap(call) => Ok(bootstrap::answer(self, &call, request_id).await),
        }
    }

    /// Answers one request to the API. Every failure is an answer too.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let now = self.clock.now();
        let context = RequestContext::new(&request, now, random_bytes().unwrap_or_default());
        let actor = OnceLock::new();
        let (logged, response) = match ROUTES.find(&context.method, &context.path) {
            Ok(_) => self.token(&request, &context, &actor).instrument(request_span(&context)).await,
            Err(missing) => {
                let answer = Err(Problem::from(missing));
                (answer.clone(), into_response(answer, &context))
            }
        };
        let duration_ms = self.clock.now().duration_since(now).as_millis().try_into().unwrap_or(0);
        let actor = actor.get().map(|reference| (ActorType::ServiceAccount, reference));
        log_access(&context, &logged, AccessLog { action: ACTION, actor, duration_ms });
        response
    }

    /// The answer as it is logged, and as it is sent.
    async fn token(
        &self,
        request: &Request,
        context: &RequestContext,
        actor: &OnceLock<ActorRef>,
    ) -> (engine_http::Answer, Response<Body>) {
        match oauth::answer(self, request, context, actor).await {
            Ok(reply) => (Ok(reply.clone()), finished(Ok(reply), context)),
            Err(refusal) => {
                let refusal = self.refused(context, refusal).await;
                (Err(refusal.problem.clone()), refusal.into_response(context))
            }
        }
    }

    /// What a refusal is answered with: itself, or that there were too many. Who proved nothing is counted; who proved to be
    /// an account that may not authenticate is recorded too, as long as that is not too often.
    async fn refused(&self, context: &RequestContext, refusal: Refusal) -> Refusal {
        let Refusal { error, problem, against, known } = refusal;
        let unauthenticated = problem.code.status() == 401;
        let failed = Failed {
            counted: against.as_ref().map(|against| against.name.as_str()),
            named: against.as_ref().and_then(|against| against.account.as_ref()).map(ActorRef::as_str),
        };
        let problem = self.failures.refused_for(context, ACTION, failed, problem).await;
        // The client may be who it says: that it is not told yet is no verdict on its credential.
        let error = if problem.code == Code::TooManyFailures { OauthError::TemporarilyUnavailable } else { error };
        let refused = Refusal { error, problem, against, known: None };
        if !unauthenticated || refused.problem.code.status() != 401 {
            return refused;
        }
        if let Some(account) = known {
            let author = oauth::author(&account, context);
            let recorded = issue::record_refusal(self, &author, &context.resource, error.as_str(), context.now).await;
            if let Err(problem) = recorded {
                return problem.into();
            }
        }
        let author = nobody(&self.actor_key, FUNCTION, &context.request_id);
        self.failures.close_windows(&self.audit, &author, context.now).await;
        refused
    }
}
