//! Second factors: handed out only against a ticket or the factor before, and counted once they are proved.

use engine_core::access::{OneTimeCode, PersonId, PrincipalId};
use engine_core::audit::Event;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, json};

use super::table::{self, Listing, PERSONS};
use super::{Factor, People, PeopleError, Person, Ticket, Versioned, act, facts};
use crate::Error;
use crate::author::Author;
use crate::change::{Change, Prepared};
use crate::directory::Page;

/// How long an enrolment ticket is good.
pub const TICKET_LIFE: SignedDuration = SignedDuration::from_hours(72);

/// What proves that a second factor may be handed out. A token does not: it can be stolen.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// The ticket that came with an approval.
    Ticket(&'a OneTimeCode),
    /// A code of the factor that is to be replaced, judged right.
    OldFactor,
}

impl People {
    /// The person with that id, as of everything written before: version 0 where nothing is known of them.
    pub async fn person(&self, id: &PersonId) -> Result<Versioned<Person>, Error> {
        let item = self.item(PERSONS, id.as_str()).await?;
        let nobody = || Ok(Versioned { value: Person::new(id.clone()), version: 0 });
        item.map_or_else(nobody, |item| table::read(&item))
    }

    /// A page of at most `limit` (1 to 100) people by id, after that one: all who ever had an account.
    pub async fn persons(&self, limit: usize, after: Option<&str>) -> Result<Page<Versioned<Person>, String>, Error> {
        let listing = Listing { partition: PERSONS, after, descending: false, filter: None, limit };
        let page = self.page(&listing).await?;
        Ok(Page { items: page.items.iter().map(table::read).collect::<Result<_, _>>()?, next: page.next })
    }

    /// Hands out a second factor, sealed, which works once it is proved. A ticket is used up; the factor before works until
    /// then.
    pub async fn issue_factor(
        &self,
        account: &PrincipalId,
        proof: Proof<'_>,
        sealed: Vec<u8>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Factor>, PeopleError> {
        let account = self.active_account(account).await?.value;
        let person = self.person(&account.person_id).await?;
        let mut next = person.value.clone();
        let by = match proof {
            Proof::Ticket(code) if next.ticket.as_ref().is_some_and(|ticket| ticket.admits(code, now)) => {
                next.ticket = None;
                "ticket"
            }
            Proof::OldFactor if next.enrolled.is_some() => "factor",
            Proof::Ticket(_) | Proof::OldFactor => return Err(PeopleError::NotProved),
        };
        let factor = Factor { sealed, issued_at: now, enrolled_at: None };
        next.issued = Some(factor.clone());
        let mut details =
            facts([("principal_id", json!(account.id)), ("by", json!(by)), ("version", json!(person.version + 1))]);
        let mut change = Change::default();
        self.save_person(&mut change, &person, &next, &mut details)?;
        let act = act(Event::FactorIssue, resource(&next.id), None, details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: factor })
    }

    /// Enrols the factor that waits in `read`, whose first code was judged right. Their accounts that hold the role admin
    /// administer from now on, which may end the bootstrap path.
    pub async fn enrol_factor(
        &self,
        read: &Versioned<Person>,
        account: &PrincipalId,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Person>, Error> {
        let mut next = read.value.clone();
        let Some(factor) = next.issued.take() else {
            return Err(Error::Conflict(format!("no second factor of {} waits for its first code", next.id)));
        };
        next.enrolled = Some(Factor { enrolled_at: Some(now), ..factor });
        next.ticket = None;
        let administrators = self.administrators().await?;
        let mut after = administrators.value.clone();
        for administering in &next.administers {
            after = after.with(next.id.clone(), administering.clone(), now);
        }
        let mut details: Map<_, _> = facts([("principal_id", json!(account)), ("version", json!(read.version + 1))]);
        let mut change = Change::default();
        self.save_person(&mut change, read, &next, &mut details)?;
        self.settle(&mut change, author, &administrators, &after, &mut details)?;
        let act = act(Event::FactorEnrol, resource(&next.id), None, details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: next })
    }
}

impl Ticket {
    fn admits(&self, code: &OneTimeCode, now: Timestamp) -> bool {
        self.hash == code.hash() && now < self.expires_at
    }
}

/// What a person is called in the record.
fn resource(id: &PersonId) -> String {
    format!("person:{id}")
}
