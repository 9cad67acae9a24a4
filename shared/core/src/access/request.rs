//! What one person asks for and others approve: one mechanism for people, service accounts and terms.

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::principal::BOOTSTRAP;
use super::{PersonId, Role};

/// How long a request waits for its approvals.
pub const OPEN_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Hours that an elevation may last.
pub const ELEVATION_HOURS: (u64, u64) = (1, 24);

/// In what capacity somebody approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// The manager whom the request names.
    Manager,
    /// Who answers for the system: a holder of the role admin.
    SystemOwner,
    /// The security team: a holder of the role security.
    Security,
    /// The administrator that the stack starts with, while there is no other.
    Bootstrap,
}

impl Capacity {
    /// The capacity's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::SystemOwner => "system_owner",
            Self::Security => "security",
            Self::Bootstrap => "bootstrap",
        }
    }

    /// The role that whoever has the capacity holds, where it comes of one.
    #[must_use]
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::SystemOwner => Some(Role::Admin),
            Self::Security => Some(Role::Security),
            Self::Manager | Self::Bootstrap => None,
        }
    }

    /// The capacity of that name, if one can claim it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Manager, Self::SystemOwner, Self::Security].into_iter().find(|capacity| capacity.as_str() == name)
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wanted {
    /// An account for a person, with these roles.
    Onboarding {
        /// The roles.
        roles: BTreeSet<Role>,
    },
    /// More roles for an account.
    RoleGrant {
        /// The roles to add.
        roles: BTreeSet<Role>,
    },
    /// Roles for a time.
    Elevation {
        /// The roles.
        roles: BTreeSet<Role>,
        /// Hours from the approval on, 1 to 24.
        hours: u64,
    },
    /// A new second factor for a person who has lost the old one.
    ReEnrolment,
    /// A service account.
    ServiceAccount {
        /// What it is for.
        purpose: String,
        /// Names of the permissions it needs.
        scopes: BTreeSet<String>,
    },
    /// Terms for a client.
    Terms {
        /// The terms as they were written, one JSON object.
        fields: String,
    },
}

impl Wanted {
    /// Names of all kinds.
    pub const KINDS: [&'static str; 6] =
        ["onboarding", "role_grant", "elevation", "re_enrolment", "service_account", "terms"];

    /// The kind's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Onboarding { .. } => "onboarding",
            Self::RoleGrant { .. } => "role_grant",
            Self::Elevation { .. } => "elevation",
            Self::ReEnrolment => "re_enrolment",
            Self::ServiceAccount { .. } => "service_account",
            Self::Terms { .. } => "terms",
        }
    }

    /// The capacities that must approve, one person each.
    #[must_use]
    pub const fn needs(&self) -> &'static [Capacity] {
        match self {
            Self::Onboarding { .. } => &[Capacity::Manager, Capacity::SystemOwner],
            Self::RoleGrant { .. } | Self::Elevation { .. } | Self::Terms { .. } => &[Capacity::SystemOwner],
            Self::ReEnrolment => &[Capacity::SystemOwner, Capacity::Security],
            Self::ServiceAccount { .. } => &[Capacity::Security],
        }
    }
}

/// Where a request stands. That it ran out of time is a time, not a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RequestState {
    /// Waits for approvals.
    Open,
    /// Approved by all that it needs, and carried out.
    Approved,
    /// Rejected or withdrawn.
    Rejected,
}

impl RequestState {
    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Approved, Self::Rejected].into_iter().find(|state| state.as_str() == name)
    }
}

/// Somebody who asks or decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The account.
    pub principal_id: String,
    /// The person: what counts where two people are needed.
    pub person_id: String,
}

/// One approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who approved.
    #[serde(flatten)]
    pub by: Party,
    /// In what capacity.
    pub capacity: Capacity,
    /// When.
    #[serde(with = "crate::time::text")]
    pub at: Timestamp,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequest {
    /// Its id, a UUIDv7.
    pub id: String,
    /// What is asked for.
    pub wanted: Wanted,
    /// The account, service account or client that it is about.
    pub subject: String,
    /// The person that it is about, where it is about one.
    pub subject_person: Option<PersonId>,
    /// The manager who must approve, where a manager must.
    pub manager: Option<PersonId>,
    /// Who asks.
    pub maker: Party,
    /// Why, 10 to 1,000 characters.
    pub justification: String,
    /// When it was made.
    #[serde(with = "crate::time::text")]
    pub created_at: Timestamp,
    /// Until when it can be approved.
    #[serde(with = "crate::time::text")]
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: RequestState,
    /// Approvals so far.
    pub approvals: Vec<Approval>,
    /// Who decided it and when, once it is decided.
    pub decided: Option<Decided>,
}

