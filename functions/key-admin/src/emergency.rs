//! Emergency rotations: asked for here, carried out by `credential-sweep`, and looked at here.

use std::collections::BTreeSet;

use engine_aws::author::Act;
use engine_aws::change::Change;
use engine_aws::clock::random_bytes;
use engine_aws::directory::ClientStatus;
use engine_aws::rotations::{Counts, EmergencyRotation, NewEmergency, Phase, Place, Target, Unit, UnitName};
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::{ClientId, KeyId, KeyState, ServiceAccountName};
use engine_core::audit::{EntryId, Event, Outcome, Reference};
use engine_core::field::FieldReader;
use engine_core::rotation::CredentialKind;
use engine_core::time::rfc3339;
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::{Value, json};

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled};
use crate::reading::words;
use crate::refusal::refusal;

/// Characters of a reason.
pub(crate) const REASON: std::ops::RangeInclusive<usize> = 10..=1000;
/// What a rotation can be of: one of these fields is given.
const TARGETS: [&str; 3] = ["credential", "client_id", "all"];

/// Asks for an emergency rotation. Nothing has ended yet when this is answered; the rotation itself says when it has.
pub(crate) async fn request(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.fields);
    let wanted = wanted(&mut reader);
    let reason = words(&mut reader, "reason", REASON);
    reader.unknown(&["kind", "credential", "client_id", "all", "reason", step_up::FIELD]);
    let (wanted, reason) = reader.finish(wanted.zip(reason)).map_err(Problem::invalid)?;
    let (target, client_ref) = existing(app, call, wanted).await?;
    let now = call.context.now;
    let new = NewEmergency {
        id: EntryId::new(now, random_bytes()?).to_string(),
        target,
        reason,
        requested_by: call.caller()?.principal_id.clone(),
        request_id: call.context.request_id.clone(),
        requested_at: now,
    };
    let mut change = Change::default();
    app.emergencies.create(&mut change, &new)?;
    let act = Act {
        event: Event::RotationRequest,
        outcome: Outcome::Success,
        resource: format!("rotation:{}", new.id),
        reason: Some(new.reason.clone()),
        client_ref,
        subject_ref: None,
        details: json!({
            "rotation_id": new.id,
            "kind": new.target.kind().as_str(),
            "target": describe_target(&new.target),
        }),
    };
    change.record(&app.audit, &call.author(app).entry(act, now)?)?;
    let place = format!("/admin/rotations/{}", new.id);
    let asked = EmergencyRotation {
        asked: new,
        place: Place { phase: Phase::Pending, after: None, counts: Counts::default() },
        started_at: None,
        revoked_at: None,
        issued_at: None,
        completed_at: None,
        attempts: 0,
        hindrance: None,
    };
    Ok(Done::made(change, Reply::accepted(place, &describe(&asked))?))
}

/// How far a rotation is, and what it did at each client or account, a page of them.
pub(crate) async fn show(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(&call.query);
    let limit = limit(&mut reader);
    let after = cursor(&mut reader, |place| UnitName::parse(place).ok());
    reader.unknown(&["limit", "cursor"]);
    let limit = reader.finish(limit).map_err(Problem::invalid)?;
    let id = EntryId::parse(call.parameter("rotation_id")).ok_or_else(Problem::resource_not_found)?.to_string();
    let rotation = app.emergencies.read(&id).await?.ok_or_else(Problem::resource_not_found)?;
    let after = after.map(|name| name.to_string());
    let page = app.emergencies.units(&id, after.as_deref(), limit).await?;
    let mut answer = describe(&rotation);
    answer["credentials"] = page.items.iter().flat_map(credentials).collect();
    answer["next_cursor"] = json!(page.next.map(write_cursor));
    Ok(Done::Read(Reply::ok(&answer)?))
}

/// What is to be rotated, as it is asked for.
enum Wanted {
    Key(KeyId),
    Client(ClientId),
    Account(ServiceAccountName),
    All(CredentialKind),
}

fn wanted(reader: &mut FieldReader<'_>) -> Option<Wanted> {
    let known = |name: &str| {
        let kind = CredentialKind::from_name(name).filter(|kind| CredentialKind::AT_ONCE.contains(kind));
        kind.ok_or("must be api_key or service_account")
    };
    let kind = reader.text("kind", known);
    let given: Vec<_> = TARGETS.into_iter().filter(|field| reader.has(field)).collect();
    let [field] = given[..] else {
        let fields = if given.is_empty() { &TARGETS[..1] } else { &given[..] };
        for field in fields {
            reader.refuse(field, "exactly one of credential, client_id and all must be given");
        }
        return None;
    };
    match (field, kind?) {
        ("credential", CredentialKind::ApiKey) => reader.text(field, KeyId::parse).map(Wanted::Key),
        ("credential", _) => reader.text(field, ServiceAccountName::parse).map(Wanted::Account),
        ("client_id", CredentialKind::ApiKey) => reader.text(field, ClientId::parse).map(Wanted::Client),
        ("all", kind) => match reader.boolean(field) {
            Some(false) => {
                reader.refuse(field, "must be true");
                None
            }
            all => all.map(|_| Wanted::All(kind)),
        },
        _ => {
            reader.refuse(field, "is of API keys alone");
            None
        }
    }
}

