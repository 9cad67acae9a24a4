//! Reviews of accounts and of roles: what was decided, and what must be looked at.

use std::collections::BTreeSet;

use engine_core::access::request::ApprovalError;
use engine_core::access::review::{Decision, Flag, Review, Reviewed};
use engine_core::access::role::permitted;
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::{Permission, PersonId, Principal, PrincipalId, PrincipalState, Role, ServiceAccountName};
use engine_core::audit::{ActorType, Event};
use jiff::Timestamp;
use serde_json::json;

use super::principals::{Account, describe};
use super::table::{self, Listing, PERSONS, ROLES};
use super::{People, PeopleError, Person, ServiceAccountHeld, Versioned, act, facts, principals, requests};
use crate::Error;
use crate::author::Author;
use crate::change::{Change, Prepared};
use crate::directory::Page;

/// Before a service account's name in the access review's positions; before an account's id there is the other.
const SERVICE: &str = "s";
const PRINCIPAL: &str = "p";

/// One active account under review.
#[derive(Clone, Debug)]
pub struct AccessRow {
    /// The account's id, or the service account's name.
    pub id: String,
    /// Whether a person's or a service's.
    pub kind: ActorType,
    /// The person's name, or what the service is for.
    pub name: String,
    /// The person who answers for it: the manager, or the owner.
    pub answers: PersonId,
    /// Roles held now.
    pub roles: BTreeSet<Role>,
    /// What it may do now.
    pub permissions: BTreeSet<Permission>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// The last review.
    pub review: Option<Review>,
    /// What must be looked at.
    pub flags: Vec<Flag>,
}

/// A role's last review.
#[derive(Clone, Debug)]
pub struct RoleReview {
    /// The role.
    pub role: Role,
    /// Its last review.
    pub review: Option<Review>,
}

impl People {
    /// Records the decision of a review of a person's account. Nobody reviews their own.
    pub async fn review_principal(
        &self,
        id: &PrincipalId,
        decision: Decision,
        note: &str,
        reviewer: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Principal>, PeopleError> {
        let read = self.active_account(id).await?;
        if read.value.person_id.as_str() == reviewer {
            return Err(ApprovalError::Subject.into());
        }
        let review = Review { at: now, by: author.actor.id.clone(), decision, note: note.to_owned() };
        let next = Principal { review: Some(review.clone()), ..read.value.clone() };
        let mut details = describe(&next, read.version + 1);
        details.insert("decision".to_owned(), json!(decision));
        let mut change = Change::default();
        self.act_as(&mut change, author).await?;
        self.save_principal(&mut change, &read, &next)?;
        self.put_review(&mut change, id.as_str(), &review)?;
        let act = act(Event::AccessReview, principals::resource(id), Some(note), details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: next })
    }

    /// Adds a review to those of its account, all of which are kept.
    pub(super) fn put_review(&self, change: &mut Change, account: &str, review: &Review) -> Result<(), Error> {
        let id = requests::new_id(review.at)?;
        let item = table::item(&format!("reviews#{account}"), &id, review, 1)?;
        self.put(change, item, 0, &format!("review {id}"))
    }

    /// All reviews of an account, the first first.
    pub async fn reviews(&self, account: &str) -> Result<Vec<Review>, Error> {
        let partition = format!("reviews#{account}");
        let (mut after, mut reviews) = (None, Vec::new());
        loop {
            let after_one = after.as_deref();
            let listing =
                Listing { partition: &partition, after: after_one, descending: false, filter: None, limit: 100 };
            let page = self.page(&listing).await?;
            for item in &page.items {
                reviews.push(table::read(item)?.value);
            }
            let Some(next) = page.next else { return Ok(reviews) };
            after = Some(next);
        }
    }

    /// The last review of every role.
    pub async fn role_reviews(&self) -> Result<Vec<RoleReview>, Error> {
        let mut reviews = Vec::new();
        for role in Role::ALL {
            let review = self.role_review(role).await?.map(|read| read.value);
            reviews.push(RoleReview { role, review });
        }
        Ok(reviews)
    }

    async fn role_review(&self, role: Role) -> Result<Option<Versioned<Review>>, Error> {
        self.item(ROLES, role.as_str()).await?.as_ref().map(table::read).transpose()
    }

