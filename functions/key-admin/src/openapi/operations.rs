//! What each handler reads and answers, a line or two each.

use engine_aws::directory::MAX_EXPIRY_DAYS;
use engine_core::access::request::ELEVATION_HOURS;
use engine_core::access::{CodeKind, MAX_LISTED_TICKERS, Permission, Role};
use engine_http::openapi::{page_parameters, query as parameter, reference, ticker};
use engine_http::problem::Code;
use serde_json::{Value, json};

use super::schemas::{
    already_issued, api_key, boolean, capacity, client_id, client_status, code, code_of_factor, contact, contact_state,
    credential_kind, day_count, decimal, decision, factor_state, fee_type, fields, justification, key_id, key_state,
    kind_at_once, list, object, or_null, page, permission_of_keys, person_id, principal_id, principal_state, reason,
    request_id, request_state, role_of_people, scope, service_account_name, service_account_state, some,
    successor_state, text, time, whole, words,
};
use crate::routes::Handler as H;

/// What the handler does, in one sentence.
#[must_use]
pub const fn summary(handler: H) -> &'static str {
    match handler {
        H::CreateKey => "Issues a key, which this answer alone shows.",
        H::ListKeys => "Keys' metadata, by client and then by key.",
        H::ShowKey => "One key's metadata.",
        H::RevokeKey => "Ends a key at once and for good.",
        H::RotateKey => "Offers a successor, which the client claims with the key it has.",
        H::EmergencyRotateKey => "Ends a key at once and offers a successor, with a claim code for who may issue keys.",
        H::CreateClaimCode => "Makes another claim code for the successor of a key that has ended.",
        H::UnfreezeKey => "Lets a frozen key go on, once its receipt is confirmed again.",
        H::ClaimKey => "Hands out the successor of a key.",
        H::ConfirmKey => "Confirms receipt of a successor, with the successor.",
        H::FreezeKey => "Stops a claimed key, with the code that the client's contacts were sent.",
        H::CreateClient => "Creates a client, whose first terms wait for approval.",
        H::ListClients => "Clients, by id.",
        H::ShowClient => "One client with all its terms and its contacts.",
        H::ProposeTerms => "Asks for further terms.",
        H::TerminateClient => "Ends a client and all its keys.",
        H::AddContact => "Adds a contact and sends it a verification code.",
        H::VerifyContact => "Verifies a contact with its code.",
        H::RemoveContact => "Removes a contact and erases its address.",
        H::RequestPrincipal => "Asks for an account.",
        H::ListPrincipals => "People's accounts, by id.",
        H::ShowPrincipal => "One account, and where its person's second factor stands.",
        H::DisablePrincipal => "Disables an account, at once and for good.",
        H::RequestRoles => "Asks for more roles.",
        H::RemoveRole => "Takes a role away, at once.",
        H::RequestElevation => "Asks for roles for a time.",
        H::RequestReEnrolment => "Asks for a new second factor in the place of a lost one.",
        H::IssueFactor => "Hands out one's own second factor, for a ticket or a code of the one before.",
        H::EnrolFactor => "Enrols it with its first code.",
        H::ListRequests => "Requests, the latest first.",
        H::ShowRequest => "One request.",
        H::ApproveRequest => "Approves a request; the last approval carries it out.",
        H::RejectRequest => "Rejects a request, or withdraws one's own.",
        H::RequestServiceAccount => "Asks for a service account.",
        H::ListServiceAccounts => "Service accounts, by name.",
        H::ShowServiceAccount => "One service account.",
        H::DisableServiceAccount => "Disables a service account, at once and for good.",
        H::ReviewServiceAccount => "Records the decision of a review of a service account.",
        H::ListRoles => "Roles, what they permit, and when they must be reviewed.",
        H::ReviewRole => "Records the yearly review of a role's definition.",
        H::ShowAccessReview => "Active accounts, with what a reviewer must look at.",
        H::DecideAccessReview => "Records the decision on an account or a service account.",
        H::ListRotations => "Credentials in use: when each rotated, by whom and why, and when it is due next.",
        H::RequestRotation => "Asks for an emergency rotation: everything ends at once, then successors come.",
        H::ShowRotation => "One emergency rotation: how far it is and what it did.",
    }
}

