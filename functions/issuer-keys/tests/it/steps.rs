//! Each step is tried, whatever became of the others.

use engine_core::access::failures::RefusalWindow;
use issuer_keys::{KeysAt, StepError};
use jiff::SignedDuration;

use crate::rig::{OURS, Rig, STAFF, set};

async fn refusal_of_another_window(rig: &Rig) {
    let mut window = RefusalWindow::open(engine_aws::clock::Clock::now(&rig.clock));
    window.add("192.0.2.1");
    rig.guard().add_refusals(&window).await.unwrap();
    rig.clock.advance(SignedDuration::from_mins(10));
}

#[tokio::test]
async fn a_bad_document_stops_neither_our_own_keys_nor_the_windows() {
    let rig = Rig::start().await;
    refusal_of_another_window(&rig).await;
    let failed = rig.run("{}").await.unwrap_err();
    assert!(matches!(failed.0.as_slice(), [("issuer_keys.staff", StepError::KeySet(_))]), "{failed}");
    assert!(rig.stored(OURS).await.is_some());
    assert_eq!(rig.entries("authentication.refuse").await.len(), 1);
}

#[tokio::test]
async fn a_key_service_that_is_away_stops_neither_staff_s_keys_nor_the_windows() {
    let rig = Rig::start().await;
    refusal_of_another_window(&rig).await;
    let document = set(&[&rig.jwk("k1").await]);
    rig.kms.control().deny("GetPublicKey");
    let failed = rig.run(&document).await.unwrap_err();
    assert!(matches!(failed.0.as_slice(), [("issuer_keys.ours", StepError::Store(_))]), "{failed}");
    assert_eq!(rig.stored(OURS).await, None);
    assert_eq!(rig.stored(STAFF).await.unwrap().key_ids(), ["k1"]);
    assert_eq!(rig.entries("authentication.refuse").await.len(), 1);
}

#[tokio::test]
async fn a_token_key_that_verifiers_would_not_take_is_not_mirrored() {
    let mut rig = Rig::start().await;
    rig.token_key = rig.kms.key_pair("ECC_NIST_P384", "SIGN_VERIFY");
    assert_eq!(rig.function(None).run("run").await.unwrap_err().0.len(), 1);
    assert_eq!(rig.stored(OURS).await, None);
}

#[tokio::test]
async fn what_failed_is_named_and_nothing_of_what_came_is_quoted() {
    let rig = Rig::start().await;
    rig.kms.control().deny("GetPublicKey");
    let document = r#"{"keys": "hunter2"}"#;
    let failed = rig.function(Some(KeysAt::Document(document.into()))).run("run").await.unwrap_err();
    let text = failed.to_string();
    assert!(text.contains("issuer_keys.ours: ") && text.contains("issuer_keys.staff: not a JWK Set"), "{text}");
    assert!(!text.contains("hunter2"));
}
