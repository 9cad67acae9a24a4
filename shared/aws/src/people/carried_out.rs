//! What the last approval of a request brings about, in the transaction of that approval.

use engine_core::access::request::{RequestState, Wanted};
use engine_core::access::{
    AccessRequest, Administrators, CodeKind, Elevation, KeyId, OneTimeCode, Principal, PrincipalId, PrincipalState,
    Role,
};
use engine_core::audit::Event;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::principals::{Account, describe, resource};
use super::{Judged, People, PeopleError, Person, TICKET_LIFE, Ticket, Versioned, act, facts, requests};
use crate::Error;
use crate::author::{Act, Author};
use crate::change::{Change, Prepared};
use crate::clock::random_bytes;

/// What comes of an approval.
pub struct Carried {
    /// The request with the approval.
    pub request: AccessRequest,
    /// What lets the person have a second factor, where the approval allows one. In clear only here.
    pub ticket: Option<OneTimeCode>,
}

/// An account just approved, and what it means for its person and for who administers.
pub(super) struct Onboarded {
    pub(super) principal: Principal,
    pub(super) person: Person,
    pub(super) administrators: Administrators,
    pub(super) ticket: Option<OneTimeCode>,
}

/// What an approval brings about, beside the request's own next version.
struct Effect {
    event: Event,
    resource: String,
    details: Map<String, Value>,
    administrators: Administrators,
    ticket: Option<OneTimeCode>,
}

impl People {
    /// Writes an approval down; the last one carries out what was asked for, except what is not of this table alone: a
    /// service account ([`People::create_service_account`]) and terms ([`People::decided`]).
    pub async fn approve(
        &self,
        judged: &Judged,
        environment: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Carried>, PeopleError> {
        let mut change = Change::default();
        let administrators = self.administrators().await?;
        let effect = self.effect(&mut change, judged, &administrators, environment, now).await?;
        let mut details = judged.details();
        details.extend(effect.details);
        self.settle(&mut change, author, &administrators, &effect.administrators, &mut details)?;
        self.save_request(&mut change, judged)?;
        let act: Act = act(effect.event, effect.resource, None, details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: Carried { request: judged.next.clone(), ticket: effect.ticket } })
    }

    async fn effect(
        &self,
        change: &mut Change,
        judged: &Judged,
        administrators: &Versioned<Administrators>,
        environment: &str,
        now: Timestamp,
    ) -> Result<Effect, Error> {
        let request = &judged.next;
        if request.state == RequestState::Open {
            let details = facts([
                ("capacity", json!(judged.last().map(|approval| approval.capacity))),
                ("subject", json!(request.subject)),
                ("version", json!(judged.read.version + 1)),
            ]);
            let (event, resource) = (Event::RequestApprove, requests::resource(&request.id));
            let administrators = administrators.value.clone();
            return Ok(Effect { event, resource, details, administrators, ticket: None });
        }
        if let Wanted::Onboarding { .. } = request.wanted {
            return self.onboard(change, request, administrators, environment, now).await;
        }
        let account = self.subject(request).await?;
        match &request.wanted {
            Wanted::RoleGrant { roles } => {
                let mut next = account.value.clone();
                next.roles.extend(roles);
                let mut details = describe(&next, account.version + 1);
                details.insert("granted".to_owned(), json!(roles));
                let person = self.person(&next.person_id).await?;
                let (changed, administrators) = administering(&next, &person.value, &administrators.value, now);
                self.save_person(change, &person, &changed, &mut details)?;
                self.save_principal(change, &account, &next)?;
                let (event, resource) = (Event::PrincipalRoleGrant, resource(&next.id));
                Ok(Effect { event, resource, details, administrators, ticket: None })
            }
            Wanted::Elevation { roles, hours } => {
                let elevation = elevation(&account.value, roles, *hours, &request.id, now)?;
                let mut details = describe(&account.value, account.version + 1);
                details.insert("elevation".to_owned(), json!(elevation));
                let next = Principal { elevation: Some(elevation), ..account.value.clone() };
                self.save_principal(change, &account, &next)?;
                let (event, resource) = (Event::PrincipalElevationGrant, resource(&next.id));
                Ok(Effect { event, resource, details, administrators: administrators.value.clone(), ticket: None })
            }
            Wanted::ReEnrolment => {
                let person = self.person(&account.value.person_id).await?;
                let (ticket, held) = ticket(environment, now)?;
                let next = Person { ticket: Some(held), enrolled: None, issued: None, ..person.value.clone() };
                let mut details = describe(&account.value, account.version);
                self.save_person(change, &person, &next, &mut details)?;
                let (event, resource) = (Event::PrincipalReEnrolmentGrant, resource(&account.value.id));
                // Without a second factor nobody administers; enrolling the new one puts them back.
                let last = || Error::Conflict(format!("account {} is the last administrator's", account.value.id));
                let administrators = administrators.value.without_person(&next.id).ok_or_else(last)?;
                Ok(Effect { event, resource, details, administrators, ticket: Some(ticket) })
            }
            Wanted::Onboarding { .. } | Wanted::ServiceAccount { .. } | Wanted::Terms { .. } => {
                Err(Error::corrupt("request", "it is carried out elsewhere"))
            }
        }
    }

