//! What people are told of credentials: one closed list, no notice of which holds a secret.

use jiff::Timestamp;

use super::CredentialKind;
use crate::access::ClientId;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $subject:literal;)*) => {
        /// What a notice is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum NoticeKind {
            $($(#[$doc])* $variant,)*
        }

        impl NoticeKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The kind's name in messages and events.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What it says of the credential, to be completed with the credential's name.
            #[must_use]
            pub const fn subject(self) -> &'static str {
                match self { $(Self::$variant => $subject),* }
            }
        }
    };
}

kinds! {
    /// A successor of an API key may be claimed.
    KeySuccessorOffered = "key.successor_offered", "A successor may be claimed for API key";
    /// An API key came to its end.
    KeyExpired = "key.expired", "Expired: API key";
    /// An API key was revoked because nobody used it for 30 days.
    KeyRevokedIdle = "key.revoked_idle", "Revoked for want of use: API key";
    /// An API key was revoked because its client has left.
    KeyRevokedTerminated = "key.revoked_terminated", "Revoked with its client: API key";
    /// A client's API keys ended at once, in an emergency.
    KeyEmergencyRotated = "key.emergency_rotated", "Ended at once: API keys of client";
    /// A service account was disabled because nobody used it for 90 days.
    ServiceAccountDisabledIdle = "service_account.disabled_idle", "Disabled for want of use: service account";
    /// The credential of a service account is older than it may be.
    ServiceAccountOverdue = "service_account.overdue", "Rotation overdue: service account";
    /// The credential of a service account ended at once, in an emergency, and another one is in its place.
    ServiceAccountEmergencyRotated = "service_account.emergency_rotated", "Rotated at once: service account";
    /// A person's second factor is to be enrolled anew within 7 days.
    TotpDue = "totp.due", "To be enrolled anew: second factor of person";
    /// A secret of the stack itself is older than it may be.
    SecretOverdue = "secret.overdue", "Rotation overdue: secret";
    /// A signing key needs a successor within 30 days.
    SigningKeyDue = "signing_key.due", "Needs a successor: signing key";
    /// A symmetric key of KMS does not rotate by itself.
    KmsKeyNotRotating = "kms_key.not_rotating", "Does not rotate: KMS key";
    /// A certificate ends within 30 days.
    CertificateDue = "certificate.due", "Ends soon: certificate";
    /// Roles for a time came to their end.
    ElevationEnded = "elevation.ended", "Roles for a time ended: account";
    /// A review of an account, a service account or a role is overdue.
    ReviewOverdue = "review.overdue", "Review overdue:";
}

impl NoticeKind {
    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// A notice, made in the transaction of what it tells. It holds nothing secret and no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The kind of credential; `None` for a review or an elevation.
    pub credential_kind: Option<CredentialKind>,
    /// The credential, account or role: its id or name, never the thing itself.
    pub credential: String,
    /// Tells this turn of the credential from the next: the end that it nears, say. With kind and credential it is the notice's identity.
    pub turn: String,
    /// The client whose contacts are told; `None` where the desk is.
    pub client_id: Option<ClientId>,
    /// By when somebody must act, where somebody must.
    pub due_at: Option<Timestamp>,
    /// What happened and what to do, in lines separated by `\n`.
    pub text: String,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Notice {
    /// The notice's id: the same for the same kind, credential and turn, whoever makes it.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}#{}#{}", self.kind.as_str(), self.credential, self.turn)
    }

    /// The subject line.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{} {}", self.kind.subject(), self.credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_lead_back_from_their_names() {
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::from_name(kind.as_str()), Some(*kind));
        }
    }

    #[test]
    fn another_turn_of_the_same_credential_is_another_notice() {
        let notice = Notice {
            kind: NoticeKind::TotpDue,
            credential_kind: Some(CredentialKind::Totp),
            credential: "p-1".into(),
            turn: "2026-04-01".into(),
            client_id: None,
            due_at: None,
            text: String::new(),
            made_at: Timestamp::UNIX_EPOCH,
        };
        let later = Notice { made_at: Timestamp::MAX, text: "said otherwise".into(), ..notice.clone() };
        assert_eq!(notice.id(), later.id());
        assert_ne!(notice.id(), Notice { turn: "2026-07-01".into(), ..notice.clone() }.id());
        assert_ne!(notice.id(), Notice { kind: NoticeKind::ElevationEnded, ..notice.clone() }.id());
        assert_eq!(notice.subject(), "To be enrolled anew: second factor of person p-1");
    }
}
