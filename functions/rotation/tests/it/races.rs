//! Steps and rotations that run at once.

use engine_test_support::life::Life;
use engine_test_support::service::Control;
use engine_test_support::wire::Wire;
use rotation::RotationError;

use crate::rig::{Rig, STEPS, Subject, token};

#[tokio::test]
async fn two_runs_of_each_step_at_once_are_one() {
    for subject in Subject::ALL {
        let rig = Rig::start().await;
        let (before, token) = (rig.current(subject), token(1));
        rig.begin(subject, &token).await.unwrap();
        let (one, other) = (rig.function(&Life::new()), rig.function(&Life::new()));
        for step in STEPS {
            let both =
                tokio::join!(rig.step_by(&one, subject, &token, step), rig.step_by(&other, subject, &token, step));
            assert!(both.0.is_ok() && both.1.is_ok(), "{step} of {subject:?}: {both:?}");
        }
        rig.assert_settled(subject, &token, &before).await;
    }
}

#[tokio::test]
async fn the_value_of_whoever_is_faster_stays_and_the_other_goes_on_with_it() {
    for subject in Subject::ALL {
        let rig = Rig::start().await;
        let (before, token) = (rig.current(subject), token(1));
        rig.begin(subject, &token).await.unwrap();
        let control = Control::default();
        let (secrets, faster) = (rig.secrets.clone(), subject.secret());
        let value = match subject {
            Subject::Account => crate::rig::credential().document().to_string(),
            Subject::Totp => "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned(),
            Subject::ActorKey | Subject::ReferenceKey => {
                engine_core::audit::SecretKey::next_document(&before, &"f".repeat(64)).unwrap().to_string()
            }
        };
        let (put, version) = (value.clone(), token.clone());
        control.before("PutSecretValue", move || secrets.fill(&faster, &version, &put));
        let slower = rig.function_on(&control, &Wire::default(), &rig.endpoint.api_url, rig.pause());
        rig.steps_by(&slower, subject, &token).await.unwrap();
        assert_eq!(rig.current(subject), value, "{subject:?}");
        rig.assert_settled(subject, &token, &before).await;
    }
}

#[tokio::test]
async fn a_second_rotation_does_not_start_before_the_first_is_over() {
    for subject in Subject::ALL {
        let rig = Rig::start().await;
        let before = rig.current(subject);
        rig.begin(subject, &token(1)).await.unwrap();
        for step in STEPS {
            assert!(rig.begin(subject, &token(2)).await.unwrap_err().contains("isn't complete"), "{step}");
            rig.step(subject, &token(1), step).await.unwrap();
            let error = rig.step(subject, &token(2), step).await.unwrap_err();
            assert!(matches!(error, RotationError::UnknownVersion { .. }), "{error}");
        }
        rig.assert_settled(subject, &token(1), &before).await;
        let before = rig.current(subject);
        rig.rotate(subject, &token(2)).await;
        rig.assert_settled(subject, &token(2), &before).await;
    }
}

/// Somebody took the label off a rotation that hung, and started another.
#[tokio::test]
async fn a_rotation_that_lost_its_label_to_another_is_refused_and_the_other_comes_to_its_end() {
    for subject in Subject::ALL {
        for taken in 0..=3 {
            let rig = Rig::start().await;
            let before = rig.current(subject);
            rig.begin(subject, &token(1)).await.unwrap();
            for step in &STEPS[..taken] {
                rig.step(subject, &token(1), step).await.unwrap();
            }
            let removed = rig.secrets.client().update_secret_version_stage().secret_id(rig.arn(subject));
            removed.version_stage("AWSPENDING").remove_from_version_id(token(1)).send().await.unwrap();
            rig.begin(subject, &token(2)).await.unwrap();
            for step in STEPS {
                let refused = rig.step(subject, &token(1), step).await;
                assert!(refused.is_err(), "{step} of {subject:?} after {taken}");
                rig.step(subject, &token(2), step).await.unwrap();
            }
            rig.assert_settled(subject, &token(2), &before).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_changes_meanwhile_is_read_again() {
    let rig = Rig::start().await;
    let before = rig.current(Subject::Account);
    rig.begin(Subject::Account, &token(1)).await.unwrap();
    for step in STEPS {
        let wire = Wire::default();
        let function = rig.function_on(&Control::default(), &wire, &rig.endpoint.api_url, rig.pause());
        // Its version goes up between the read and the write, as by a review.
        let client = rig.client();
        wire.before("TransactWriteItems", move || {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(bump(&client)));
        });
        rig.step_by(&function, Subject::Account, &token(1), step).await.unwrap();
    }
    rig.assert_settled(Subject::Account, &token(1), &before).await;
}

async fn bump(client: &aws_sdk_dynamodb::Client) {
    use aws_sdk_dynamodb::types::AttributeValue;

    let bumped = client
        .update_item()
        .table_name(engine_test_support::dynamo::tables::PEOPLE)
        .key("pk", AttributeValue::S("service_accounts".into()))
        .key("sk", AttributeValue::S(crate::rig::ACCOUNT.into()))
        .update_expression("ADD version :one")
        .expression_attribute_values(":one", AttributeValue::N("1".into()));
    bumped.send().await.unwrap();
}
