//! Exports as items: one worker at a time, one end.

use engine_aws::Error;
use engine_aws::change::Change;
use engine_aws::evidence::{
    Built, Claim, Completeness, ExportRequest, Job, JobState, Jobs, LEASE, Lease, NewJob, Progress,
};
use engine_test_support::dynamo::{Dynamo, tables};
use jiff::{SignedDuration, Timestamp};

const ID: &str = "019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b";

fn now() -> Timestamp {
    "2026-11-25T03:00:00Z".parse().unwrap()
}

fn new_job() -> NewJob {
    let request = ExportRequest {
        size: 300,
        from: Some("2026-11-24T00:00:00Z".parse().unwrap()),
        client: vec!["demo".to_owned()],
        include_logs: true,
        ..ExportRequest::default()
    };
    NewJob {
        id: ID.to_owned(),
        subject: "ada@example.com".to_owned(),
        request_id: "request-1".to_owned(),
        request,
        created_at: now(),
    }
}

fn built() -> Built {
    Built {
        sha256: "ab".repeat(32),
        bytes: 1234,
        matched: 5,
        completeness: Completeness::Selected,
        manifest_sha256: "cd".repeat(32),
    }
}

async fn started() -> (Dynamo, Jobs) {
    let dynamo = Dynamo::start().await;
    let jobs = Jobs::new(dynamo.client(), tables::EXPORTS);
    let mut change = Change::default();
    jobs.create(&mut change, &new_job()).unwrap();
    change.commit(&dynamo.client()).await.unwrap();
    (dynamo, jobs)
}

async fn take(jobs: &Jobs, at: Timestamp) -> (Lease, Job) {
    match jobs.claim(ID, at).await.unwrap() {
        Claim::Taken(lease, job) => (lease, *job),
        other => panic!("{other:?}"),
    }
}

async fn commit(dynamo: &Dynamo, add: impl FnOnce(&mut Change) -> Result<(), Error>) -> Result<(), Error> {
    let mut change = Change::default();
    add(&mut change)?;
    change.commit(&dynamo.client()).await
}

#[tokio::test]
async fn an_export_is_read_back_as_it_was_asked_for() {
    let (dynamo, jobs) = started().await;
    let job = jobs.read(ID).await.unwrap().unwrap();
    let asked = new_job();
    assert_eq!(
        (&job.asked.id, &job.asked.subject, &job.asked.request_id),
        (&asked.id, &asked.subject, &asked.request_id)
    );
    assert_eq!((job.asked.request, job.asked.created_at), (asked.request, asked.created_at));
    assert_eq!((job.state, job.attempts), (JobState::Pending, 0));
    assert!(jobs.read("another").await.unwrap().is_none());
    let twice = commit(&dynamo, |change| jobs.create(change, &new_job())).await;
    assert!(matches!(twice, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn one_worker_at_a_time_has_the_lease_until_it_runs_out() {
    let (_dynamo, jobs) = started().await;
    let (first, job) = take(&jobs, now()).await;
    assert!(matches!(job.state, JobState::Running { lease_until, .. } if lease_until == now() + LEASE));
    assert!(matches!(jobs.claim(ID, now() + LEASE).await.unwrap(), Claim::Not(JobState::Running { .. })));

    let half = now() + SignedDuration::from_mins(1);
    jobs.progress(&first, Progress { done: 3, total: 9 }, half).await.unwrap();
    let state = jobs.read(ID).await.unwrap().unwrap().state;
    assert_eq!(state, JobState::Running { progress: Progress { done: 3, total: 9 }, lease_until: half + LEASE });
    let after = half + LEASE + SignedDuration::from_millis(1);
    assert!(matches!(jobs.claim(ID, half + LEASE).await.unwrap(), Claim::Not(_)), "who tells of progress keeps it");

    let (_second, job) = take(&jobs, after).await;
    assert_eq!(job.attempts, 2);
    let lost = jobs.progress(&first, Progress { done: 4, total: 9 }, after).await;
    assert!(matches!(lost, Err(Error::Conflict(_))));
    assert!(matches!(jobs.claim("another", after).await.unwrap(), Claim::Unknown));
}

#[tokio::test]
async fn an_export_ends_once() {
    let (dynamo, jobs) = started().await;
    let (stale, _) = take(&jobs, now()).await;
    let later = now() + LEASE + SignedDuration::from_secs(1);
    let (lease, _) = take(&jobs, later).await;
    for refused in [
        commit(&dynamo, |change| jobs.done(change, &stale, &built())).await,
        commit(&dynamo, |change| jobs.failed(change, &stale, "late")).await,
    ] {
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    commit(&dynamo, |change| jobs.done(change, &lease, &built())).await.unwrap();
    assert_eq!(jobs.read(ID).await.unwrap().unwrap().state, JobState::Done(built()));
    assert!(commit(&dynamo, |change| jobs.failed(change, &lease, "changed its mind")).await.is_err());
    let long_after = later + SignedDuration::from_hours(1);
    assert!(matches!(jobs.claim(ID, long_after).await.unwrap(), Claim::Not(JobState::Done(_))));
}

#[tokio::test]
async fn a_failed_export_says_why() {
    let (dynamo, jobs) = started().await;
    let (lease, _) = take(&jobs, now()).await;
    commit(&dynamo, |change| jobs.failed(change, &lease, "missing: object tile/entries/000")).await.unwrap();
    let cause = "missing: object tile/entries/000".to_owned();
    assert_eq!(jobs.read(ID).await.unwrap().unwrap().state, JobState::Failed { cause });
}
