//! People's accounts: who they are, what they hold, and until when.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::review::Review;
use super::role::permitted;
use super::{Permission, Role};
use crate::audit::ActorRef;

/// Id, as account and as person, of the administrator that the stack starts with.
pub const BOOTSTRAP: &str = "bootstrap";
/// What names of service accounts start with, and ids of people's accounts do not.
pub(super) const SERVICE_PREFIX: &str = "svc-";

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $error:ident, $message:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        /// The text is not such an id.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error;

        impl $name {
            /// Reads an id.
            pub fn parse(text: &str) -> Result<Self, $error> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err($error) }
            }

            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}
pub(super) use text_id;

text_id!(
    /// An account's id: the `sub` of its tokens. 1 to 128 of `A-Z a-z 0-9 . _ @ | + : -`, not starting with `svc-`.
    PrincipalId,
    PrincipalIdError,
    "must be 1 to 128 letters, digits, '.', '_', '@', '|', '+', ':' or '-', not starting with 'svc-'",
    |text| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@|+:-".contains(&byte);
        (1..=128).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with(SERVICE_PREFIX)
    }
);

text_id!(
    /// A person's id, from the company's register of people: 3 to 64 of `a-z 0-9 . _ -`. Two accounts of one person share it, so there is
    /// one spelling: no capitals.
    PersonId,
    PersonIdError,
    "must be 3 to 64 lower-case letters, digits, '.', '_' or '-'",
    |text| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        (3..=64).contains(&text.len()) && text.bytes().all(allowed)
    }
);

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PrincipalState {
    /// Asked for, not yet approved.
    Requested,
    /// May authenticate.
    Active,
    /// Ended; refused at once. Final: who comes back is onboarded anew.
    Disabled,
}

impl PrincipalState {
    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Active => "ACTIVE",
            Self::Disabled => "DISABLED",
        }
    }
}

/// Roles for a time. Nothing has to run for it to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elevation {
    /// The roles.
    pub roles: BTreeSet<Role>,
    /// When it ends.
    #[serde(with = "crate::time::text")]
    pub until: Timestamp,
    /// The request by which it was approved.
    pub request_id: String,
}

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The account's id.
    pub id: PrincipalId,
    /// Whose account it is.
    pub person_id: PersonId,
    /// The person's name, 1 to 200 characters.
    pub name: String,
    /// The person's manager.
    pub manager: PersonId,
    /// Roles held until they are taken away.
    pub roles: BTreeSet<Role>,
    /// Where it stands.
    pub state: PrincipalState,
    /// When it was asked for.
    #[serde(with = "crate::time::text")]
    pub created_at: Timestamp,
    /// When it was approved.
    #[serde(with = "crate::time::text::option")]
    pub approved_at: Option<Timestamp>,
    /// When it was disabled.
    #[serde(with = "crate::time::text::option")]
    pub disabled_at: Option<Timestamp>,
    /// Roles for a time.
    pub elevation: Option<Elevation>,
    /// The last decision of an access review.
    pub review: Option<Review>,
    /// The reference under which its acts are recorded.
    pub actor_ref: ActorRef,
}

impl Principal {
    /// The roles held at `now`: none unless the account is active.
    #[must_use]
    pub fn roles_at(&self, now: Timestamp) -> BTreeSet<Role> {
        if self.state != PrincipalState::Active {
            return BTreeSet::new();
        }
        let elevation = self.elevation.iter().filter(|elevation| now < elevation.until);
        elevation.flat_map(|elevation| &elevation.roles).chain(&self.roles).copied().collect()
    }

    /// What the account may do at `now`.
    #[must_use]
    pub fn permissions_at(&self, now: Timestamp) -> BTreeSet<Permission> {
        permitted(&self.roles_at(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn principal(state: PrincipalState) -> Principal {
        Principal {
            id: PrincipalId::parse("dana@example.com").unwrap(),
            person_id: PersonId::parse("p-100").unwrap(),
            name: "Dana Doe".into(),
            manager: PersonId::parse("p-001").unwrap(),
            roles: BTreeSet::from([Role::Operations]),
            state,
            created_at: at("2026-01-01T00:00:00Z"),
            approved_at: None,
            disabled_at: None,
            elevation: Some(Elevation {
                roles: BTreeSet::from([Role::Admin]),
                until: at("2026-02-01T00:00:00Z"),
                request_id: "r".into(),
            }),
            review: None,
            actor_ref: ActorRef::from_stored("k1:x".into()),
        }
    }

    #[test]
    fn an_elevation_ends_by_itself_at_its_end() {
        let held = principal(PrincipalState::Active);
        assert!(held.roles_at(at("2026-01-31T23:59:59.999Z")).contains(&Role::Admin));
        assert_eq!(held.roles_at(at("2026-02-01T00:00:00Z")), BTreeSet::from([Role::Operations]));
    }

    #[test]
    fn an_account_that_is_not_active_holds_nothing() {
        for state in [PrincipalState::Requested, PrincipalState::Disabled] {
            assert!(principal(state).permissions_at(at("2026-01-15T00:00:00Z")).is_empty(), "{state:?}");
        }
    }

    #[test]
    fn ids_have_their_alphabets_and_lengths() {
        for good in ["a", "auth0|5f7c", "dana@example.com", &"x".repeat(128)] {
            assert!(PrincipalId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "svc-x-y", "a b", "ä", "a/b", "a#b", &"x".repeat(129)] {
            assert_eq!(PrincipalId::parse(bad), Err(PrincipalIdError), "{bad}");
        }
        for bad in ["", "ab", "a@b", "P-100", "p-100\u{df}", &"x".repeat(65)] {
            assert_eq!(PersonId::parse(bad), Err(PersonIdError), "{bad}");
        }
    }

    #[test]
    fn a_stored_account_reads_back() {
        let held = principal(PrincipalState::Active);
        let text = serde_json::to_string(&held).unwrap();
        assert_eq!(serde_json::from_str::<Principal>(&text).unwrap(), held);
    }
}
