//! `POST /api/v1/oauth/token`: the client credentials grant of RFC 6749 (section 4.4), for service accounts.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use engine_aws::author::Author;
use engine_aws::people::ServiceAccountHeld;
use engine_core::access::token::OUR_ISSUER;
use engine_core::access::{CodeKind, OneTimeCode, Role, ServiceAccount, ServiceAccountName, service_account};
use engine_core::audit::{Actor, ActorRef, ActorType};
use engine_http::context::RequestContext;
use engine_http::response::Reply;
use lambda_http::Request;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use lambda_http::{Body, RequestExt};

use crate::client::{Presented, presented};
use crate::form::Form;
use crate::issue::{self, Claimed};
use crate::refusal::{Against, OauthError, Refusal};
use crate::{FUNCTION, TokenIssuer};

/// Longest form, in bytes.
const MOST_BYTES: usize = 8192;
/// How long a token that is recorded waits for its account's last use to be noted.
const PATIENCE: Duration = Duration::from_secs(1);
const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "client_credentials";

/// Issues a token to who proves to be an account that may have one. What is asked for is looked at only then.
pub(crate) async fn answer(
    app: &TokenIssuer,
    request: &Request,
    context: &RequestContext,
    actor: &OnceLock<ActorRef>,
) -> Result<Reply, Refusal> {
    let form = read_form(request)?;
    let Authenticated { held, by_current } = authenticate(app, context, &presented(request, &form)?).await?;
    // A call has one caller, so a second note could only repeat the first.
    let _ = actor.set(held.value.actor_ref.clone());
    let author = author(&held.value, context);
    let scopes = match scopes(&form, &held.value) {
        Ok(scopes) => scopes,
        Err(refusal) => {
            issue::record_refusal(app, &author, &context.resource, refusal.error.as_str(), context.now).await?;
            return Err(refusal);
        }
    };
    let name = held.value.name.as_str();
    let claimed = Claimed { issuer: OUR_ISSUER, subject: name, role: Role::System.as_str(), scopes: &scopes };
    let token = issue::issue(app, claimed, &author, &context.resource, context.now).await?;
    // A rotation tries the next credential itself: that an account rotates does not keep it from being idle.
    if by_current {
        touch(app, &held.value.name, context).await;
    }
    Ok(Reply::ok(&issue::answer(&token, &scopes))?)
}

/// Notes that the account is in use. The token is recorded with its time, so what cannot be noted is noted next time.
async fn touch(app: &TokenIssuer, name: &ServiceAccountName, context: &RequestContext) {
    let noted = tokio::time::timeout(PATIENCE, app.people.touch_service_account(name, context.now)).await;
    let error = match noted {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::warn!(action = "token.issue", %error, "the account's last use could not be noted");
}

/// The form in a request's body.
fn read_form(request: &Request) -> Result<Form, Refusal> {
    let bad = |description| Refusal::bad(OauthError::InvalidRequest, description);
    if request.query_string_parameters_ref().is_some_and(|query| query.iter().next().is_some()) {
        return Err(bad("Parameters are sent in the body, never in the address."));
    }
    let mut types = request.headers().get_all(CONTENT_TYPE).iter();
    let media_type = types.next().and_then(|value| value.to_str().ok()).and_then(|value| value.split(';').next());
    let is_form = media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(FORM));
    if !is_form || types.next().is_some() || request.headers().contains_key(CONTENT_ENCODING) {
        return Err(bad("The body must be application/x-www-form-urlencoded, without a content encoding."));
    }
    let bytes: &[u8] = match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    };
    if bytes.len() > MOST_BYTES {
        return Err(bad("The body is longer than 8192 bytes."));
    }
    let form = std::str::from_utf8(bytes).ok().and_then(|text| Form::parse(text).ok());
    form.ok_or_else(|| bad("The body is not a well-formed form, or has a parameter twice."))
}

/// An account that has proved to be who it says.
struct Authenticated {
    held: ServiceAccountHeld,
    /// Whether it did so by its current secret, and not by the one that rotation is about to move to.
    by_current: bool,
}

/// The account whose secret it is: current or pending, of an account that is active and not idle. Whatever else it is, the
/// answer is the same, and only who proves to be the account is named in the record.
async fn authenticate(
    app: &TokenIssuer,
    context: &RequestContext,
    presented: &Presented,
) -> Result<Authenticated, Refusal> {
    let name = ServiceAccountName::parse(&presented.id);
    let name = name.map_err(|_| Refusal::client("not the name of a service account", None))?;
    let against =
        |account| Against { name: app.actor_key.actor_ref(ActorType::ServiceAccount, name.as_str()), account };
    let refused = |why| Refusal::client(why, Some(against(None)));
    let secret = OneTimeCode::parse(CodeKind::ServiceAccount, &presented.secret, &app.settings.environment);
    let secret = secret.map_err(|_| refused("not a client secret of this environment"))?;
    let held = app.people.service_account(&name).await?.ok_or_else(|| refused("no such service account"))?;
    let actor_ref = held.value.actor_ref.clone();
    let hash = secret.hash();
    if !held.hashes.admit(&hash) {
        return Err(Refusal::client("wrong client secret", Some(against(Some(actor_ref)))));
    }
    if held.value.usable_at(held.last_used_at, context.now) {
        return Ok(Authenticated { by_current: held.hashes.is_current(&hash), held });
    }
    Err(Refusal::known(held.value, "the service account is disabled or idle", against(Some(actor_ref))))
}

/// The scopes that are asked for, or all that are approved where none is.
fn scopes(form: &Form, account: &ServiceAccount) -> Result<Vec<&'static str>, Refusal> {
    match form.get("grant_type") {
        Some(GRANT) => {}
        Some(_) => return Err(Refusal::bad(OauthError::UnsupportedGrantType, "The grant is client_credentials.")),
        None => return Err(Refusal::bad(OauthError::InvalidRequest, "The parameter grant_type is missing.")),
    }
    let approved = account.permissions();
    if approved.is_empty() {
        return Err(Refusal::bad(OauthError::UnauthorizedClient, "No scope is approved for the client."));
    }
    let Some(asked) = form.get("scope") else {
        return Ok(approved.iter().map(|permission| permission.as_str()).collect());
    };
    let asked: Option<BTreeSet<_>> = asked.split(' ').map(service_account::scope).collect();
    let asked = asked.filter(|asked| asked.is_subset(&approved));
    let asked = asked.ok_or_else(|| {
        Refusal::bad(OauthError::InvalidScope, "The scope is malformed, or more than was approved for the client.")
    })?;
    Ok(asked.iter().map(|permission| permission.as_str()).collect())
}

/// The account as the author of what is recorded.
pub(crate) fn author(account: &ServiceAccount, context: &RequestContext) -> Author {
    Author {
        actor: Actor {
            kind: ActorType::ServiceAccount,
            id: account.name.to_string(),
            roles: vec![Role::System.as_str().to_owned()],
        },
        actor_ref: account.actor_ref.clone(),
        request_id: context.request_id.clone(),
        function: FUNCTION,
        source_address: context.source_address.clone(),
    }
}
