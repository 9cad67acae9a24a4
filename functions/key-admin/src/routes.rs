//! The function's routes, each declared once with its permission, its step-up and the event that it is recorded as.

use engine_core::access::Permission as P;
use engine_core::audit::Event as E;
use engine_http::route::{Access, Route, Routes};

/// What answers a route, and how it is named in logs and in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// What answers it.
    pub handler: Handler,
    /// The name in logs: `api_key.create`, `api_key.list` …
    pub action: &'static str,
    /// The event as which a change through this route is recorded, done or refused. `None` where nothing is changed.
    pub event: Option<E>,
}

/// What answers a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named after the routes below, a line each
pub enum Handler {
    CreateKey,
    ListKeys,
    ShowKey,
    RevokeKey,
    RotateKey,
    EmergencyRotateKey,
    CreateClaimCode,
    UnfreezeKey,
    ClaimKey,
    ConfirmKey,
    FreezeKey,
    CreateClient,
    ListClients,
    ShowClient,
    ProposeTerms,
    TerminateClient,
    AddContact,
    VerifyContact,
    RemoveContact,
    RequestPrincipal,
    ListPrincipals,
    ShowPrincipal,
    DisablePrincipal,
    RequestRoles,
    RemoveRole,
    RequestElevation,
    RequestReEnrolment,
    IssueFactor,
    EnrolFactor,
    ListRequests,
    ShowRequest,
    ApproveRequest,
    RejectRequest,
    RequestServiceAccount,
    ListServiceAccounts,
    ShowServiceAccount,
    DisableServiceAccount,
    ReviewServiceAccount,
    ListRoles,
    ReviewRole,
    ShowAccessReview,
    DecideAccessReview,
    ListRotations,
    RequestRotation,
    ShowRotation,
}

const fn read(path: &'static str, permission: P, handler: Handler, action: &'static str) -> Route<Target> {
    let access = Access::Token(permission);
    Route { method: "GET", path, access, handler: Target { handler, action, event: None } }
}

const fn change(method: &'static str, path: &'static str, access: Access, handler: Handler, event: E) -> Route<Target> {
    Route { method, path, access, handler: Target { handler, action: event.as_str(), event: Some(event) } }
}

use Access::{Possession, SteppedUp, Token};
use Handler as H;

