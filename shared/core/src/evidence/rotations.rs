//! `rotations.csv`: what of the entries rotated a credential, ended one or told of one, for a spreadsheet.

use serde_json::Value;

use super::csv::{Told, canonical, cells, text};
use super::{EntryLine, LineError};
use crate::audit::{Event, Header};
use crate::rotation::CredentialKind;

/// The first row.
pub const ROTATIONS_HEADER: &str =
    "index,time,kind,credential,event,outcome,actor_type,actor_id,reason,next_due_at\r\n";

/// The events that a row is made of, and the kind of credential where the event is of one alone. Elsewhere the entry says
/// it, in `details.kind`.
const ROTATING: [(Event, Option<CredentialKind>); 19] = [
    (Event::ApiKeyCreate, Some(CredentialKind::ApiKey)),
    (Event::ApiKeyRotate, Some(CredentialKind::ApiKey)),
    (Event::ApiKeyEmergencyRotate, Some(CredentialKind::ApiKey)),
    (Event::ApiKeyClaim, Some(CredentialKind::ApiKey)),
    (Event::ApiKeyConfirm, Some(CredentialKind::ApiKey)),
    (Event::ApiKeyRevoke, Some(CredentialKind::ApiKey)),
    (Event::ApiKeyExpire, Some(CredentialKind::ApiKey)),
    (Event::ClientTerminate, Some(CredentialKind::ApiKey)),
    (Event::FactorEnrol, Some(CredentialKind::Totp)),
    (Event::ServiceAccountCreate, Some(CredentialKind::ServiceAccount)),
    (Event::ServiceAccountDisable, Some(CredentialKind::ServiceAccount)),
    (Event::ServiceAccountCredentialStage, Some(CredentialKind::ServiceAccount)),
    (Event::ServiceAccountCredentialRotate, Some(CredentialKind::ServiceAccount)),
    (Event::ServiceAccountCredentialRevoke, Some(CredentialKind::ServiceAccount)),
    (Event::SecretRotate, Some(CredentialKind::Secret)),
    (Event::KeyRegister, Some(CredentialKind::SigningKey)),
    (Event::CredentialDue, None),
    (Event::RotationRequest, None),
    (Event::RotationComplete, None),
];

/// The members of `details` that say when the credential is due next. The first that is there counts.
const DUE: [&str; 3] = ["next_due_at", "expires_at", "due_at"];

/// Whether entries of the event of that name have a row in `rotations.csv`.
#[must_use]
pub fn rotates(event: &str) -> bool {
    ROTATING.iter().any(|(rotating, _)| rotating.as_str() == event)
}

/// The row of an entry; `None` where its event rotates nothing.
pub fn rotation_row(entry: &EntryLine) -> Result<Option<String>, LineError> {
    let header: Header = serde_json::from_str(&entry.header).map_err(LineError::json)?;
    row(entry.index, &header, &entry.body)
}

/// The row of an entry whose header was read before.
pub(super) fn row(index: u64, header: &Header, body: &str) -> Result<Option<String>, LineError> {
    let Some((_, kind)) = ROTATING.iter().find(|(event, _)| event.as_str() == header.event) else { return Ok(None) };
    let body = canonical(body)?;
    let told = Told::read(&body)?;
    let actor = told.actor();
    let details: Value = told.details.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let kind = kind.map(CredentialKind::as_str).or_else(|| details["kind"].as_str()).unwrap_or_default();
    // Who acts by schedule gives no reason of its own; the details may say why.
    let reason = text(told.reason);
    let reason = if reason.is_empty() { details["because"].as_str().unwrap_or_default() } else { &reason };
    let resource = text(told.resource);
    // `api_key:<id>` of an API key is the id; what is named in another way is shown as it is named.
    let own = resource.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':'));
    Ok(Some(cells(
        index,
        &[
            &header.time,
            kind,
            own.unwrap_or(&resource),
            &header.event,
            &header.outcome,
            actor["type"].as_str().unwrap_or_default(),
            actor["id"].as_str().unwrap_or_default(),
            reason,
            DUE.iter().find_map(|name| details[*name].as_str()).unwrap_or_default(),
        ],
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::evidence::to_json;

    fn of(event: &str, body: &Value) -> Option<String> {
        let header = Header {
            v: 1,
            id: "01".to_owned(),
            time: "2026-11-22T03:00:00.000Z".to_owned(),
            event: event.to_owned(),
            outcome: "success".to_owned(),
            request_id: "r".to_owned(),
            function: "key-admin".to_owned(),
            actor_ref: "k1:x".to_owned(),
            client_ref: None,
            subject_ref: None,
            body_sha256: String::new(),
        };
        rotation_row(&EntryLine { index: 7, header: to_json(&header).unwrap(), body: body.to_string() }).unwrap()
    }

    #[test]
    fn a_row_says_what_the_entry_says_and_nothing_else() {
        let actor = json!({ "type": "staff", "id": "p-1", "roles": [] });
        for (event, body, expected) in [
            (
                "api_key.create",
                json!({ "actor": actor, "details": { "expires_at": "2027-02-20T03:00:00Z" }, "resource": "api_key:k" }),
                "api_key,k,api_key.create,success,staff,p-1,,2027-02-20T03:00:00Z",
            ),
            (
                "client.terminate",
                json!({ "actor": actor, "reason": "left, for good", "resource": "client:acme" }),
                "api_key,client:acme,client.terminate,success,staff,p-1,\"left, for good\",",
            ),
            ("factor.enrol", json!({ "resource": "person:=p" }), "totp,person:=p,factor.enrol,success,,,,"),
            (
                "credential.due",
                json!({ "details": { "due_at": "2027-01-01", "kind": "totp" }, "resource": "totp:=p" }),
                "totp,\"'=p\",credential.due,success,,,,2027-01-01",
            ),
            (
                "secret.rotate",
                json!({ "actor": actor, "details": { "because": "schedule" }, "resource": "secret:actor-key" }),
                "secret,actor-key,secret.rotate,success,staff,p-1,schedule,",
            ),
            (
                "api_key.revoke",
                json!({ "details": { "because": "schedule" }, "reason": "left", "resource": "api_key:k" }),
                "api_key,k,api_key.revoke,success,,,left,",
            ),
            (
                "rotation.request",
                json!({ "details": { "because": {}, "expires_at": 3, "kind": [] }, "reason": 1, "resource": {} }),
                ",,rotation.request,success,,,,",
            ),
            ("key.register", json!("no object"), "signing_key,,key.register,success,,,,"),
        ] {
            let expected = format!("7,2026-11-22T03:00:00.000Z,{expected}\r\n");
            assert_eq!(of(event, &body), Some(expected), "{event}");
        }
        for event in ["quote.create", "api_key.freeze", "service_account.review", "api_key", ""] {
            assert_eq!(of(event, &json!({})), None, "{event}");
            assert!(!rotates(event), "{event}");
        }
    }

    #[test]
    fn the_first_row_names_every_cell() {
        let cells = |row: &str| row.trim_end().split(',').count();
        assert_eq!(cells(ROTATIONS_HEADER), cells(&of("secret.rotate", &json!({})).unwrap()));
    }

    #[test]
    fn no_event_is_listed_twice() {
        for (place, (event, _)) in ROTATING.iter().enumerate() {
            assert!(rotates(event.as_str()));
            assert!(ROTATING[place + 1..].iter().all(|(other, _)| other != event), "{event}");
        }
    }
}
