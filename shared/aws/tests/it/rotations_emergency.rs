//! Emergency rotations as items: one worker at a time, rows that are written once, one end.

use engine_aws::Error;
use engine_aws::change::Change;
use engine_aws::rotations::{
    Claim, Counts, EmergencyRotation, EmergencyRotations, LEASE, Lease, NewEmergency, Phase, Place, Target, Unit,
    UnitName,
};
use engine_core::access::ClientId;
use engine_test_support::dynamo::{Dynamo, tables};
use jiff::{SignedDuration, Timestamp};

const ID: &str = "019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b";
const OTHER: &str = "019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2c";
const COUNTS: Counts = Counts { clients: 3, revoked: 120, issued: 0, notified: 0 };

fn now() -> Timestamp {
    "2026-11-25T03:00:00Z".parse().unwrap()
}

fn asked(id: &str, target: Target) -> NewEmergency {
    NewEmergency {
        id: id.to_owned(),
        target,
        reason: "the vault leaked".to_owned(),
        requested_by: "sam@example.com".to_owned(),
        request_id: "request-1".to_owned(),
        requested_at: now(),
    }
}

fn client(name: &str) -> UnitName {
    UnitName::Client(ClientId::parse(name).unwrap())
}

async fn started() -> (Dynamo, EmergencyRotations) {
    let dynamo = Dynamo::start().await;
    let rotations = EmergencyRotations::new(dynamo.client(), tables::ROTATIONS);
    commit(&dynamo, |change| rotations.create(change, &asked(ID, Target::AllKeys))).await.unwrap();
    (dynamo, rotations)
}

async fn take(rotations: &EmergencyRotations, at: Timestamp) -> (Lease, EmergencyRotation) {
    match rotations.claim(ID, at).await.unwrap() {
        Claim::Taken(lease, job) => (lease, *job),
        other => panic!("{other:?}"),
    }
}

async fn commit(dynamo: &Dynamo, add: impl FnOnce(&mut Change) -> Result<(), Error>) -> Result<(), Error> {
    let mut change = Change::default();
    add(&mut change)?;
    change.commit(&dynamo.client()).await
}

fn place(phase: Phase, after: Option<&str>, counts: Counts) -> Place {
    Place { phase, after: after.map(str::to_owned), counts }
}

#[tokio::test]
async fn a_rotation_is_read_back_as_it_was_asked_for_and_one_of_a_target_is_unfinished_at_a_time() {
    let (dynamo, rotations) = started().await;
    let job = rotations.read(ID).await.unwrap().unwrap();
    assert_eq!(job.asked, asked(ID, Target::AllKeys));
    assert_eq!((job.place, job.attempts), (place(Phase::Pending, None, Counts::default()), 0));
    assert_eq!(job.started_at, None);
    assert!(rotations.read(OTHER).await.unwrap().is_none());

    let again = commit(&dynamo, |change| rotations.create(change, &asked(OTHER, Target::AllKeys))).await;
    assert!(matches!(again, Err(Error::Conflict(why)) if why.contains("not complete yet")));
    let one = Target::Client(ClientId::parse("demo").unwrap());
    commit(&dynamo, |change| rotations.create(change, &asked(OTHER, one))).await.unwrap();
    let mut unfinished = rotations.unfinished().await.unwrap();
    unfinished.sort();
    assert_eq!(unfinished, [ID, OTHER]);
}

#[tokio::test]
async fn one_worker_at_a_time_has_the_lease_until_it_runs_out() {
    let (_dynamo, rotations) = started().await;
    let (first, job) = take(&rotations, now()).await;
    assert_eq!((job.started_at, job.attempts), (Some(now()), 1));
    assert!(matches!(rotations.claim(ID, now() + LEASE).await.unwrap(), Claim::Busy));
    let half = now() + SignedDuration::from_mins(1);
    let there = place(Phase::Revoking, Some("delta"), COUNTS);
    rotations.save(&first, &there, half).await.unwrap();
    assert!(matches!(rotations.claim(ID, half + LEASE).await.unwrap(), Claim::Busy), "who tells of progress keeps it");

    let after = half + LEASE + SignedDuration::from_millis(1);
    let (second, job) = take(&rotations, after).await;
    assert_eq!((job.place, job.attempts, job.started_at), (there.clone(), 2, Some(now())));
    assert!(matches!(rotations.save(&first, &there, after).await, Err(Error::Conflict(_))));
    rotations.release(&second, "dynamodb:Query failed", after).await.unwrap();
    let (_, job) = take(&rotations, after).await;
    assert_eq!((job.attempts, job.hindrance.as_deref()), (3, Some("dynamodb:Query failed")));
    assert!(matches!(rotations.claim(OTHER, after).await.unwrap(), Claim::Unknown));
}

