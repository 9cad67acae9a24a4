//! Signing a token, and recording it before anybody has it.

use engine_aws::author::{Act, Author};
use engine_aws::clock::random_bytes;
use engine_core::access::token::{Grant, OUR_LIFETIME_SECONDS, Token, Unsigned};
use engine_core::audit::{EntryId, Event, Outcome};
use engine_http::problem::Problem;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::TokenIssuer;

/// Whom a token is for, and what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimed<'a> {
    /// Who vouches.
    pub issuer: &'static str,
    /// Whom it is about.
    pub subject: &'a str,
    /// The one role in it.
    pub role: &'static str,
    /// Names of the permissions in it.
    pub scopes: &'a [&'a str],
}

/// Signs a token and records it. Without its entry there is no token.
pub(crate) async fn issue(
    app: &TokenIssuer,
    claimed: Claimed<'_>,
    author: &Author,
    resource: &str,
    now: Timestamp,
) -> Result<Token, Problem> {
    // The token's id is its entry's: who meets one finds the other.
    let id = EntryId::new(now, random_bytes()?);
    let unsigned = Unsigned::new(
        app.signer.key_id(),
        &Grant {
            issuer: claimed.issuer,
            audience: &app.settings.audience,
            subject: claimed.subject,
            token_id: &id.to_string(),
            issued_at: now,
            lifetime_seconds: OUR_LIFETIME_SECONDS,
            roles: &[claimed.role],
            scopes: claimed.scopes,
        },
    );
    let signature = app.signer.sign(unsigned.digest()).await?;
    let token = unsigned.signed(&signature).map_err(|error| Problem::internal(error.to_string()))?;
    let details = json!({
        "jti": id.to_string(),
        "issuer": claimed.issuer,
        "roles": [claimed.role],
        "scopes": claimed.scopes,
        "key_id": app.signer.key_id(),
        "lifetime_seconds": OUR_LIFETIME_SECONDS,
    });
    app.audit.append(&author.entry_with_id(id, act(Outcome::Success, resource, details), now)?).await?;
    Ok(token)
}

/// Records that somebody known was refused a token.
pub(crate) async fn record_refusal(
    app: &TokenIssuer,
    author: &Author,
    resource: &str,
    code: &str,
    now: Timestamp,
) -> Result<(), Problem> {
    let entry = author.entry(act(Outcome::Refused, resource, json!({ "code": code })), now)?;
    Ok(app.audit.append(&entry).await?)
}

fn act(outcome: Outcome, resource: &str, details: Value) -> Act {
    Act {
        event: Event::TokenIssue,
        outcome,
        resource: resource.to_owned(),
        reason: None,
        client_ref: None,
        subject_ref: None,
        details,
    }
}

/// The one answer that carries a token, as RFC 6749 section 5.1 has it.
pub(crate) fn answer(token: &Token, scopes: &[&str]) -> Value {
    json!({
        "access_token": token.expose(),
        "token_type": "Bearer",
        "expires_in": OUR_LIFETIME_SECONDS,
        "scope": scopes.join(" "),
    })
}
