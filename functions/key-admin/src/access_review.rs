//! The access review: every active account with what must be looked at, and what was decided.

use engine_aws::people::AccessRow;
use engine_core::access::ServiceAccountName;
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use serde_json::{Value, json};

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled};
use crate::reading::{decision, principal_id};
use crate::refusal::people_refusal;
use crate::service_accounts;

/// A page of the review: people's accounts by id, then service accounts by name.
pub(crate) async fn show(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(&call.query);
    let limit = limit(&mut reader);
    let after = cursor(&mut reader, |place| Some(place.to_owned()));
    reader.unknown(&["limit", "cursor"]);
    let limit = reader.finish(limit).map_err(Problem::invalid)?;
    let page = app.people.access_review(limit, after.as_deref(), call.context.now).await?;
    let page = page.ok_or_else(|| Problem::invalid_field("cursor", "must be a next_cursor of this list"))?;
    let items: Vec<_> = page.items.iter().map(describe).collect();
    Ok(Done::Read(Reply::ok(&json!({ "items": items, "next_cursor": page.next.map(write_cursor) }))?))
}

/// Records the decision on one account. Nobody decides on their own.
pub(crate) async fn decide(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    if let Ok(name) = ServiceAccountName::parse(call.parameter("principal_id")) {
        return service_accounts::decide(app, call, &name).await;
    }
    let id = principal_id(call)?;
    let (decision, note) = decision(call)?;
    let (reviewer, author, now) = (&call.caller()?.person_id, call.author(app), call.context.now);
    let prepared = app.people.review_principal(&id, decision, &note, reviewer, &author, now).await;
    let prepared = prepared.map_err(people_refusal)?;
    let answer = json!({ "principal_id": id, "last_review": prepared.value.review });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

fn describe(row: &AccessRow) -> Value {
    let permissions: Vec<_> = row.permissions.iter().map(|permission| permission.as_str()).collect();
    json!({
        "principal_id": row.id,
        "kind": row.kind.as_str(),
        "name": row.name,
        "answers_for_it": row.answers,
        "roles": row.roles,
        "permissions": permissions,
        "created_at": rfc3339(row.created_at),
        "last_used_at": row.last_used_at.map(rfc3339),
        "last_review": row.review,
        "flags": row.flags,
    })
}
