//! Contacts of clients: encrypted, and told nothing until they have proved to be reached.

use engine_aws::clock::random_bytes;
use engine_aws::directory::{CODE_LIFE, Contact, NewContact};
use engine_aws::notices::{Notice, NoticeKind};
use engine_core::access::{CodeKind, EmailAddress, KeyId, OneTimeCode};
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::problem::Problem;
use engine_http::response::Reply;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled, Made};
use crate::reading::{client_id, no_fields};
use crate::refusal::{directory_refusal, refusal};

/// Adds a contact and sends its verification code to its address.
pub(crate) async fn add(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let client_id = client_id(call)?;
    let mut reader = FieldReader::new(call.fields);
    let name = reader.text("name", |text| Ok::<_, String>(text.trim().to_owned()));
    let email = reader.text("email", EmailAddress::parse);
    reader.unknown(&["name", "email"]);
    let (name, email) = reader.finish(name.zip(email)).map_err(Problem::invalid)?;
    let id = KeyId::from_random(random_bytes()?);
    let sealed = app.contacts.seal(client_id.as_str(), id.as_str(), email.expose().as_bytes()).await?;
    let new = NewContact { id, name, sealed, hint: email.hint() };
    let (environment, author, now) = (&app.settings.environment, call.author(app), call.context.now);
    let prepared = app.directory.add_contact(&client_id, new, environment, &author, now).await;
    let prepared = prepared.map_err(directory_refusal)?;
    let (contact, code) = prepared.value;
    let notice = Notice {
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
    let mut answer = describe(&contact);
    answer["code_expires_at"] = json!(rfc3339(now + CODE_LIFE));
    let place = format!("/admin/clients/{client_id}");
    let answer = Reply::created(place, &answer)?;
    let repeat = answer.clone();
    Ok(Done::Made(Box::new(Made { change: prepared.change, answer, repeat, notices: vec![notice] })))
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

/// Removes a contact and erases its address.
pub(crate) async fn remove(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let (client_id, contact_id) = (client_id(call)?, contact_id(call)?);
    no_fields(call, &[])?;
    let prepared = app.directory.remove_contact(&client_id, &contact_id, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(refusal)?;
    let contact = &prepared.value;
    let answer = json!({ "contact_id": contact.id.as_str(), "state": contact.state.as_str() });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
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
