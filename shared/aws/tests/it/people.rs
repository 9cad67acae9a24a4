//! What the tests of people start from: who asks, who approves, and accounts that are onboarded already.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::Error;
use engine_aws::audit_log::AuditLog;
use engine_aws::author::Author;
use engine_aws::change::Prepared;
use engine_aws::people::{
    Account, Approver, Carried, Judged, NewPrincipal, NewRequest, Onboarding, People, PeopleError, Proof,
};
use engine_core::access::request::{Party, Wanted};
use engine_core::access::{
    AccessRequest, BOOTSTRAP, CodeKind, OneTimeCode, PersonId, Principal, PrincipalId, PrincipalState, Role,
};
use engine_core::audit::{Actor, ActorType};
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::wire::Wire;
use jiff::Timestamp;
use serde_json::Value;

use crate::fixture::{Item, at};

/// People over tables of their own. Their calls pass `dynamo.wire()`.
pub(crate) struct Staff {
    pub(crate) dynamo: Dynamo,
    pub(crate) people: People,
    pub(crate) now: Timestamp,
}

/// What stands in the place of a request in the account of somebody who only approves.
const STAND_IN: &str = "stand-in";

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// The account of a person in these tests: `<person>@example.com`.
pub(crate) fn account(person: &str) -> PrincipalId {
    PrincipalId::parse(&format!("{person}@example.com")).unwrap()
}

pub(crate) fn person_id(person: &str) -> PersonId {
    PersonId::parse(person).unwrap()
}

pub(crate) fn party(person: &str) -> Party {
    let principal_id = if person == BOOTSTRAP { BOOTSTRAP.to_owned() } else { account(person).to_string() };
    Party { principal_id, person_id: person.to_owned() }
}

/// Who a change is recorded of.
pub(crate) fn author(person: &str) -> Author {
    let kind = if person == BOOTSTRAP { ActorType::Bootstrap } else { ActorType::Staff };
    let id = party(person).principal_id;
    Author {
        actor_ref: actor_key().actor_ref(kind, &id),
        actor: Actor { kind, id, roles: vec![] },
        request_id: "request".to_owned(),
        function: "key-admin",
        source_address: None,
    }
}

pub(crate) fn roles(roles: &[Role]) -> BTreeSet<Role> {
    roles.iter().copied().collect()
}

/// The manager of a person in these tests.
fn manager_of(person: &str) -> &'static str {
    if person == "manager" { "director" } else { "manager" }
}

/// An account for `person`.
pub(crate) fn newcomer(person: &str, held: &[Role]) -> NewPrincipal {
    NewPrincipal {
        id: account(person),
        person_id: person_id(person),
        name: "Some Body".to_owned(),
        manager: person_id(manager_of(person)),
        roles: roles(held),
        justification: "joins the desk".to_owned(),
    }
}

/// What a conflict says.
pub(crate) fn conflict<T, E: Into<PeopleError>>(result: Result<T, E>) -> String {
    match result.map_err(Into::into) {
        Err(PeopleError::Store(Error::Conflict(text))) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was done"),
    }
}

impl Staff {
    pub(crate) async fn empty() -> Self {
        let dynamo = Dynamo::start().await;
        let people = people(dynamo.client());
        Self { dynamo, people, now: at("2026-01-15T12:00:00Z") }
    }

    /// With people who hold these roles, onboarded one after the other, whoever had to agree. None has a second factor.
    pub(crate) async fn with(people: &[(&str, &[Role])]) -> Self {
        let staff = Self::empty().await;
        for (person, held) in people {
            staff.onboard(person, held).await;
        }
        staff.dynamo.wire().reset();
        staff
    }

    /// The same people, over a connection of their own.
    pub(crate) fn elsewhere(&self) -> People {
        people(self.dynamo.client_on(&Wire::default()))
    }

    pub(crate) async fn commit<T>(&self, prepared: Prepared<T>) -> Result<T, Error> {
        prepared.commit(&self.dynamo.client()).await
    }

    pub(crate) async fn request(&self, new: &NewPrincipal, maker: &str) -> Result<Onboarding, PeopleError> {
        let (key, maker_author) = (actor_key(), author(maker));
        let asked = self.people.request_principal(new, &party(maker), &key, "test", &maker_author, self.now).await?;
        Ok(self.commit(asked).await?)
    }

    pub(crate) async fn judge(&self, id: &str, by: &Party, held: &[Role]) -> Result<Judged, PeopleError> {
        self.stand_in(by, held).await;
        let approver = Approver { by, roles: &roles(held), capacity: None };
        self.people.judge(id, approver, self.now).await
    }

    /// An account for somebody who only approves, unless they have one by onboarding or were disabled.
    pub(crate) async fn stand_in(&self, by: &Party, held: &[Role]) {
        let Ok(id) = PrincipalId::parse(&by.principal_id) else { return };
        let read = self.elsewhere().principal(&id).await.unwrap();
        let (before, version) = match read {
            Some(account) if account.request_id != STAND_IN || account.value.disabled_at.is_some() => return,
            Some(account) => (account.value.roles, account.version),
            None => (BTreeSet::new(), 0),
        };
        let new = NewPrincipal { person_id: person_id(&by.person_id), ..newcomer("approver", held) };
        let principal = Principal {
            actor_ref: actor_key().actor_ref(ActorType::Staff, id.as_str()),
            id,
            person_id: new.person_id,
            name: new.name,
            manager: new.manager,
            roles: new.roles.union(&before).copied().collect(),
            state: PrincipalState::Active,
            created_at: at("2026-01-01T00:00:00Z"),
            approved_at: Some(at("2026-01-01T00:00:00Z")),
            disabled_at: None,
            elevation: None,
            review: None,
        };
        let put = self.dynamo.client_on(&Wire::default()).put_item().table_name(tables::PEOPLE);
        let put = put.item("pk", s("principals")).item("sk", s(principal.id.as_str())).item("request_id", s(STAND_IN));
        let put = put.item("document", s(&serde_json::to_string(&principal).unwrap()));
        put.item("version", AttributeValue::N((version + 1).to_string())).send().await.unwrap();
    }

