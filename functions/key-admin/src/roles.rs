//! Role definitions and their yearly reviews.

use engine_aws::people::RoleReview;
use engine_core::access::Role;
use engine_core::access::review::role_review_due;
use engine_core::access::role::DEFINED_ON;
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::problem::Problem;
use engine_http::response::Reply;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled};
use crate::reading::decision;
use crate::refusal::refusal;

/// All roles, with what they permit and when they must be reviewed.
pub(crate) async fn list(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(&call.query);
    reader.unknown(&[]);
    reader.finish(Some(())).map_err(Problem::invalid)?;
    let mut items = Vec::new();
    for held in app.people.role_reviews().await? {
        items.push(describe(&held, call.context.now)?);
    }
    Ok(Done::Read(Reply::ok(&json!({ "items": items, "next_cursor": null }))?))
}

/// Records the decision of a review of a role's definition.
pub(crate) async fn review(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let role = Role::from_name(call.parameter("role")).ok_or_else(Problem::resource_not_found)?;
    let (decision, note) = decision(call)?;
    let (author, now) = (call.author(app), call.context.now);
    let prepared = app.people.review_role(role, decision, &note, &author, now).await.map_err(refusal)?;
    let answer = describe(&prepared.value, now)?;
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

fn describe(held: &RoleReview, now: Timestamp) -> Result<Value, Problem> {
    let RoleReview { role, review } = held;
    let permissions: Vec<_> = role.permissions().iter().map(|permission| permission.as_str()).collect();
    let due = role_review_due(review.as_ref());
    let due = due.map_err(|error| Problem::internal(format!("date of the role definitions: {error}")))?;
    Ok(json!({
        "role": role,
        "description": role.description(),
        "permissions": permissions,
        "defined_on": DEFINED_ON,
        "last_review": review,
        "review_due": rfc3339(due),
        "overdue": due < now,
    }))
}
