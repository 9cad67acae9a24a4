//! A rotation as it should be: the four steps in order, each of them once or more often.

use std::sync::Arc;

use engine_core::audit::SecretKey;
use engine_core::rotation::CredentialKind;
use engine_test_support::life::Life;
use jiff::SignedDuration;
use rotation::{Event, Pause};

use crate::rig::{ROTATION_TOKEN, Rig, STEPS, Subject, assert_waited, token};

#[tokio::test]
async fn every_kind_of_secret_rotates_again_and_again() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        for number in 1..=3 {
            rig.clock.advance(SignedDuration::from_hours(24));
            let before = rig.current(subject);
            rig.rotate(subject, &token(number)).await;
            rig.assert_settled(subject, &token(number), &before).await;
        }
    }
    assert_eq!(rig.entries("service_account.credential.rotate").await.len(), 3);
    assert_eq!(rig.entries("secret.rotate").await.len(), 9);
    assert_waited(&rig, 3);
}

#[tokio::test]
async fn each_step_taken_twice_is_taken_once() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        let (before, token) = (rig.current(subject), token(1));
        rig.begin(subject, &token).await.unwrap();
        let mut made = None;
        for step in STEPS {
            for _ in 0..2 {
                rig.step(subject, &token, step).await.unwrap();
                let pending = rig.at_stage(subject, "AWSPENDING");
                assert!(made.is_none() || pending.is_none() || made == pending, "the value stays what it is");
                made = made.or(pending);
            }
        }
        assert_eq!(Some(rig.current(subject)), made);
        rig.assert_settled(subject, &token, &before).await;
    }
    assert_eq!(rig.entries("service_account.credential.stage").await.len(), 1);
    assert_waited(&rig, 1);
}

#[tokio::test]
async fn steps_are_known_by_the_names_that_the_documentation_s_prose_gives_them_too() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        let before = rig.current(subject);
        rig.begin(subject, &token(1)).await.unwrap();
        for step in ["create_secret", "set_secret", "test_secret", "finish_secret"] {
            rig.step(subject, &token(1), step).await.unwrap();
        }
        rig.assert_settled(subject, &token(1), &before).await;
    }
}

#[tokio::test]
async fn old_and_new_authenticate_from_set_to_finish_and_then_the_new_one_alone() {
    let rig = Rig::start().await;
    let (subject, token) = (Subject::Account, token(1));
    let old = rig.current(subject);
    rig.begin(subject, &token).await.unwrap();
    rig.step(subject, &token, "createSecret").await.unwrap();
    let new = rig.at_stage(subject, "AWSPENDING").unwrap();
    let statuses = async || (rig.endpoint.status(&old).await, rig.endpoint.status(&new).await);
    assert_eq!(statuses().await, (200, 401));
    for step in ["setSecret", "testSecret"] {
        rig.step(subject, &token, step).await.unwrap();
        assert_eq!(statuses().await, (200, 200), "{step}");
    }
    assert_eq!(rig.current(subject), old);
    // What holds while the function waits: the new one is given out, and the old one is good for whoever has just read it.
    let (endpoint, secrets, documents) = (Arc::clone(&rig.endpoint), rig.secrets.clone(), (old.clone(), new.clone()));
    let pause: Pause = Arc::new(move |_| {
        let (endpoint, secrets, (old, new)) = (Arc::clone(&endpoint), secrets.clone(), documents.clone());
        Box::pin(async move {
            assert_eq!(secrets.current(&Subject::Account.secret()).as_ref(), Some(&new));
            assert_eq!((endpoint.status(&old).await, endpoint.status(&new).await), (200, 200));
        })
    });
    let function = rig.function_with(&Life::new(), pause);
    rig.step_by(&function, subject, &token, "finishSecret").await.unwrap();
    assert_eq!(statuses().await, (401, 200));
}

#[tokio::test]
async fn a_rotation_is_no_use_of_the_account_and_its_record_says_when_by_whom_and_why() {
    let rig = Rig::start().await;
    rig.rotate(Subject::Account, &token(1)).await;
    let held = rig.account().await;
    assert_eq!(held.last_used_at, None);
    let rotated = held.rotated.unwrap();
    assert_eq!((rotated.at, rotated.by.as_str()), (rig.now(), "rotation"));
    let (header, body) = &rig.entries("service_account.credential.rotate").await[0];
    assert_eq!(header["function"], "rotation");
    assert_eq!(body["resource"], "service_account:svc-risk-batch");
    assert_eq!(body["details"]["version"], held.version);
    assert_eq!(body["details"]["secret_version"], token(1));
}

#[tokio::test]
async fn what_rotates_on_compromise_alone_is_never_due() {
    let rig = Rig::start().await;
    for (subject, days) in [(Subject::Totp, Some(90)), (Subject::ActorKey, None), (Subject::ReferenceKey, None)] {
        rig.rotate(subject, &token(1)).await;
        let row = rig.registered(subject).await.unwrap();
        let due = days.map(|days| rig.now() + SignedDuration::from_hours(24 * days));
        assert_eq!((row.kind, row.last_rotated_at, row.next_due_at), (CredentialKind::Secret, rig.now(), due));
        assert_eq!(row.rotated_by, "rotation");
    }
}

#[tokio::test]
async fn what_was_made_under_an_old_version_of_a_key_is_found_under_the_next() {
    let rig = Rig::start().await;
    let made = SecretKey::from_document(&rig.current(Subject::ReferenceKey)).unwrap().commitment("client", "demo");
    rig.rotate(Subject::ReferenceKey, &token(1)).await;
    let (current, others) = SecretKey::versions_from_document(&rig.current(Subject::ReferenceKey)).unwrap();
    assert_ne!(current.commitment("client", "demo"), made);
    assert!(others.iter().any(|key| key.commitment("client", "demo") == made));
}

#[tokio::test]
async fn a_value_is_put_with_the_rotation_token_that_came_with_the_step() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        rig.begin(subject, &token(1)).await.unwrap();
        rig.step(subject, &token(1), "createSecret").await.unwrap();
        assert_eq!(rig.secrets.rotation_tokens(&subject.secret()), [ROTATION_TOKEN], "{subject:?}");
    }
    let read: Event = serde_json::from_str(include_str!("../../../../events/rotation/create-secret.json")).unwrap();
    assert_eq!((read.step.as_str(), read.rotation_token.is_some()), ("createSecret", true));
}