/// The route table.
#[rustfmt::skip] // a line a route, so that it reads as the table it is
pub static ROUTES: Routes<Target> = Routes(&[
    change("POST", "/admin/api-keys", SteppedUp(P::KeysWrite), H::CreateKey, E::ApiKeyCreate),
    read("/admin/api-keys", P::KeysRead, H::ListKeys, "api_key.list"),
    read("/admin/api-keys/{key_id}", P::KeysRead, H::ShowKey, "api_key.show"),
    change("DELETE", "/admin/api-keys/{key_id}", Token(P::KeysRevoke), H::RevokeKey, E::ApiKeyRevoke),
    change("POST", "/admin/api-keys/{key_id}/rotate", SteppedUp(P::KeysWrite), H::RotateKey, E::ApiKeyRotate),
    change("POST", "/admin/api-keys/{key_id}/emergency-rotate", SteppedUp(P::KeysEmergencyRotate), H::EmergencyRotateKey, E::ApiKeyEmergencyRotate),
    change("POST", "/admin/api-keys/{key_id}/claim-code", SteppedUp(P::KeysWrite), H::CreateClaimCode, E::ApiKeyClaimCodeCreate),
    change("POST", "/admin/api-keys/{key_id}/unfreeze", SteppedUp(P::KeysWrite), H::UnfreezeKey, E::ApiKeyUnfreeze),
    change("POST", "/api/v1/keys/claim", Possession, H::ClaimKey, E::ApiKeyClaim),
    change("POST", "/api/v1/keys/confirm", Possession, H::ConfirmKey, E::ApiKeyConfirm),
    change("POST", "/api/v1/keys/freeze", Possession, H::FreezeKey, E::ApiKeyFreeze),

    change("POST", "/admin/clients", Token(P::ClientsWrite), H::CreateClient, E::ClientCreate),
    read("/admin/clients", P::ClientsRead, H::ListClients, "client.list"),
    read("/admin/clients/{client_id}", P::ClientsRead, H::ShowClient, "client.show"),
    change("POST", "/admin/clients/{client_id}/terms", Token(P::ClientsWrite), H::ProposeTerms, E::ClientTermsPropose),
    change("POST", "/admin/clients/{client_id}/terminate", SteppedUp(P::ClientsWrite), H::TerminateClient, E::ClientTerminate),
    change("POST", "/admin/clients/{client_id}/contacts", SteppedUp(P::ClientsWrite), H::AddContact, E::ClientContactAdd),
    change("POST", "/admin/clients/{client_id}/contacts/{contact_id}/verify", Token(P::ClientsWrite), H::VerifyContact, E::ClientContactVerify),
    change("DELETE", "/admin/clients/{client_id}/contacts/{contact_id}", SteppedUp(P::ClientsWrite), H::RemoveContact, E::ClientContactRemove),

    change("POST", "/admin/principals", Token(P::PrincipalsWrite), H::RequestPrincipal, E::PrincipalRequest),
    read("/admin/principals", P::PrincipalsRead, H::ListPrincipals, "principal.list"),
    read("/admin/principals/{principal_id}", P::PrincipalsRead, H::ShowPrincipal, "principal.show"),
    change("POST", "/admin/principals/{principal_id}/disable", Token(P::AccountsDisable), H::DisablePrincipal, E::PrincipalDisable),
    change("POST", "/admin/principals/{principal_id}/roles", Token(P::PrincipalsWrite), H::RequestRoles, E::PrincipalRoleRequest),
    change("DELETE", "/admin/principals/{principal_id}/roles/{role}", Token(P::AccountsDisable), H::RemoveRole, E::PrincipalRoleRemove),
    change("POST", "/admin/principals/{principal_id}/elevations", Token(P::PrincipalsWrite), H::RequestElevation, E::PrincipalElevationRequest),
    change("POST", "/admin/principals/{principal_id}/re-enrolment", Token(P::PrincipalsWrite), H::RequestReEnrolment, E::PrincipalReEnrolmentRequest),
    change("POST", "/admin/principals/{principal_id}/totp", Token(P::FactorEnrol), H::IssueFactor, E::FactorIssue),
    change("POST", "/admin/principals/{principal_id}/totp/confirm", Token(P::FactorEnrol), H::EnrolFactor, E::FactorEnrol),

    read("/admin/requests", P::RequestsRead, H::ListRequests, "request.list"),
    read("/admin/requests/{request_id}", P::RequestsRead, H::ShowRequest, "request.show"),
    change("POST", "/admin/requests/{request_id}/approve", Token(P::RequestsDecide), H::ApproveRequest, E::RequestApprove),
    change("POST", "/admin/requests/{request_id}/reject", Token(P::RequestsDecide), H::RejectRequest, E::RequestReject),

    change("POST", "/admin/service-accounts", Token(P::ServiceAccountsWrite), H::RequestServiceAccount, E::ServiceAccountRequest),
    read("/admin/service-accounts", P::ServiceAccountsRead, H::ListServiceAccounts, "service_account.list"),
    read("/admin/service-accounts/{name}", P::ServiceAccountsRead, H::ShowServiceAccount, "service_account.show"),
    change("POST", "/admin/service-accounts/{name}/disable", Token(P::AccountsDisable), H::DisableServiceAccount, E::ServiceAccountDisable),
    change("POST", "/admin/service-accounts/{name}/review", Token(P::AccessReviewDecide), H::ReviewServiceAccount, E::ServiceAccountReview),

    read("/admin/roles", P::RolesRead, H::ListRoles, "role.list"),
    change("POST", "/admin/roles/{role}/review", Token(P::RolesReview), H::ReviewRole, E::RoleReview),
    read("/admin/access-review", P::AccessReviewRead, H::ShowAccessReview, "access_review.show"),
    change("POST", "/admin/access-review/{principal_id}", Token(P::AccessReviewDecide), H::DecideAccessReview, E::AccessReview),

    read("/admin/rotations", P::RotationsRead, H::ListRotations, "rotation.list"),
    change("POST", "/admin/rotations", SteppedUp(P::RotationsEmergency), H::RequestRotation, E::RotationRequest),
    read("/admin/rotations/{rotation_id}", P::RotationsRead, H::ShowRotation, "rotation.show"),
]);