    /// Takes away who stood in, so that lists hold those only who were onboarded.
    async fn without_stand_ins(&self) {
        let client = self.dynamo.client_on(&Wire::default());
        for account in self.elsewhere().principals(100, None).await.unwrap().items {
            if account.request_id == STAND_IN {
                let delete = client.delete_item().table_name(tables::PEOPLE).key("pk", s("principals"));
                delete.key("sk", s(account.value.id.as_str())).send().await.unwrap();
            }
        }
    }

    pub(crate) async fn approve(&self, id: &str, by: &str, held: &[Role]) -> Result<Carried, PeopleError> {
        let judged = self.judge(id, &party(by), held).await?;
        let prepared = self.people.approve(&judged, "test", &author(by), self.now).await?;
        Ok(self.commit(prepared).await?)
    }

    /// Asks for access and has it approved by an administrator and a security officer, as far as each is needed.
    pub(crate) async fn grant(&self, person: &str, wanted: Wanted) -> Carried {
        let request = self.ask(person, wanted).await.unwrap();
        let first = self.approve(&request.id, "some-admin", &[Role::Admin]).await.unwrap();
        if first.request.missing().is_empty() {
            return first;
        }
        self.approve(&request.id, "some-officer", &[Role::Security]).await.unwrap()
    }

    /// The person asks for their own account.
    pub(crate) async fn ask(&self, person: &str, wanted: Wanted) -> Result<AccessRequest, PeopleError> {
        let new = NewRequest { subject: account(person), wanted, justification: "is on call".to_owned() };
        let asked = self.people.request_access(&new, &party(person), &author(person), self.now).await?;
        Ok(self.commit(asked).await?)
    }

    /// Onboards by approvals; answers the ticket.
    pub(crate) async fn onboard(&self, person: &str, held: &[Role]) -> Option<OneTimeCode> {
        let asked = self.request(&newcomer(person, held), "some-maker").await.unwrap();
        self.approve(&asked.request.id, manager_of(person), &[]).await.unwrap();
        let approved = self.approve(&asked.request.id, "some-admin", &[Role::Admin]).await.unwrap();
        self.without_stand_ins().await;
        approved.ticket
    }

    /// Hands out a second factor for that ticket.
    pub(crate) async fn issue(&self, person: &str, ticket: &OneTimeCode) -> Result<(), PeopleError> {
        let proof = Proof::Ticket(ticket);
        let sealed = format!("sealed for {person}").into_bytes();
        let issued = self.people.issue_factor(&account(person), proof, sealed, &author(person), self.now).await?;
        self.commit(issued).await?;
        Ok(())
    }

    /// Proves the second factor that was handed out.
    pub(crate) async fn prove(&self, person: &str) -> Result<(), Error> {
        let read = self.people.person(&person_id(person)).await?;
        let enrolled = self.people.enrol_factor(&read, &account(person), &author(person), self.now).await?;
        self.commit(enrolled).await.map(drop)
    }

    /// Onboards and enrols.
    pub(crate) async fn enrolled(&self, person: &str, held: &[Role]) {
        let ticket = self.onboard(person, held).await.unwrap();
        self.issue(person, &ticket).await.unwrap();
        self.prove(person).await.unwrap();
    }

    pub(crate) async fn account(&self, person: &str) -> Account {
        self.people.principal(&account(person)).await.unwrap().unwrap()
    }

    /// The bodies of the log's entries, by event.
    pub(crate) async fn entries(&self) -> Vec<(String, Value)> {
        let client = self.dynamo.client_on(&Wire::default());
        let items = client.scan().table_name(tables::AUDIT).send().await.unwrap().items.unwrap_or_default();
        let read = |item: &Item, name: &str| serde_json::from_str::<Value>(item[name].as_s().unwrap()).unwrap();
        items
            .iter()
            .map(|item| (read(item, "header")["event"].as_str().unwrap().to_owned(), read(item, "body")))
            .collect()
    }

    /// The bodies of the entries of one event.
    pub(crate) async fn entries_of(&self, event: &str) -> Vec<Value> {
        self.entries().await.into_iter().filter(|(held, _)| held == event).map(|(_, body)| body).collect()
    }
}

/// People whose calls go through `client`.
pub(crate) fn people(client: aws_sdk_dynamodb::Client) -> People {
    People::new(client.clone(), tables::PEOPLE, AuditLog::new(client, tables::AUDIT))
}

/// A ticket that nobody was given.
pub(crate) fn made_up_ticket() -> OneTimeCode {
    let id = engine_core::access::KeyId::from_random([1; 9]);
    OneTimeCode::generate(CodeKind::EnrolmentTicket, "test", id, &[7; 32]).unwrap()
}
