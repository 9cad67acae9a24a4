//! Contacts of clients: encrypted, and told nothing until they have proved to be reached.

use engine_aws::clock::random_bytes;
use engine_aws::directory::{AddedContact, CODE_LIFE, Contact, NewContact, RemovedContact};
use engine_aws::notices::{Notice, NoticeKind};
use engine_core::access::{ClientId, CodeKind, EmailAddress, KeyId, OneTimeCode};
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use jiff::Timestamp;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled, Made};
use crate::reading::{client_id, no_fields};
use crate::refusal::{directory_refusal, refusal};

/// Adds a contact and sends its verification code to its address. The other contacts hear of it.
pub(crate) async fn add(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let client_id = client_id(call)?;
    let mut reader = FieldReader::new(call.fields);
    let name = reader.text("name", |text| Ok::<_, String>(text.trim().to_owned()));
    let email = reader.text("email", EmailAddress::parse);
    reader.unknown(&["name", "email", step_up::FIELD]);
    let (name, email) = reader.finish(name.zip(email)).map_err(Problem::invalid)?;
    let id = KeyId::from_random(random_bytes()?);
    let sealed = app.contacts.seal(client_id.as_str(), id.as_str(), email.expose().as_bytes()).await?;
    let new = NewContact { id, name, sealed, hint: email.hint() };
    let (environment, author, now) = (&app.settings.environment, call.author(app), call.context.now);
    let prepared = app.directory.add_contact(&client_id, new, environment, &author, now).await;
    let prepared = prepared.map_err(directory_refusal)?;
    let AddedContact { contact, code, others } = prepared.value;
    let verification = Notice {
        kind: NoticeKind::ContactVerification,
        to: vec![Zeroizing::new(email.expose().to_owned())],
        subject: format!("You are to be a contact of {client_id}"),
        lines: Zeroizing::new(format!(
            "You were named as a contact of client {client_id} for news of its API keys.\n\
             To agree, give this code to who asked you. It is good until {}.\n\
             {}\n\
             If you were not asked, do nothing.",
            rfc3339(now + CODE_LIFE),
            code.expose(),
        )),
    };
    let told = news(app, &client_id, NoticeKind::ContactAdded, "added", &contact.hint, &others, now).await?;
    let mut answer = describe(&contact);
    answer["code_expires_at"] = json!(rfc3339(now + CODE_LIFE));
    // What is remembered of the request outlives a contact's removal, so it says nothing of who that is.
    let repeat = json!({
        "contact_id": contact.id.as_str(),
        "state": contact.state.as_str(),
        "code_expires_at": rfc3339(now + CODE_LIFE),
    });
    let place = format!("/admin/clients/{client_id}");
    let (answer, repeat) = (Reply::created(&place, &answer)?, Reply::created(&place, &repeat)?);
    let notices = [verification].into_iter().chain(told).collect();
    Ok(Done::Made(Box::new(Made { change: prepared.change, answer, repeat, notices })))
}

/// Verifies a contact with the code that it was sent.
pub(crate) async fn verify(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let (client_id, contact_id) = (client_id(call)?, contact_id(call)?);
    let mut reader = FieldReader::new(call.fields);
    let code = reader.text("code", |text| {
        let code = OneTimeCode::parse(CodeKind::ContactVerification, text, &app.settings.environment);
        code.map_err(|_| "must be the code that was sent")
    });
    reader.unknown(&["code"]);
    let code = reader.finish(code).map_err(Problem::invalid)?;
    let (author, now) = (call.author(app), call.context.now);
    let prepared = app.directory.verify_contact(&client_id, &contact_id, &code, &author, now).await;
    let prepared = prepared.map_err(directory_refusal)?;
    let contact = &prepared.value;
    let answer = json!({
        "contact_id": contact.id.as_str(),
        "state": contact.state.as_str(),
        "verified_at": contact.verified_at.map(rfc3339),
    });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// Removes a contact and erases its address. Every contact hears of it, the one that is removed too.
pub(crate) async fn remove(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let (client_id, contact_id) = (client_id(call)?, contact_id(call)?);
    no_fields(call, &[step_up::FIELD])?;
    let (author, now) = (call.author(app), call.context.now);
    let prepared = app.directory.remove_contact(&client_id, &contact_id, &author, now).await;
    let prepared = prepared.map_err(refusal)?;
    let RemovedContact { contact, hint, told } = &prepared.value;
    let notices = news(app, &client_id, NoticeKind::ContactRemoved, "removed", hint, told, now).await?;
    let answer = Reply::ok(&json!({ "contact_id": contact.id.as_str(), "state": contact.state.as_str() }))?;
    let repeat = answer.clone();
    let notices = notices.into_iter().collect();
    Ok(Done::Made(Box::new(Made { change: prepared.change, answer, repeat, notices })))
}

/// What contacts are told of one that comes or goes: whoever takes a client's contacts over is seen by those it had.
async fn news(
    app: &KeyAdmin,
    client_id: &ClientId,
    kind: NoticeKind,
    done: &str,
    hint: &str,
    told: &[Contact],
    now: Timestamp,
) -> Result<Option<Notice>, Problem> {
    if told.is_empty() {
        return Ok(None);
    }
    Ok(Some(Notice {
        kind,
        to: app.contacts.addresses(client_id, told).await?,
        subject: format!("A contact of {client_id} was {done}"),
        lines: Zeroizing::new(format!(
            "The contact {hint} of client {client_id} was {done} at {at}.\n\
             Contacts are told when a successor of an API key is claimed, and can stop it.\n\
             If you do not know of this, tell us.",
            at = rfc3339(now),
        )),
    }))
}

fn contact_id(call: &Call<'_>) -> Result<KeyId, Problem> {
    KeyId::parse(call.parameter("contact_id")).map_err(|_| Problem::resource_not_found())
}

/// A contact as it may be shown.
pub(crate) fn describe(contact: &Contact) -> Value {
    json!({
        "contact_id": contact.id.as_str(),
        "name": contact.name,
        "hint": contact.hint,
        "state": contact.state.as_str(),
        "created_at": rfc3339(contact.created_at),
        "verified_at": contact.verified_at.map(rfc3339),
        "version": contact.version,
    })
}
