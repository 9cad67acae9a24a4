//! One export made: under a lease, so that of all who are woken for it one works; into an object that is there whole or not at
//! all; and ended together with the entry about it.

use std::time::Duration;

use engine_aws::Error;
use engine_aws::author::{Act, Author};
use engine_aws::change::Change;
use engine_aws::evidence::{Built, Claim, ExportError, Job, JobState, Lease, LogsError, Progress, S3Sink, build};
use engine_core::audit::{Actor, ActorType, Event, Outcome};
use engine_http::logging::EventType;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::EvidenceExport;
use crate::call::{Concerns, FUNCTION};
use crate::event::EventError;

/// Times that an export is begun at most. What fails for want of a service is begun again; what cannot be made is not.
pub const MOST_ATTEMPTS: u32 = 5;
/// How often it is told how far an export is, which keeps its lease too.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// The bundle's object.
pub(crate) fn object(id: &str) -> String {
    format!("exports/{id}.zip")
}

/// Brings an export to its end. An error is for the stream, which brings the export again.
pub(crate) async fn run(app: &EvidenceExport, id: &str) -> Result<(), EventError> {
    let unfinished = |why: &dyn std::fmt::Display| EventError::Unfinished { id: id.to_owned(), why: why.to_string() };
    let (lease, job) = match app.jobs.claim(id, app.clock.now()).await.map_err(|error| unfinished(&error))? {
        Claim::Taken(lease, job) => (lease, job),
        Claim::Not(JobState::Done(_) | JobState::Failed { .. }) => return Ok(()),
        Claim::Not(_) => return Err(unfinished(&"another worker has it")),
        Claim::Unknown => {
            tell("FAILURE", "no such export", None);
            return Ok(());
        }
    };
    let made = Box::pin(make(app, &lease, &job)).await;
    let end = match made {
        Ok(built) => Ok(built),
        Err(ExportError::Store(error)) if job.attempts < MOST_ATTEMPTS => {
            tell("FAILURE", "the export will be tried again", Some(&error.to_string()));
            return Err(unfinished(&error));
        }
        Err(error) => Err(error),
    };
    finish(app, &lease, &job, end).await.map_err(|error| unfinished(&error))
}

/// Makes the bundle, and tells how far it is meanwhile.
async fn make(app: &EvidenceExport, lease: &Lease, job: &Job) -> Result<Built, ExportError> {
    let signer = app.signing.signer(&app.audit, &author(app, job), app.clock.now()).await?;
    let request = &job.asked.request;
    let resolver = app.names.resolver();
    let mut sink = S3Sink::new(app.s3.clone(), &app.settings.work_bucket, object(&job.asked.id));
    let (tell, told) = watch::channel(Progress { done: 0, total: 0 });
    let logs = Some(&app.lines);
    let building = build(&app.reader, &resolver, request, logs, Some(signer), &mut sink, |progress| {
        // The other end is held below for as long as this is called.
        let _ = tell.send(progress);
    });
    let mut building = std::pin::pin!(building);
    let mut ticks = interval_at(Instant::now() + TOLD_EVERY, TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            built = &mut building => return built,
            _ = ticks.tick() => {
                let progress = *told.borrow();
                app.jobs.progress(lease, progress, app.clock.now()).await?;
            }
        }
    }
}

/// Ends the export: its state and its entry in one transaction.
async fn finish(app: &EvidenceExport, lease: &Lease, job: &Job, end: Result<Built, ExportError>) -> Result<(), Error> {
    let mut change = Change::default();
    let mut details = Map::from_iter([
        ("evidence_id".to_owned(), json!(job.asked.id)),
        ("requested_by".to_owned(), json!(job.asked.subject)),
        ("size".to_owned(), json!(job.asked.request.size)),
    ]);
    let outcome = match &end {
        Ok(built) => {
            app.jobs.done(&mut change, lease, built)?;
            details.extend(of_bundle(built));
            Outcome::Success
        }
        Err(error) => {
            let cause = cause(error);
            app.jobs.failed(&mut change, lease, &cause)?;
            details.insert("cause".to_owned(), json!(cause));
            Outcome::Refused
        }
    };
    let Concerns { client_ref, subject_ref } = concerns(app, job).await;
    let act = Act {
        event: Event::EvidenceExport,
        outcome,
        resource: crate::show::path(&job.asked.id),
        reason: None,
        client_ref,
        subject_ref,
        details: Value::Object(details),
    };
    change.record(&app.audit, &author(app, job).entry(act, app.clock.now())?)?;
    change.commit(&app.dynamodb).await?;
    match &end {
        Ok(_) => tell("SUCCESS", "the export is made", None),
        Err(error) => tell("FAILURE", "the export cannot be made", Some(&error.to_string())),
    }
    Ok(())
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

/// Whom the export concerns, as its request did. An entry is written whether that can be told or not.
async fn concerns(app: &EvidenceExport, job: &Job) -> Concerns {
    let request = &job.asked.request;
    let mut concerns = Concerns::default();
    if let [client] = &request.client[..] {
        let found = app.names.client(client, request.size).await.ok().flatten();
        concerns.client_ref = found.map(|commitment| commitment.reference());
    }
    if let [ticker] = &request.ticker[..] {
        let found = app.names.ticker(ticker, request.size).await.ok().flatten();
        concerns.subject_ref = found.map(|commitment| commitment.reference());
    }
    concerns
}

/// The function itself, at the request that asked for the export.
fn author(app: &EvidenceExport, job: &Job) -> Author {
    Author {
        actor: Actor { kind: ActorType::System, id: FUNCTION.to_owned(), roles: vec!["system".to_owned()] },
        actor_ref: app.names.actor_key().actor_ref(ActorType::System, FUNCTION),
        request_id: job.asked.request_id.clone(),
        function: FUNCTION,
        source_address: None,
    }
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
