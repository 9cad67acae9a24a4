//! People: elevations that are over, and second factors that are to be enrolled anew.

use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::change::Change;
use engine_aws::people::{Account, Person, Versioned};
use engine_core::rotation::{CredentialKind, Notice, NoticeKind};
use engine_core::time::rfc3339;

use crate::due::{Finding, committed};
use crate::tally::Tally;
use crate::{CredentialSweep, PAGE};

impl CredentialSweep {
    /// Takes elevations that are over off their accounts.
    pub(crate) async fn sweep_elevations(&self, author: &Author, tally: &mut Tally) {
        let mut after = None;
        loop {
            let page = match self.people.principals(PAGE, after.as_deref()).await {
                Ok(page) => page,
                Err(error) => return tally.fail("elevations", error),
            };
            for held in &page.items {
                match self.end_elevation(held, author).await {
                    Ok(ended) => tally.done.elevations_ended += usize::from(ended),
                    // The id of an account may be an address: a line of the log has its reference.
                    Err(error) => tally.fail(format!("elevation of {}", held.value.actor_ref.as_str()), error),
                }
            }
            after = page.next;
            if after.is_none() {
                return;
            }
        }
    }

    async fn end_elevation(&self, held: &Account, author: &Author) -> Result<bool, Error> {
        let now = self.clock.now();
        let Some(ended) = self.people.end_elevation(held, author, now)? else { return Ok(false) };
        let (mut change, elevation) = (ended.change, ended.value);
        let roles: Vec<_> = elevation.roles.iter().map(|role| role.as_str()).collect();
        let notice = Notice {
            kind: NoticeKind::ElevationEnded,
            credential_kind: None,
            credential: held.value.id.to_string(),
            turn: elevation.request_id.clone(),
            client_id: None,
            due_at: None,
            text: format!(
                "The roles {} were held until {} and have ended.\nRequest: {}.",
                roles.join(", "),
                rfc3339(elevation.until),
                elevation.request_id,
            ),
            made_at: now,
        };
        self.outbox.add(&mut change, &notice)?;
        committed(change.commit(&self.dynamodb).await)
    }

    /// Warns of second factors that end soon.
    pub(crate) async fn sweep_factors(&self, author: &Author, tally: &mut Tally) {
        let mut after = None;
        loop {
            let page = match self.people.persons(PAGE, after.as_deref()).await {
                Ok(page) => page,
                Err(error) => return tally.fail("second factors", error),
            };
            for read in &page.items {
                match self.warn_of_factor(read, author).await {
                    Ok(told) => tally.done.found_due += usize::from(told),
                    Err(error) => tally.fail(format!("second factor of person {}", read.value.id), error),
                }
            }
            after = page.next;
            if after.is_none() {
                return;
            }
        }
    }

    async fn warn_of_factor(&self, read: &Versioned<Person>, author: &Author) -> Result<bool, Error> {
        let schedule = CredentialKind::Totp.schedule();
        let enrolled_at = read.value.enrolled.as_ref().and_then(|factor| factor.enrolled_at);
        let Some((enrolled_at, notice)) = enrolled_at.zip(schedule.notice) else { return Ok(false) };
        let due_at = enrolled_at + schedule.every;
        if self.clock.now() < due_at - notice {
            return Ok(false);
        }
        let id = &read.value.id;
        let due = Finding {
            kind: NoticeKind::TotpDue,
            credential_kind: Some(CredentialKind::Totp),
            credential: id.to_string(),
            resource: format!("person:{id}"),
            turn: rfc3339(enrolled_at),
            due_at: Some(due_at),
            text: format!(
                "The second factor of person {id} was enrolled at {} and is to be enrolled anew by {}.\n\
                 Whoever it is does so themselves, with a code of the one that they have.",
                rfc3339(enrolled_at),
                rfc3339(due_at),
            ),
        };
        let mut change = Change::default();
        self.people.as_read(&mut change, read)?;
        self.tell_due(&due, change, author).await
    }
}