/// The end of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Who made the last decision.
    #[serde(flatten)]
    pub by: Party,
    /// When.
    #[serde(with = "crate::time::text")]
    pub at: Timestamp,
    /// Why, where it was rejected.
    pub reason: Option<String>,
}

/// Why an approval does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// It is decided already.
    #[error("the request is decided already")]
    NotOpen,
    /// It ran out of time.
    #[error("the request has run out of time: make it again")]
    Expired,
    /// The maker approves, through whichever account.
    #[error("who asks cannot approve")]
    Maker,
    /// The person that it is about approves, through whichever account.
    #[error("nobody approves their own access")]
    Subject,
    /// The same person approved already, through whichever account.
    #[error("each approval needs another person")]
    SamePerson,
    /// The approver does not have the capacity, or no such approval is missing.
    #[error("no approval is missing that this person can give")]
    Capacity,
    /// The bootstrap administrator asks for something else than an account for a person.
    #[error("the bootstrap administrator asks for accounts of people only")]
    OnboardingOnly,
}

impl AccessRequest {
    /// The capacities whose approval is missing.
    #[must_use]
    pub fn missing(&self) -> Vec<Capacity> {
        let given = |capacity: &Capacity| self.approvals.iter().any(|approval| approval.capacity == *capacity);
        if given(&Capacity::Bootstrap) {
            return Vec::new();
        }
        self.wanted.needs().iter().copied().filter(|capacity| !given(capacity)).collect()
    }

    /// Whether it can still be decided at `now`.
    pub fn open(&self, now: Timestamp) -> Result<(), ApprovalError> {
        match self.state {
            RequestState::Open if now < self.expires_at => Ok(()),
            RequestState::Open => Err(ApprovalError::Expired),
            RequestState::Approved | RequestState::Rejected => Err(ApprovalError::NotOpen),
        }
    }

    /// The request with one more approval, in `capacity` or in the first missing one that the approver can fill. It is
    /// approved once none is missing.
    pub fn approve(
        &self,
        by: &Party,
        roles: &BTreeSet<Role>,
        capacity: Option<Capacity>,
        now: Timestamp,
    ) -> Result<Self, ApprovalError> {
        self.open(now)?;
        // Whoever holds its credentials is a person already, and would count twice.
        if by.person_id == BOOTSTRAP {
            return Err(ApprovalError::Capacity);
        }
        if by.person_id == self.maker.person_id {
            return Err(ApprovalError::Maker);
        }
        if self.subject_person.as_ref().is_some_and(|person| person.as_str() == by.person_id) {
            return Err(ApprovalError::Subject);
        }
        if self.approvals.iter().any(|approval| approval.by.person_id == by.person_id) {
            return Err(ApprovalError::SamePerson);
        }
        let holds = |needed: &Capacity| match needed {
            Capacity::Manager => self.manager.as_ref().is_some_and(|manager| manager.as_str() == by.person_id),
            _ => needed.role().is_some_and(|role| roles.contains(&role)),
        };
        let missing = self.missing();
        let filled =
            missing.into_iter().find(|needed| capacity.is_none_or(|wanted| wanted == *needed) && holds(needed));
        let capacity = filled.ok_or(ApprovalError::Capacity)?;
        Ok(self.with(Approval { by: by.clone(), capacity, at: now }))
    }

    /// The request as the bootstrap administrator makes it: approved by making it, and so recorded.
    #[must_use]
    pub fn approved_by_bootstrap(&self, now: Timestamp) -> Self {
        let by = Party { principal_id: BOOTSTRAP.into(), person_id: BOOTSTRAP.into() };
        self.with(Approval { by, capacity: Capacity::Bootstrap, at: now })
    }

    /// The request, rejected; its maker may withdraw it so.
    pub fn reject(&self, by: &Party, reason: &str, now: Timestamp) -> Result<Self, ApprovalError> {
        self.open(now)?;
        let decided = Some(Decided { by: by.clone(), at: now, reason: Some(reason.to_owned()) });
        Ok(Self { state: RequestState::Rejected, decided, ..self.clone() })
    }

