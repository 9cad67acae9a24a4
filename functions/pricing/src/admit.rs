//! Authentication, limit and permission of a call by API key; the book is brought up to date meanwhile.

use std::sync::Arc;

use engine_aws::key_gate::{Admission, Denial, Take};
use engine_core::access::{ApiKey, Refusal};
use engine_core::market::Book;
use engine_http::api_key::presented_key;
use engine_http::problem::Problem;
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
        Err(Denial::Refused(Refusal::NotAuthenticated)) => return Err(Problem::not_authenticated()),
        Err(Denial::Refused(Refusal::Revoked)) => return Err(Problem::key_revoked()),
        Err(Denial::Refused(Refusal::Expired)) => return Err(Problem::key_expired()),
        Err(Denial::Limited { key, limited, allowance }) => {
            call.known_as(&key.actor_ref);
            return Err(Problem::rate_limited(limited, key.tier, allowance));
        }
    };
    call.known_as(&admission.key.actor_ref);
    let permitted = match call.access {
        Access::ApiKey(permission) if !admission.key.permissions.contains(&permission) => Err(Problem::not_permitted()),
        Access::ApiKey(_) | Access::Anyone => Ok(()),
    };
    let book = match book {
        Ok(book) if book.is_empty() => Err(Problem::unavailable("no market data has been imported")),
        other => other.map_err(Problem::from),
    };
    Ok(Admitted { admission, book, permitted })
}