/// The query parameters.
pub(super) fn query(handler: H) -> Vec<Value> {
    let page = || page_parameters().to_vec();
    match handler {
        H::ListKeys => {
            let filters = [parameter("client_id", &client_id(), false), parameter("state", &key_state(), false)];
            [filters, page_parameters()].concat()
        }
        H::ListRequests => [vec![parameter("state", &request_state(), false)], page()].concat(),
        H::ListClients | H::ListPrincipals | H::ListServiceAccounts | H::ShowAccessReview | H::ShowRotation => page(),
        H::ListRotations => {
            let overdue = parameter("overdue", &boolean(), false);
            [vec![parameter("kind", &credential_kind(), false), overdue], page()].concat()
        }
        H::RevokeKey => vec![parameter("reason", &reason(), false)],
        H::RemoveRole => vec![parameter("reason", &reason(), true)],
        _ => Vec::new(),
    }
}

/// The body; `None` where there is none. That of a `DELETE`, which may carry its query's fields, is not told.
pub(super) fn body(handler: H) -> Option<Value> {
    let roles = || some(&role_of_people(), Role::OF_PEOPLE.len());
    Some(match handler {
        H::CreateKey => fields(&[
            ("client_id", client_id()),
            ("rate_limit", json!({ "type": "integer", "enum": [60, 300, 1000] })),
            ("expiry_days", whole(1, MAX_EXPIRY_DAYS)),
            ("permissions?", some(&permission_of_keys(), Permission::OF_KEYS.len())),
            ("tickers?", some(&ticker(), MAX_LISTED_TICKERS)),
        ]),
        H::RequestRotation => fields(&[
            ("kind", kind_at_once()),
            ("credential?", text()),
            ("client_id?", client_id()),
            ("all?", boolean()),
            ("reason", words(10, 1000)),
        ]),
        H::RotateKey => fields(&[("overlap_days?", whole(1, 14)), ("reason", reason())]),
        H::ClaimKey => fields(&[("claim_code?", code(CodeKind::Claim))]),
        H::FreezeKey => fields(&[("freeze_code", code(CodeKind::Freeze))]),
        H::CreateClient => fields(
            &[
                &[("client_id", client_id()), ("name", words(1, 200))],
                &terms()[..],
                &[("justification", justification())],
            ]
            .concat(),
        ),
        H::ProposeTerms => {
            fields(&[&terms()[..], &[("effective_from?", time()), ("justification", justification())]].concat())
        }
        H::AddContact => fields(&[("name", words(1, 200)), ("email", json!({ "type": "string", "format": "email" }))]),
        H::VerifyContact => fields(&[("code", code(CodeKind::ContactVerification))]),
        H::RequestPrincipal => fields(&[
            ("principal_id", principal_id()),
            ("person_id", person_id()),
            ("name", words(1, 200)),
            ("manager", person_id()),
            ("roles", roles()),
            ("justification", justification()),
        ]),
        H::RequestRoles => fields(&[("roles", roles()), ("justification", justification())]),
        H::RequestElevation => {
            let hours = whole(ELEVATION_HOURS.0, ELEVATION_HOURS.1);
            fields(&[("roles", roles()), ("hours", hours), ("justification", justification())])
        }
        H::RequestReEnrolment => fields(&[("justification", justification())]),
        H::IssueFactor => fields(&[("ticket?", code(CodeKind::EnrolmentTicket)), ("mfaTotp?", code_of_factor())]),
        H::EnrolFactor => fields(&[("code", code_of_factor())]),
        H::ApproveRequest => fields(&[("as?", capacity())]),
        H::RequestServiceAccount => fields(&[
            ("name", service_account_name()),
            ("purpose", words(10, 500)),
            ("scopes", some(&scope(), Role::System.permissions().len())),
            ("owner", person_id()),
            ("justification", justification()),
        ]),
        H::ReviewServiceAccount | H::ReviewRole | H::DecideAccessReview => {
            fields(&[("decision", decision()), ("note", words(1, 1000))])
        }
        H::EmergencyRotateKey
        | H::TerminateClient
        | H::DisablePrincipal
        | H::RejectRequest
        | H::DisableServiceAccount => fields(&[("reason", reason())]),
        _ => return None,
    })
}

