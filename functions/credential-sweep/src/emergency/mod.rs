//! Emergency rotations: first everything that is to end has ended, only then is anything issued in its place, then people are
//! told, and then it is recorded as complete.
//!
//! What is done at one client or account is one transaction with a row that says so, so a rotation that is cut off anywhere is
//! carried on by the next worker, and two at once do nothing twice. Nothing is given up: whoever finds a rotation unfinished
//! goes on with it.

mod accounts;
mod keys;
mod told;
mod walk;

use std::sync::Arc;

use engine_aws::Error;
use engine_aws::audit_log::AuditLog;
use engine_aws::author::{Act, Author};
use engine_aws::change::Change;
use engine_aws::clock::SharedClock;
use engine_aws::directory::{Directory, Occasion};
use engine_aws::people::People;
use engine_aws::rotations::{
    Claim, Counts, EmergencyRotation, EmergencyRotations, Lease, Outbox, Phase, Place, Target, Unit, UnitName,
};
use engine_aws::secrets::SecretStore;
use engine_core::audit::{Event, Outcome};
use engine_core::time::rfc3339;
use engine_http::logging::EventType;
use engine_http::run::RunError;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::walk::Walk;
use crate::FUNCTION;

/// What emergency rotations are carried out with.
pub struct Parts {
    /// The tables' client.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Clients and their keys.
    pub directory: Arc<Directory>,
    /// Service accounts.
    pub people: People,
    /// Their credentials.
    pub secrets: SecretStore,
    /// The rotations.
    pub rotations: EmergencyRotations,
    /// Notices, which somebody else publishes.
    pub outbox: Outbox,
    /// The audit log.
    pub audit: AuditLog,
    /// The time.
    pub clock: SharedClock,
    /// The environment named in credentials.
    pub environment: String,
    /// What names of service accounts' secrets start with.
    pub service_account_prefix: String,
}

/// Carries out emergency rotations. Clones are the same one.
#[derive(Clone)]
pub struct Emergency(Arc<Parts>);

/// One attempt at a rotation.
#[derive(Clone)]
pub(crate) struct Attempt(Arc<Inner>);

struct Inner {
    parts: Arc<Parts>,
    job: EmergencyRotation,
    author: Author,
    /// Why, where there is room for one text only.
    because: String,
}

/// A page of clients or accounts.
struct Targets {
    /// All of them.
    names: Vec<UnitName>,
    /// Those that hold a credential, or may come to hold one by what was handed out before.
    holding: Vec<UnitName>,
    /// Where the next page goes on.
    next: Option<String>,
}

impl Emergency {
    /// With these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Carries out the rotations with these ids, each whatever became of the others. Those that are not complete then, another
    /// worker's among them, are named: the stream is to bring them again.
    pub async fn run(&self, ids: &[String]) -> Result<(), RunError<String, Error>> {
        let mut unfinished = Vec::new();
        for id in ids {
            if let Err(error) = self.carry_out(id).await {
                unfinished.push((id.clone(), error));
            }
        }
        if unfinished.is_empty() { Ok(()) } else { Err(RunError(unfinished)) }
    }

    /// Carries on what others left unfinished. Answers how many rotations came to their end.
    pub async fn resume(&self) -> Result<usize, RunError<String, Error>> {
        let listed = self.0.rotations.unfinished().await;
        let ids = listed.map_err(|error| RunError(vec![("the list of rotations".to_owned(), error)]))?;
        let (mut complete, mut unfinished) = (0, Vec::new());
        for id in ids {
            match self.carry_out(&id).await {
                Ok(()) => complete += 1,
                // Somebody is at it already.
                Err(Error::Conflict(_)) => {}
                Err(error) => unfinished.push((id, error)),
            }
        }
        if unfinished.is_empty() { Ok(complete) } else { Err(RunError(unfinished)) }
    }

