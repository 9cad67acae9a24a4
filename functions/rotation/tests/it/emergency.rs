//! A credential that is revoked or replaced while it rotates.

use crate::rig::{Rig, STEPS, Subject, token};

const SUBJECT: Subject = Subject::Account;

/// A rotation, cut off after so many steps.
async fn rotate_to(rig: &Rig, steps: usize) {
    rig.begin(SUBJECT, &token(1)).await.unwrap();
    for step in &STEPS[..steps] {
        rig.step(SUBJECT, &token(1), step).await.unwrap();
    }
}

#[tokio::test]
async fn a_rotation_gives_out_nothing_once_the_credential_was_revoked() {
    for taken in 0..=3 {
        let rig = Rig::start().await;
        let old = rig.current(SUBJECT);
        rotate_to(&rig, taken).await;
        rig.revoke().await;
        let made = rig.at_stage(SUBJECT, "AWSPENDING");
        for document in made.iter().chain([&old]) {
            assert_eq!(rig.endpoint.status(document).await, 401);
        }
        for step in STEPS {
            assert!(rig.step(SUBJECT, &token(1), step).await.is_err(), "{step} after {taken}");
        }
        assert_eq!(rig.current(SUBJECT), old);
        assert!(rig.entries(SUBJECT.event()).await.is_empty());
    }
}

#[tokio::test]
async fn a_rotation_goes_on_from_the_credential_that_an_emergency_put_in_place() {
    for taken in 0..=3 {
        let rig = Rig::start().await;
        let old = rig.current(SUBJECT);
        rotate_to(&rig, taken).await;
        rig.revoke().await;
        let installed = rig.install(&token(7)).await;
        assert_eq!((rig.endpoint.status(&old).await, rig.endpoint.status(&installed).await), (401, 200));
        // What was staged for the credential before is not given out unless it is staged anew.
        assert!(rig.step(SUBJECT, &token(1), "finishSecret").await.is_err());
        assert_eq!(rig.current(SUBJECT), installed);
        for step in STEPS {
            rig.step(SUBJECT, &token(1), step).await.unwrap();
        }
        rig.assert_settled(SUBJECT, &token(1), &installed).await;
    }
}

#[tokio::test]
async fn a_finish_that_an_emergency_overtakes_ends_nothing_that_it_put_in_place() {
    let rig = Rig::start().await;
    rotate_to(&rig, 4).await;
    rig.revoke().await;
    let installed = rig.install(&token(7)).await;
    assert!(rig.step(SUBJECT, &token(1), "finishSecret").await.is_err());
    assert_eq!(rig.endpoint.status(&installed).await, 200);
    rig.rotate(SUBJECT, &token(2)).await;
    rig.assert_settled(SUBJECT, &token(2), &installed).await;
}
