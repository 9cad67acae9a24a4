//! The schemas that operations are put together from.

use engine_aws::rotations::{CalendarRow, Phase};
use engine_core::access::request::{Capacity, ELEVATION_HOURS, RequestState, Wanted};
use engine_core::access::review::Decision;
use engine_core::access::{CodeKind, KeyState, Permission, Role};
use engine_core::rotation::CredentialKind;
pub(super) use engine_http::openapi::schema::{
    boolean, code_of_factor, count, fields, list, object, one_of, or_null, page, pattern, some, text, time,
    uuid as request_id, whole, words,
};
use engine_http::openapi::{CLIENT_ID, reference};
use serde_json::{Map, Value, json};

use super::token;

/// A decimal of at most 4 decimals, as number or string.
pub(super) fn decimal(most: u32) -> Value {
    let digits = most.to_string().len() - 1;
    json!({ "oneOf": [
        { "type": "number", "minimum": 0, "maximum": most },
        { "type": "string", "pattern": format!("^(0|[1-9][0-9]{{0,{digits}}})(\\.[0-9]{{1,4}})?$") },
    ]})
}

pub(super) fn client_id() -> Value {
    pattern(CLIENT_ID)
}

/// The id of a key or of a contact.
pub(super) fn key_id() -> Value {
    pattern("^[0-9A-Za-z]{12}$")
}

pub(super) fn principal_id() -> Value {
    pattern("^(?!svc-)[A-Za-z0-9._@|+:-]{1,128}$")
}

pub(super) fn person_id() -> Value {
    pattern("^[a-z0-9._-]{3,64}$")
}

pub(super) fn service_account_name() -> Value {
    json!({ "type": "string", "pattern": "^svc-[a-z0-9]+(-[a-z0-9]+)+$", "maxLength": 64 })
}

/// One of the engine's own credentials, which begins with `prefix`.
fn credential(prefix: &str) -> Value {
    pattern(&format!("^{prefix}_[a-z0-9]{{2,10}}_[0-9A-Za-z]{{12}}_[0-9A-Za-z]{{49}}$"))
}

pub(super) fn api_key() -> Value {
    credential("bre")
}

pub(super) fn code(kind: CodeKind) -> Value {
    credential(kind.prefix())
}

/// What a repeat of a request has in the place of a secret that is shown once.
pub(super) fn already_issued() -> Value {
    one_of(&["already_issued"])
}

pub(super) fn reason() -> Value {
    words(1, 1000)
}

pub(super) fn justification() -> Value {
    words(10, 1000)
}

pub(super) fn key_state() -> Value {
    one_of(&KeyState::ALL.map(KeyState::as_str))
}

pub(super) fn successor_state() -> Value {
    one_of(&["OFFERED", "CLAIMED", "CONFIRMED"])
}

pub(super) fn client_status() -> Value {
    one_of(&["PENDING", "ACTIVE", "TERMINATED"])
}

pub(super) fn contact_state() -> Value {
    one_of(&["UNVERIFIED", "VERIFIED", "REMOVED"])
}

pub(super) fn principal_state() -> Value {
    one_of(&["REQUESTED", "ACTIVE", "DISABLED"])
}

pub(super) fn service_account_state() -> Value {
    one_of(&["ACTIVE", "DISABLED"])
}

pub(super) fn factor_state() -> Value {
    one_of(&["AWAITING_TICKET", "ISSUED", "ENROLLED"])
}

pub(super) fn request_state() -> Value {
    one_of(&[RequestState::Open, RequestState::Approved, RequestState::Rejected].map(RequestState::as_str))
}

/// A capacity in which somebody can be asked to approve.
pub(super) fn capacity() -> Value {
    one_of(&[Capacity::Manager, Capacity::SystemOwner, Capacity::Security].map(Capacity::as_str))
}

pub(super) fn decision() -> Value {
    one_of(&Decision::ALL.map(Decision::as_str))
}

pub(super) fn role() -> Value {
    one_of(&Role::ALL.map(Role::as_str))
}

pub(super) fn role_of_people() -> Value {
    one_of(&Role::OF_PEOPLE.map(Role::as_str))
}

pub(super) fn permission() -> Value {
    names(Permission::ALL)
}

/// A permission that a key may have.
pub(super) fn permission_of_keys() -> Value {
    names(&Permission::OF_KEYS)
}

/// A permission that a service account may have.
pub(super) fn scope() -> Value {
    names(Role::System.permissions())
}

fn names(permissions: &[Permission]) -> Value {
    let names: Vec<_> = permissions.iter().map(|permission| permission.as_str()).collect();
    one_of(&names)
}

