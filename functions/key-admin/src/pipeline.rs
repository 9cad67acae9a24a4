//! What every request goes through: its route, its credential, its permission, its body, the answer it may have had already,
//! its second factor, its handler, who else is told, and its change with the record of it. One order for all routes.

use std::sync::OnceLock;

use engine_aws::guard::nobody;
use engine_core::access::PrincipalId;
use engine_core::audit::{ActorRef, ActorType, Event};
use engine_core::field::Fields;
use engine_http::auth::{Caller, bearer};
use engine_http::body::{query_fields, read_fields};
use engine_http::context::RequestContext;
use engine_http::idempotency::{self, Repeatable};
use engine_http::logging::EventType;
use engine_http::problem::Problem;
use engine_http::record::refused;
use engine_http::response::Answer;
use engine_http::route::{Access, Found};
use engine_http::step_up;
use lambda_http::Request;
use serde_json::json;

use crate::call::{Call, FUNCTION};
use crate::done::{Done, Handled, Made};
use crate::routes::{Handler, ROUTES, Target};
use crate::{
    KeyAdmin, access_review, claim, clients, contacts, emergency, factors, keys, principals, register, requests, roles,
    rotation, service_accounts,
};

/// Longest body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Who called, for the log.
pub(crate) type Known = OnceLock<(ActorType, ActorRef)>;

/// The answer to a request, and what was asked for.
pub(crate) async fn answer(
    app: &KeyAdmin,
    request: &Request,
    context: &RequestContext,
    known: &Known,
) -> (&'static str, Answer) {
    let found = match ROUTES.find(&context.method, &context.path) {
        Ok(found) => found,
        Err(missing) => return ("route", Err(missing.into())),
    };
    let target = found.route.handler;
    (target.action, on_route(app, request, context, known, &found).await)
}

async fn on_route(
    app: &KeyAdmin,
    request: &Request,
    context: &RequestContext,
    known: &Known,
    found: &Found<Target>,
) -> Answer {
    let action = found.route.handler.action;
    let caller = match authenticate(app, request, context, found.route.access).await {
        Ok(caller) => caller,
        Err(problem) => return Err(counted(app, context, action, None, problem).await),
    };
    if let Some(caller) = &caller {
        let _ = known.set((caller.kind, caller.actor_ref.clone()));
        note_use(app, caller, context).await;
    }
    let (proven, no_fields) = (OnceLock::new(), Fields::default());
    let call = Call {
        request,
        context,
        caller: caller.as_ref(),
        fields: &no_fields,
        query: query_fields(request),
        parameters: &found.parameters,
        proven: &proven,
    };
    let answer = permitted(app, &call, found).await;
    if let Some(proven) = proven.get() {
        let _ = known.set((proven.kind, proven.actor_ref.clone()));
    }
    let Err(problem) = answer else { return answer };
    let actor = known.get().map(|(_, reference)| reference.as_str());
    let refused = counted(app, context, action, actor, problem).await;
    match record(app, &call, found.route.handler.event, &refused).await {
        Ok(()) => Err(refused),
        Err(unrecorded) => Err(unrecorded),
    }
}

/// The refusal, once it is counted. Who refuses without knowing whom also closes what is over of such refusals.
async fn counted(
    app: &KeyAdmin,
    context: &RequestContext,
    action: &str,
    actor: Option<&str>,
    problem: Problem,
) -> Problem {
    if problem.code.status() == 401 {
        let author = nobody(app.directory.actor_key(), FUNCTION, &context.request_id);
        app.failures.close_windows(&app.audit, &author, context.now).await;
    }
    app.failures.refused(context, action, actor, problem).await
}

/// Who calls; nobody on a route whose credential is for the handler to judge.
async fn authenticate(
    app: &KeyAdmin,
    request: &Request,
    context: &RequestContext,
    access: Access,
) -> Result<Option<Caller>, Problem> {
    match access {
        Access::Token(_) | Access::SteppedUp(_) => app.verifier.verify(bearer(request)?, context.now).await.map(Some),
        Access::Possession | Access::Anyone => Ok(None),
        Access::ApiKey(_) | Access::ApiKeyOrToken(_) => Err(Problem::internal("no route here takes an API key alone")),
    }
}

/// Notes for the access review that an account is used. That it could not be noted keeps nobody from working.
async fn note_use(app: &KeyAdmin, caller: &Caller, context: &RequestContext) {
    let noted = match (caller.kind, PrincipalId::parse(&caller.principal_id)) {
        (ActorType::Staff, Ok(id)) => app.people.touch_principal(&id, context.now).await,
        _ => Ok(()),
    };
    if let Err(error) = noted {
        tracing::error!(
            event_type = EventType::DataAccess.as_str(),
            status = "FAILURE",
            action = "principal.use",
            details.internal = %error,
            "the use of an account could not be noted"
        );
    }
}

/// What follows once the caller is known.
async fn permitted(app: &KeyAdmin, call: &Call<'_>, found: &Found<Target>) -> Answer {
    let (access, target) = (found.route.access, found.route.handler);
    if let (Access::Token(permission) | Access::SteppedUp(permission), Some(caller)) = (access, call.caller) {
        caller.may(permission)?;
    }
    let fields = read_body(call.request, target)?;
    let repeatable = match call.caller {
        Some(caller) if target.event.is_some() => Repeatable::read(call.request, call.context, caller)?,
        _ => None,
    };
    if let Some(repeatable) = &repeatable
        && let Some(earlier) = repeatable.earlier(&app.guard, call.context).await?
    {
        return Ok(earlier);
    }
    if let (Access::SteppedUp(_), Some(caller)) = (access, call.caller) {
        let code = step_up::presented(call.request, &fields)?;
        app.step_up.verify(call.context, caller, code).await?;
    }
    let call = Call { fields: &fields, query: call.query.clone(), ..*call };
    match handle(app, &call, target.handler).await? {
        Done::Read(reply) => Ok(reply),
        Done::Made(made) => commit(app, &call, *made, repeatable.as_ref()).await,
    }
}

