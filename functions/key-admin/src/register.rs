//! The rotation register: what rotated when, by whom and why, and what is due next.

use engine_aws::rotations::{Calendar, CalendarPlace, CalendarQuery, CalendarRow};
use engine_core::field::FieldReader;
use engine_core::rotation::CredentialKind;
use engine_core::time::rfc3339;
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled};

/// A page of the register, kind after kind. What is overdue is so at the time of the request.
pub(crate) async fn list(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let (query, limit) = read_query(call)?;
    let calendar = Calendar { directory: &app.directory, people: &app.people, register: &app.register };
    let now = call.context.now;
    let page = calendar.page(&query, limit, now).await?;
    let items: Vec<_> = page.items.iter().map(|row| describe(row, now)).collect();
    Ok(Done::Read(Reply::ok(&json!({ "items": items, "next_cursor": page.next.map(write_cursor) }))?))
}

fn read_query(call: &Call<'_>) -> Result<(CalendarQuery, usize), Problem> {
    let mut reader = FieldReader::new(&call.query);
    let known = |name: &str| CredentialKind::from_name(name).ok_or_else(one_of_all);
    let kind = reader.has("kind").then(|| reader.text("kind", known)).flatten();
    let truth = |text: &str| text.parse::<bool>().map_err(|_| "must be true or false");
    let overdue = if reader.has("overdue") { reader.text("overdue", truth) } else { Some(false) };
    let limit = limit(&mut reader);
    // A place among another kind is none in this list.
    let here = |place: &CalendarPlace| kind.is_none_or(|kind| kind == place.kind());
    let after = cursor(&mut reader, |place| CalendarPlace::parse(place).filter(here));
    reader.unknown(&["kind", "overdue", "limit", "cursor"]);
    let query = overdue.map(|overdue| CalendarQuery { kind, overdue, after });
    reader.finish(query.zip(limit)).map_err(Problem::invalid)
}

fn one_of_all() -> String {
    format!("must be one of {}", CredentialKind::ALL.map(CredentialKind::as_str).join(", "))
}

fn describe(row: &CalendarRow, now: Timestamp) -> Value {
    json!({
        "kind": row.kind.as_str(),
        "credential": row.credential,
        "client_id": row.client_id,
        "owner": row.owner,
        "state": row.state,
        "last_rotated_at": rfc3339(row.last_rotated_at),
        "rotated_by": row.rotated_by,
        "because": row.because,
        "next_due_at": row.next_due_at.map(rfc3339),
        "overdue": row.overdue_at(now),
    })
}
