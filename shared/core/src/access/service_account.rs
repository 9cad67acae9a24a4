//! Service accounts: `svc-{service}-{function}`, with approved scopes and a credential that only Secrets Manager holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::principal::{SERVICE_PREFIX, text_id};
use super::review::{IDLE, Review};
use super::{CodeKind, CredentialError, KeyHash, KeyId, OneTimeCode, Permission, PersonId, Role};
use crate::audit::ActorRef;

text_id!(
    /// A service account's name, `svc-{service}-{function}`: at most 64 lower-case letters, digits and single hyphens.
    ServiceAccountName,
    ServiceAccountNameError,
    "must be svc-{{service}}-{{function}}: at most 64 lower-case letters and digits, parted by single hyphens",
    |text| {
        let word = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        text.len() <= 64
            && text.strip_prefix(SERVICE_PREFIX).is_some_and(|rest| rest.contains('-') && rest.split('-').all(word))
    }
);

/// Where a service account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ServiceAccountState {
    /// May authenticate.
    Active,
    /// Ended. Final.
    Disabled,
}

impl ServiceAccountState {
    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Disabled => "DISABLED",
        }
    }
}

/// A service account. The hashes of its credential are kept beside this record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Its name, which is the `client_id` and the `sub` of its tokens.
    pub name: ServiceAccountName,
    /// What it is for, 10 to 500 characters.
    pub purpose: String,
    /// The person who answers for it.
    pub owner: PersonId,
    /// Names of the permissions approved for it.
    pub scopes: BTreeSet<String>,
    /// Where it stands.
    pub state: ServiceAccountState,
    /// When it was approved.
    #[serde(with = "crate::time::text")]
    pub created_at: Timestamp,
    /// When it was disabled.
    #[serde(with = "crate::time::text::option")]
    pub disabled_at: Option<Timestamp>,
    /// The last decision of a review.
    pub review: Option<Review>,
    /// The reference under which its acts are recorded.
    pub actor_ref: ActorRef,
}

impl ServiceAccount {
    /// What it may do: what was approved for it, as far as the role of services goes.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<Permission> {
        if self.state != ServiceAccountState::Active {
            return BTreeSet::new();
        }
        self.scopes.iter().filter_map(|name| scope(name)).collect()
    }

    /// Whether it may authenticate at `now`: active, and used within 90 days of its creation and of its last use.
    #[must_use]
    pub fn usable_at(&self, last_used_at: Option<Timestamp>, now: Timestamp) -> bool {
        self.state == ServiceAccountState::Active && now.duration_since(last_used_at.unwrap_or(self.created_at)) <= IDLE
    }
}

/// The permission of that name, if a service account may have it.
#[must_use]
pub fn scope(name: &str) -> Option<Permission> {
    Permission::from_name(name).filter(|permission| Role::System.permissions().contains(permission))
}

/// What is kept of a service account's credential: SHA-256 of the current one, and of the one that rotation is about to move to.
/// Neither is there where the credential was revoked.
#[derive(Clone, Copy, Debug)]
pub struct CredentialHashes {
    /// The current credential's.
    pub current: Option<KeyHash>,
    /// The next one's, while it is being rotated.
    pub pending: Option<KeyHash>,
}

impl CredentialHashes {
    /// Of a credential that was revoked: nothing authenticates.
    pub const NONE: Self = Self { current: None, pending: None };

    /// Whether a credential that hashes to `presented` is one of them. Both are compared, whichever it is.
    #[must_use]
    pub fn admit(&self, presented: &KeyHash) -> bool {
        let pending = self.pending.is_some_and(|pending| pending == *presented);
        self.is_current(presented) | pending
    }

    /// Whether a credential that hashes to `presented` is the current one.
    #[must_use]
    pub fn is_current(&self, presented: &KeyHash) -> bool {
        self.current.is_some_and(|current| current == *presented)
    }
}

/// A service account's credential in clear, and the document that Secrets Manager keeps of it:
/// `{"client_id": "svc-…", "client_secret": "brs_…"}`. Holds a secret: no `Debug`, `Display` or `Serialize`.
pub struct ServiceAccountCredential {
    name: ServiceAccountName,
    secret: OneTimeCode,
}

/// The document is not the credential of a service account of this environment. It never quotes the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the credential of a service account of this environment")]
pub struct ServiceAccountCredentialError;

impl ServiceAccountCredential {
    /// Makes a credential for `environment` (2 to 10 lower-case letters or digits) from random bytes: an id and a secret.
    pub fn generate(
        name: &ServiceAccountName,
        environment: &str,
        id: [u8; 9],
        secret: &[u8; 32],
    ) -> Result<Self, CredentialError> {
        let secret = OneTimeCode::generate(CodeKind::ServiceAccount, environment, KeyId::from_random(id), secret)?;
        Ok(Self { name: name.clone(), secret })
    }