    async fn carry_out(&self, id: &str) -> Result<(), Error> {
        let rotations = &self.0.rotations;
        let (lease, job) = match rotations.claim(id, self.0.clock.now()).await? {
            Claim::Taken(lease, job) => (lease, *job),
            Claim::Busy => return Err(Error::Conflict(format!("another worker has rotation {id}"))),
            Claim::Done => return Ok(()),
            Claim::Unknown => {
                tracing::error!(
                    event_type = EventType::SecurityEvent.as_str(),
                    status = "FAILURE",
                    action = Event::RotationComplete.as_str(),
                    "no such emergency rotation"
                );
                return Ok(());
            }
        };
        let author = Author::system(FUNCTION, self.0.directory.actor_key(), job.asked.request_id.as_str());
        let because = format!("emergency rotation {id}: {}", job.asked.reason);
        let attempt = Attempt(Arc::new(Inner { parts: Arc::clone(&self.0), because, job, author }));
        let carried = Box::pin(attempt.carry_on(&lease)).await;
        attempt.tell(carried.as_ref().err());
        if let Err(error) = &carried {
            // Where this fails too, the lease runs out by itself.
            let _ = rotations.release(&lease, &error.to_string(), self.0.clock.now()).await;
        }
        carried
    }
}

impl Attempt {
    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    fn job(&self) -> &EmergencyRotation {
        &self.0.job
    }

    fn id(&self) -> &str {
        &self.0.job.asked.id
    }

    fn author(&self) -> &Author {
        &self.0.author
    }

    fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    fn occasion(&self) -> Occasion<'_> {
        let asked = &self.job().asked;
        Occasion { rotation_id: &asked.id, requested_by: &asked.requested_by, reason: &asked.reason }
    }

    fn because(&self) -> &str {
        &self.0.because
    }

    /// Goes through the phases that are left. Each is entered when the one before it is through everywhere.
    async fn carry_on(&self, lease: &Lease) -> Result<(), Error> {
        let mut place = self.job().place.clone();
        loop {
            let next = match place.phase {
                Phase::Pending => Phase::Revoking,
                Phase::Revoking => {
                    place.counts = self.revoke_all(lease, &place).await?;
                    Phase::Issuing
                }
                Phase::Issuing => {
                    place.counts = self.issue_all(lease, &place).await?;
                    Phase::Notifying
                }
                Phase::Notifying => {
                    let counts = self.notify_all(lease, &place).await?;
                    return self.complete(lease, counts).await;
                }
                Phase::Done => return Ok(()),
            };
            place = Place { phase: next, after: None, counts: place.counts };
            self.parts().rotations.save(lease, &place, self.now()).await?;
        }
    }

    async fn revoke_all(&self, lease: &Lease, from: &Place) -> Result<Counts, Error> {
        let mut walk = Walk::new(self, lease, from);
        let mut after = from.after.clone();
        loop {
            let Targets { names, holding, next } = self.targets(after.as_deref()).await?;
            let done = self.parts().rotations.units_of(self.id(), &names).await?;
            let left = holding.into_iter().filter(|name| !done.contains_key(name)).collect();
            let done = done.into_values();
            let seen =
                walk.each(done, left, |attempt, name: UnitName| async move { attempt.revoke(name).await }).await?;
            for unit in &seen {
                walk.counts.clients += u64::from(!unit.revoked.is_empty() || !unit.owed.is_empty());
                walk.counts.revoked += unit.revoked.len() as u64;
            }
            let Some(next) = next else { return walk.finish() };
            walk.passed(&next).await?;
            after = Some(next);
        }
    }

    async fn issue_all(&self, lease: &Lease, from: &Place) -> Result<Counts, Error> {
        let mut walk = Walk::new(self, lease, from);
        let mut after = from.after.clone();
        loop {
            let page = self.parts().rotations.units(self.id(), after.as_deref(), walk::PAGE).await?;
            let is_done = |unit: &Unit| unit.issued_at.is_some() || unit.owed.is_empty();
            let (done, left) = page.items.into_iter().partition::<Vec<_>, _>(is_done);
            let seen = walk.each(done, left, |attempt, unit: Unit| async move { attempt.issue(unit).await }).await?;
            walk.counts.issued += seen.iter().filter_map(|unit| unit.issued).sum::<u64>();
            let Some(next) = page.next else { return walk.finish() };
            walk.passed(&next).await?;
            after = Some(next);
        }
    }

    async fn notify_all(&self, lease: &Lease, from: &Place) -> Result<Counts, Error> {
        let mut walk = Walk::new(self, lease, from);
        let mut after = from.after.clone();
        loop {
            let page = self.parts().rotations.units(self.id(), after.as_deref(), walk::PAGE).await?;
            let is_done = |unit: &Unit| unit.notified_at.is_some() || !told::concerns(unit);
            let (done, left) = page.items.into_iter().partition::<Vec<_>, _>(is_done);
            let seen = walk.each(done, left, |attempt, unit: Unit| async move { attempt.notify(&unit).await }).await?;
            walk.counts.notified += seen.iter().filter(|unit| unit.notified_at.is_some()).count() as u64;
            let Some(next) = page.next else { return walk.finish() };
            walk.passed(&next).await?;
            after = Some(next);
        }
    }

    /// A page of what the rotation is of.
    async fn targets(&self, after: Option<&str>) -> Result<Targets, Error> {
        let one = |name: UnitName| Targets { names: vec![name.clone()], holding: vec![name], next: None };
        match &self.job().asked.target {
            Target::Key { client_id, .. } | Target::Client(client_id) => Ok(one(UnitName::Client(client_id.clone()))),
            Target::Account(name) => Ok(one(UnitName::Account(name.clone()))),
            Target::AllKeys => self.all_clients(after).await,
            Target::AllAccounts => self.all_accounts(after).await,
        }
    }

    async fn revoke(&self, name: UnitName) -> Result<Unit, Error> {
        match &name {
            UnitName::Client(client_id) => self.revoke_keys(&name, client_id).await,
            UnitName::Account(account) => self.revoke_account(&name, account).await,
        }
    }

    async fn issue(&self, unit: Unit) -> Result<Unit, Error> {
        match &unit.name {
            UnitName::Client(client_id) => self.offer_keys(client_id, &unit).await,
            UnitName::Account(account) => self.issue_account(account, &unit).await,
        }
    }

    /// Records the rotation as complete.
    async fn complete(&self, lease: &Lease, counts: Counts) -> Result<(), Error> {
        let (parts, job, now) = (self.parts(), self.job(), self.now());
        let mut change = Change::default();
        parts.rotations.done(&mut change, lease, job, counts, now)?;
        let asked = &job.asked;
        let act = Act {
            event: Event::RotationComplete,
            outcome: Outcome::Success,
            resource: format!("rotation:{}", asked.id),
            reason: Some(asked.reason.clone()),
            client_ref: None,
            subject_ref: None,
            details: json!({
                "rotation_id": asked.id,
                "kind": asked.target.kind().as_str(),
                "target": asked.target.to_string(),
                "requested_by": asked.requested_by,
                "requested_at": rfc3339(asked.requested_at),
                "clients": counts.clients,
                "revoked": counts.revoked,
                "issued": counts.issued,
                "notified": counts.notified,
            }),
        };
        change.record(&parts.audit, &self.author().entry(act, now)?)?;
        change.commit(&parts.dynamodb).await
    }

    fn tell(&self, error: Option<&Error>) {
        let (request_id, rotation) = (self.job().asked.request_id.as_str(), json!({ "rotation_id": self.id() }));
        let rotation: &Value = &rotation;
        match error {
            None => tracing::info!(
                event_type = EventType::SecurityEvent.as_str(),
                status = "SUCCESS",
                action = Event::RotationComplete.as_str(),
                request_id,
                details.rotation = %rotation,
                "the emergency rotation is complete"
            ),
            Some(error) => tracing::error!(
                event_type = EventType::SecurityEvent.as_str(),
                status = "FAILURE",
                action = Event::RotationComplete.as_str(),
                request_id,
                details.rotation = %rotation,
                details.internal = %error,
                "the emergency rotation is not complete: it is carried on at the next attempt"
            ),
        }
    }
}
