//! Steps that are refused, by whose fault it is, and with nothing written.

use engine_aws::Error;
use engine_core::access::service_account::ServiceAccountState;
use engine_test_support::life::Life;
use engine_test_support::service::Control;
use engine_test_support::wire::Wire;
use rotation::{Event, RotationError};

use crate::rig::{Rig, STEPS, Subject, credential, token};

/// Everything that a step could write, as it stands.
async fn state(rig: &Rig, subject: Subject) -> String {
    let held = rig.account().await;
    let (stages, values) = (rig.secrets.stages(&subject.secret()), rig.secrets.values());
    format!("{:?} {:?} {} {stages:?} {values:?}", held.hashes, held.version, rig.entries(subject.event()).await.len())
}

/// What the step says, after making sure that it wrote nothing and quotes nothing.
async fn refused(rig: &Rig, subject: Subject, event: &Event) -> RotationError {
    let before = state(rig, subject).await;
    let error = rig.function(&Life::new()).run(event, "invocation").await.unwrap_err();
    assert_eq!(state(rig, subject).await, before, "{error}");
    let said = format!("{error} {error:?}");
    assert!(rig.secrets.values().iter().all(|value| !said.contains(value.as_str())), "{said}");
    error
}

#[tokio::test]
async fn no_step_but_the_four() {
    let rig = Rig::start().await;
    rig.begin(Subject::Account, &token(1)).await.unwrap();
    for step in ["", "deleteSecret", "CREATESECRET"] {
        let error = refused(&rig, Subject::Account, &rig.event(Subject::Account, &token(1), step)).await;
        assert!(matches!(&error, RotationError::UnknownStep(named) if named == step), "{error}");
        assert!(error.to_string().ends_with("is no step of a rotation"));
    }
}

#[tokio::test]
async fn no_secret_that_is_not_there_or_not_the_stack_s() {
    let rig = Rig::start().await;
    let foreign = rig.secrets.put("stack/another", "hunter2");
    for step in STEPS {
        let event = rig.event(Subject::Account, &token(1), step);
        let nowhere = Event { secret_id: "stack/nowhere".into(), ..event.clone() };
        let error = refused(&rig, Subject::Account, &nowhere).await;
        assert!(matches!(&error, RotationError::Store(Error::NotFound(_))), "{error}");
        assert!(error.to_string().contains("stack/nowhere"));
        let error = refused(&rig, Subject::Account, &Event { secret_id: foreign.clone(), ..event }).await;
        assert!(matches!(&error, RotationError::NotOurs(named) if named == "stack/another"), "{error}");
    }
}

#[tokio::test]
async fn no_secret_that_is_not_enabled_for_rotation() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        rig.begin(subject, &token(1)).await.unwrap();
        rig.secrets.client().cancel_rotate_secret().secret_id(rig.arn(subject)).send().await.unwrap();
        for step in STEPS {
            let error = refused(&rig, subject, &rig.event(subject, &token(1), step)).await;
            assert!(matches!(&error, RotationError::NotEnabled(named) if *named == subject.secret()), "{error}");
        }
    }
}

#[tokio::test]
async fn no_version_that_is_unknown_or_was_current_before() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        rig.rotate(subject, &token(1)).await;
        rig.rotate(subject, &token(2)).await;
        for step in STEPS {
            let error = refused(&rig, subject, &rig.event(subject, &token(1), step)).await;
            assert!(matches!(&error, RotationError::NotPending { version, .. } if *version == token(1)), "{error}");
            let error = refused(&rig, subject, &rig.event(subject, &token(9), step)).await;
            assert!(matches!(&error, RotationError::UnknownVersion { version, .. } if *version == token(9)), "{error}");
            // The one that is current is done, whatever is asked.
            let before = state(&rig, subject).await;
            rig.step(subject, &token(2), step).await.unwrap();
            assert_eq!(state(&rig, subject).await, before);
        }
    }
}

#[tokio::test]
async fn no_step_before_the_one_that_it_goes_on_from() {
    let rig = Rig::start().await;
    for subject in Subject::ALL {
        rig.begin(subject, &token(1)).await.unwrap();
        let error = refused(&rig, subject, &rig.event(subject, &token(1), "finishSecret")).await;
        assert!(matches!(error, RotationError::NotReady { step: "createSecret", .. }), "{error}");
    }
    let account = |step| rig.event(Subject::Account, &token(1), step);
    let error = refused(&rig, Subject::Account, &account("setSecret")).await;
    assert!(matches!(error, RotationError::NotReady { step: "createSecret", .. }), "{error}");
    rig.step(Subject::Account, &token(1), "createSecret").await.unwrap();
    let error = refused(&rig, Subject::Account, &account("testSecret")).await;
    assert!(matches!(error, RotationError::Refused { status: 401, .. }), "{error}");
    let error = refused(&rig, Subject::Account, &account("finishSecret")).await;
    assert!(matches!(error, RotationError::NotReady { step: "setSecret", .. }), "{error}");
}