    fn with(&self, approval: Approval) -> Self {
        let mut next = self.clone();
        let (by, at) = (approval.by.clone(), approval.at);
        next.approvals.push(approval);
        if next.missing().is_empty() {
            next.state = RequestState::Approved;
            next.decided = Some(Decided { by, at, reason: None });
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-15T12:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn party(person: &str) -> Party {
        Party { principal_id: format!("{person}@example.com"), person_id: person.to_owned() }
    }

    fn request(wanted: Wanted) -> AccessRequest {
        AccessRequest {
            id: "r".into(),
            wanted,
            subject: "new@example.com".into(),
            subject_person: Some(PersonId::parse("newcomer").unwrap()),
            manager: Some(PersonId::parse("manager").unwrap()),
            maker: party("maker"),
            justification: "joins the desk".into(),
            created_at: now(),
            expires_at: now() + OPEN_FOR,
            state: RequestState::Open,
            approvals: Vec::new(),
            decided: None,
        }
    }

    fn onboarding() -> AccessRequest {
        request(Wanted::Onboarding { roles: BTreeSet::from([Role::Operations]) })
    }

    fn roles(roles: &[Role]) -> BTreeSet<Role> {
        roles.iter().copied().collect()
    }

    #[test]
    fn onboarding_takes_the_named_manager_and_a_system_owner() {
        let first = onboarding().approve(&party("manager"), &roles(&[Role::Operations]), None, now()).unwrap();
        assert_eq!((first.state, first.missing()), (RequestState::Open, vec![Capacity::SystemOwner]));
        let second = first.approve(&party("owner"), &roles(&[Role::Admin]), None, now()).unwrap();
        assert_eq!(second.state, RequestState::Approved);
        assert_eq!(second.decided.unwrap().by.person_id, "owner");
    }

    #[test]
    fn neither_maker_nor_subject_nor_one_person_twice_through_whichever_account() {
        let admin = roles(&[Role::Admin, Role::Security]);
        let by = |person: &str| Party { principal_id: "second-account".into(), person_id: person.into() };
        let refused = |request: &AccessRequest, person| request.approve(&by(person), &admin, None, now()).unwrap_err();
        assert_eq!(refused(&onboarding(), "maker"), ApprovalError::Maker);
        assert_eq!(refused(&onboarding(), "newcomer"), ApprovalError::Subject);
        let half = request(Wanted::ReEnrolment).approve(&party("owner"), &admin, None, now()).unwrap();
        assert_eq!(refused(&half, "owner"), ApprovalError::SamePerson);
    }

    #[test]
    fn the_bootstrap_administrator_is_nobodys_second_person() {
        let everything = roles(&Role::ALL);
        let named = AccessRequest { manager: Some(PersonId::parse(BOOTSTRAP).unwrap()), ..onboarding() };
        for request in
            [named, request(Wanted::RoleGrant { roles: roles(&[Role::Admin]) }), request(Wanted::ReEnrolment)]
        {
            let refused = request.approve(&party(BOOTSTRAP), &everything, None, now());
            assert_eq!(refused, Err(ApprovalError::Capacity), "{}", request.wanted.kind());
        }
    }

    #[test]
    fn every_kind_needs_the_capacities_of_the_table() {
        let wanted = [
            (Wanted::RoleGrant { roles: BTreeSet::new() }, vec![Role::Admin]),
            (Wanted::Elevation { roles: BTreeSet::new(), hours: 1 }, vec![Role::Admin]),
            (Wanted::Terms { fields: String::new() }, vec![Role::Admin]),
            (Wanted::ServiceAccount { purpose: String::new(), scopes: BTreeSet::new() }, vec![Role::Security]),
        ];
        for (wanted, by) in wanted {
            let request = request(wanted);
            for role in Role::ALL {
                let approved = request.approve(&party("other"), &roles(&[role]), None, now());
                assert_eq!(approved.is_ok(), by.contains(&role), "{} by {role:?}", request.wanted.kind());
            }
        }
    }

    #[test]
    fn a_manager_is_who_was_named_and_not_who_says_so() {
        let claimed = onboarding().approve(&party("other"), &roles(&[Role::Admin]), Some(Capacity::Manager), now());
        assert_eq!(claimed, Err(ApprovalError::Capacity));
    }

    #[test]
    fn what_is_decided_or_out_of_time_stays_so() {
        let admin = roles(&[Role::Admin]);
        let rejected = onboarding().reject(&party("owner"), "not needed", now()).unwrap();
        assert_eq!(rejected.approve(&party("manager"), &admin, None, now()), Err(ApprovalError::NotOpen));
        let late = now() + OPEN_FOR;
        assert_eq!(onboarding().approve(&party("manager"), &admin, None, late), Err(ApprovalError::Expired));
    }

    #[test]
    fn the_bootstrap_administrators_request_is_approved_and_says_by_what() {
        let approved = onboarding().approved_by_bootstrap(now());
        assert_eq!(approved.state, RequestState::Approved);
        assert_eq!(approved.approvals[0].capacity, Capacity::Bootstrap);
    }

    #[test]
    fn a_stored_request_reads_back() {
        for request in [onboarding(), onboarding().approved_by_bootstrap(now()), request(Wanted::ReEnrolment)] {
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<AccessRequest>(&text).unwrap(), request);
        }
    }
}
