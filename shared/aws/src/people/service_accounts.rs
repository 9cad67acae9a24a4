//! Service accounts: asked for, created by the approval of the security team, ended at once.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::request::{ApprovalError, Party, RequestState, Wanted};
use engine_core::access::review::{Decision, Review};
use engine_core::access::service_account::{CredentialHashes, ServiceAccountState, scope};
use engine_core::access::{AccessRequest, KeyHash, PersonId, ServiceAccount, ServiceAccountName};
use engine_core::audit::{ActorType, Event, SecretKey};
use engine_core::field::FieldError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::table::{self, Listing, RESERVATIONS, SERVICE_ACCOUNTS};
use super::{Judged, People, PeopleError, Versioned, act, facts, requests};
use crate::author::Author;
use crate::change::{Change, Prepared};
use crate::directory::Page;
use crate::item::{Item, absent, n, s, string, time};
use crate::{Error, transact};

/// How long a name is reserved, in milliseconds.
const RESERVED_MS: i64 = 120_000;

/// A name that nobody else may write a credential for meanwhile.
#[derive(Clone, Debug)]
#[must_use = "what is made under it must say so"]
pub struct Reservation {
    name: String,
    holder: String,
}

/// A service account as stored.
#[derive(Clone, Debug)]
pub struct ServiceAccountHeld {
    /// The account.
    pub value: ServiceAccount,
    /// Counts its changes, from 1. Its use is none.
    pub version: u64,
    /// What is kept of its credential.
    pub hashes: CredentialHashes,
    /// When it last got a token, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// How it came by its current credential; nothing where that was not noted at its creation.
    pub rotated: Option<Rotated>,
}

/// How a service account came by its current credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// When.
    pub at: Timestamp,
    /// By whom: the actor's id.
    pub by: String,
    /// Why.
    pub because: String,
}

/// A service account as asked for.
#[derive(Clone, Debug)]
pub struct NewServiceAccount {
    /// Its name.
    pub name: ServiceAccountName,
    /// What it is for, 10 to 500 characters.
    pub purpose: String,
    /// The person who answers for it.
    pub owner: PersonId,
    /// Names of the permissions that it needs, at least one, of those that services may have.
    pub scopes: BTreeSet<String>,
    /// Why, 10 to 1,000 characters.
    pub justification: String,
}

impl People {
    /// The service account with that name, as of everything written before.
    pub async fn service_account(&self, name: &ServiceAccountName) -> Result<Option<ServiceAccountHeld>, Error> {
        self.item(SERVICE_ACCOUNTS, name.as_str()).await?.as_ref().map(read).transpose()
    }