#[tokio::test]
async fn a_phase_that_is_entered_says_since_when_and_a_rotation_ends_once() {
    let (dynamo, rotations) = started().await;
    let (lease, job) = take(&rotations, now()).await;
    let minutes = |minutes| now() + SignedDuration::from_mins(minutes);
    rotations.save(&lease, &place(Phase::Revoking, None, Counts::default()), now()).await.unwrap();
    rotations.save(&lease, &place(Phase::Issuing, None, COUNTS), minutes(1)).await.unwrap();
    rotations.save(&lease, &place(Phase::Issuing, Some("client#a"), COUNTS), minutes(2)).await.unwrap();
    rotations.save(&lease, &place(Phase::Notifying, None, COUNTS), minutes(3)).await.unwrap();
    commit(&dynamo, |change| rotations.done(change, &lease, &job, COUNTS, minutes(4))).await.unwrap();
    assert!(commit(&dynamo, |change| rotations.done(change, &lease, &job, COUNTS, minutes(4))).await.is_err());
    let job = rotations.read(ID).await.unwrap().unwrap();
    assert_eq!(job.place, place(Phase::Done, None, COUNTS));
    let times = [job.revoked_at, job.issued_at, job.completed_at];
    assert_eq!(times, [1, 3, 4].map(|at| Some(minutes(at))));
    assert!(matches!(rotations.claim(ID, minutes(60)).await.unwrap(), Claim::Done));
    assert_eq!(rotations.unfinished().await.unwrap(), Vec::<String>::new());
    commit(&dynamo, |change| rotations.create(change, &asked(OTHER, Target::AllKeys))).await.unwrap();
}

#[tokio::test]
async fn a_row_is_written_once_and_so_is_each_thing_that_it_says() {
    let (dynamo, rotations) = started().await;
    let name = client("demo");
    let key = "AAAAAAAAAAAA".to_owned();
    let unit = Unit::new(name.clone(), [key.clone()].into(), [(key, 30)].into(), now());
    assert_eq!(rotations.unit(ID, &name).await.unwrap(), None);
    let too_early = commit(&dynamo, |change| rotations.issued(change, ID, &name, (1, None), now())).await;
    assert!(matches!(too_early, Err(Error::Conflict(_))));
    commit(&dynamo, |change| rotations.revoked(change, ID, &unit)).await.unwrap();
    assert!(commit(&dynamo, |change| rotations.revoked(change, ID, &unit)).await.is_err());
    assert_eq!(rotations.unit(ID, &name).await.unwrap(), Some(unit.clone()));
    assert_eq!(rotations.unit(OTHER, &name).await.unwrap(), None, "each rotation has rows of its own");

    let later = now() + SignedDuration::from_secs(1);
    for _ in 0..2 {
        let _ = commit(&dynamo, |change| rotations.issued(change, ID, &name, (1, Some("left")), later)).await;
        let _ = commit(&dynamo, |change| rotations.notified(change, ID, &name, later)).await;
    }
    let expected = Unit {
        issued: Some(1),
        issued_at: Some(later),
        notified_at: Some(later),
        note: Some("left".to_owned()),
        ..unit
    };
    assert_eq!(rotations.unit(ID, &name).await.unwrap(), Some(expected.clone()));
    assert!(commit(&dynamo, |change| rotations.issued(change, ID, &name, (1, None), later)).await.is_err());
    assert!(commit(&dynamo, |change| rotations.notified(change, ID, &name, later)).await.is_err());
    let all = rotations.units_of(ID, &[name.clone(), client("other")]).await.unwrap();
    assert_eq!(all.into_values().collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn rows_are_read_page_by_page() {
    let (dynamo, rotations) = started().await;
    for name in ["alpha", "beta", "gamma"] {
        let unit = Unit::new(client(name), [].into(), [].into(), now());
        commit(&dynamo, |change| rotations.revoked(change, ID, &unit)).await.unwrap();
    }
    let first = rotations.units(ID, None, 2).await.unwrap();
    let second = rotations.units(ID, first.next.as_deref(), 2).await.unwrap();
    let names: Vec<_> = first.items.into_iter().chain(second.items).map(|unit| unit.name.to_string()).collect();
    assert_eq!(names, ["client#alpha", "client#beta", "client#gamma"]);
    assert_eq!(second.next, None);
}