    /// Reads the document that Secrets Manager keeps.
    pub fn from_document(document: &str, environment: &str) -> Result<Self, ServiceAccountCredentialError> {
        let members: BTreeMap<String, Zeroizing<String>> =
            serde_json::from_str(document).map_err(|_| ServiceAccountCredentialError)?;
        let member = |name: &str| members.get(name).ok_or(ServiceAccountCredentialError);
        let name = ServiceAccountName::parse(member("client_id")?).map_err(|_| ServiceAccountCredentialError)?;
        let secret = OneTimeCode::parse(CodeKind::ServiceAccount, member("client_secret")?, environment);
        Ok(Self { name, secret: secret.map_err(|_| ServiceAccountCredentialError)? })
    }

    /// The document for Secrets Manager.
    #[must_use]
    pub fn document(&self) -> Zeroizing<String> {
        // Neither holds what JSON would have to escape.
        let secret = self.secret.expose();
        Zeroizing::new(format!(r#"{{"client_id":"{}","client_secret":"{secret}"}}"#, self.name))
    }

    /// Whose it is: the `client_id`.
    #[must_use]
    pub fn name(&self) -> &ServiceAccountName {
        &self.name
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        self.secret.hash()
    }

    /// The `client_secret` in clear, for the one request that presents it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_service_and_function() {
        for good in ["svc-calculation-api", "svc-a-b", "svc-risk-batch-2"] {
            assert!(ServiceAccountName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "svc-",
            "svc-calc",
            "calculation-api",
            "svc-Calc-api",
            "svc--api",
            "svc-a-",
            "svc-a_b-c",
            &format!("svc-a-{}", "b".repeat(64)),
        ] {
            assert_eq!(ServiceAccountName::parse(bad), Err(ServiceAccountNameError), "{bad}");
        }
    }

    #[test]
    fn no_scope_beyond_the_role_of_services() {
        assert_eq!(scope("rates:view"), Some(Permission::ViewRates));
        assert_eq!(scope("keys:write"), None);
        assert_eq!(scope("fees:calculate"), None);
    }

    fn credential(byte: u8) -> ServiceAccountCredential {
        let name = ServiceAccountName::parse("svc-a-b").unwrap();
        ServiceAccountCredential::generate(&name, "test", [byte; 9], &[byte; 32]).unwrap()
    }

    #[test]
    fn current_and_pending_are_admitted_and_nothing_where_the_credential_was_revoked() {
        let [current, pending, other] = [1, 2, 3].map(|byte| credential(byte).hash());
        let hashes = CredentialHashes { current: Some(current), pending: Some(pending) };
        assert!(hashes.admit(&current) && hashes.admit(&pending) && !hashes.admit(&other));
        assert!(hashes.is_current(&current) && !hashes.is_current(&pending));
        assert!([current, pending].iter().all(|hash| !CredentialHashes::NONE.admit(hash)));
    }

    #[test]
    fn a_credential_reads_back_from_its_document_and_nothing_else_does() {
        let made = credential(1);
        let document = made.document();
        let read = ServiceAccountCredential::from_document(&document, "test").unwrap();
        assert_eq!((read.name(), read.hash(), read.expose()), (made.name(), made.hash(), made.expose()));
        assert!(ServiceAccountCredential::from_document(&document, "live").is_err());
        for torn in ["", "{}", "[]", &document.replace("svc-a-b", "a-b"), &document.replace("brs_", "brc_")] {
            assert!(ServiceAccountCredential::from_document(torn, "test").is_err(), "{torn}");
        }
    }

    #[test]
    fn an_idle_account_is_refused() {
        let account = ServiceAccount {
            name: ServiceAccountName::parse("svc-a-b").unwrap(),
            purpose: "a purpose".into(),
            owner: PersonId::parse("p-1").unwrap(),
            scopes: BTreeSet::from(["rates:view".to_owned(), "keys:write".to_owned()]),
            state: ServiceAccountState::Active,
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            disabled_at: None,
            review: None,
            actor_ref: ActorRef::from_stored("k1:x".into()),
        };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(account.usable_at(None, at("2026-04-01T00:00:00Z")), "90 days after its creation");
        assert!(!account.usable_at(None, at("2026-04-01T00:00:00.001Z")));
        assert!(account.usable_at(Some(at("2026-03-01T00:00:00Z")), at("2026-05-01T00:00:00Z")));
        assert_eq!(account.permissions(), BTreeSet::from([Permission::ViewRates]), "whatever was approved");
        let ended = ServiceAccount { state: ServiceAccountState::Disabled, ..account };
        assert!(!ended.usable_at(None, at("2026-01-02T00:00:00Z")));
        assert!(ended.permissions().is_empty());
    }
}