    /// Records the decision of a review of a role's definition.
    pub async fn review_role(
        &self,
        role: Role,
        decision: Decision,
        note: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<RoleReview>, Error> {
        let read = self.role_review(role).await?.map_or(0, |read| read.version);
        let review = Review { at: now, by: author.actor.id.clone(), decision, note: note.to_owned() };
        let mut change = Change::default();
        self.act_as(&mut change, author).await?;
        let what = format!("the review of role {}", role.as_str());
        self.save(&mut change, (ROLES, role.as_str()), read, &review, &what)?;
        let permissions: Vec<_> = role.permissions().iter().map(|permission| permission.as_str()).collect();
        let details = facts([
            ("role", json!(role)),
            ("decision", json!(decision)),
            ("permissions", json!(permissions)),
            ("version", json!(read + 1)),
        ]);
        let act = act(Event::RoleReview, format!("role:{}", role.as_str()), Some(note), details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: RoleReview { role, review: Some(review) } })
    }

    /// A page of the active accounts with what must be looked at: of at most `limit` (1 to 100) people, then of service
    /// accounts. `after` is the `next` of the page before; any other text is refused as `None`.
    pub async fn access_review(
        &self,
        limit: usize,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Page<AccessRow, String>>, Error> {
        let (kind, after) = match after.map(|after| after.split_once(' ')) {
            None => (PRINCIPAL, None),
            Some(Some((SERVICE, ""))) => (SERVICE, None),
            Some(Some((PRINCIPAL, after))) if PrincipalId::parse(after).is_ok() => (PRINCIPAL, Some(after)),
            Some(Some((SERVICE, after))) if ServiceAccountName::parse(after).is_ok() => (SERVICE, Some(after)),
            Some(_) => return Ok(None),
        };
        let (mut rows, next) = if kind == PRINCIPAL {
            let page = self.principals(limit, after).await?;
            let active = page.items.into_iter().filter(|held| held.value.state == PrincipalState::Active);
            let next = page.next.map_or_else(|| format!("{SERVICE} "), |next| format!("{PRINCIPAL} {next}"));
            (active.map(|held| of_person(held, now)).collect::<Vec<_>>(), Some(next))
        } else {
            let page = self.service_accounts(limit, after).await?;
            let active = page.items.into_iter().filter(|held| held.value.state == ServiceAccountState::Active);
            (active.map(of_service).collect(), page.next.map(|next| format!("{SERVICE} {next}")))
        };
        let answering = self.with_an_account(rows.iter().map(|row| &row.answers)).await?;
        for row in &mut rows {
            let reviewed = Reviewed {
                created_at: row.created_at,
                last_used_at: row.last_used_at,
                review: row.review.as_ref(),
                answered_for: answering.contains(&row.answers),
            };
            row.flags = reviewed.flags(now);
        }
        Ok(Some(Page { items: rows, next }))
    }

    /// Those of at most 100 people who have an active account.
    async fn with_an_account<'a>(
        &self,
        people: impl Iterator<Item = &'a PersonId>,
    ) -> Result<BTreeSet<PersonId>, Error> {
        let ids: BTreeSet<_> = people.map(PersonId::as_str).collect();
        let items = self.items(PERSONS, ids).await?;
        let read: Result<Vec<Versioned<Person>>, Error> = items.iter().map(table::read).collect();
        let with = read?.into_iter().filter(|person| !person.value.accounts.is_empty());
        Ok(with.map(|person| person.value.id).collect())
    }
}

fn of_person(held: Account, now: Timestamp) -> AccessRow {
    let roles = held.value.roles_at(now);
    AccessRow {
        id: held.value.id.to_string(),
        kind: ActorType::Staff,
        name: held.value.name,
        answers: held.value.manager,
        permissions: permitted(&roles),
        roles,
        created_at: held.value.created_at,
        last_used_at: held.last_used_at,
        review: held.value.review,
        flags: Vec::new(),
    }
}

fn of_service(held: ServiceAccountHeld) -> AccessRow {
    AccessRow {
        id: held.value.name.to_string(),
        kind: ActorType::ServiceAccount,
        permissions: held.value.permissions(),
        name: held.value.purpose,
        answers: held.value.owner,
        roles: BTreeSet::from([Role::System]),
        created_at: held.value.created_at,
        last_used_at: held.last_used_at,
        review: held.value.review,
        flags: Vec::new(),
    }
}
