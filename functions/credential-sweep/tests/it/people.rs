//! Elevations that are over, and second factors that end soon.

use credential_sweep::Done;
use engine_aws::people::{Factor, People, Person, Versioned};
use engine_core::access::PersonId;
use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::rig::{NOW, Rig, at, days, notice};

fn people(rig: &Rig) -> People {
    People::new(rig.dynamodb(), tables::PEOPLE, engine_aws::audit_log::AuditLog::new(rig.dynamodb(), tables::AUDIT))
}

#[tokio::test]
async fn an_elevation_that_is_over_is_taken_off_recorded_and_told_of_once() {
    let rig = Rig::start().await;
    let id = rig.elevated("dana", at(NOW) + SignedDuration::from_secs(1)).await;
    assert_eq!(rig.run().await.unwrap(), Done::default(), "not before its end");
    rig.later(SignedDuration::from_secs(1));
    assert_eq!(rig.run().await.unwrap(), Done { elevations_ended: 1, notices_told: 1, ..Done::default() });
    let account = people(&rig).principal(&id).await.unwrap().unwrap();
    assert_eq!((account.value.elevation, account.version), (None, 2));
    assert_eq!(rig.told(), [notice("elevation.ended", "dana@example.com")]);
    let entries = rig.entries_of("principal.elevation.end").await;
    assert_eq!(entries.len(), 1);
    let (body, header) = (&entries[0].body, &entries[0].header);
    assert_eq!((&body["resource"], &header["outcome"]), (&json!("principal:dana@example.com"), &json!("success")));
    assert_eq!(body["details"]["elevation"]["request_id"], "r-dana");
    assert_eq!(body["details"]["version"], 2);
    assert_eq!(rig.run().await.unwrap(), Done::default());
}

#[tokio::test]
async fn a_second_factor_is_warned_of_seven_days_before_its_end_once_an_enrolment() {
    let rig = Rig::start().await;
    rig.enrolled("dana", at(NOW) - days(83) + SignedDuration::from_secs(1)).await;
    assert_eq!(rig.run().await.unwrap(), Done::default());
    rig.later(SignedDuration::from_secs(1));
    assert_eq!(rig.run().await.unwrap(), Done { found_due: 1, notices_told: 1, ..Done::default() });
    rig.later(days(30));
    assert_eq!(rig.run().await.unwrap(), Done::default(), "its end is not told of again");
    assert_eq!(rig.told(), [notice("totp.due", "dana")]);
    let entries = rig.entries_of("credential.due").await;
    assert_eq!((entries.len(), &entries[0].body["resource"]), (1, &json!("person:dana")));
    assert_eq!(entries[0].body["details"]["due_at"], "2026-12-22T22:00:01.000Z");

    rig.enrolled("dana", rig.now()).await;
    rig.later(days(83));
    assert_eq!(rig.run().await.unwrap().found_due, 1, "another enrolment, another warning");
}

#[tokio::test]
async fn a_person_without_a_second_factor_is_not_warned() {
    let rig = Rig::start().await;
    rig.enrolled("dana", at(NOW) - days(400)).await;
    let read: Versioned<Person> = people(&rig).person(&PersonId::parse("dana").unwrap()).await.unwrap();
    assert!(matches!(read.value.enrolled, Some(Factor { enrolled_at: Some(_), .. })));
    rig.account("other", at(NOW), None).await;
    assert_eq!(rig.run().await.unwrap().found_due, 1, "only who has one");
}