/// The members of the body of a route that changes something. It may have none.
fn read_body(request: &Request, target: Target) -> Result<Fields, Problem> {
    if target.event.is_none() || request.body().is_empty() {
        return Ok(Fields::default());
    }
    read_fields(request, MAX_BODY)
}

/// Tells whom the change concerns, makes it, and answers the caller.
///
/// Telling comes first, so that what nobody could be told of is not done. A notice of a change that then loses a race is of
/// something that did not happen, and harms nobody: its codes are good for nothing.
async fn commit(app: &KeyAdmin, call: &Call<'_>, made: Made, repeatable: Option<&Repeatable>) -> Answer {
    let Made { change, answer, repeat, notices } = made;
    for notice in &notices {
        app.notices.publish(notice).await?;
    }
    idempotency::commit(change, (answer, &repeat), repeatable, (&app.dynamodb, &app.guard), call.context).await
}

/// Records a refusal to a caller who is known: of a change as the change's own event, of anything else where it was not
/// permitted.
async fn record(app: &KeyAdmin, call: &Call<'_>, event: Option<Event>, problem: &Problem) -> Result<(), Problem> {
    let known = call.caller.is_some() || call.proven.get().is_some();
    let event = match event {
        Some(event) => event,
        None if problem.code.status() == 403 => Event::AccessRefuse,
        None => return Ok(()),
    };
    let Some(mut act) = refused(call.context, event, problem).filter(|_| known) else { return Ok(()) };
    if let Some(proven) = call.proven.get() {
        act.client_ref = Some(proven.client_ref.clone());
        act.details["key_id"] = json!(proven.key_id.as_str());
    }
    let entry = call.author(app).entry(act, call.context.now)?;
    Ok(app.audit.append(&entry).await?)
}

async fn handle(app: &KeyAdmin, call: &Call<'_>, handler: Handler) -> Handled {
    match handler {
        Handler::CreateKey => keys::create(app, call).await,
        Handler::ListKeys => keys::list(app, call).await,
        Handler::ShowKey => keys::show(app, call).await,
        Handler::RevokeKey => keys::revoke(app, call).await,
        Handler::UnfreezeKey => keys::unfreeze(app, call).await,
        Handler::RotateKey => rotation::rotate(app, call).await,
        Handler::EmergencyRotateKey => rotation::emergency_rotate(app, call).await,
        Handler::CreateClaimCode => rotation::claim_code(app, call).await,
        Handler::ClaimKey => claim::claim(app, call).await,
        Handler::ConfirmKey => claim::confirm(app, call).await,
        Handler::FreezeKey => claim::freeze(app, call).await,
        Handler::CreateClient => clients::create(app, call).await,
        Handler::ListClients => clients::list(app, call).await,
        Handler::ShowClient => clients::show(app, call).await,
        Handler::ProposeTerms => clients::propose_terms(app, call).await,
        Handler::TerminateClient => clients::terminate(app, call).await,
        Handler::AddContact => contacts::add(app, call).await,
        Handler::VerifyContact => contacts::verify(app, call).await,
        Handler::RemoveContact => contacts::remove(app, call).await,
        Handler::RequestPrincipal => principals::request(app, call).await,
        Handler::ListPrincipals => principals::list(app, call).await,
        Handler::ShowPrincipal => principals::show(app, call).await,
        Handler::DisablePrincipal => principals::disable(app, call).await,
        Handler::RequestRoles => principals::request_roles(app, call).await,
        Handler::RemoveRole => principals::remove_role(app, call).await,
        Handler::RequestElevation => principals::request_elevation(app, call).await,
        Handler::RequestReEnrolment => principals::request_re_enrolment(app, call).await,
        Handler::IssueFactor => factors::issue(app, call).await,
        Handler::EnrolFactor => factors::enrol(app, call).await,
        Handler::ListRequests => requests::list(app, call).await,
        Handler::ShowRequest => requests::show(app, call).await,
        Handler::ApproveRequest => requests::approve(app, call).await,
        Handler::RejectRequest => requests::reject(app, call).await,
        Handler::RequestServiceAccount => service_accounts::request(app, call).await,
        Handler::ListServiceAccounts => service_accounts::list(app, call).await,
        Handler::ShowServiceAccount => service_accounts::show(app, call).await,
        Handler::DisableServiceAccount => service_accounts::disable(app, call).await,
        Handler::ReviewServiceAccount => service_accounts::review(app, call).await,
        Handler::ListRoles => roles::list(app, call).await,
        Handler::ReviewRole => roles::review(app, call).await,
        Handler::ShowAccessReview => access_review::show(app, call).await,
        Handler::DecideAccessReview => access_review::decide(app, call).await,
        Handler::ListRotations => register::list(app, call).await,
        Handler::RequestRotation => emergency::request(app, call).await,
        Handler::ShowRotation => emergency::show(app, call).await,
    }
}
