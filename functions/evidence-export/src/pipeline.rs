//! What every request goes through: its route, its credential, its permission, its body, the answer it may have had already,
//! its second factor, its handler, and the record of it. One order for all routes.

use std::sync::OnceLock;

use engine_aws::author::Act;
use engine_aws::guard::nobody;
use engine_core::audit::{ActorRef, ActorType, Event, Outcome};
use engine_core::field::Fields;
use engine_http::auth::{Caller, bearer};
use engine_http::body::{query_fields, read_fields};
use engine_http::context::RequestContext;
use engine_http::idempotency::{self, Repeatable};
use engine_http::problem::Problem;
use engine_http::record::refused;
use engine_http::response::{Answer, Reply};
use engine_http::route::{Access, Found};
use engine_http::step_up;
use lambda_http::Request;
use serde_json::{Map, Value, json};

use crate::asked::legible;
use crate::call::{Call, Done, FUNCTION, Handled};
use crate::routes::{Handler, ROUTES, Target};
use crate::{EvidenceExport, proof, request as asking, search, show};

/// Longest body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Who called, for the log.
pub(crate) type Known = OnceLock<(ActorType, ActorRef)>;

/// The answer to a request, and what was asked for.
pub(crate) async fn answer(
    app: &EvidenceExport,
    request: &Request,
    context: &RequestContext,
    known: &Known,
) -> (&'static str, Answer) {
    let found = match ROUTES.find(&context.method, &context.path) {
        Ok(found) => found,
        Err(missing) => return ("route", Err(missing.into())),
    };
    let action = found.route.handler.event.as_str();
    (action, on_route(app, request, context, known, &found).await)
}

async fn on_route(
    app: &EvidenceExport,
    request: &Request,
    context: &RequestContext,
    known: &Known,
    found: &Found<Target>,
) -> Answer {
    let event = found.route.handler.event;
    let caller = match authenticate(app, request, context, found.route.access).await {
        Ok(caller) => caller,
        Err(problem) => return Err(counted(app, context, event, None, problem).await),
    };
    let _ = known.set((caller.kind, caller.actor_ref.clone()));
    let answer = permitted(app, request, context, &caller, found).await;
    let Err(problem) = answer else { return answer };
    let problem = counted(app, context, event, Some(&caller), problem).await;
    if let Some(mut act) = refused(context, event, &problem) {
        let asked = asked_for(request, found.route.handler.handler);
        if !asked.is_empty() {
            act.details["asked"] = Value::Object(asked);
        }
        app.audit.append(&caller.author(FUNCTION, context).entry(act, context.now)?).await?;
    }
    Err(problem)
}

/// Whom and what a request named, that came to nothing: who tries one name after the other is to be found by it.
fn asked_for(request: &Request, handler: Handler) -> Map<String, Value> {
    match handler {
        Handler::SearchAudit => legible(&query_fields(request)),
        Handler::RequestEvidence => read_fields(request, MAX_BODY).map(|fields| legible(&fields)).unwrap_or_default(),
        // Their path is all that they name, and it is recorded as the resource.
        Handler::ShowProof | Handler::ShowEvidence => Map::new(),
    }
}

/// The refusal, once it is counted. Who refuses without knowing whom also closes what is over of such refusals.
async fn counted(
    app: &EvidenceExport,
    context: &RequestContext,
    event: Event,
    caller: Option<&Caller>,
    problem: Problem,
) -> Problem {
    if problem.code.status() == 401 {
        let author = nobody(app.names.actor_key(), FUNCTION, &context.request_id);
        app.failures.close_windows(&app.audit, &author, context.now).await;
    }
    app.failures.refused(context, event.as_str(), caller.map(|caller| caller.actor_ref.as_str()), problem).await
}

async fn authenticate(
    app: &EvidenceExport,
    request: &Request,
    context: &RequestContext,
    access: Access,
) -> Result<Caller, Problem> {
    match access {
        Access::Token(_) | Access::SteppedUp(_) => app.verifier.verify(bearer(request)?, context.now).await,
        _ => Err(Problem::internal("no route here takes anything but a token")),
    }
}

/// What follows once the caller is known.
async fn permitted(
    app: &EvidenceExport,
    request: &Request,
    context: &RequestContext,
    caller: &Caller,
    found: &Found<Target>,
) -> Answer {
    let (access, target) = (found.route.access, found.route.handler);
    if let Access::Token(permission) | Access::SteppedUp(permission) = access {
        caller.may(permission)?;
    }
    let makes = target.handler.makes();
    let fields = if makes { read_fields(request, MAX_BODY)? } else { Fields::default() };
    let repeatable = if makes { Repeatable::read(request, context, caller)? } else { None };
    if let Some(repeatable) = &repeatable
        && let Some(earlier) = repeatable.earlier(&app.guard, context).await?
    {
        return repeated(app, context, caller, target.event, earlier).await;
    }
    if let Access::SteppedUp(_) = access {
        let code = step_up::presented(request, &fields)?;
        app.step_up.verify(context, caller, code).await?;
    }
    let (fields, query) = (&fields, &query_fields(request));
    let call = Call { context, caller, fields, query, parameters: &found.parameters };
    match handle(app, &call, target.handler).await? {
        Done::Read(reply, act) => {
            app.audit.append(&call.author().entry(*act, context.now)?).await?;
            Ok(reply)
        }
        Done::Made(change, reply) => {
            let (answers, stores) = ((reply.clone(), &reply), (&app.dynamodb, &app.guard));
            let answer = idempotency::commit(change, answers, repeatable.as_ref(), stores, context).await?;
            // Another request with this key was first: its answer is this one's.
            if answer.body == reply.body {
                Ok(answer)
            } else {
                repeated(app, context, caller, target.event, answer).await
            }
        }
    }
}

/// The answer that the same request had before, recorded as given once more.
async fn repeated(
    app: &EvidenceExport,
    context: &RequestContext,
    caller: &Caller,
    event: Event,
    earlier: Reply,
) -> Answer {
    let answer: Value = serde_json::from_str(&earlier.body).unwrap_or_default();
    let act = Act {
        event,
        outcome: Outcome::Success,
        resource: context.resource.clone(),
        reason: None,
        client_ref: None,
        subject_ref: None,
        details: json!({ "evidence_id": answer["evidence_id"], "repeat": true }),
    };
    app.audit.append(&caller.author(FUNCTION, context).entry(act, context.now)?).await?;
    // The answer is remembered without the header that came with it.
    let location = answer["evidence_id"].as_str().map(show::path);
    Ok(Reply { location, ..earlier })
}

async fn handle(app: &EvidenceExport, call: &Call<'_>, handler: Handler) -> Handled {
    match handler {
        Handler::SearchAudit => search::search(app, call).await,
        Handler::ShowProof => proof::show(app, call).await,
        Handler::RequestEvidence => asking::request(app, call).await,
        Handler::ShowEvidence => show::show(app, call).await,
    }
}
