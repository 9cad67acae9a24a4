//! Exports that were asked for: one item each, made in the transaction of the request, worked on under a lease, and ended in
//! the transaction of the entry about it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use engine_core::audit::Reference;
use engine_core::hex;
use jiff::{SignedDuration, Timestamp};

use super::{Built, Completeness, ExportRequest, Progress};
use crate::Error;
use crate::change::Change;
use crate::clock::random_bytes;
use crate::item::{Item, n, number, parsed, s, string, time};
use crate::read;

/// How long a worker that says nothing keeps an export to itself.
pub const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// Times that an export is begun at most. What fails for want of a service is begun again; what cannot be made is not.
pub const MOST_ATTEMPTS: u32 = 5;
/// After that long nobody begins an export any more: the stream brings it for three hours, and who was brought it last has a
/// quarter of an hour for it.
pub const GIVEN_UP: SignedDuration = SignedDuration::from_hours(4);
/// How long a bundle is there to be fetched, from its export's end. The bucket keeps it for as many days.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What is said of an export whose workers were all cut off, or that none was found for.
pub const ABANDONED: &str = "the export was cut off before its end, each time it was tried: ask again, for less";

/// An export as it is asked for.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The export's id, a UUIDv7.
    pub id: String,
    /// Id of the account that asked; only it may see the export.
    pub subject: String,
    /// The request that asked.
    pub request_id: String,
    /// The one client that it concerns, for the entry about its end.
    pub client_ref: Option<Reference>,
    /// The one ticker that it concerns.
    pub subject_ref: Option<Reference>,
    /// What was asked for, its tree size fixed.
    pub request: ExportRequest,
    /// When.
    pub created_at: Timestamp,
}

/// An export as it stands.
#[derive(Clone, Debug)]
pub struct Job {
    /// What was asked for, by whom and when.
    pub asked: NewJob,
    /// How far it is, as it is stored: see [`Job::state_at`].
    pub state: JobState,
    /// How often somebody began to work on it.
    pub attempts: u32,
}

impl Job {
    /// How far the export is at `now`: one that nobody may work on any more has failed, whether that is stored yet or not, and
    /// a bundle is there for as long as it is kept.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> JobState {
        match &self.state {
            _ if self.is_abandoned(now) => JobState::Failed { cause: ABANDONED.to_owned() },
            JobState::Done(made) if now.duration_since(made.ended_at) > KEPT => JobState::Expired(made.clone()),
            state => state.clone(),
        }
    }

    /// Whether it has no end and nobody may work on it any more. What is abandoned stays so: [`Jobs::claim`] and whoever holds
    /// a lease are refused by the same rule.
    #[must_use]
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        let given_up = self.asked.created_at < begun_after(now);
        match &self.state {
            JobState::Pending => given_up,
            JobState::Running { lease_until, .. } => *lease_until < now && (self.attempts >= MOST_ATTEMPTS || given_up),
            JobState::Done(_) | JobState::Expired(_) | JobState::Failed { .. } => false,
        }
    }
}

/// A bundle that is there, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What it is.
    pub built: Built,
    /// Its object's key. Each attempt has one of its own, so that no late worker writes over a bundle whose digest was told.
    pub object: String,
    /// When its export ended.
    pub ended_at: Timestamp,
}

/// How far an export is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Nobody has begun.
    Pending,
    /// Somebody works on it, or did.
    Running {
        /// As last told.
        progress: Progress,
        /// Until when nobody else may.
        lease_until: Timestamp,
    },
    /// The bundle is there.
    Done(Made),
    /// The bundle was there, and is kept no longer. Never stored: it follows from the time.
    Expired(Made),
    /// There will be no bundle.
    Failed {
        /// Why, in words for who asked.
        cause: String,
    },
}

impl JobState {
    /// The state's name in answers and items.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => PENDING,
            Self::Running { .. } => RUNNING,
            Self::Done(_) => DONE,
            Self::Expired(_) => "expired",
            Self::Failed { .. } => FAILED,
        }
    }
}

const PENDING: &str = "pending";
const RUNNING: &str = "running";
const DONE: &str = "done";
const FAILED: &str = "failed";
const CLIENT_REF: &str = "client_ref";
const SUBJECT_REF: &str = "subject_ref";

/// The right to work on an export, until it runs out.
#[derive(Clone, Debug)]
pub struct Lease {
    id: String,
    holder: String,
}

