//! Versions of a secret and their labels, as rotation needs them.

use engine_aws::Error;
use engine_aws::secrets::{CURRENT, PENDING, SecretStore};
use engine_test_support::secrets_manager::SecretsManager;

const NAME: &str = "stack/secret";
const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:function:rotation";

fn token(number: u32) -> String {
    format!("5a3c1f0e-6d1b-4b52-9a41-{number:012}")
}

/// A secret for which a rotation was started.
async fn rotating() -> (SecretsManager, SecretStore, String) {
    let manager = SecretsManager::new();
    let arn = manager.put(NAME, "first");
    let started = manager.client().rotate_secret().secret_id(NAME).client_request_token(token(1));
    started.rotation_lambda_arn(LAMBDA).send().await.unwrap();
    let store = SecretStore::new(manager.client());
    (manager, store, arn)
}

#[tokio::test]
async fn a_secret_says_whether_it_rotates_and_what_its_versions_are() {
    let (manager, store, arn) = rotating().await;
    for id in [NAME, arn.as_str()] {
        let described = store.describe(id).await.unwrap();
        assert_eq!((described.name.as_str(), described.arn.as_str()), (NAME, arn.as_str()));
        assert!(described.rotation_enabled);
        assert_eq!(described.version_at(PENDING), Some(token(1).as_str()));
        assert!(described.version_at(CURRENT).is_some_and(|version| version != token(1)));
        assert_eq!(described.version_at("AWSPREVIOUS"), None);
    }
    manager.put("still", "value");
    assert!(!store.describe("still").await.unwrap().rotation_enabled);
    assert!(matches!(store.describe("nowhere").await, Err(Error::NotFound(what)) if what == "secret nowhere"));
    manager.control().deny("DescribeSecret");
    assert!(matches!(store.describe(NAME).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn a_version_without_a_value_is_told_from_one_that_cannot_be_read() {
    let (manager, store, _) = rotating().await;
    assert_eq!(store.value_of_version(NAME, &token(1)).await.unwrap(), None);
    assert_eq!(store.value_of_version(NAME, &token(9)).await.unwrap(), None);
    assert_eq!(store.value_at_stage(NAME, PENDING).await.unwrap(), None);
    assert_eq!(store.value_at_stage(NAME, CURRENT).await.unwrap().as_deref().map(String::as_str), Some("first"));
    manager.control().deny("GetSecretValue");
    assert!(matches!(store.value_of_version(NAME, &token(1)).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn a_version_gets_one_value_and_keeps_it() {
    let (manager, store, _) = rotating().await;
    assert!(store.put_pending(NAME, &token(1), Some("rotation-token"), "second").await.unwrap());
    assert!(store.put_pending(NAME, &token(1), None, "second").await.unwrap(), "the same once more");
    assert!(!store.put_pending(NAME, &token(1), None, "other").await.unwrap());
    let value = store.value_of_version(NAME, &token(1)).await.unwrap();
    assert_eq!(value.as_deref().map(String::as_str), Some("second"));
    assert_eq!(manager.current(NAME).as_deref(), Some("first"));
    assert_eq!(manager.rotation_tokens(NAME), ["rotation-token"]);
}

#[tokio::test]
async fn a_value_is_made_current_once_however_often_it_is_put() {
    let (manager, store, _) = rotating().await;
    assert!(store.put_current(NAME, &token(2), "second").await.unwrap());
    assert!(store.put_current(NAME, &token(3), "third").await.unwrap());
    assert!(store.put_current(NAME, &token(2), "second").await.unwrap());
    assert_eq!(manager.current(NAME).as_deref(), Some("third"), "what came after it stays");
    assert!(!store.put_current(NAME, &token(2), "other").await.unwrap());
    assert_eq!(manager.at_stage(NAME, "AWSPREVIOUS").as_deref(), Some("second"));
}

#[tokio::test]
async fn a_label_moves_from_who_has_it_and_from_nobody_else() {
    let (manager, store, _) = rotating().await;
    store.put_pending(NAME, &token(1), None, "second").await.unwrap();
    let first = store.describe(NAME).await.unwrap().version_at(CURRENT).unwrap().to_owned();
    store.move_stage(NAME, CURRENT, Some(&first), Some(&token(1))).await.unwrap();
    assert_eq!(manager.current(NAME).as_deref(), Some("second"));
    let again = store.move_stage(NAME, CURRENT, Some(&first), Some(&token(1))).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    store.move_stage(NAME, PENDING, Some(&token(1)), None).await.unwrap();
    assert_eq!(store.describe(NAME).await.unwrap().version_at(PENDING), None);
    let again = store.move_stage(NAME, PENDING, Some(&token(1)), None).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
}

#[tokio::test]
async fn the_double_starts_one_rotation_at_a_time() {
    let (manager, store, _) = rotating().await;
    let start = |number| manager.client().rotate_secret().secret_id(NAME).client_request_token(token(number)).send();
    let refused = start(2).await.unwrap_err().into_service_error();
    assert!(refused.is_invalid_request_exception(), "{refused:?}");
    let cancelled = manager.client().cancel_rotate_secret().secret_id(NAME).send().await.unwrap();
    assert_eq!(cancelled.version_id(), Some(token(1).as_str()));
    assert!(!store.describe(NAME).await.unwrap().rotation_enabled);
    assert!(start(2).await.is_err(), "the label is still there");
    store.move_stage(NAME, PENDING, Some(&token(1)), None).await.unwrap();
    start(2).await.unwrap();
    assert!(store.describe(NAME).await.unwrap().rotation_enabled);

    manager.put("still", "value");
    let without = manager.client().rotate_secret().secret_id("still").send().await.unwrap_err().into_service_error();
    assert!(without.is_invalid_request_exception(), "nobody would take the steps");
    let later = manager.client().rotate_secret().secret_id("still").rotation_lambda_arn(LAMBDA);
    later.rotate_immediately(false).send().await.unwrap();
    let described = store.describe("still").await.unwrap();
    assert_eq!((described.rotation_enabled, described.version_at(PENDING)), (true, None));
}

#[tokio::test]
async fn no_failure_quotes_a_value() {
    let (manager, store, _) = rotating().await;
    manager.control().fail("PutSecretValue", 2);
    for failed in [
        store.put_pending(NAME, &token(1), Some("rotation-token"), "hunter2").await,
        store.put_current(NAME, &token(2), "hunter2").await,
    ] {
        let error = failed.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2") && !said.contains("rotation-token"), "{said}");
    }
}