/// The target, which must be there and have something that can end, and the client that it concerns.
async fn existing(app: &KeyAdmin, call: &Call<'_>, wanted: Wanted) -> Result<(Target, Option<Reference>), Problem> {
    match wanted {
        Wanted::Key(key_id) => {
            let key = app.directory.key(&key_id).await.map_err(refusal)?.record;
            if key.state == KeyState::Revoked {
                return Err(Problem::conflict(format!("key {key_id} is revoked already")));
            }
            if key.expires_at <= call.context.now {
                return Err(Problem::conflict(format!("key {key_id} has expired: create another")));
            }
            Ok((Target::Key { key_id, client_id: key.client_id }, Some(key.client_ref)))
        }
        Wanted::Client(client_id) => {
            let client = app.directory.client(&client_id).await.map_err(refusal)?;
            if client.status == ClientStatus::Terminated {
                return Err(Problem::conflict(format!("client {client_id} is {}", client.status)));
            }
            if client.key_ids.is_empty() {
                return Err(Problem::conflict(format!("client {client_id} holds no key")));
            }
            Ok((Target::Client(client_id), Some(client.client_ref)))
        }
        Wanted::Account(name) => {
            let held = app.people.service_account(&name).await?.ok_or_else(Problem::resource_not_found)?;
            match held.value.state {
                ServiceAccountState::Active => Ok((Target::Account(name), None)),
                state @ ServiceAccountState::Disabled => {
                    Err(Problem::conflict(format!("service account {name} is {}", state.as_str())))
                }
            }
        }
        Wanted::All(CredentialKind::ServiceAccount) => Ok((Target::AllAccounts, None)),
        Wanted::All(_) => Ok((Target::AllKeys, None)),
    }
}

fn describe(rotation: &EmergencyRotation) -> Value {
    let EmergencyRotation { asked, place: Place { phase, counts, .. }, .. } = rotation;
    json!({
        "rotation_id": asked.id,
        "kind": asked.target.kind().as_str(),
        "target": describe_target(&asked.target),
        "reason": asked.reason,
        "requested_by": asked.requested_by,
        "requested_at": rfc3339(asked.requested_at),
        "state": phase.as_str(),
        "counts": {
            "clients": counts.clients,
            "revoked": counts.revoked,
            "issued": counts.issued,
            "notified": counts.notified,
        },
        "attempts": rotation.attempts,
        "started_at": rotation.started_at.map(rfc3339),
        "revoked_at": rotation.revoked_at.map(rfc3339),
        "issued_at": rotation.issued_at.map(rfc3339),
        "completed_at": rotation.completed_at.map(rfc3339),
    })
}

fn describe_target(target: &Target) -> Value {
    let (credential, client_id) = match target {
        Target::Key { key_id, client_id } => (Some(key_id.as_str()), Some(client_id)),
        Target::Client(client_id) => (None, Some(client_id)),
        Target::Account(name) => (Some(name.as_str()), None),
        Target::AllKeys | Target::AllAccounts => (None, None),
    };
    let all = matches!(target, Target::AllKeys | Target::AllAccounts);
    json!({ "credential": credential, "client_id": client_id, "all": all })
}

/// Each credential of a client or an account. What was issued in a credential's place is never part of it.
fn credentials(unit: &Unit) -> Vec<Value> {
    let client_id = match &unit.name {
        UnitName::Client(client_id) => Some(client_id),
        UnitName::Account(_) => None,
    };
    let ids: BTreeSet<_> = unit.revoked.iter().chain(unit.owed.keys()).collect();
    let one = |id: &String| {
        let revoked_at = unit.revoked.contains(id).then(|| rfc3339(unit.revoked_at));
        let issued = unit.issued.is_some_and(|issued| issued > 0) && unit.owed.contains_key(id);
        json!({
            "credential": id,
            "client_id": client_id,
            "revoked_at": revoked_at,
            "issued_at": unit.issued_at.filter(|_| issued).map(rfc3339),
            "notified_at": unit.notified_at.map(rfc3339),
            "note": unit.note,
        })
    };
    ids.into_iter().map(one).collect()
}
