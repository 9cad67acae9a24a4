//! Exports as items: one worker at a time, one end.

use engine_aws::Error;
use engine_aws::change::Change;
use engine_aws::evidence::{
    ABANDONED, Built, Claim, Completeness, ExportRequest, GIVEN_UP, Job, JobState, Jobs, KEPT, LEASE, Lease,
    MOST_ATTEMPTS, Made, NewJob, Progress,
};
use engine_core::audit::Reference;
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
        client_ref: Some(Reference::from_stored("ef".repeat(32))),
        subject_ref: None,
        request,
        created_at: now(),
    }
}

/// A bundle, at the end of an export at `ended_at`.
fn made(ended_at: Timestamp) -> Made {
    let built = Built {
        sha256: "ab".repeat(32),
        bytes: 1234,
        matched: 5,
        completeness: Completeness::Selected,
        manifest_sha256: "cd".repeat(32),
    };
    Made { built, object: format!("exports/{ID}-1.zip"), ended_at }
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
    assert_eq!((job.asked.client_ref, job.asked.subject_ref), (asked.client_ref, None));
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
        commit(&dynamo, |change| jobs.done(change, &stale, &made(later))).await,
        commit(&dynamo, |change| jobs.failed(change, &stale, "late", later)).await,
    ] {
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    commit(&dynamo, |change| jobs.done(change, &lease, &made(later))).await.unwrap();
    assert_eq!(jobs.read(ID).await.unwrap().unwrap().state, JobState::Done(made(later)));
    assert!(commit(&dynamo, |change| jobs.failed(change, &lease, "changed its mind", later)).await.is_err());
    assert!(commit(&dynamo, |change| jobs.abandon(change, ID, later + GIVEN_UP * 2)).await.is_err());
    let long_after = later + SignedDuration::from_hours(1);
    assert!(matches!(jobs.claim(ID, long_after).await.unwrap(), Claim::Not(JobState::Done(_))));
}

#[tokio::test]
async fn a_failed_export_says_why() {
    let (dynamo, jobs) = started().await;
    let (lease, _) = take(&jobs, now()).await;
    commit(&dynamo, |change| jobs.failed(change, &lease, "missing: object tile/entries/000", now())).await.unwrap();
    let cause = "missing: object tile/entries/000".to_owned();
    assert_eq!(jobs.read(ID).await.unwrap().unwrap().state, JobState::Failed { cause });
}

#[tokio::test]
async fn a_lease_that_ran_out_is_not_taken_up_again_though_nobody_else_has_it() {
    let (dynamo, jobs) = started().await;
    let (lease, _) = take(&jobs, now()).await;
    let last = now() + LEASE;
    let after = last + SignedDuration::from_millis(1);
    for lost in [
        jobs.progress(&lease, Progress { done: 1, total: 2 }, after).await,
        commit(&dynamo, |change| jobs.done(change, &lease, &made(after))).await,
        commit(&dynamo, |change| jobs.failed(change, &lease, "late", after)).await,
    ] {
        assert!(matches!(lost, Err(Error::Conflict(_))), "{lost:?}");
    }
    commit(&dynamo, |change| jobs.done(change, &lease, &made(last))).await.unwrap();
}

/// What is failed at a time, as it is told and as a claim finds it; the same, at every time.
async fn is_over(jobs: &Jobs, at: Timestamp) -> bool {
    let job = jobs.read(ID).await.unwrap().unwrap();
    let told = matches!(job.state_at(at), JobState::Failed { cause } if cause == ABANDONED);
    assert_eq!(told, job.is_abandoned(at));
    told
}

#[tokio::test]
async fn what_is_told_as_failed_is_never_begun_again_and_is_ended_once() {
    let (dynamo, jobs) = started().await;
    let mut at = now();
    for attempt in 1..=MOST_ATTEMPTS {
        assert!(!is_over(&jobs, at).await);
        assert!(commit(&dynamo, |change| jobs.abandon(change, ID, at)).await.is_err(), "somebody may begin it");
        let (_, job) = take(&jobs, at).await;
        assert_eq!(job.attempts, attempt);
        assert!(!is_over(&jobs, at + LEASE).await, "its worker may be at it");
        assert!(commit(&dynamo, |change| jobs.abandon(change, ID, at + LEASE)).await.is_err());
        at += LEASE + SignedDuration::from_millis(1);
    }
    assert!(is_over(&jobs, at).await);
    assert!(matches!(jobs.claim(ID, at).await.unwrap(), Claim::Abandoned(job) if job.asked.id == ID));
    assert!(is_over(&jobs, at).await, "wanting it changed nothing");
    commit(&dynamo, |change| jobs.abandon(change, ID, at)).await.unwrap();
    assert!(commit(&dynamo, |change| jobs.abandon(change, ID, at)).await.is_err());
    assert_eq!(jobs.read(ID).await.unwrap().unwrap().state, JobState::Failed { cause: ABANDONED.to_owned() });
    assert!(matches!(jobs.claim(ID, at).await.unwrap(), Claim::Not(JobState::Failed { .. })));
}

#[tokio::test]
async fn what_the_stream_brings_no_more_is_over_whether_it_was_begun_or_not() {
    for begun in [false, true] {
        let (dynamo, jobs) = started().await;
        if begun {
            take(&jobs, now() + GIVEN_UP - LEASE * 2).await;
        }
        let last = now() + GIVEN_UP;
        assert!(!is_over(&jobs, last).await);
        let after = last + SignedDuration::from_millis(1);
        assert!(is_over(&jobs, after).await);
        assert!(matches!(jobs.claim(ID, after).await.unwrap(), Claim::Abandoned(_)));
        commit(&dynamo, |change| jobs.abandon(change, ID, after)).await.unwrap();
        assert!(matches!(jobs.claim(ID, after).await.unwrap(), Claim::Not(JobState::Failed { .. })));
    }
}

#[tokio::test]
async fn a_bundle_is_told_of_as_there_for_as_long_as_it_is_kept() {
    let (dynamo, jobs) = started().await;
    let (lease, _) = take(&jobs, now()).await;
    commit(&dynamo, |change| jobs.done(change, &lease, &made(now()))).await.unwrap();
    let job = jobs.read(ID).await.unwrap().unwrap();
    assert_eq!(job.state_at(now() + KEPT), JobState::Done(made(now())));
    let after = now() + KEPT + SignedDuration::from_millis(1);
    assert_eq!(job.state_at(after), JobState::Expired(made(now())));
    assert!(matches!(jobs.claim(ID, after).await.unwrap(), Claim::Not(JobState::Done(_))));
}
