#![doc = include_str!("../README.md")]

mod admit;
mod batch;
mod bodies;
mod calculate;
mod health;
pub mod openapi;
mod rates;
mod recorded;
pub mod routes;
mod settings;

use std::sync::OnceLock;

use engine_aws::audit_log::AuditLog;
use engine_aws::clock::{SharedClock, random_bytes};
use engine_aws::guard::Guard;
use engine_aws::issuers::IssuerKeys;
use engine_aws::key_gate::KeyGate;
use engine_aws::market::{MarketBook, MarketStore};
use engine_aws::people::People;
use engine_aws::terms::TermsStore;
use engine_core::audit::{ActorRef, ActorType};
use engine_core::pricing::Coefficients;
use engine_http::api_key::presented_key;
use engine_http::auth::TokenVerifier;
use engine_http::context::RequestContext;
use engine_http::failures::Failures;
use engine_http::logging::{AccessLog, log_access, request_span};
use engine_http::problem::Problem;
use engine_http::response::{Answer, into_response};
use engine_http::route::{Access, Missing};
use lambda_http::{Body, Request, Response};
use tracing::Instrument;

use crate::routes::{Handler, ROUTES};
pub use crate::settings::{Settings, SettingsError};

/// The client API over its stores.
pub struct Pricing {
    gate: KeyGate,
    terms: TermsStore,
    book: MarketBook,
    audit: AuditLog,
    verifier: TokenVerifier,
    failures: Failures,
    clock: SharedClock,
    settings: Settings,
    coefficients: Coefficients,
}

impl Pricing {
    /// The API over the tables that `settings` names.
    #[must_use]
    pub fn new(dynamodb: aws_sdk_dynamodb::Client, settings: Settings, clock: SharedClock) -> Self {
        let audit = AuditLog::new(dynamodb.clone(), &settings.audit_table);
        Self {
            gate: KeyGate::new(dynamodb.clone(), &settings.keys_table),
            terms: TermsStore::new(dynamodb.clone(), &settings.clients_table),
            book: MarketBook::new(MarketStore::new(dynamodb.clone(), &settings.market_table)),
            // Without the key of references there is no bootstrap administrator here, who has no business with rates.
            verifier: TokenVerifier::new(
                IssuerKeys::new(dynamodb.clone(), &settings.issuers_table),
                People::new(dynamodb.clone(), &settings.people_table, audit.clone()),
                &settings.token_audience,
                settings.staff_issuer.clone(),
                None,
            ),
            failures: Failures::new(Guard::new(dynamodb, &settings.guard_table)),
            audit,
            clock,
            settings,
            coefficients: Coefficients::default(),
        }
    }

    /// Loads the book while Lambda initialises, which also opens the connection: the first quote then finds both ready.
    /// A failure is not fatal: the first request tries again.
    pub async fn warm_up(&self) {
        // The outcome is logged by the book itself and seen again by the first request.
        let _ = self.book.current(self.clock.now()).await;
    }

    /// Answers one request. Every failure is an answer too.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let now = self.clock.now();
        let context = RequestContext::new(&request, now, random_bytes().unwrap_or_default());
        let actor = OnceLock::new();
        let span = request_span(&context);
        let (action, answer) = self.answer(&request, &context, &actor).instrument(span.clone()).await;
        // Boxed, so that what only refusals need makes no other request larger.
        let answer = Box::pin(self.counted(&request, &context, &actor, action, answer)).instrument(span).await;
        let duration_ms = self.clock.now().duration_since(now).as_millis().try_into().unwrap_or(0);
        let actor = actor.get().map(|(kind, reference)| (*kind, reference));
        log_access(&context, &answer, AccessLog { action, actor, duration_ms });
        into_response(answer, &context)
    }

    /// The answer, once a refusal is counted against its address and who is known to have caused it. Only refusals are: an
    /// answer costs nothing here.
    async fn counted(
        &self,
        request: &Request,
        context: &RequestContext,
        actor: &Known,
        action: &str,
        answer: Answer,
    ) -> Answer {
        let Err(problem) = answer else { return answer };
        // A key that is guessed at, or that has ended, is counted by its id, in an item that is not its owner's.
        let presented =
            || presented_key(request, &self.settings.environment).ok().map(|key| format!("key#{}", key.id()));
        let actor = actor.get().map(|(_, reference)| reference.as_str().to_owned()).or_else(presented);
        Err(self.failures.refused(context, action, actor.as_deref(), problem).await)
    }

    async fn answer(&self, request: &Request, context: &RequestContext, actor: &Known) -> (&'static str, Answer) {
        let found = match ROUTES.find(&context.method, &context.path) {
            Ok(found) => found,
            Err(Missing::NotFound) => return ("route", Err(Problem::route_not_found())),
            Err(Missing::MethodNotAllowed { allow }) => return ("route", Err(Problem::method_not_allowed(allow))),
        };
        let call = Call { request, context, access: found.route.access, actor };
        let ticker = found.parameter("ticker").unwrap_or_default();
        match found.route.handler {
            Handler::CalculatePost | Handler::CalculateGet => ("quote.create", calculate::handle(self, call).await),
            Handler::CalculateBatch => ("quote.batch.create", batch::handle(self, call).await),
            Handler::ListRates => ("rates.list", rates::list(self, call).await),
            Handler::GetRate => ("rates.view", rates::get(self, call, ticker).await),
            Handler::WhatIf => ("rates.what_if", rates::what_if(self, call, ticker).await),
            Handler::Health => ("health", health::health(self, context).await),
            Handler::Readiness => ("health.readiness", health::readiness(self, context).await),
            Handler::Liveness => ("health.liveness", health::liveness()),
            Handler::Config => ("config", health::config(self)),
        }
    }
}

/// A request on a declared route.
#[derive(Clone, Copy)]
struct Call<'a> {
    request: &'a Request,
    context: &'a RequestContext,
    access: Access,
    actor: &'a Known,
}

/// Whose call it is, once that is known.
type Known = OnceLock<(ActorType, ActorRef)>;

impl Call<'_> {
    /// Notes whose call it is, for the log.
    fn known_as(&self, kind: ActorType, actor: &ActorRef) {
        // A call has one caller, so a second note could only repeat the first.
        let _ = self.actor.set((kind, actor.clone()));
    }
}
