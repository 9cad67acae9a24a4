//! People's accounts: asked for, approved, used, and ended at once.

use std::collections::BTreeSet;

use engine_core::access::request::{Party, Wanted};
use engine_core::access::{
    AccessRequest, BOOTSTRAP, Elevation, OneTimeCode, PersonId, Principal, PrincipalId, PrincipalState, Role,
};
use engine_core::audit::{ActorType, Event, SecretKey};
use engine_core::field::FieldError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::table::{self, Listing, PRINCIPALS};
use super::{People, PeopleError, Person, Versioned, act, facts, is_bootstrap};
use crate::Error;
use crate::author::Author;
use crate::change::{Change, Prepared};
use crate::directory::Page;
use crate::item::{Item, s, string, time};

/// An account as stored.
#[derive(Clone, Debug)]
pub struct Account {
    /// The account.
    pub value: Principal,
    /// Counts its changes, from 1. Its use is none.
    pub version: u64,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// The onboarding request that it came of.
    pub request_id: String,
}

/// An account as asked for.
#[derive(Clone, Debug)]
pub struct NewPrincipal {
    /// The account's id: the `sub` of its tokens.
    pub id: PrincipalId,
    /// Whose.
    pub person_id: PersonId,
    /// The person's name, 1 to 200 characters.
    pub name: String,
    /// The manager, who must approve.
    pub manager: PersonId,
    /// Roles that people hold, at least one.
    pub roles: BTreeSet<Role>,
    /// Why, 10 to 1,000 characters.
    pub justification: String,
}

/// An account just asked for. By the bootstrap administrator it is approved at once.
pub struct Onboarding {
    /// The account.
    pub principal: Principal,
    /// What must be approved.
    pub request: AccessRequest,
    /// What lets the person have a second factor, where the account is active and they have none. In clear only here.
    pub ticket: Option<OneTimeCode>,
}

