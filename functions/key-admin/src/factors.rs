//! Second factors: handed out once, against a ticket or the factor before, and enrolled with their first code.

use engine_aws::clock::random_bytes;
use engine_aws::people::{People, Person, Proof, Versioned};
use engine_core::access::totp::{TotpCode, TotpSecret};
use engine_core::access::{CodeKind, OneTimeCode, PersonId, PrincipalId};
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::auth::Caller;
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::json;
use zeroize::Zeroizing;

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled, Made};
use crate::reading::principal_id;
use crate::refusal::{people_refusal, refusal};

/// Bytes of a new secret: the 160 bits that RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// Hands out a second factor to its own person, who shows a ticket or a code of the factor before. A token is not enough.
pub(crate) async fn issue(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let (id, caller) = own(call)?;
    let ticket = read_ticket(app, call)?;
    let proof = if let Some(ticket) = &ticket {
        Proof::Ticket(ticket)
    } else {
        let code = step_up::presented(call.request, call.fields)?;
        app.step_up.verify(call.context, caller, code).await?;
        Proof::OldFactor
    };
    let bytes = Zeroizing::new(random_bytes::<SECRET_BYTES>()?);
    let secret = TotpSecret::from_bytes(&*bytes).map_err(|error| Problem::internal(error.to_string()))?;
    let sealed = app.factors.seal(&caller.person_id, secret.expose()).await?;
    let prepared = app.people.issue_factor(&id, proof, sealed, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(people_refusal)?;
    let issuer = format!("Borrow Rate Engine ({})", app.settings.environment);
    let issued_at = rfc3339(prepared.value.issued_at);
    let answer = json!({
        "otpauth_uri": secret.otpauth_uri(&issuer, id.as_str()).as_str(),
        "secret": secret.to_base32().as_str(),
        "issued_at": issued_at,
    });
    let repeat = json!({ "otpauth_uri": null, "secret": null, "issued_at": issued_at, "code": "already_issued" });
    let (answer, repeat) = (Reply::with_status(201, &answer)?, Reply::with_status(201, &repeat)?);
    Ok(Done::Made(Box::new(Made { change: prepared.change, answer, repeat, notices: Vec::new() })))
}

/// The ticket, where one is given. One of another form is as good as a wrong one.
fn read_ticket(app: &KeyAdmin, call: &Call<'_>) -> Result<Option<OneTimeCode>, Problem> {
    let mut reader = FieldReader::new(call.fields);
    let text = reader.has("ticket").then(|| reader.text("ticket", |text| Ok::<_, String>(text.to_owned())));
    reader.unknown(&["ticket", step_up::FIELD]);
    let text = reader.finish(text.map_or(Some(None), |text| text.map(Some))).map_err(Problem::invalid)?;
    let read = |text: String| {
        let text = Zeroizing::new(text);
        let ticket = OneTimeCode::parse(CodeKind::EnrolmentTicket, text.trim(), &app.settings.environment);
        ticket.map_err(|error| Problem::step_up_failed().with_internal(error.to_string()))
    };
    text.map(read).transpose()
}

/// Enrols the second factor that was handed out, with its first code.
pub(crate) async fn enrol(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let (id, caller) = own(call)?;
    let mut reader = FieldReader::new(call.fields);
    let code = reader.text("code", TotpCode::parse);
    reader.unknown(&["code"]);
    let code = reader.finish(code).map_err(Problem::invalid)?;
    let person = person(&app.people, caller).await?;
    let secret = issued(app, &person).await?;
    app.step_up.verify_with(call.context, caller, &secret, Some(code)).await?;
    let prepared = app.people.enrol_factor(&person, &id, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(refusal)?;
    let enrolled_at = prepared.value.enrolled.as_ref().and_then(|factor| factor.enrolled_at);
    let answer = json!({
        "principal_id": id,
        "state": prepared.value.factor_state().as_str(),
        "enrolled_at": enrolled_at.map(rfc3339),
    });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// The caller's own account, which the path must name: nobody enrols for another.
fn own<'c>(call: &'c Call<'_>) -> Result<(PrincipalId, &'c Caller), Problem> {
    let (id, caller) = (principal_id(call)?, call.caller()?);
    if caller.principal_id == id.as_str() { Ok((id, caller)) } else { Err(Problem::not_permitted()) }
}

async fn person(people: &People, caller: &Caller) -> Result<Versioned<Person>, Problem> {
    let id = PersonId::parse(&caller.person_id).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(people.person(&id).await?)
}

/// The secret that waits for its first code.
async fn issued(app: &KeyAdmin, person: &Versioned<Person>) -> Result<TotpSecret, Problem> {
    let none = || Problem::conflict("no second factor waits for its first code");
    let factor = person.value.issued.as_ref().ok_or_else(none)?;
    let opened = app.factors.open(person.value.id.as_str(), &factor.sealed).await?;
    TotpSecret::from_bytes(&opened).map_err(|error| Problem::internal(error.to_string()))
}
