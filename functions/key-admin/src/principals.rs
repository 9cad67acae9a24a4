//! People's accounts. More access waits for others; less takes effect at once.

use std::collections::BTreeSet;

use engine_aws::change::Prepared;
use engine_aws::people::{Account, NewPrincipal, NewRequest, Onboarding, TICKET_LIFE};
use engine_core::access::request::{ELEVATION_HOURS, Wanted};
use engine_core::access::role::permitted;
use engine_core::access::{AccessRequest, Permission, PersonId, Principal, PrincipalId, Role};
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::{Value, json};

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled, Made};
use crate::reading::{no_fields, principal_id, reason, words};
use crate::refusal::{people_refusal, refusal};

/// Longest name of a person, in characters.
const MAX_NAME: usize = 200;
const OF_PEOPLE: &str = "must be admin, auditor, operations or security";

/// Asks for an account. The bootstrap administrator's request is carried out at once.
pub(crate) async fn request(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let new = read_new(call)?;
    let (maker, key, author) = (call.maker()?, app.directory.actor_key(), call.author(app));
    let (environment, now) = (&app.settings.environment, call.context.now);
    let prepared = app.people.request_principal(&new, &maker, key, environment, &author, now).await;
    let Prepared { change, value } = prepared.map_err(people_refusal)?;
    let Onboarding { principal, request, ticket } = value;
    let place = format!("/admin/principals/{}", principal.id);
    let common = json!({
        "principal_id": principal.id,
        "state": principal.state.as_str(),
        "request_id": request.id,
    });
    let Some(ticket) = ticket else { return Ok(Done::made(change, Reply::created(place, &common)?)) };
    let (mut answer, mut repeat) = (common.clone(), common);
    answer["ticket"] = json!(ticket.expose());
    answer["ticket_expires_at"] = json!(rfc3339(now + TICKET_LIFE));
    repeat["ticket"] = json!(null);
    repeat["code"] = json!("already_issued");
    let (answer, repeat) = (Reply::created(&place, &answer)?, Reply::created(&place, &repeat)?);
    Ok(Done::Made(Box::new(Made { change, answer, repeat, notices: Vec::new() })))
}

fn read_new(call: &Call<'_>) -> Result<NewPrincipal, Problem> {
    let mut reader = FieldReader::new(call.fields);
    let id = reader.text("principal_id", PrincipalId::parse);
    let person_id = reader.text("person_id", PersonId::parse);
    let name = words(&mut reader, "name", 1..=MAX_NAME);
    let manager = reader.text("manager", PersonId::parse);
    let roles = read_roles(&mut reader);
    let justification = Call::justification(&mut reader);
    let known = ["principal_id", "person_id", "name", "manager", "roles", "justification", step_up::FIELD];
    reader.unknown(&known);
    let new = (|| {
        Some(NewPrincipal {
            id: id?,
            person_id: person_id?,
            name: name?,
            manager: manager?,
            roles: roles?,
            justification: justification?,
        })
    })();
    reader.finish(new).map_err(Problem::invalid)
}

fn read_roles(reader: &mut FieldReader<'_>) -> Option<BTreeSet<Role>> {
    let roles = reader.texts("roles", Role::OF_PEOPLE.len(), |name| Role::of_people(name).ok_or(OF_PEOPLE));
    roles.map(|roles| roles.into_iter().collect())
}

/// A page of accounts, by id.
pub(crate) async fn list(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(&call.query);
    let limit = limit(&mut reader);
    let after = cursor(&mut reader, |place| PrincipalId::parse(place).ok());
    reader.unknown(&["limit", "cursor"]);
    let limit = reader.finish(limit).map_err(Problem::invalid)?;
    let page = app.people.principals(limit, after.as_ref().map(PrincipalId::as_str)).await?;
    let items: Vec<_> = page.items.iter().map(|held| describe(held, call)).collect();
    Ok(Done::Read(Reply::ok(&json!({ "items": items, "next_cursor": page.next.map(write_cursor) }))?))
}

/// One account, and where its person's second factor stands.
pub(crate) async fn show(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let held = app.people.principal(&principal_id(call)?).await?.ok_or_else(Problem::resource_not_found)?;
    let person = app.people.person(&held.value.person_id).await?.value;
    let mut body = describe(&held, call);
    let enrolled_at = person.enrolled.as_ref().and_then(|factor| factor.enrolled_at);
    body["second_factor"] = json!({
        "state": person.factor_state().as_str(),
        "enrolled_at": enrolled_at.map(rfc3339),
        "ticket_expires_at": person.ticket.map(|ticket| rfc3339(ticket.expires_at)),
    });
    Ok(Done::Read(Reply::ok(&body)?))
}

