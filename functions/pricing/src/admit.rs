//! Authentication, limit and permission of a call by API key or token; the book is brought up to date meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine_aws::key_gate::{Admission, Denial, Take};
use engine_core::access::{Allowance, ApiKey, Permission, TickerScope, Tier};
use engine_core::audit::ActorType;
use engine_core::market::Book;
use engine_http::api_key::{self, presented_key};
use engine_http::auth::bearer;
use engine_http::problem::Problem;
use engine_http::response::{Answer, with_allowance};
use engine_http::route::Access;

use crate::{Call, Pricing};

/// A call that was let in.
pub(crate) struct Admitted {
    /// The key, its count and what is left of its limit.
    pub admission: Admission,
    /// The book to answer from, or why there is none.
    pub book: Result<Arc<Book>, Problem>,
    /// Whether the key permits the route.
    pub permitted: Result<(), Problem>,
}

/// The key that a call presents, if it has a key's form. Asked for before anything else of the call is read.
pub(crate) fn presented(app: &Pricing, call: Call<'_>) -> Result<ApiKey, Problem> {
    presented_key(call.request, &app.settings.environment)
}

/// Lets a call in, or says why not. A call that owes an audit entry is counted here, so what goes wrong from here on is
/// recorded by the caller.
pub(crate) async fn admit(app: &Pricing, call: Call<'_>, key: &ApiKey, take: Take) -> Result<Admitted, Problem> {
    let (taken, book) = tokio::join!(app.gate.take(key, take, call.context.now), app.book.current(call.context.now));
    let admission = match taken? {
        Ok(admission) => admission,
        Err(Denial::Refused(refusal)) => return Err(refusal.into()),
        Err(Denial::Limited { key, limited, allowance }) => {
            call.known_as(ActorType::Client, &key.actor_ref);
            return Err(Problem::rate_limited(limited, key.tier, allowance));
        }
    };
    call.known_as(ActorType::Client, &admission.key.actor_ref);
    let permitted = call.permitted_to(&admission.key.permissions);
    Ok(Admitted { admission, book: usable(book), permitted })
}

/// A call that was let in to read rates, by key or token.
pub(crate) struct Viewing {
    /// Tickers that the caller may see.
    pub tickers: TickerScope,
    /// The book to answer from, or why there is none.
    pub book: Result<Arc<Book>, Problem>,
    /// Whether the caller may use the route.
    pub permitted: Result<(), Problem>,
    /// What is left of the key's limit. A token has none: staff read by hand, and their number is small.
    allowance: Option<(Tier, Allowance)>,
}

impl Viewing {
    /// The answer with what the caller can pace itself by.
    pub(crate) fn answer(&self, answer: Answer) -> Answer {
        match self.allowance {
            Some((tier, allowance)) => with_allowance(answer, tier, allowance),
            None => answer,
        }
    }
}

/// Lets in a call that reads rates: by its API key, or where it has none by its token. Reading makes no record of its own.
pub(crate) async fn admit_viewer(app: &Pricing, call: Call<'_>) -> Result<Viewing, Problem> {
    if call.request.headers().contains_key(api_key::HEADER) {
        let admitted = admit(app, call, &presented(app, call)?, Take { tokens: 1, owes_entry: false }).await?;
        let Admission { key, allowance, .. } = admitted.admission;
        let allowance = Some((key.tier, allowance));
        return Ok(Viewing { tickers: key.tickers, book: admitted.book, permitted: admitted.permitted, allowance });
    }
    let token = bearer(call.request)?;
    // Boxed, so that what only staff need makes no client's call larger.
    let verified = Box::pin(app.verifier.verify(token, call.context.now));
    let (caller, book) = tokio::join!(verified, app.book.current(call.context.now));
    let caller = caller?;
    call.known_as(caller.kind, &caller.actor_ref);
    let permitted = call.permitted_to(&caller.permissions);
    Ok(Viewing { tickers: TickerScope::All, book: usable(book), permitted, allowance: None })
}

impl Call<'_> {
    fn permitted_to(&self, held: &BTreeSet<Permission>) -> Result<(), Problem> {
        match self.access {
            Access::ApiKey(permission) | Access::ApiKeyOrToken(permission) if held.contains(&permission) => Ok(()),
            _ => Err(Problem::not_permitted()),
        }
    }
}

fn usable(book: Result<Arc<Book>, engine_aws::Error>) -> Result<Arc<Book>, Problem> {
    match book {
        Ok(book) if book.is_empty() => Err(Problem::unavailable("no market data has been imported")),
        other => other.map_err(Problem::from),
    }
}
