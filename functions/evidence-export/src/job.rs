//! One export made: under a lease, so that of all who are woken for it one works; into an object of that attempt alone, which is
//! there whole or not at all; and ended together with the entry about it.

use std::time::Duration;

use engine_aws::Error;
use engine_aws::author::{Act, Author};
use engine_aws::change::Change;
use engine_aws::evidence::{
    ABANDONED, Built, Claim, ExportError, Job, JobState, Lease, LogSource, LogsError, MOST_ATTEMPTS, Made, NewJob,
    Progress, S3Sink, Sink, build,
};
use engine_aws::kms::NoteSigner;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::LogReader;
use engine_core::audit::{Event, Outcome};
use engine_http::logging::EventType;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::call::FUNCTION;
use crate::event::EventError;
use crate::signing::Signing;
use crate::{EvidenceExport, Settings, WorkClients};

/// Longest that one attempt at a bundle may take. The function is cut off after fifteen minutes, and what is cut off cannot say
/// why: the rest is for ending the export, however slowly the services answer by then.
pub const LONGEST: Duration = Duration::from_mins(12);
/// How often it is told how far an export is, which keeps its lease too.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// What bundles are made with.
pub(crate) struct Bench {
    reader: LogReader,
    lines: LogSource,
    signing: Signing,
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
}

impl Bench {
    pub(crate) fn new(clients: WorkClients, settings: &Settings) -> Self {
        let WorkClients { dynamodb, kms, logs, s3 } = clients;
        let records = RecordsBucket::new(s3.clone(), &settings.records_bucket);
        let signer = |key: &str| NoteSigner::new(kms.clone(), key, settings.evidence_key_name());
        let predecessor = settings.evidence_key_predecessor.as_deref().map(signer);
        Self {
            reader: LogReader::new(records.clone(), WorkBucket::new(s3.clone(), &settings.work_bucket)),
            lines: LogSource::new(logs, settings.log_groups.clone()),
            signing: Signing::new(signer(&settings.evidence_key), predecessor, records),
            dynamodb,
            s3,
        }
    }
}

/// Why an attempt came to no bundle.
enum Stop {
    /// The bundle cannot be made, or not at this time.
    Export(ExportError),
    /// It would take more than [`LONGEST`].
    TooLong,
    /// The lease ran out: somebody else may be at it.
    Lost(Error),
}

impl From<ExportError> for Stop {
    fn from(error: ExportError) -> Self {
        Self::Export(error)
    }
}

/// Why there will be no bundle.
struct Refused {
    /// In words for who asked.
    cause: String,
    /// In words for the log, where there are others.
    internal: Option<String>,
}

/// Brings an export to its end. An error is for the stream, which brings the export again.
pub(crate) async fn run(app: &EvidenceExport, id: &str) -> Result<(), EventError> {
    let unfinished = |why: &dyn std::fmt::Display| EventError::Unfinished { id: id.to_owned(), why: why.to_string() };
    let (lease, job) = match app.jobs.claim(id, app.clock.now()).await.map_err(|error| unfinished(&error))? {
        Claim::Taken(lease, job) => (lease, job),
        Claim::Abandoned(job) => return abandon(app, &job).await.map_err(|error| unfinished(&error)),
        Claim::Not(JobState::Done(_) | JobState::Expired(_) | JobState::Failed { .. }) => return Ok(()),
        Claim::Not(_) => return Err(unfinished(&"another worker has it")),
        Claim::Unknown => {
            tell("FAILURE", "no such export", None);
            return Ok(());
        }
    };
    tracing::Span::current().record("request_id", job.asked.request_id.as_str());
    let end = match Box::pin(make(app, &lease, &job)).await {
        Ok(made) => Ok(made),
        Err(Stop::Export(ExportError::Store(error))) if job.attempts < MOST_ATTEMPTS => {
            tell("FAILURE", "the export will be tried again", Some(&error.to_string()));
            return Err(unfinished(&error));
        }
        Err(Stop::Lost(error)) => return Err(unfinished(&error)),
        Err(Stop::Export(error)) => Err(Refused { cause: cause(&error), internal: Some(error.to_string()) }),
        Err(Stop::TooLong) => Err(Refused { cause: too_long(app.longest), internal: None }),
    };
    finish(app, &lease, &job, end).await.map_err(|error| unfinished(&error))
}

/// Makes the bundle, in an object of this attempt's own.
async fn make(app: &EvidenceExport, lease: &Lease, job: &Job) -> Result<(Built, String), Stop> {
    let object = format!("exports/{}-{}.zip", job.asked.id, job.attempts);
    let mut sink = S3Sink::new(app.bench.s3.clone(), &app.settings.work_bucket, &object);
    let made = tokio::select! {
        biased;
        () = sleep(app.longest) => Err(Stop::TooLong),
        made = fill(app, lease, job, &mut sink) => made,
    };
    if made.is_err() {
        sink.abort().await;
    }
    Ok((made?, object))
}