    /// A page of at most `limit` (1 to 100) service accounts by name, after that one.
    pub async fn service_accounts(
        &self,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<ServiceAccountHeld, String>, Error> {
        let listing = Listing { partition: SERVICE_ACCOUNTS, after, descending: false, filter: None, limit };
        let page = self.page(&listing).await?;
        Ok(Page { items: page.items.iter().map(read).collect::<Result<_, _>>()?, next: page.next })
    }

    /// Records that a service account was used at `now`, at most once an hour.
    pub async fn touch_service_account(&self, name: &ServiceAccountName, now: Timestamp) -> Result<(), Error> {
        self.touch((SERVICE_ACCOUNTS, name.as_str()), now).await
    }

    /// Asks for a service account. A name is never used again.
    pub async fn request_service_account(
        &self,
        new: &NewServiceAccount,
        maker: &Party,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<AccessRequest>, PeopleError> {
        if new.scopes.is_empty() || new.scopes.iter().any(|name| scope(name).is_none()) {
            return Err(vec![FieldError::new("scopes", "must be permissions that services may have")].into());
        }
        self.unused(&new.name).await?;
        let wanted = Wanted::ServiceAccount { purpose: new.purpose.clone(), scopes: new.scopes.clone() };
        let request = AccessRequest {
            subject_person: Some(new.owner.clone()),
            ..requests::opened(wanted, new.name.as_str(), maker, &new.justification, now)?
        };
        let details =
            facts([("purpose", json!(new.purpose)), ("owner", json!(new.owner)), ("scopes", json!(new.scopes))]);
        let mut change = Change::default();
        self.open(&mut change, &request, Event::ServiceAccountRequest, details, author, now)?;
        Ok(Prepared { change, value: request })
    }

    /// A conflict where the name is taken, or was.
    pub async fn unused(&self, name: &ServiceAccountName) -> Result<(), Error> {
        match self.service_account(name).await? {
            None => Ok(()),
            Some(held) => Err(Error::Conflict(format!("service account {name} is {}", held.value.state.as_str()))),
        }
    }

    /// Keeps everyone else from carrying out this or another request for the same name for two minutes: the credential is
    /// written outside the table, by name, and must be the one whose hash is kept. A run that is cut off blocks no longer than
    /// that, and one that is overtaken is lost.
    pub async fn reserve(&self, judged: &Judged, now: Timestamp) -> Result<Reservation, Error> {
        let reservation = Reservation { name: judged.next.subject.clone(), holder: requests::new_id(now)? };
        let now = now.as_millisecond();
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(table::key(RESERVATIONS, &reservation.name)))
            .update_expression("SET holder = :holder, reserved_until = :until")
            .condition_expression("attribute_not_exists(reserved_until) OR reserved_until <= :now")
            .expression_attribute_values(":holder", s(&reservation.holder))
            .expression_attribute_values(":now", n(now))
            .expression_attribute_values(":until", n(now + RESERVED_MS))
            .send()
            .await;
        if transact::updated(update)? {
            return Ok(reservation);
        }
        let name = reservation.name;
        Err(Error::Conflict(format!("service account {name} is being made: look at it again in two minutes")))
    }

    /// Adds that a reservation is for good, as its name is used: lost where it is somebody else's by now.
    fn keep(&self, change: &mut Change, reservation: &Reservation) -> Result<(), Error> {
        let Reservation { name, holder } = reservation;
        let values = [(":holder", s(holder)), (":ever", n(i64::MAX))];
        let place = table::key(RESERVATIONS, name);
        let lost = format!("service account {name} is being made by somebody else: look at it again in two minutes");
        change.update(&self.table, place, "SET reserved_until = :ever", "holder = :holder", values, lost)
    }

    /// Creates the service account of an approved request. `hash` is that of the credential, which was written to Secrets
    /// Manager under that reservation and is nowhere else.
    pub async fn create_service_account(
        &self,
        judged: &Judged,
        reservation: &Reservation,
        hash: &KeyHash,
        actor_key: &SecretKey,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<ServiceAccount>, PeopleError> {
        let account = asked_for(&judged.next, actor_key, now)?;
        let name = &account.name;
        let mut change = Change::default();
        let mut item = table::item(SERVICE_ACCOUNTS, name.as_str(), &account, 1)?;
        item.extend([
            ("current_hash".to_owned(), AttributeValue::B(Blob::new(hash.as_bytes()))),
            ("rotated_at".to_owned(), n(now.as_millisecond())),
            ("rotated_by".to_owned(), s(&author.actor.id)),
            ("rotated_because".to_owned(), s("created")),
        ]);
        self.put(&mut change, item, 0, &format!("service account {name}"))?;
        self.keep(&mut change, reservation)?;
        self.decided(&mut change, judged, author).await?;
        let mut details = judged.details();
        details.extend(describe(&account, 1));
        let act = act(Event::ServiceAccountCreate, resource(name), None, details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: account })
    }

    /// Disables a service account: refused from the next request on. Final.
    pub async fn disable_service_account(
        &self,
        name: &ServiceAccountName,
        reason: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<ServiceAccount>, Error> {
        let read = self.active_service_account(name).await?;
        let next =
            ServiceAccount { state: ServiceAccountState::Disabled, disabled_at: Some(now), ..read.value.clone() };
        let details = describe(&next, read.version + 1);
        self.change_service_account(Event::ServiceAccountDisable, &read, next, (reason, details), author, now).await
    }

    /// Records the decision of a review of a service account. Nobody reviews one that they answer for.
    pub async fn review_service_account(
        &self,
        name: &ServiceAccountName,
        decision: Decision,
        note: &str,
        reviewer: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<ServiceAccount>, PeopleError> {
        let read = self.active_service_account(name).await?;
        if read.value.owner.as_str() == reviewer {
            return Err(ApprovalError::Subject.into());
        }
        let review = Review { at: now, by: author.actor.id.clone(), decision, note: note.to_owned() };
        let mut details = describe(&read.value, read.version + 1);
        details.insert("decision".to_owned(), json!(decision));
        let next = ServiceAccount { review: Some(review.clone()), ..read.value.clone() };
        let event = Event::ServiceAccountReview;
        let mut prepared = self.change_service_account(event, &read, next, (note, details), author, now).await?;
        self.put_review(&mut prepared.change, name.as_str(), &review)?;
        Ok(prepared)
    }

    pub(super) async fn active_service_account(&self, name: &ServiceAccountName) -> Result<ServiceAccountHeld, Error> {
        let held = self.service_account(name).await?;
        let held = held.ok_or_else(|| Error::NotFound(format!("service account {name}")))?;
        match held.value.state {
            ServiceAccountState::Active => Ok(held),
            state @ ServiceAccountState::Disabled => {
                Err(Error::Conflict(format!("service account {name} is {}", state.as_str())))
            }
        }
    }

    async fn change_service_account(
        &self,
        event: Event,
        read: &ServiceAccountHeld,
        next: ServiceAccount,
        (reason, details): (&str, Map<String, Value>),
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<ServiceAccount>, Error> {
        let mut change = Change::default();
        self.act_as(&mut change, author).await?;
        let what = format!("service account {}", next.name);
        self.save(&mut change, (SERVICE_ACCOUNTS, next.name.as_str()), read.version, &next, &what)?;
        let act = act(event, resource(&next.name), Some(reason), details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: next })
    }
}

/// The account that an approved request asks for.
fn asked_for(request: &AccessRequest, actor_key: &SecretKey, now: Timestamp) -> Result<ServiceAccount, Error> {
    let (Wanted::ServiceAccount { purpose, scopes }, RequestState::Approved, Some(owner)) =
        (&request.wanted, request.state, &request.subject_person)
    else {
        return Err(Error::corrupt("request", "it is not an approved one for a service account"));
    };
    let name = ServiceAccountName::parse(&request.subject).map_err(|error| Error::corrupt("request", error))?;
    Ok(ServiceAccount {
        actor_ref: actor_key.actor_ref(ActorType::ServiceAccount, name.as_str()),
        name,
        purpose: purpose.clone(),
        owner: owner.clone(),
        scopes: scopes.clone(),
        state: ServiceAccountState::Active,
        created_at: now,
        disabled_at: None,
        review: None,
    })
}

pub(super) fn describe(account: &ServiceAccount, version: u64) -> Map<String, Value> {
    facts([
        ("name", json!(account.name)),
        ("owner", json!(account.owner)),
        ("scopes", json!(account.scopes)),
        ("version", json!(version)),
    ])
}

pub(super) fn resource(name: &ServiceAccountName) -> String {
    format!("service_account:{name}")
}

fn read(item: &Item) -> Result<ServiceAccountHeld, Error> {
    let Versioned { value, version } = table::read(item)?;
    let hash = |name| item.contains_key(name).then(|| hash(item, name)).transpose();
    Ok(ServiceAccountHeld {
        value,
        version,
        hashes: CredentialHashes { current: hash("current_hash")?, pending: hash("pending_hash")? },
        last_used_at: item.contains_key("last_used_at").then(|| time(item, "last_used_at")).transpose()?,
        rotated: item.contains_key("rotated_at").then(|| rotated(item)).transpose()?,
    })
}

fn rotated(item: &Item) -> Result<Rotated, Error> {
    Ok(Rotated {
        at: time(item, "rotated_at")?,
        by: string(item, "rotated_by")?.to_owned(),
        because: string(item, "rotated_because")?.to_owned(),
    })
}

fn hash(item: &Item, name: &'static str) -> Result<KeyHash, Error> {
    let bytes = item.get(name).and_then(|value| value.as_b().ok());
    bytes.and_then(|blob| KeyHash::from_stored(blob.as_ref())).ok_or_else(|| absent(name))
}
