//! A token for the administrator that the stack starts with, until there are two others.
//!
//! IAM decides who may invoke the function so; a code of the second factor says that they know what they do.

use std::collections::BTreeSet;

use engine_aws::author::Author;
use engine_core::access::token::BOOTSTRAP_ISSUER;
use engine_core::access::totp::TotpCode;
use engine_core::access::{BOOTSTRAP, Role};
use engine_core::audit::{Actor, ActorType};
use engine_http::auth::Caller;
use engine_http::context::RequestContext;
use engine_http::logging::{AccessLog, SecurityEvent, log_access, request_span, security_event};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use serde_json::{Value, json};
use tracing::Instrument;

use crate::event::BootstrapCall;
use crate::issue::{self, Claimed};
use crate::{ACTION, FUNCTION, TokenIssuer};

/// What is asked for, in place of a path.
const RESOURCE: &str = "bootstrap";
/// Why there is no token any more.
const CLOSED: &str = "bootstrap_closed";

/// Why the bootstrap administrator gets no token.
enum Refused {
    /// Others administer.
    Closed,
    /// Anything else.
    Problem(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<engine_aws::Error> for Refused {
    fn from(error: engine_aws::Error) -> Self {
        Self::Problem(error.into())
    }
}

impl Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::Closed => CLOSED,
            Self::Problem(problem) => problem.code.as_str(),
        }
    }

    fn into_problem(self) -> Problem {
        match self {
            Self::Closed => Problem::not_permitted().with_internal(CLOSED),
            Self::Problem(problem) => problem,
        }
    }

    fn answer(&self) -> Value {
        match self {
            Self::Closed => json!({ "problem": {
                "code": CLOSED,
                "detail": "There are two administrators, so the bootstrap administrator has ended for good.",
            } }),
            Self::Problem(problem) => {
                let mut answer = json!({ "code": problem.code.as_str(), "detail": problem.detail });
                if let Some(seconds) = problem.retry_after_seconds {
                    answer["retry_after_seconds"] = seconds.into();
                }
                json!({ "problem": answer })
            }
        }
    }
}

/// Answers one invocation. Every failure is an answer too.
pub(crate) async fn answer(app: &TokenIssuer, call: &BootstrapCall, request_id: &str) -> Value {
    let now = app.clock.now();
    let context = RequestContext {
        // Lambda's: by it, CloudTrail names who invoked.
        request_id: request_id.to_owned(),
        correlation_id: None,
        source_address: None,
        method: "INVOKE".to_owned(),
        path: RESOURCE.to_owned(),
        resource: RESOURCE.to_owned(),
        now,
    };
    let caller = caller(app);
    let span = request_span(&context);
    let outcome = token(app, call, &context, &caller).instrument(span).await;
    let (answer, logged) = match outcome {
        Ok(answer) => (answer, Reply::with_status(200, &())),
        Err(refused) => (refused.answer(), Err(refused.into_problem())),
    };
    let duration_ms = app.clock.now().duration_since(now).as_millis().try_into().unwrap_or(0);
    let actor = Some((ActorType::Bootstrap, &caller.actor_ref));
    log_access(&context, &logged, AccessLog { action: ACTION, actor, duration_ms });
    answer
}

async fn token(
    app: &TokenIssuer,
    call: &BootstrapCall,
    context: &RequestContext,
    caller: &Caller,
) -> Result<Value, Refused> {
    let author = Author {
        actor: Actor {
            kind: ActorType::Bootstrap,
            id: BOOTSTRAP.to_owned(),
            roles: vec![Role::Admin.as_str().to_owned()],
        },
        actor_ref: caller.actor_ref.clone(),
        request_id: context.request_id.clone(),
        function: FUNCTION,
        source_address: None,
    };
    if let Err(refused) = admit(app, call, context, caller).await {
        // What the engine itself could not do is no refusal.
        if !matches!(&refused, Refused::Problem(problem) if problem.code.status() >= 500) {
            issue::record_refusal(app, &author, RESOURCE, refused.code(), context.now).await?;
        }
        return Err(refused);
    }
    let claimed = Claimed { issuer: BOOTSTRAP_ISSUER, subject: BOOTSTRAP, role: Role::Admin.as_str(), scopes: &[] };
    let token = issue::issue(app, claimed, &author, RESOURCE, context.now).await?;
    Ok(issue::answer(&token, &[]))
}

/// Whether the bootstrap administrator still counts, and showed a code that is right and new.
async fn admit(
    app: &TokenIssuer,
    call: &BootstrapCall,
    context: &RequestContext,
    caller: &Caller,
) -> Result<(), Refused> {
    let actor = Some(caller.actor_ref.as_str());
    if !app.people.administrators().await?.value.bootstrap_open() {
        security_event(context, SecurityEvent { reason: CLOSED, action: ACTION, actor, failures: 1 });
        return Err(Refused::Closed);
    }
    let code = TotpCode::parse(&call.totp).map_err(|error| Problem::invalid_field("totp", error))?;
    match app.step_up.verify(context, caller, Some(code)).await {
        Ok(()) => Ok(()),
        Err(problem) => Err(app.failures.refused(context, ACTION, actor, problem).await.into()),
    }
}

fn caller(app: &TokenIssuer) -> Caller {
    Caller {
        principal_id: BOOTSTRAP.to_owned(),
        person_id: BOOTSTRAP.to_owned(),
        kind: ActorType::Bootstrap,
        roles: BTreeSet::from([Role::Admin]),
        permissions: BTreeSet::new(),
        actor_ref: app.actor_key.actor_ref(ActorType::Bootstrap, BOOTSTRAP),
        // It has no token yet.
        token_id: String::new(),
    }
}