/// What comes of wanting to work on an export.
#[derive(Clone, Debug)]
pub enum Claim {
    /// It is the caller's to do.
    Taken(Lease, Box<Job>),
    /// Nobody may work on it any more, and its end is not stored: see [`Jobs::abandon`].
    Abandoned(Box<Job>),
    /// It is somebody else's, or has ended, as its state says.
    Not(JobState),
    /// There is no such export.
    Unknown,
}

/// The table of exports.
#[derive(Clone, Debug)]
pub struct Jobs {
    client: Client,
    table: String,
}

impl Jobs {
    /// The exports in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Adds the export to the change that its request makes.
    pub fn create(&self, change: &mut Change, job: &NewJob) -> Result<(), Error> {
        let request = serde_json::to_string(&job.request).map_err(|error| Error::corrupt("export request", error))?;
        let mut item = Item::from([
            ("pk".to_owned(), s(&job.id)),
            ("subject".to_owned(), s(&job.subject)),
            ("request_id".to_owned(), s(&job.request_id)),
            ("request".to_owned(), s(request)),
            ("created_at".to_owned(), n(job.created_at.as_millisecond())),
            ("job_state".to_owned(), s(PENDING)),
            ("attempts".to_owned(), n(0)),
        ]);
        for (name, reference) in [(CLIENT_REF, &job.client_ref), (SUBJECT_REF, &job.subject_ref)] {
            item.extend(reference.as_ref().map(|reference| (name.to_owned(), s(reference.as_str()))));
        }
        change.put_new(&self.table, item, format_args!("another export has the id {}", job.id))
    }

    /// The export with that id.
    pub async fn read(&self, id: &str) -> Result<Option<Job>, Error> {
        read::get(&self.client, &self.table, key(id)).await?.as_ref().map(job).transpose()
    }

    /// Takes the export to work on it, where nobody else does and somebody may: one that [`Job::state_at`] tells as failed never
    /// runs again.
    pub async fn claim(&self, id: &str, now: Timestamp) -> Result<Claim, Error> {
        let holder = hex::encode(&random_bytes::<16>()?);
        let claimed = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id)))
            .update_expression(
                "SET job_state = :running, lease_holder = :holder, lease_until = :until, done_steps = :none, \
                 all_steps = :none ADD attempts :one",
            )
            .condition_expression(
                "(job_state = :pending OR (job_state = :running AND lease_until < :now AND attempts < :most)) \
                 AND created_at >= :begun_after",
            )
            .expression_attribute_values(":running", s(RUNNING))
            .expression_attribute_values(":pending", s(PENDING))
            .expression_attribute_values(":holder", s(&holder))
            .expression_attribute_values(":until", until(now))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":most", n(MOST_ATTEMPTS))
            .expression_attribute_values(":begun_after", n(begun_after(now).as_millisecond()))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match claimed {
            Ok(claimed) => {
                let item = claimed.attributes.ok_or_else(|| Error::corrupt("export", "it came back without itself"))?;
                Ok(Claim::Taken(Lease { id: id.to_owned(), holder }, Box::new(job(&item)?)))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                    Some(item) if !item.is_empty() => {
                        let job = job(item)?;
                        Ok(if job.is_abandoned(now) { Claim::Abandoned(Box::new(job)) } else { Claim::Not(job.state) })
                    }
                    _ => Ok(Claim::Unknown),
                },
                _ => Err(Error::unavailable("dynamodb:UpdateItem", &error)),
            },
        }
    }

    /// Tells how far the export is, and keeps the lease. [`Error::Conflict`] where it has run out: it may be another's by now.
    pub async fn progress(&self, lease: &Lease, progress: Progress, now: Timestamp) -> Result<(), Error> {
        let mut change = Change::default();
        let set = "SET done_steps = :done, all_steps = :all, lease_until = :until";
        let values = [(":done", n(progress.done)), (":all", n(progress.total)), (":until", until(now))];
        self.update(&mut change, lease, now, set, values)?;
        change.commit(&self.client).await
    }

    /// Ends the export with its bundle, in the change that records it.
    pub fn done(&self, change: &mut Change, lease: &Lease, made: &Made) -> Result<(), Error> {
        let set = "SET job_state = :state, sha256 = :sha256, bundle_bytes = :bytes, matched = :matched, \
                   completeness = :completeness, manifest_sha256 = :manifest, bundle_object = :object, ended_at = :ended";
        let Made { built, object, ended_at } = made;
        let values = [
            (":state", s(DONE)),
            (":sha256", s(&built.sha256)),
            (":bytes", n(built.bytes)),
            (":matched", n(built.matched)),
            (":completeness", s(built.completeness.as_str())),
            (":manifest", s(&built.manifest_sha256)),
            (":object", s(object)),
            (":ended", n(ended_at.as_millisecond())),
        ];
        self.update(change, lease, *ended_at, set, values)
    }

    /// Ends the export without a bundle, in the change that records it.
    pub fn failed(&self, change: &mut Change, lease: &Lease, cause: &str, now: Timestamp) -> Result<(), Error> {
        let values = [(":state", s(FAILED)), (":cause", s(cause))];
        self.update(change, lease, now, "SET job_state = :state, cause = :cause", values)
    }

    /// Ends an export that nobody may work on any more, in the change that records it.
    pub fn abandon(&self, change: &mut Change, id: &str, now: Timestamp) -> Result<(), Error> {
        let condition = "(job_state = :pending AND created_at < :begun_after) OR (job_state = :running AND lease_until < :now \
                         AND (attempts >= :most OR created_at < :begun_after))";
        let values = [
            (":state", s(FAILED)),
            (":cause", s(ABANDONED)),
            (":pending", s(PENDING)),
            (":running", s(RUNNING)),
            (":now", n(now.as_millisecond())),
            (":most", n(MOST_ATTEMPTS)),
            (":begun_after", n(begun_after(now).as_millisecond())),
        ];
        let lost = format_args!("export {id} has ended, or is another worker's");
        change.update(&self.table, key(id), "SET job_state = :state, cause = :cause", condition, values, lost)
    }

    fn update(
        &self,
        change: &mut Change,
        lease: &Lease,
        now: Timestamp,
        set: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<(), Error> {
        // A lease that ran out is not taken up again by who held it: it may have been told meanwhile that there was no end.
        let condition = "job_state = :running AND lease_holder = :holder AND lease_until >= :now";
        let held = [(":running", s(RUNNING)), (":holder", s(&lease.holder)), (":now", n(now.as_millisecond()))];
        let lost = format_args!("the lease of export {} has run out", lease.id).to_string();
        change.update(&self.table, key(&lease.id), set, condition, values.into_iter().chain(held), lost)
    }
}

