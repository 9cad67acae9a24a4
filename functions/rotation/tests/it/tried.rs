//! A rotation that is only tried: Secrets Manager takes the step `testSecret` alone when rotation is set up for later.

use engine_core::access::service_account::ServiceAccountState;

use crate::rig::{Rig, Subject, token};

#[tokio::test]
async fn a_version_without_a_value_is_tested_by_the_current_one() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        let before = rig.current(subject);
        rig.begin(subject, &token(1)).await.unwrap();
        rig.step(subject, &token(1), "testSecret").await.unwrap();
        assert_eq!((rig.current(subject), rig.at_stage(subject, "AWSPENDING")), (before, None));
        assert!(rig.entries(subject.event()).await.is_empty());
    }
}

#[tokio::test]
async fn a_version_with_the_current_value_passes_too() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        rig.begin(subject, &token(1)).await.unwrap();
        let put = rig.secrets.client().put_secret_value().secret_id(rig.arn(subject)).client_request_token(token(1));
        put.version_stages("AWSPENDING").secret_string(rig.current(subject)).send().await.unwrap();
        rig.step(subject, &token(1), "testSecret").await.unwrap();
    }
}

#[tokio::test]
async fn what_could_not_rotate_does_not_pass() {
    let rig = Rig::start().await;
    rig.put_account(ServiceAccountState::Disabled).await;
    rig.begin(Subject::Account, &token(1)).await.unwrap();
    let error = rig.step(Subject::Account, &token(1), "testSecret").await.unwrap_err();
    assert!(error.to_string().contains("with status 401"), "{error}");
}