/// Makes the bundle, and tells how far it is meanwhile.
async fn fill(app: &EvidenceExport, lease: &Lease, job: &Job, sink: &mut S3Sink) -> Result<Built, Stop> {
    let Bench { reader, lines, signing, .. } = &app.bench;
    let signer = signing.signer(&app.audit, &author(app, &job.asked), app.clock.now()).await;
    let signer = signer.map_err(ExportError::from)?;
    let resolver = app.names.resolver();
    let (tell, told) = watch::channel(Progress { done: 0, total: 0 });
    let building = build(reader, &resolver, &job.asked.request, Some(lines), Some(signer), sink, |progress| {
        // The other end is held below for as long as this is called.
        let _ = tell.send(progress);
    });
    let mut building = std::pin::pin!(building);
    let mut ticks = interval_at(Instant::now() + TOLD_EVERY, TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            built = &mut building => return Ok(built?),
            _ = ticks.tick() => {
                let progress = *told.borrow();
                match app.jobs.progress(lease, progress, app.clock.now()).await {
                    // While the table is away the lease goes on running; whether it has run out, the next time tells.
                    Ok(()) | Err(Error::Unavailable { .. }) => {}
                    Err(error) => return Err(Stop::Lost(error)),
                }
            }
        }
    }
}

/// Ends the export: its state and its entry in one transaction.
async fn finish(
    app: &EvidenceExport,
    lease: &Lease,
    job: &Job,
    end: Result<(Built, String), Refused>,
) -> Result<(), Error> {
    let (mut change, now) = (Change::default(), app.clock.now());
    match end {
        Ok((built, object)) => {
            let details = of_bundle(&built);
            app.jobs.done(&mut change, lease, &Made { built, object, ended_at: now })?;
            record(app, &mut change, &job.asked, Outcome::Success, details)?;
            change.commit(&app.bench.dynamodb).await?;
            tell("SUCCESS", "the export is made", None);
        }
        Err(Refused { cause, internal }) => {
            app.jobs.failed(&mut change, lease, &cause, now)?;
            record(app, &mut change, &job.asked, Outcome::Refused, of_cause(&cause))?;
            change.commit(&app.bench.dynamodb).await?;
            tell("FAILURE", "the export cannot be made", Some(internal.as_deref().unwrap_or(&cause)));
        }
    }
    Ok(())
}

/// Ends an export that nobody may work on any more, unless somebody else does at the same time.
pub(crate) async fn abandon(app: &EvidenceExport, job: &Job) -> Result<(), Error> {
    let mut change = Change::default();
    app.jobs.abandon(&mut change, &job.asked.id, app.clock.now())?;
    record(app, &mut change, &job.asked, Outcome::Refused, of_cause(ABANDONED))?;
    match change.commit(&app.dynamodb).await {
        Ok(()) => {
            tracing::Span::current().record("request_id", job.asked.request_id.as_str());
            tell("FAILURE", "the export cannot be made", Some(ABANDONED));
            Ok(())
        }
        Err(Error::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Adds the entry about an export's end to the change that ends it.
fn record(
    app: &EvidenceExport,
    change: &mut Change,
    asked: &NewJob,
    outcome: Outcome,
    of_end: Map<String, Value>,
) -> Result<(), Error> {
    let mut details = Map::from_iter([
        ("evidence_id".to_owned(), json!(asked.id)),
        ("requested_by".to_owned(), json!(asked.subject)),
        ("size".to_owned(), json!(asked.request.size)),
    ]);
    details.extend(of_end);
    let act = Act {
        event: Event::EvidenceExport,
        outcome,
        resource: crate::show::path(&asked.id),
        reason: None,
        client_ref: asked.client_ref.clone(),
        subject_ref: asked.subject_ref.clone(),
        details: Value::Object(details),
    };
    change.record(&app.audit, &author(app, asked).entry(act, app.clock.now())?)
}

fn of_cause(cause: &str) -> Map<String, Value> {
    Map::from_iter([("cause".to_owned(), json!(cause))])
}

fn of_bundle(built: &Built) -> Map<String, Value> {
    Map::from_iter([
        ("sha256".to_owned(), json!(built.sha256)),
        ("bytes".to_owned(), json!(built.bytes)),
        ("matched".to_owned(), json!(built.matched)),
        ("completeness".to_owned(), json!(built.completeness)),
        ("manifest_sha256".to_owned(), json!(built.manifest_sha256)),
    ])
}

/// Why there is no bundle, in words for who asked: without what a service said of its own failure.
fn cause(error: &ExportError) -> String {
    match error {
        ExportError::Store(Error::Unavailable { operation, .. }) => {
            format!("{operation} failed, each time it was tried")
        }
        ExportError::Logs(LogsError::Group { group, .. }) => format!("log group {group} cannot be read"),
        other => other.to_string(),
    }
}

/// What is said of a bundle that takes longer than an attempt may.
fn too_long(longest: Duration) -> String {
    let minutes = longest.as_secs() / 60;
    format!("the bundle was not made within {minutes} minutes: narrow the range, or ask for less of it")
}

/// The function itself, at the request that asked for the export.
fn author(app: &EvidenceExport, asked: &NewJob) -> Author {
    Author::system(FUNCTION, app.names.actor_key(), asked.request_id.as_str())
}

fn tell(status: &'static str, message: &'static str, internal: Option<&str>) {
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                $level,
                event_type = EventType::DataAccess.as_str(),
                status,
                action = Event::EvidenceExport.as_str(),
                details.internal = internal,
                "{message}"
            )
        };
    }
    if status == "FAILURE" { line!(tracing::Level::ERROR) } else { line!(tracing::Level::INFO) }
}