#[tokio::test]
async fn no_other_credential_for_an_account_that_is_disabled() {
    let rig = Rig::start().await;
    rig.put_account(ServiceAccountState::Disabled).await;
    rig.begin(Subject::Account, &token(1)).await.unwrap();
    let error = refused(&rig, Subject::Account, &rig.event(Subject::Account, &token(1), "createSecret")).await;
    assert!(error.to_string().contains("svc-risk-batch is DISABLED"), "{error}");
    // Nor is one given out that was made before.
    rig.put_account(ServiceAccountState::Active).await;
    for step in &STEPS[..3] {
        rig.step(Subject::Account, &token(1), step).await.unwrap();
    }
    rig.put_account(ServiceAccountState::Disabled).await;
    for step in &STEPS[1..] {
        refused(&rig, Subject::Account, &rig.event(Subject::Account, &token(1), step)).await;
    }
}

#[tokio::test]
async fn no_start_from_a_credential_that_was_put_by_hand() {
    let rig = Rig::start().await;
    let put = rig.secrets.client().put_secret_value().secret_id(rig.arn(Subject::Account));
    put.secret_string(credential().document().as_str()).send().await.unwrap();
    rig.begin(Subject::Account, &token(1)).await.unwrap();
    rig.step(Subject::Account, &token(1), "createSecret").await.unwrap();
    let error = refused(&rig, Subject::Account, &rig.event(Subject::Account, &token(1), "setSecret")).await;
    assert!(error.to_string().contains("has another credential than its secret says"), "{error}");
}

#[tokio::test]
async fn no_value_that_is_not_of_the_secret_s_kind() {
    let rig = Rig::start().await;
    let other = credential().document().replace("svc-risk-batch", "svc-risk-other");
    for (subject, steps, value) in [
        (Subject::Account, &["setSecret", "testSecret", "finishSecret"][..], "hunter2-hunter2"),
        (Subject::Account, &["setSecret", "testSecret", "finishSecret"], other.as_str()),
        (Subject::Totp, &["testSecret", "finishSecret"], "not base32 at all"),
        (Subject::ActorKey, &["testSecret", "finishSecret"], r#"{"current":"k2","k2":"short"}"#),
    ] {
        let rig = Rig::start().await;
        rig.begin(subject, &token(1)).await.unwrap();
        let put = rig.secrets.client().put_secret_value().secret_id(rig.arn(subject)).client_request_token(token(1));
        put.version_stages("AWSPENDING").secret_string(value).send().await.unwrap();
        for step in steps {
            let error = refused(&rig, subject, &rig.event(subject, &token(1), step)).await;
            assert!(matches!(&error, RotationError::Value { label: "AWSPENDING", .. }), "{error}");
        }
    }
    drop(rig);
}

#[tokio::test]
async fn no_key_that_lost_a_version_is_given_out() {
    let rig = Rig::start().await;
    let subject = Subject::ReferenceKey;
    rig.begin(subject, &token(1)).await.unwrap();
    rig.step(subject, &token(1), "createSecret").await.unwrap();
    // A version is added by hand meanwhile.
    let added = rig.current(subject).replacen('{', &format!(r#"{{"k0":"{}","#, "z".repeat(64)), 1);
    let put = rig.secrets.client().put_secret_value().secret_id(rig.arn(subject));
    put.secret_string(&added).send().await.unwrap();
    for step in ["testSecret", "finishSecret"] {
        let error = refused(&rig, subject, &rig.event(subject, &token(1), step)).await;
        assert!(error.to_string().contains("does not keep every version"), "{error}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_cannot_be_asked_proves_nothing() {
    let rig = Rig::start().await;
    rig.begin(Subject::Account, &token(1)).await.unwrap();
    for step in &STEPS[..2] {
        rig.step(Subject::Account, &token(1), step).await.unwrap();
    }
    let elsewhere = format!("{}/nowhere", rig.endpoint.api_url);
    for (url, why) in [
        ("http://127.0.0.1:1/api/v1", "https:Request failed"),
        ("http://api.example/api/v1", "neither https nor http to a loopback host"),
        (elsewhere.as_str(), "with status 404"),
    ] {
        let function = rig.function_on(&Control::default(), &Wire::default(), url, rig.pause());
        let error = rig.step_by(&function, Subject::Account, &token(1), "testSecret").await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    rig.step(Subject::Account, &token(1), "testSecret").await.unwrap();
}
