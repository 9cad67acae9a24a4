//! How far an export is, and where its bundle is: for who asked for it, and nobody else.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use engine_aws::evidence::{JobState, Made, NewJob};
use engine_core::audit::{EntryId, Event};
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::problem::Problem;
use engine_http::response::Reply;
use serde_json::{Value, json};

use crate::EvidenceExport;
use crate::call::{Call, Concerns, Done, Handled};
use crate::job::abandon;

/// How long a download URL is good for.
pub(crate) const DOWNLOAD_SECONDS: u64 = 300;

/// One export.
pub(crate) async fn show(app: &EvidenceExport, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.query);
    reader.unknown(&[]);
    reader.finish(Some(())).map_err(Problem::invalid)?;
    let id = EntryId::parse(call.parameter("id")).ok_or_else(Problem::resource_not_found)?.to_string();
    let job = app.jobs.read(&id).await?;
    // What is another's does not exist either.
    let job =
        job.filter(|job| job.asked.subject == call.caller.principal_id).ok_or_else(Problem::resource_not_found)?;

    if job.is_abandoned(call.context.now) {
        // What is told as its end is its end, and recorded.
        abandon(app, &job).await?;
    }
    let state = job.state_at(call.context.now);
    let mut answer = describe(&job.asked);
    answer["state"] = json!(state.as_str());
    match &state {
        JobState::Pending => {}
        JobState::Running { progress, .. } => {
            answer["progress"] = json!({ "done": progress.done, "total": progress.total });
        }
        JobState::Done(made) => {
            describe_bundle(&mut answer, made);
            answer["download_url"] = json!(app.download_url(&made.object).await?);
            answer["download_seconds"] = json!(DOWNLOAD_SECONDS);
        }
        JobState::Expired(made) => describe_bundle(&mut answer, made),
        JobState::Failed { cause } => answer["cause"] = json!(cause),
    }
    // That the bundle could be fetched from here on is what the record must tell; how is a secret for as long as it works.
    let details = json!({ "evidence_id": id, "state": state.as_str(), "download": answer["download_url"].is_string() });
    let act = call.done(Event::EvidenceShow, Concerns::default(), details);
    Ok(Done::Read(Reply::ok(&answer)?, Box::new(act)))
}

/// The path of an export.
pub(crate) fn path(id: &str) -> String {
    format!("/api/v1/evidence/{id}")
}

/// What was asked for.
pub(crate) fn describe(asked: &NewJob) -> Value {
    let request = &asked.request;
    let lists = [
        ("event", &request.event),
        ("outcome", &request.outcome),
        ("actor", &request.actor),
        ("client", &request.client),
        ("ticker", &request.ticker),
        ("request_id", &request.request_id),
    ];
    let mut filter = json!({});
    for (name, time) in [("from", request.from), ("to", request.to)] {
        if let Some(time) = time {
            filter[name] = json!(rfc3339(time));
        }
    }
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        filter[name] = json!(list);
    }
    let mut answer = json!({
        "evidence_id": asked.id,
        "created_at": rfc3339(asked.created_at),
        "size": request.size,
        "filter": filter,
        "include_logs": request.include_logs,
    });
    if let Some(older) = request.consistent_with {
        answer["consistent_with"] = json!(older);
    }
    answer
}

/// What came of it.
fn describe_bundle(answer: &mut Value, Made { built, .. }: &Made) {
    answer["sha256"] = json!(built.sha256);
    answer["bytes"] = json!(built.bytes);
    answer["matched"] = json!(built.matched);
    answer["completeness"] = json!(built.completeness.as_str());
}

impl EvidenceExport {
    /// Where the bundle can be fetched without a credential, for [`DOWNLOAD_SECONDS`].
    async fn download_url(&self, object: &str) -> Result<String, Problem> {
        let problem = |error: &dyn std::fmt::Display| Problem::internal(format!("download URL: {error}"));
        let config =
            PresigningConfig::expires_in(Duration::from_secs(DOWNLOAD_SECONDS)).map_err(|error| problem(&error))?;
        let url = self.s3.get_object().bucket(&self.settings.work_bucket).key(object).presigned(config);
        Ok(url.await.map_err(|error| problem(&error))?.uri().to_owned())
    }
}