    async fn onboard(
        &self,
        change: &mut Change,
        request: &AccessRequest,
        administrators: &Versioned<Administrators>,
        environment: &str,
        now: Timestamp,
    ) -> Result<Effect, Error> {
        let gone = || Error::Conflict(format!("account {} does not wait for this request", request.subject));
        let account = self.waiting_account(request).await?.ok_or_else(gone)?;
        let person = self.person(&account.value.person_id).await?;
        let onboarded = onboarded(&account.value, &person, administrators, environment, now)?;
        let mut details = describe(&onboarded.principal, account.version + 1);
        self.save_person(change, &person, &onboarded.person, &mut details)?;
        self.save_principal(change, &account, &onboarded.principal)?;
        let (event, resource) = (Event::PrincipalOnboard, resource(&account.value.id));
        let (administrators, ticket) = (onboarded.administrators, onboarded.ticket);
        Ok(Effect { event, resource, details, administrators, ticket })
    }

    /// The active account that a request is about, if it is still the one that was meant.
    async fn subject(&self, request: &AccessRequest) -> Result<Account, Error> {
        let id = PrincipalId::parse(&request.subject).map_err(|error| Error::corrupt("request", error))?;
        let account = self.active_account(&id).await?;
        let meant = account.value.created_at <= request.created_at
            && Some(&account.value.person_id) == request.subject_person.as_ref();
        if meant { Ok(account) } else { Err(Error::Conflict(format!("account {id} was onboarded anew since"))) }
    }
}

/// A requested account, approved. Its person gets a ticket where they have no second factor.
pub(super) fn onboarded(
    requested: &Principal,
    person: &Versioned<Person>,
    administrators: &Versioned<Administrators>,
    environment: &str,
    now: Timestamp,
) -> Result<Onboarded, Error> {
    let principal = Principal { state: PrincipalState::Active, approved_at: Some(now), ..requested.clone() };
    let (mut person, administrators) = administering(&principal, &person.value, &administrators.value, now);
    person.accounts.insert(principal.id.clone());
    let mut code = None;
    if person.enrolled.is_none() {
        let (ticket, held) = ticket(environment, now)?;
        person.ticket = Some(held);
        code = Some(ticket);
    }
    Ok(Onboarded { principal, person, administrators, ticket: code })
}

/// The person and the administrators once the account holds its roles: who administers needs the role and a second factor.
fn administering(
    principal: &Principal,
    person: &Person,
    administrators: &Administrators,
    now: Timestamp,
) -> (Person, Administrators) {
    let mut person = person.clone();
    if !principal.roles.contains(&Role::Admin) {
        return (person, administrators.clone());
    }
    person.administers.insert(principal.id.clone());
    let next = match person.enrolled {
        Some(_) => administrators.with(person.id.clone(), principal.id.clone(), now),
        None => administrators.clone(),
    };
    (person, next)
}

/// Roles for so many hours from `now` on. Those of another elevation must have ended: two would need two ends.
fn elevation(
    principal: &Principal,
    roles: &std::collections::BTreeSet<Role>,
    hours: u64,
    request_id: &str,
    now: Timestamp,
) -> Result<Elevation, Error> {
    if principal.elevation.as_ref().is_some_and(|held| now < held.until) {
        return Err(Error::Conflict(format!("account {} is elevated already", principal.id)));
    }
    let hours = i64::try_from(hours).map_err(|error| Error::corrupt("hours of an elevation", error))?;
    Ok(Elevation {
        roles: roles.clone(),
        until: now + SignedDuration::from_hours(hours),
        request_id: request_id.to_owned(),
    })
}

/// A new ticket, and what is kept of it.
fn ticket(environment: &str, now: Timestamp) -> Result<(OneTimeCode, Ticket), Error> {
    let (id, secret) = (KeyId::from_random(random_bytes()?), Zeroizing::new(random_bytes()?));
    let code = OneTimeCode::generate(CodeKind::EnrolmentTicket, environment, id, &secret)
        .map_err(|_| Error::corrupt("environment", "must be 2 to 10 lower-case letters or digits"))?;
    let held = Ticket { hash: code.hash(), expires_at: now + TICKET_LIFE };
    Ok((code, held))
}