/// Disables an account, at once.
pub(crate) async fn disable(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let id = principal_id(call)?;
    let mut reader = FieldReader::new(call.fields);
    let why = reason(&mut reader);
    reader.unknown(&["reason", step_up::FIELD]);
    let why = reader.finish(why).map_err(Problem::invalid)?;
    let prepared = app.people.disable_principal(&id, &why, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(refusal)?;
    let answer = json!({
        "principal_id": id,
        "state": prepared.value.state.as_str(),
        "disabled_at": prepared.value.disabled_at.map(rfc3339),
    });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// Takes a role away, at once. The reason may be given in the query or in a body.
pub(crate) async fn remove_role(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let id = principal_id(call)?;
    let role = Role::of_people(call.parameter("role")).ok_or_else(Problem::resource_not_found)?;
    let fields = if call.query.has("reason") {
        no_fields(call, &[step_up::FIELD])?;
        &call.query
    } else {
        call.fields
    };
    let mut reader = FieldReader::new(fields);
    let why = reason(&mut reader);
    reader.unknown(&["reason", step_up::FIELD]);
    let why = reader.finish(why).map_err(Problem::invalid)?;
    let prepared = app.people.remove_role(&id, role, &why, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(refusal)?;
    let answer = json!({ "principal_id": id, "roles": prepared.value.roles_at(call.context.now) });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// Asks for more roles.
pub(crate) async fn request_roles(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.fields);
    let (roles, justification) = (read_roles(&mut reader), Call::justification(&mut reader));
    reader.unknown(&["roles", "justification", step_up::FIELD]);
    let (roles, justification) = reader.finish(roles.zip(justification)).map_err(Problem::invalid)?;
    ask(app, call, Wanted::RoleGrant { roles }, justification).await
}

/// Asks for roles for a time.
pub(crate) async fn request_elevation(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.fields);
    let (roles, hours) = (read_roles(&mut reader), reader.integer("hours", ELEVATION_HOURS));
    let justification = Call::justification(&mut reader);
    reader.unknown(&["roles", "hours", "justification", step_up::FIELD]);
    let read = roles.zip(hours).zip(justification);
    let ((roles, hours), justification) = reader.finish(read).map_err(Problem::invalid)?;
    ask(app, call, Wanted::Elevation { roles, hours }, justification).await
}

/// Asks for a new second factor in the place of a lost one.
pub(crate) async fn request_re_enrolment(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.fields);
    let justification = Call::justification(&mut reader);
    reader.unknown(&["justification", step_up::FIELD]);
    let justification = reader.finish(justification).map_err(Problem::invalid)?;
    ask(app, call, Wanted::ReEnrolment, justification).await
}

async fn ask(app: &KeyAdmin, call: &Call<'_>, wanted: Wanted, justification: String) -> Handled {
    let new = NewRequest { subject: principal_id(call)?, wanted, justification };
    let prepared = app.people.request_access(&new, &call.maker()?, &call.author(app), call.context.now).await;
    asked(prepared.map_err(people_refusal)?)
}

/// The answer to who asked for something that others must approve.
pub(crate) fn asked(prepared: Prepared<AccessRequest>) -> Handled {
    let request = prepared.value;
    let answer = json!({
        "request_id": request.id,
        "state": request.state.as_str(),
        "missing": request.missing(),
        "expires_at": rfc3339(request.expires_at),
    });
    Ok(Done::made(prepared.change, Reply::created(format!("/admin/requests/{}", request.id), &answer)?))
}

fn describe(held: &Account, call: &Call<'_>) -> Value {
    let Principal { id, person_id, name, manager, roles, state, elevation, review, .. } = &held.value;
    let effective = held.value.roles_at(call.context.now);
    let permissions: Vec<_> = permitted(&effective).into_iter().map(Permission::as_str).collect();
    json!({
        "principal_id": id,
        "person_id": person_id,
        "name": name,
        "manager": manager,
        "roles": roles,
        "effective_roles": effective,
        "permissions": permissions,
        "elevation": elevation,
        "state": state.as_str(),
        "created_at": rfc3339(held.value.created_at),
        "approved_at": held.value.approved_at.map(rfc3339),
        "disabled_at": held.value.disabled_at.map(rfc3339),
        "last_used_at": held.last_used_at.map(rfc3339),
        "last_review": review,
        "version": held.version,
    })
}
