//! The closed lists of what can happen, and how it can end.

use std::fmt;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// What an audit entry records. The names are part of the evidence format: one is never reused for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Event {
            $($(#[$doc])* $variant,)*
        }

        impl Event {
            /// Every event.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The event's name on the wire and in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

events! {
    /// A quote was asked for, one position.
    QuoteCreate = "quote.create";
    /// A batch of quotes was asked for.
    QuoteBatchCreate = "quote.batch.create";
    /// A client was created.
    ClientCreate = "client.create";
    /// A client was given terms.
    ClientTermsAdd = "client.terms.add";
    /// Terms were proposed for a client.
    ClientTermsPropose = "client.terms.propose";
    /// A client relationship ended, and its keys with it.
    ClientTerminate = "client.terminate";
    /// A contact was added to a client.
    ClientContactAdd = "client.contact.add";
    /// A contact proved to be reached at its address.
    ClientContactVerify = "client.contact.verify";
    /// A contact was removed.
    ClientContactRemove = "client.contact.remove";
    /// An API key was issued.
    ApiKeyCreate = "api_key.create";
    /// An API key was revoked.
    ApiKeyRevoke = "api_key.revoke";
    /// A successor was offered to an API key, which works on until its end.
    ApiKeyRotate = "api_key.rotate";
    /// An API key ended at once, and a successor was offered.
    ApiKeyEmergencyRotate = "api_key.emergency_rotate";
    /// A claim code was issued for the successor of a key that has ended.
    ApiKeyClaimCodeCreate = "api_key.claim_code.create";
    /// A successor was collected.
    ApiKeyClaim = "api_key.claim";
    /// Receipt of a successor was confirmed with it.
    ApiKeyConfirm = "api_key.confirm";
    /// The client's contact froze a key.
    ApiKeyFreeze = "api_key.freeze";
    /// A frozen key was let go on.
    ApiKeyUnfreeze = "api_key.unfreeze";
    /// An API key came to its end.
    ApiKeyExpire = "api_key.expire";
    /// An account for a person was asked for.
    PrincipalRequest = "principal.request";
    /// An account for a person was approved by all who must.
    PrincipalOnboard = "principal.onboard";
    /// An account was disabled.
    PrincipalDisable = "principal.disable";
    /// More roles were asked for.
    PrincipalRoleRequest = "principal.role.request";
    /// Roles were granted.
    PrincipalRoleGrant = "principal.role.grant";
    /// A role was taken away.
    PrincipalRoleRemove = "principal.role.remove";
    /// Roles for a time were asked for.
    PrincipalElevationRequest = "principal.elevation.request";
    /// Roles for a time were granted.
    PrincipalElevationGrant = "principal.elevation.grant";
    /// Roles for a time came to their end.
    PrincipalElevationEnd = "principal.elevation.end";
    /// A new second factor was asked for.
    PrincipalReEnrolmentRequest = "principal.re_enrolment.request";
    /// A new second factor was allowed.
    PrincipalReEnrolmentGrant = "principal.re_enrolment.grant";
    /// A second factor was handed out.
    FactorIssue = "factor.issue";
    /// A second factor was proved with its first code.
    FactorEnrol = "factor.enrol";
    /// A step-up failed.
    FactorRefuse = "factor.refuse";
    /// A request was approved by one of those who must, and waits for others.
    RequestApprove = "request.approve";
    /// A request was rejected or withdrawn.
    RequestReject = "request.reject";
    /// A service account was asked for.
    ServiceAccountRequest = "service_account.request";
    /// A service account was created.
    ServiceAccountCreate = "service_account.create";
    /// A service account was disabled.
    ServiceAccountDisable = "service_account.disable";
    /// A service account's next credential was made valid beside the current one.
    ServiceAccountCredentialStage = "service_account.credential.stage";
    /// A service account's next credential took the place of the current one, which ended.
    ServiceAccountCredentialRotate = "service_account.credential.rotate";
    /// A service account's credentials ended at once.
    ServiceAccountCredentialRevoke = "service_account.credential.revoke";
    /// A service account was reviewed.
    ServiceAccountReview = "service_account.review";
    /// A role definition was reviewed.
    RoleReview = "role.review";
    /// An account was reviewed.
    AccessReview = "access.review";
    /// Something that changes nothing was refused to an authenticated caller.
    AccessRefuse = "access.refuse";
    /// A token was issued.
    TokenIssue = "token.issue";
    /// The public keys of an issuer changed.
    IssuerKeysChange = "issuer.keys.change";
    /// Unauthenticated requests were refused, counted over a window.
    AuthenticationRefuse = "authentication.refuse";
    /// A market data snapshot became the current one of its source.
    SnapshotImport = "snapshot.import";
    /// A market data file was held back until a person accepts it.
    ImportQuarantine = "import.quarantine";
    /// A market data file was refused whole.
    ImportRefuse = "import.refuse";
    /// The sealed log was searched.
    AuditSearch = "audit.search";
    /// The proof of one entry was read.
    AuditProofShow = "audit.proof.show";
    /// An item of the audit table was written over or removed, or is no entry.
    AuditTamper = "audit.tamper";
    /// Entries of the audit table were written back from the sealed log.
    AuditRestore = "audit.restore";
    /// What the log holds of one day.
    ControlTotal = "control.total";
    /// Evidence was asked for.
    EvidenceRequest = "evidence.request";
    /// The state of an export was read, and where its bundle is.
    EvidenceShow = "evidence.show";
    /// A bundle was made, or could not be.
    EvidenceExport = "evidence.export";
    /// A signing key came into the key register.
    KeyRegister = "key.register";
    /// The retention of a log group was set back to the policy.
    RetentionRepair = "retention.repair";
    /// A secret of the stack itself has a new version.
    SecretRotate = "secret.rotate";
    /// A credential, or a review, was found due or overdue, and who must act was told.
    CredentialDue = "credential.due";
    /// An emergency rotation was asked for.
    RotationRequest = "rotation.request";
    /// An emergency rotation came to its end.
    RotationComplete = "rotation.complete";
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the recorded act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was understood and not done: not allowed, not found, or invalid.
    Refused,
}

impl Outcome {
    /// The outcome's name on the wire and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
        }
    }
}
