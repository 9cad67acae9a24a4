//! Service accounts. No answer holds a credential.

use engine_aws::people::{NewServiceAccount, ServiceAccountHeld};
use engine_core::access::role::Role;
use engine_core::access::service_account::{ServiceAccountState, scope};
use engine_core::access::{PersonId, ServiceAccount, ServiceAccountName};
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::{Value, json};

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled};
use crate::principals::asked;
use crate::reading::{decision, reason, words};
use crate::refusal::{people_refusal, refusal};

/// Characters of a purpose.
const PURPOSE: std::ops::RangeInclusive<usize> = 10..=500;

/// Asks for a service account.
pub(crate) async fn request(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.fields);
    let name = reader.text("name", ServiceAccountName::parse);
    let purpose = words(&mut reader, "purpose", PURPOSE);
    let allowed =
        |name: &str| scope(name).map(|scope| scope.as_str().to_owned()).ok_or("must be one that services have");
    let scopes = reader.texts("scopes", Role::System.permissions().len(), allowed);
    let owner = reader.text("owner", PersonId::parse);
    let justification = Call::justification(&mut reader);
    reader.unknown(&["name", "purpose", "scopes", "owner", "justification", step_up::FIELD]);
    let new = (|| {
        Some(NewServiceAccount {
            name: name?,
            purpose: purpose?,
            scopes: scopes?.into_iter().collect(),
            owner: owner?,
            justification: justification?,
        })
    })();
    let new = reader.finish(new).map_err(Problem::invalid)?;
    let prepared = app.people.request_service_account(&new, &call.maker()?, &call.author(app), call.context.now).await;
    asked(prepared.map_err(people_refusal)?)
}

/// A page of service accounts, by name.
pub(crate) async fn list(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(&call.query);
    let limit = limit(&mut reader);
    let after = cursor(&mut reader, |place| ServiceAccountName::parse(place).ok());
    reader.unknown(&["limit", "cursor"]);
    let limit = reader.finish(limit).map_err(Problem::invalid)?;
    let page = app.people.service_accounts(limit, after.as_ref().map(ServiceAccountName::as_str)).await?;
    let items: Vec<_> = page.items.iter().map(|held| describe(held, call)).collect();
    Ok(Done::Read(Reply::ok(&json!({ "items": items, "next_cursor": page.next.map(write_cursor) }))?))
}

/// One service account.
pub(crate) async fn show(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let held = app.people.service_account(&name(call)?).await?.ok_or_else(Problem::resource_not_found)?;
    Ok(Done::Read(Reply::ok(&describe(&held, call))?))
}

/// Disables a service account, at once and for good.
pub(crate) async fn disable(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let name = name(call)?;
    let mut reader = FieldReader::new(call.fields);
    let why = reason(&mut reader);
    reader.unknown(&["reason", step_up::FIELD]);
    let why = reader.finish(why).map_err(Problem::invalid)?;
    let prepared = app.people.disable_service_account(&name, &why, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(refusal)?;
    let answer = json!({
        "name": name,
        "state": prepared.value.state.as_str(),
        "disabled_at": prepared.value.disabled_at.map(rfc3339),
    });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// Records the decision of a review.
pub(crate) async fn review(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    decide(app, call, &name(call)?).await
}

/// Records the decision that the body holds. Nobody decides on an account that they answer for.
pub(crate) async fn decide(app: &KeyAdmin, call: &Call<'_>, name: &ServiceAccountName) -> Handled {
    let (decision, note) = decision(call)?;
    let (reviewer, author, now) = (&call.caller()?.person_id, call.author(app), call.context.now);
    let prepared = app.people.review_service_account(name, decision, &note, reviewer, &author, now).await;
    let prepared = prepared.map_err(people_refusal)?;
    let answer = json!({ "name": name, "last_review": prepared.value.review });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// The service account that the path names.
fn name(call: &Call<'_>) -> Result<ServiceAccountName, Problem> {
    ServiceAccountName::parse(call.parameter("name")).map_err(|_| Problem::resource_not_found())
}

fn describe(held: &ServiceAccountHeld, call: &Call<'_>) -> Value {
    let ServiceAccount { name, purpose, owner, scopes, state, created_at, disabled_at, review, .. } = &held.value;
    let idle = *state == ServiceAccountState::Active && !held.value.usable_at(held.last_used_at, call.context.now);
    json!({
        "name": name,
        "purpose": purpose,
        "owner": owner,
        "scopes": scopes,
        "state": state.as_str(),
        "idle": idle,
        "created_at": rfc3339(*created_at),
        "disabled_at": disabled_at.map(rfc3339),
        "last_used_at": held.last_used_at.map(rfc3339),
        "last_review": review,
        "version": held.version,
    })
}
