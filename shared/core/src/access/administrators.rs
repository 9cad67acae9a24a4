//! Who administers, and when the administrator that the stack starts with has done its work.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PersonId, PrincipalId};

/// Active administrators that end the bootstrap path.
const ENOUGH: usize = 2;

/// The administrators who are active: approved, and with a second factor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrators {
    active: BTreeSet<(PersonId, PrincipalId)>,
    #[serde(with = "crate::time::text::option")]
    bootstrap_closed_at: Option<Timestamp>,
}

impl Administrators {
    /// Whether the bootstrap administrator may act. Once it may not, it never may again.
    #[must_use]
    pub fn bootstrap_open(&self) -> bool {
        self.bootstrap_closed_at.is_none()
    }

    /// How many people administer.
    #[must_use]
    pub fn people(&self) -> usize {
        self.active.iter().map(|(person, _)| person).collect::<BTreeSet<_>>().len()
    }

    /// With one more account that administers. The second person closes the bootstrap path.
    #[must_use]
    pub fn with(&self, person: PersonId, account: PrincipalId, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.active.insert((person, account));
        if next.people() >= ENOUGH {
            next.bootstrap_closed_at = next.bootstrap_closed_at.or(Some(now));
        }
        next
    }

    /// Without an account; `None` if that would leave nobody who administers.
    #[must_use]
    pub fn without(&self, account: &PrincipalId) -> Option<Self> {
        let mut next = self.clone();
        next.active.retain(|(_, held)| held != account);
        (!next.active.is_empty() || self.active.is_empty()).then_some(next)
    }

    /// Without all accounts of a person; `None` if that would leave nobody who administers.
    #[must_use]
    pub fn without_person(&self, person: &PersonId) -> Option<Self> {
        let mut next = self.clone();
        next.active.retain(|(held, _)| held != person);
        (!next.active.is_empty() || self.active.is_empty()).then_some(next)
    }

    /// Whether the account is one of them.
    #[must_use]
    pub fn contains(&self, account: &PrincipalId) -> bool {
        self.active.iter().any(|(_, held)| held == account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(administrators: &Administrators, person: &str, account: &str) -> Administrators {
        let (person, account) = (PersonId::parse(person).unwrap(), PrincipalId::parse(account).unwrap());
        administrators.with(person, account, "2026-01-15T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_bootstrap_path_dies_with_the_second_person_and_not_with_a_second_account() {
        let one = with(&Administrators::default(), "p-1", "a");
        let same = with(&one, "p-1", "b");
        assert!(one.bootstrap_open() && same.bootstrap_open());
        assert!(!with(&same, "p-2", "c").bootstrap_open());
    }

    #[test]
    fn the_bootstrap_path_stays_dead_when_administrators_leave() {
        let two = with(&with(&Administrators::default(), "p-1", "a"), "p-2", "b");
        let one = two.without(&PrincipalId::parse("a").unwrap()).unwrap();
        assert_eq!((one.people(), one.bootstrap_open()), (1, false));
    }

    #[test]
    fn a_person_leaves_with_all_accounts_unless_nobody_else_administers() {
        let one = with(&with(&Administrators::default(), "p-1", "a"), "p-1", "b");
        let two = with(&one, "p-2", "c");
        let person = PersonId::parse("p-1").unwrap();
        let left = two.without_person(&person).unwrap();
        assert_eq!((left.people(), left.contains(&PrincipalId::parse("c").unwrap())), (1, true));
        assert_eq!(one.without_person(&person), None);
    }

    #[test]
    fn the_last_administrator_cannot_be_taken_away() {
        let one = with(&Administrators::default(), "p-1", "a");
        assert_eq!(one.without(&PrincipalId::parse("a").unwrap()), None);
        assert!(one.without(&PrincipalId::parse("other").unwrap()).is_some());
    }
}