/// What is asked for before that is begun no more at `now`.
fn begun_after(now: Timestamp) -> Timestamp {
    now.checked_sub(GIVEN_UP).unwrap_or(Timestamp::MIN)
}

fn key(id: &str) -> Item {
    Item::from([("pk".to_owned(), s(id))])
}

fn until(now: Timestamp) -> AttributeValue {
    n(now.as_millisecond() + i64::try_from(LEASE.as_millis()).unwrap_or(0))
}

fn job(item: &Item) -> Result<Job, Error> {
    let state = match string(item, "job_state")? {
        PENDING => JobState::Pending,
        RUNNING => JobState::Running {
            progress: Progress { done: number(item, "done_steps")?, total: number(item, "all_steps")? },
            lease_until: time(item, "lease_until")?,
        },
        DONE => JobState::Done(Made {
            built: Built {
                sha256: string(item, "sha256")?.to_owned(),
                bytes: number(item, "bundle_bytes")?,
                matched: number(item, "matched")?,
                completeness: parsed(item, "completeness", completeness)?,
                manifest_sha256: string(item, "manifest_sha256")?.to_owned(),
            },
            object: string(item, "bundle_object")?.to_owned(),
            ended_at: time(item, "ended_at")?,
        }),
        FAILED => JobState::Failed { cause: string(item, "cause")?.to_owned() },
        other => return Err(Error::corrupt("job_state", other)),
    };
    let asked = NewJob {
        id: string(item, "pk")?.to_owned(),
        subject: string(item, "subject")?.to_owned(),
        request_id: string(item, "request_id")?.to_owned(),
        client_ref: reference(item, CLIENT_REF)?,
        subject_ref: reference(item, SUBJECT_REF)?,
        request: parsed(item, "request", |text| serde_json::from_str(text))?,
        created_at: time(item, "created_at")?,
    };
    Ok(Job { asked, state, attempts: number(item, "attempts")? })
}

fn reference(item: &Item, name: &'static str) -> Result<Option<Reference>, Error> {
    if !item.contains_key(name) {
        return Ok(None);
    }
    Ok(Some(Reference::from_stored(string(item, name)?.to_owned())))
}

fn completeness(text: &str) -> Result<Completeness, &'static str> {
    let mut all = [Completeness::Range, Completeness::Selected].into_iter();
    all.find(|completeness| completeness.as_str() == text).ok_or("not a completeness")
}
