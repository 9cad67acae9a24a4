//! A process that is killed between any two of its calls, and answers that are lost.

use engine_test_support::life::Life;

use crate::rig::{Rig, STEPS, Subject, token};

/// More calls than any step makes.
const MOST_CALLS: usize = 40;

#[tokio::test]
async fn killed_at_every_call_and_retried_whole_every_rotation_comes_to_the_same_end() {
    for subject in Subject::ALL {
        let mut died = 0;
        for calls in 0..MOST_CALLS {
            let rig = Rig::start().await;
            let (before, token, life) = (rig.current(subject), token(1), Life::new());
            rig.begin(subject, &token).await.unwrap();
            let function = rig.function(&life);
            life.die_after(calls);
            let killed = rig.steps_by(&function, subject, &token).await;
            assert_one_current_that_works(&rig, subject, calls).await;
            if killed.is_ok() {
                break;
            }
            died += 1;
            // Secrets Manager takes the steps again from the first, in a new process.
            rig.steps_by(&rig.function(&Life::new()), subject, &token).await.unwrap();
            rig.assert_settled(subject, &token, &before).await;
        }
        assert!((10..MOST_CALLS).contains(&died), "{subject:?}: {died}");
    }
}

/// Whatever is cut off, what Secrets Manager gives out can be used.
async fn assert_one_current_that_works(rig: &Rig, subject: Subject, calls: usize) {
    assert_eq!(rig.versions_at(subject, "AWSCURRENT").len(), 1, "{subject:?} after {calls}");
    if subject == Subject::Account {
        assert_eq!(rig.endpoint.status(&rig.current(subject)).await, 200, "after {calls} calls");
    }
}

#[tokio::test]
async fn a_finish_that_was_cut_off_and_not_repeated_is_completed_by_the_next_rotation() {
    let subject = Subject::Account;
    let mut completed = 0;
    for calls in 0..MOST_CALLS {
        let rig = Rig::start().await;
        let (first, life) = (rig.current(subject), Life::new());
        rig.begin(subject, &token(1)).await.unwrap();
        for step in &STEPS[..3] {
            rig.step(subject, &token(1), step).await.unwrap();
        }
        let function = rig.function(&life);
        life.die_after(calls);
        let killed = rig.step_by(&function, subject, &token(1), "finishSecret").await;
        if rig.versions_at(subject, "AWSCURRENT") != [token(1)] {
            // Nothing was given out yet: Secrets Manager starts no other rotation before this one.
            assert!(rig.begin(subject, &token(2)).await.is_err());
            continue;
        }
        let second = rig.current(subject);
        rig.rotate(subject, &token(2)).await;
        rig.assert_settled(subject, &token(2), &second).await;
        assert_eq!(rig.endpoint.status(&first).await, 401);
        if killed.is_ok() {
            break;
        }
        completed += 1;
        let staged = rig.entries("service_account.credential.stage").await;
        let finishing = staged.iter().filter(|(_, body)| body["details"]["finishes_the_one_before"] == true);
        assert_eq!(finishing.count(), 1, "after {calls} calls");
    }
    assert!(completed >= 3, "{completed}");
}

#[tokio::test]
async fn an_answer_that_is_lost_changes_nothing_about_the_end() {
    for subject in Subject::ALL {
        for action in ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"] {
            for lost in 1..=3 {
                let rig = Rig::start().await;
                let (before, token) = (rig.current(subject), token(1));
                rig.begin(subject, &token).await.unwrap();
                let control = engine_test_support::service::Control::default();
                control.lose(action, lost);
                let wire = engine_test_support::wire::Wire::default();
                let function = rig.function_on(&control, &wire, &rig.endpoint.api_url, rig.pause());
                let mut tries = 0;
                while rig.steps_by(&function, subject, &token).await.is_err() {
                    tries += 1;
                    assert!(tries <= lost, "{action} of {subject:?}");
                }
                assert!(tries > 0, "{action} of {subject:?} is never called");
                rig.assert_settled(subject, &token, &before).await;
            }
        }
    }
}