fn terms() -> [(&'static str, Value); 4] {
    [
        ("markup_percentage", decimal(100)),
        ("fee_type", fee_type()),
        ("fee_amount", decimal(1_000_000)),
        ("day_count?", day_count()),
    ]
}

/// The status and the answer where it is done.
pub(super) fn answer(handler: H) -> (u16, Value) {
    let review = || ("last_review", reference("Review"));
    match handler {
        H::CreateKey | H::ClaimKey => {
            (201, object(&[("key_id", key_id()), ("api_key", or_null(api_key())), ("code?", already_issued())]))
        }
        H::EmergencyRotateKey => (201, claim_code(or_null(time()))),
        H::CreateClaimCode => (201, claim_code(time())),
        H::CreateClient => {
            (201, object(&[("client_id", client_id()), ("status", client_status()), ("request_id", request_id())]))
        }
        H::ProposeTerms => (201, object(&[("client_id", client_id()), ("request_id", request_id())])),
        H::AddContact => (201, added_contact()),
        H::RequestPrincipal => (201, onboarding()),
        H::RequestRoles | H::RequestElevation | H::RequestReEnrolment | H::RequestServiceAccount => (201, asked()),
        H::IssueFactor => (201, factor()),
        H::ListKeys => (200, page("Key")),
        H::ShowKey => (200, reference("Key")),
        H::RevokeKey => (200, object(&[("key_id", key_id()), ("state", key_state()), ("revoked_at", time())])),
        H::RotateKey => {
            (200, object(&[("key_id", key_id()), ("successor_state", successor_state()), ("ends_at", time())]))
        }
        H::UnfreezeKey | H::FreezeKey => (200, object(&[("key_id", key_id()), ("state", key_state())])),
        H::ConfirmKey => (200, object(&[("key_id", key_id()), ("state", key_state()), ("confirmed_at", time())])),
        H::ListClients => (200, page("Client")),
        H::ShowClient => (200, reference("ClientInFull")),
        H::TerminateClient => (200, terminated()),
        H::VerifyContact => {
            (200, object(&[("contact_id", key_id()), ("state", contact_state()), ("verified_at", time())]))
        }
        H::RemoveContact => (200, object(&[("contact_id", key_id()), ("state", contact_state())])),
        H::ListPrincipals => (200, page("Principal")),
        H::ShowPrincipal => (200, reference("PrincipalInFull")),
        H::DisablePrincipal => {
            (200, object(&[("principal_id", principal_id()), ("state", principal_state()), ("disabled_at", time())]))
        }
        H::RemoveRole => (200, object(&[("principal_id", principal_id()), ("roles", list(&role_of_people()))])),
        H::EnrolFactor => {
            (200, object(&[("principal_id", principal_id()), ("state", factor_state()), ("enrolled_at", time())]))
        }
        H::ListRequests => (200, page("Request")),
        H::ShowRequest => (200, reference("Request")),
        H::ApproveRequest => (200, approved()),
        H::RejectRequest => (200, object(&[("request_id", request_id()), ("state", request_state())])),
        H::ListServiceAccounts => (200, page("ServiceAccount")),
        H::ShowServiceAccount => (200, reference("ServiceAccount")),
        H::DisableServiceAccount => {
            let state = ("state", service_account_state());
            (200, object(&[("name", service_account_name()), state, ("disabled_at", time())]))
        }
        H::ReviewServiceAccount => (200, object(&[("name", service_account_name()), review()])),
        H::ListRoles => (200, page("Role")),
        H::ReviewRole => (200, reference("Role")),
        H::ShowAccessReview => (200, page("AccessRow")),
        H::DecideAccessReview => {
            let person = object(&[("principal_id", principal_id()), review()]);
            let service = object(&[("name", service_account_name()), review()]);
            (200, json!({ "anyOf": [person, service] }))
        }
        H::ListRotations => (200, page("Rotation")),
        H::RequestRotation => (202, reference("EmergencyRotation")),
        H::ShowRotation => (200, reference("EmergencyRotationInFull")),
    }
}

/// Nobody who may not issue keys gets a claim code.
fn claim_code(expires_at: Value) -> Value {
    object(&[
        ("key_id", key_id()),
        ("state", key_state()),
        ("claim_code_expires_at", expires_at),
        ("claim_code", or_null(code(CodeKind::Claim))),
        ("code?", already_issued()),
    ])
}

/// A repeat says nothing of who it is.
fn added_contact() -> Value {
    let end = [("code_expires_at", time())];
    let added = object(&[&contact()[..], &end].concat());
    let repeated = object(&[&[("contact_id", key_id()), ("state", contact_state())][..], &end].concat());
    json!({ "anyOf": [added, repeated] })
}

fn terminated() -> Value {
    object(&[
        ("client_id", client_id()),
        ("status", client_status()),
        ("terminated_at", time()),
        ("version", whole(1, u64::from(u32::MAX))),
    ])
}

/// The ticket is there where the bootstrap administrator asks, whose request is carried out at once.
fn onboarding() -> Value {
    object(&[
        ("principal_id", principal_id()),
        ("state", principal_state()),
        ("request_id", request_id()),
        ("ticket?", or_null(code(CodeKind::EnrolmentTicket))),
        ("ticket_expires_at?", time()),
        ("code?", already_issued()),
    ])
}

fn asked() -> Value {
    object(&[
        ("request_id", request_id()),
        ("state", request_state()),
        ("missing", list(&capacity())),
        ("expires_at", time()),
    ])
}

fn factor() -> Value {
    object(&[
        ("otpauth_uri", or_null(text())),
        ("secret", or_null(text())),
        ("issued_at", time()),
        ("code?", already_issued()),
    ])
}

/// What else there is depends on what was carried out: an account, terms, or a service account.
fn approved() -> Value {
    object(&[
        ("request_id", request_id()),
        ("state", request_state()),
        ("missing", list(&capacity())),
        ("ticket?", or_null(code(CodeKind::EnrolmentTicket))),
        ("code?", already_issued()),
        ("terms_version?", whole(1, u64::from(u32::MAX))),
        ("service_account?", service_account_name()),
        ("secret_name?", text()),
    ])
}

/// The credentials that the handler itself judges, where its route does not.
pub(super) fn security(handler: H) -> Option<Value> {
    match handler {
        H::ClaimKey => Some(json!([{ "ApiKey": [] }, {}])),
        H::ConfirmKey => Some(json!([{ "ApiKey": [] }])),
        _ => None,
    }
}

/// How the handler says no, beside what its route does.
pub(super) const fn problems(handler: H) -> &'static [Code] {
    use Code as C;
    match handler {
        H::CreateKey | H::RequestRotation => &[C::ResourceNotFound],
        H::ClaimKey => &[C::ResourceNotFound, C::RateLimited],
        H::ListRoles => &[C::InvalidRequest],
        H::ApproveRequest
        | H::RejectRequest
        | H::RequestRoles
        | H::RequestElevation
        | H::RequestReEnrolment
        | H::ReviewServiceAccount
        | H::DecideAccessReview => &[C::ApprovalNotAllowed],
        H::IssueFactor => &[C::StepUpRequired, C::StepUpFailed, C::StepUpNotEnrolled, C::StepUpLocked],
        H::EnrolFactor => &[C::StepUpFailed, C::StepUpLocked],
        _ => &[],
    }
}