/// A kind of credential, as the rotation register lists it.
pub(super) fn credential_kind() -> Value {
    one_of(&CredentialKind::ALL.map(CredentialKind::as_str))
}

/// A kind that can be rotated at once.
pub(super) fn kind_at_once() -> Value {
    one_of(&CredentialKind::AT_ONCE.map(CredentialKind::as_str))
}

pub(super) fn day_count() -> Value {
    one_of(&["ACT/365F", "ACT/360"])
}

pub(super) fn fee_type() -> Value {
    one_of(&["FLAT", "PERCENTAGE"])
}

/// A parameter of a path. An account is a person's, or in the access review a service's.
pub(super) fn in_path(name: &str) -> Value {
    match name {
        "key_id" | "contact_id" => key_id(),
        "client_id" => client_id(),
        "principal_id" => pattern("^[A-Za-z0-9._@|+:-]{1,128}$"),
        "request_id" | "rotation_id" => request_id(),
        "name" => service_account_name(),
        "role" => role(),
        _ => text(),
    }
}

/// The schemas that have a name.
pub(super) fn components() -> Map<String, Value> {
    let own = [
        ("Key", key()),
        ("Client", object(&client())),
        ("ClientInFull", client_in_full()),
        ("Contact", object(&contact())),
        ("Principal", object(&principal())),
        ("PrincipalInFull", principal_in_full()),
        ("ServiceAccount", service_account()),
        ("Request", request()),
        ("Role", role_definition()),
        ("AccessRow", access_row()),
        ("Review", review()),
        ("Rotation", rotation()),
        ("EmergencyRotation", object(&emergency_rotation())),
        ("EmergencyRotationInFull", emergency_rotation_in_full()),
    ];
    own.into_iter().chain(token::components()).map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn key() -> Value {
    object(&[
        ("key_id", key_id()),
        ("client_id", client_id()),
        ("state", key_state()),
        ("created_at", time()),
        ("issued_by", or_null(text())),
        ("issued_because", or_null(text())),
        ("expires_at", time()),
        ("revoked_at", or_null(time())),
        ("rate_limit", count()),
        ("permissions", list(&permission_of_keys())),
        ("tickers", or_null(list(&text()))),
        ("terms_version", count()),
        ("last_used_at", or_null(time())),
        ("uses", count()),
        ("offered_at", or_null(time())),
        ("successor_state", or_null(successor_state())),
        ("successor_id", or_null(key_id())),
        ("claim_code_expires_at", or_null(time())),
        ("predecessor_id", or_null(key_id())),
        ("claimed_at", or_null(time())),
        ("confirmed_at", or_null(time())),
        ("version", count()),
    ])
}

fn client() -> Vec<(&'static str, Value)> {
    vec![
        ("client_id", client_id()),
        ("name", text()),
        ("status", client_status()),
        ("created_at", time()),
        ("terminated_at", or_null(time())),
        ("terms_version", count()),
        ("key_ids", list(&key_id())),
        ("version", count()),
    ]
}

fn client_in_full() -> Value {
    let terms = object(&[
        ("version", count()),
        ("effective_from", time()),
        ("markup_percentage", text()),
        ("fee_type", fee_type()),
        ("fee_amount", text()),
        ("day_count", day_count()),
    ]);
    let more = [
        ("terms_version_in_force", or_null(count())),
        ("terms", list(&terms)),
        ("contacts", list(&reference("Contact"))),
    ];
    object(&[&client()[..], &more].concat())
}

/// A contact's members.
pub(super) fn contact() -> Vec<(&'static str, Value)> {
    vec![
        ("contact_id", key_id()),
        ("name", text()),
        ("hint", text()),
        ("state", contact_state()),
        ("created_at", time()),
        ("verified_at", or_null(time())),
        ("version", count()),
    ]
}

fn principal() -> Vec<(&'static str, Value)> {
    let elevation = object(&[("roles", list(&role())), ("until", time()), ("request_id", request_id())]);
    vec![
        ("principal_id", principal_id()),
        ("person_id", person_id()),
        ("name", text()),
        ("manager", person_id()),
        ("roles", list(&role())),
        ("effective_roles", list(&role())),
        ("permissions", list(&permission())),
        ("elevation", or_null(elevation)),
        ("state", principal_state()),
        ("created_at", time()),
        ("approved_at", or_null(time())),
        ("disabled_at", or_null(time())),
        ("last_used_at", or_null(time())),
        ("last_review", or_null(reference("Review"))),
        ("version", count()),
    ]
}

fn principal_in_full() -> Value {
    let factor =
        object(&[("state", factor_state()), ("enrolled_at", or_null(time())), ("ticket_expires_at", or_null(time()))]);
    object(&[&principal()[..], &[("second_factor", factor)]].concat())
}

fn service_account() -> Value {
    object(&[
        ("name", service_account_name()),
        ("purpose", text()),
        ("owner", person_id()),
        ("scopes", list(&scope())),
        ("state", service_account_state()),
        ("idle", boolean()),
        ("created_at", time()),
        ("disabled_at", or_null(time())),
        ("last_used_at", or_null(time())),
        ("last_review", or_null(reference("Review"))),
        ("version", count()),
    ])
}

fn request() -> Value {
    let wanted = object(&[
        ("kind", one_of(&Wanted::KINDS)),
        ("roles?", list(&role())),
        ("hours?", whole(ELEVATION_HOURS.0, ELEVATION_HOURS.1)),
        ("purpose?", text()),
        ("scopes?", list(&scope())),
        ("fields?", text()),
    ]);
    let party = || [("principal_id", text()), ("person_id", text())];
    let any_capacity = [Capacity::Manager, Capacity::SystemOwner, Capacity::Security, Capacity::Bootstrap];
    let approval = [("capacity", one_of(&any_capacity.map(Capacity::as_str))), ("at", time())];
    let decided = [("at", time()), ("reason", or_null(text()))];
    object(&[
        ("request_id", request_id()),
        ("kind", one_of(&Wanted::KINDS)),
        ("wanted", wanted),
        ("subject", text()),
        ("subject_person", or_null(person_id())),
        ("manager", or_null(person_id())),
        ("maker", object(&party())),
        ("justification", text()),
        ("state", request_state()),
        ("expired", boolean()),
        ("missing", list(&capacity())),
        ("approvals", list(&object(&[&party()[..], &approval].concat()))),
        ("decided", or_null(object(&[&party()[..], &decided].concat()))),
        ("created_at", time()),
        ("expires_at", time()),
        ("version", count()),
    ])
}

fn role_definition() -> Value {
    object(&[
        ("role", role()),
        ("description", text()),
        ("permissions", list(&permission())),
        ("defined_on", json!({ "type": "string", "format": "date" })),
        ("last_review", or_null(reference("Review"))),
        ("review_due", time()),
        ("overdue", boolean()),
    ])
}

fn access_row() -> Value {
    object(&[
        ("principal_id", text()),
        ("kind", one_of(&["staff", "service_account"])),
        ("name", text()),
        ("answers_for_it", person_id()),
        ("roles", list(&role())),
        ("permissions", list(&permission())),
        ("created_at", time()),
        ("last_used_at", or_null(time())),
        ("last_review", or_null(reference("Review"))),
        ("flags", list(&one_of(&["unreviewed", "idle", "orphaned", "decision_open"]))),
    ])
}

/// A row of the rotation register. No date makes due what rotates on compromise alone.
fn rotation() -> Value {
    object(&[
        ("kind", credential_kind()),
        ("credential", text()),
        ("client_id", or_null(client_id())),
        ("owner", or_null(person_id())),
        ("state", one_of(&CalendarRow::STATES)),
        ("last_rotated_at", time()),
        ("rotated_by", or_null(text())),
        ("because", or_null(text())),
        ("next_due_at", or_null(time())),
        ("overdue", boolean()),
    ])
}

fn emergency_rotation() -> Vec<(&'static str, Value)> {
    let target = object(&[("credential", or_null(text())), ("client_id", or_null(client_id())), ("all", boolean())]);
    let counts = object(&["clients", "revoked", "issued", "notified"].map(|name| (name, count())));
    vec![
        ("rotation_id", request_id()),
        ("kind", kind_at_once()),
        ("target", target),
        ("reason", text()),
        ("requested_by", text()),
        ("requested_at", time()),
        ("state", one_of(&Phase::ALL.map(Phase::as_str))),
        ("counts", counts),
        ("attempts", count()),
        ("started_at", or_null(time())),
        ("revoked_at", or_null(time())),
        ("issued_at", or_null(time())),
        ("completed_at", or_null(time())),
    ]
}

fn emergency_rotation_in_full() -> Value {
    let credential = object(&[
        ("credential", text()),
        ("client_id", or_null(client_id())),
        ("revoked_at", or_null(time())),
        ("issued_at", or_null(time())),
        ("notified_at", or_null(time())),
        ("note", or_null(text())),
    ]);
    let more = [("credentials", list(&credential)), ("next_cursor", or_null(text()))];
    object(&[&emergency_rotation()[..], &more].concat())
}

fn review() -> Value {
    object(&[("at", time()), ("by", text()), ("decision", decision()), ("note", text())])
}