impl NewPrincipal {
    /// What cannot be: reserved ids, a request that nobody could approve, roles that people do not hold.
    fn check(&self, maker: &Party) -> Result<(), Vec<FieldError>> {
        let reserved = "is reserved";
        let people_hold = |role: &Role| Role::OF_PEOPLE.contains(role);
        let refused = [
            (self.id.as_str() == BOOTSTRAP, "principal_id", reserved),
            (self.person_id.as_str() == BOOTSTRAP, "person_id", reserved),
            (self.manager.as_str() == BOOTSTRAP, "manager", reserved),
            (self.manager == self.person_id, "manager", "must be another person"),
            (self.manager.as_str() == maker.person_id, "manager", "must not be who asks: the manager approves"),
            (self.roles.is_empty() || !self.roles.iter().all(people_hold), "roles", "must be roles that people hold"),
        ];
        let errors: Vec<_> = refused
            .into_iter()
            .filter(|(refused, ..)| *refused)
            .map(|(_, field, message)| FieldError::new(field, message))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

impl People {
    /// The account with that id, as of everything written before.
    pub async fn principal(&self, id: &PrincipalId) -> Result<Option<Account>, Error> {
        self.item(PRINCIPALS, id.as_str()).await?.as_ref().map(read).transpose()
    }

    /// A page of at most `limit` (1 to 100) accounts by id, after that one.
    pub async fn principals(&self, limit: usize, after: Option<&str>) -> Result<Page<Account, String>, Error> {
        let listing = Listing { partition: PRINCIPALS, after, descending: false, filter: None, limit };
        let page = self.page(&listing).await?;
        Ok(Page { items: page.items.iter().map(read).collect::<Result<_, _>>()?, next: page.next })
    }

    /// Records that an account was used at `now`, at most once an hour.
    pub async fn touch_principal(&self, id: &PrincipalId, now: Timestamp) -> Result<(), Error> {
        self.touch((PRINCIPALS, id.as_str()), now).await
    }

    /// The account with that id, or that there is none.
    pub(super) async fn account(&self, id: &PrincipalId) -> Result<Account, Error> {
        self.principal(id).await?.ok_or_else(|| Error::NotFound(format!("account {id}")))
    }

    /// The active account with that id.
    pub(super) async fn active_account(&self, id: &PrincipalId) -> Result<Account, Error> {
        let account = self.account(id).await?;
        match account.value.state {
            PrincipalState::Active => Ok(account),
            state => Err(Error::Conflict(format!("account {id} is {}", state.as_str()))),
        }
    }

    /// Asks for an account. The bootstrap administrator's request is approved by being made, while it may still act.
    ///
    /// An id that is taken is a conflict, unless its account is disabled: who comes back is onboarded anew.
    pub async fn request_principal(
        &self,
        new: &NewPrincipal,
        maker: &Party,
        actor_key: &SecretKey,
        environment: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Onboarding>, PeopleError> {
        new.check(maker)?;
        let held = self.principal(&new.id).await?;
        if let Some(held) = held.as_ref().filter(|held| held.value.state != PrincipalState::Disabled) {
            return Err(Error::Conflict(format!("account {} is {}", new.id, held.value.state.as_str())).into());
        }
        let read = held.map_or(0, |held| held.version);
        let by_bootstrap = is_bootstrap(author);
        let request = new.request(maker, now)?;
        let request = if by_bootstrap { request.approved_by_bootstrap(now) } else { request };
        let mut onboarding = Onboarding { principal: new.principal(actor_key, now), request, ticket: None };
        let mut change = Change::default();
        let mut details = onboarding.details(read + 1);
        let event = if by_bootstrap {
            let administrators = self.administrators().await?;
            let person = self.person(&new.person_id).await?;
            let onboarded =
                super::carried_out::onboarded(&onboarding.principal, &person, &administrators, environment, now)?;
            self.save_person(&mut change, &person, &onboarded.person, &mut details)?;
            self.settle(&mut change, author, &administrators, &onboarded.administrators, &mut details)?;
            onboarding.principal = onboarded.principal;
            onboarding.ticket = onboarded.ticket;
            details.insert("approvals".to_owned(), json!(onboarding.request.approvals));
            Event::PrincipalOnboard
        } else {
            Event::PrincipalRequest
        };
        self.put_principal(&mut change, &onboarding, read)?;
        self.open_request(&mut change, &onboarding.request)?;
        let act = act(event, resource(&new.id), Some(&new.justification), details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: onboarding })
    }

    /// Disables an account: refused from the next request on. The last administrator cannot be.
    pub async fn disable_principal(
        &self,
        id: &PrincipalId,
        reason: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Principal>, Error> {
        let read = self.account(id).await?;
        if read.value.state == PrincipalState::Disabled {
            return Err(Error::Conflict(format!("account {id} is DISABLED already")));
        }
        let was_active = read.value.state == PrincipalState::Active;
        let next = Principal {
            state: PrincipalState::Disabled,
            disabled_at: Some(now),
            elevation: None,
            ..read.value.clone()
        };
        let mut change = Change::default();
        let mut details = describe(&next, read.version + 1);
        if was_active {
            let person = self.person(&next.person_id).await?;
            self.save_person(&mut change, &person, &person.value.without_account(id), &mut details)?;
        }
        self.leave_administrators(&mut change, id, author, &mut details).await?;
        self.save_principal(&mut change, &read, &next)?;
        let act = act(Event::PrincipalDisable, resource(id), Some(reason), details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: next })
    }

    /// Takes a role away, at once, however it is held. The last administrator keeps theirs.
    pub async fn remove_role(
        &self,
        id: &PrincipalId,
        role: Role,
        reason: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Principal>, Error> {
        let read = self.active_account(id).await?;
        let next = without_role(&read.value, role, now);
        if next == read.value {
            return Err(Error::Conflict(format!("account {id} does not hold the role {}", role.as_str())));
        }
        let mut change = Change::default();
        let mut details = describe(&next, read.version + 1);
        details.insert("role".to_owned(), json!(role));
        let person = self.person(&next.person_id).await?;
        let mut changed = person.value.clone();
        if role == Role::Admin && changed.administers.remove(id) {
            self.save_person(&mut change, &person, &changed, &mut details)?;
            self.leave_administrators(&mut change, id, author, &mut details).await?;
        } else {
            self.act_as(&mut change, author).await?;
        }
        self.save_principal(&mut change, &read, &next)?;
        let act = act(Event::PrincipalRoleRemove, resource(id), Some(reason), details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: next })
    }

    /// Adds that an account administers no more, if it did.
    async fn leave_administrators(
        &self,
        change: &mut Change,
        id: &PrincipalId,
        author: &Author,
        details: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        let administrators = self.administrators().await?;
        let next = if administrators.value.contains(id) {
            let last = || Error::Conflict(format!("account {id} is the last administrator's"));
            administrators.value.without(id).ok_or_else(last)?
        } else {
            administrators.value.clone()
        };
        self.settle(change, author, &administrators, &next, details)
    }

    /// Adds a new account, in the place of the disabled one that was read.
    fn put_principal(&self, change: &mut Change, onboarding: &Onboarding, read: u64) -> Result<(), Error> {
        let id = &onboarding.principal.id;
        let mut item = table::item(PRINCIPALS, id.as_str(), &onboarding.principal, read + 1)?;
        item.insert("request_id".into(), s(&onboarding.request.id));
        self.put(change, item, read, &format!("account {id}"))
    }

    /// Adds the next version of an account.
    pub(super) fn save_principal(&self, change: &mut Change, read: &Account, next: &Principal) -> Result<(), Error> {
        let what = format!("account {}", next.id);
        self.save(change, (PRINCIPALS, next.id.as_str()), read.version, next, &what)
    }

    /// Adds the next version of a person, if it differs, and says so in `details`.
    pub(super) fn save_person(
        &self,
        change: &mut Change,
        read: &Versioned<Person>,
        next: &Person,
        details: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        if read.value == *next {
            return Ok(());
        }
        details.insert("person_version".to_owned(), json!(read.version + 1));
        let what = format!("person {}", next.id);
        self.save(change, (table::PERSONS, next.id.as_str()), read.version, next, &what)
    }
}

impl NewPrincipal {
    fn request(&self, maker: &Party, now: Timestamp) -> Result<AccessRequest, Error> {
        let wanted = Wanted::Onboarding { roles: self.roles.clone() };
        Ok(AccessRequest {
            subject_person: Some(self.person_id.clone()),
            manager: Some(self.manager.clone()),
            ..super::requests::opened(wanted, self.id.as_str(), maker, &self.justification, now)?
        })
    }

    fn principal(&self, actor_key: &SecretKey, now: Timestamp) -> Principal {
        Principal {
            id: self.id.clone(),
            person_id: self.person_id.clone(),
            name: self.name.clone(),
            manager: self.manager.clone(),
            roles: self.roles.clone(),
            state: PrincipalState::Requested,
            created_at: now,
            approved_at: None,
            disabled_at: None,
            elevation: None,
            review: None,
            actor_ref: actor_key.actor_ref(ActorType::Staff, self.id.as_str()),
        }
    }
}

impl Onboarding {
    fn details(&self, version: u64) -> Map<String, Value> {
        let mut details = describe(&self.principal, version);
        details.extend(facts([
            ("manager", json!(self.principal.manager)),
            ("request_id", json!(self.request.id)),
            ("request_version", json!(1)),
        ]));
        details
    }
}

/// An account, as recorded: never the person's name, which the account itself has.
pub(super) fn describe(principal: &Principal, version: u64) -> Map<String, Value> {
    facts([
        ("principal_id", json!(principal.id)),
        ("person_id", json!(principal.person_id)),
        ("roles", json!(principal.roles)),
        ("version", json!(version)),
    ])
}

/// What an account is called in the record.
pub(super) fn resource(id: &PrincipalId) -> String {
    format!("principal:{id}")
}

/// An account without a role, whether it is held until it is taken away or for a time.
fn without_role(principal: &Principal, role: Role, now: Timestamp) -> Principal {
    let mut next = principal.clone();
    next.roles.remove(&role);
    if let Some(elevation) = next.elevation.as_mut().filter(|elevation| now < elevation.until) {
        elevation.roles.remove(&role);
    }
    next.elevation = next.elevation.filter(|elevation: &Elevation| !elevation.roles.is_empty());
    next
}

pub(super) fn read(item: &Item) -> Result<Account, Error> {
    let Versioned { value, version } = table::read(item)?;
    Ok(Account {
        value,
        version,
        last_used_at: item.contains_key("last_used_at").then(|| time(item, "last_used_at")).transpose()?,
        request_id: string(item, "request_id")?.to_owned(),
    })
}
