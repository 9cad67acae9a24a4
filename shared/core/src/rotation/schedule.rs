//! How often each kind of credential rotates, and how long before its end somebody is told.

use std::fmt;

use jiff::SignedDuration;

/// A kind of credential, as the rotation register lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialKind {
    /// A client's API key.
    ApiKey,
    /// The credential of a service account.
    ServiceAccount,
    /// A person's second factor.
    Totp,
    /// A secret of the stack itself: the bootstrap administrator's second factor, keys of references.
    Secret,
    /// A key that signs tokens, checkpoints or manifests.
    SigningKey,
    /// A symmetric key of KMS.
    KmsKey,
    /// A TLS certificate.
    Certificate,
}

/// How a kind of credential rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Longest life of one.
    pub every: SignedDuration,
    /// How long before its end who must act is told; nothing where nobody must.
    pub notice: Option<SignedDuration>,
}

const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::ApiKey,
        Self::ServiceAccount,
        Self::Totp,
        Self::Secret,
        Self::SigningKey,
        Self::KmsKey,
        Self::Certificate,
    ];

    /// Those that can be rotated at once, in an emergency.
    pub const AT_ONCE: [Self; 2] = [Self::ApiKey, Self::ServiceAccount];

    /// The kind's name in the register.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::ServiceAccount => "service_account",
            Self::Totp => "totp",
            Self::Secret => "secret",
            Self::SigningKey => "signing_key",
            Self::KmsKey => "kms_key",
            Self::Certificate => "certificate",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// How it rotates: the one table of it.
    #[must_use]
    pub const fn schedule(self) -> Schedule {
        let (every, notice) = match self {
            Self::ApiKey => (days(90), Some(days(14))),
            Self::ServiceAccount => (days(30), None),
            Self::Totp => (days(90), Some(days(7))),
            Self::Secret => (days(90), None),
            Self::SigningKey | Self::Certificate => (days(365), Some(days(30))),
            Self::KmsKey => (days(365), None),
        };
        Schedule { every, notice }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_lead_back_from_their_names() {
        for kind in CredentialKind::ALL {
            assert_eq!(CredentialKind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(CredentialKind::from_name("password"), None);
    }

    #[test]
    fn the_schedule_is_the_policy() {
        let in_days = |kind: CredentialKind| {
            let Schedule { every, notice } = kind.schedule();
            (every.as_hours() / 24, notice.map(|notice| notice.as_hours() / 24))
        };
        for (kind, expected) in [
            (CredentialKind::ApiKey, (90, Some(14))),
            (CredentialKind::ServiceAccount, (30, None)),
            (CredentialKind::Totp, (90, Some(7))),
            (CredentialKind::Secret, (90, None)),
            (CredentialKind::SigningKey, (365, Some(30))),
            (CredentialKind::KmsKey, (365, None)),
            (CredentialKind::Certificate, (365, Some(30))),
        ] {
            assert_eq!(in_days(kind), expected, "{kind}");
        }
    }
}
