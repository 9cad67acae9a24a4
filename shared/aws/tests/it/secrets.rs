//! Secrets, read and written.

use engine_aws::Error;
use engine_aws::secrets::{Replica, SecretStore};
use engine_test_support::secrets_manager::SecretsManager;

const NAME: &str = "stack/service-accounts/svc-reports-reader";

async fn create(store: &SecretStore, value: &str) -> Result<String, Error> {
    store.create_or_replace(NAME, Some("alias/secrets"), "Reads reports", value, &[("owner", "reports")]).await
}

#[tokio::test]
async fn the_current_text_is_read_by_name_and_by_arn() {
    let manager = SecretsManager::new();
    let arn = manager.put("factor", "JBSWY3DPEHPK3PXP");
    let store = SecretStore::new(manager.client());
    for id in ["factor", arn.as_str()] {
        assert_eq!(*store.text(id).await.unwrap(), "JBSWY3DPEHPK3PXP");
    }
    assert!(store.text("another").await.unwrap_err().to_string().contains("ResourceNotFoundException"));
}

#[tokio::test]
async fn a_versioned_key_is_read_and_what_is_none_is_never_quoted() {
    let manager = SecretsManager::new();
    manager.put("key", &format!(r#"{{"current":"k1","k1":"{}"}}"#, "a".repeat(64)));
    manager.put("none", "hunter2");
    let store = SecretStore::new(manager.client());
    assert!(store.versioned_key("key").await.is_ok());
    let error = store.versioned_key("none").await.err().unwrap();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_secret_is_made_in_the_second_region_too_where_there_is_one() {
    let manager = SecretsManager::new();
    let (region, key_arn) = ("us-west-2".to_owned(), "arn:aws:kms:us-west-2:123456789012:key/1".to_owned());
    for replica in [None, Some(Replica { region: region.clone(), key_arn: key_arn.clone() })] {
        let name = if replica.is_some() { "replicated" } else { "alone" };
        let store = SecretStore::new(manager.client()).with_replica(replica.clone());
        store.create_or_replace(name, Some("alias/secrets"), "Reads reports", "value", &[]).await.unwrap();
        let described = manager.client().describe_secret().secret_id(name).send().await.unwrap();
        let replicas = described.replication_status().iter();
        let replicas: Vec<_> = replicas.map(|found| (found.region().unwrap(), found.kms_key_id().unwrap())).collect();
        let expected = replica.map(|_| (region.as_str(), key_arn.as_str()));
        assert_eq!(replicas, expected.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_secret_is_made_with_its_key_description_and_tags() {
    let manager = SecretsManager::new();
    let arn = create(&SecretStore::new(manager.client()), "first").await.unwrap();
    assert_eq!(manager.current(NAME).as_deref(), Some("first"));
    let described = manager.client().describe_secret().secret_id(&arn).send().await.unwrap();
    assert_eq!(described.name(), Some(NAME));
    assert_eq!(described.kms_key_id(), Some("alias/secrets"));
    assert_eq!(described.description(), Some("Reads reports"));
    let tags: Vec<_> = described.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
    assert_eq!(tags, [(Some("owner"), Some("reports"))]);
}

#[tokio::test]
async fn a_secret_that_a_cut_off_attempt_left_gets_the_new_value() {
    let manager = SecretsManager::new();
    let store = SecretStore::new(manager.client());
    manager.control().lose("CreateSecret", 1);
    assert!(matches!(create(&store, "first").await, Err(Error::Unavailable { .. })));
    assert_eq!(manager.current(NAME).as_deref(), Some("first"));
    let arn = create(&store, "second").await.unwrap();
    assert_eq!(*store.text(&arn).await.unwrap(), "second");
    assert_eq!(manager.control().count("PutSecretValue"), 1);
}

#[tokio::test]
async fn no_failure_quotes_the_value() {
    let manager = SecretsManager::new();
    let store = SecretStore::new(manager.client());
    manager.control().fail("CreateSecret", 1);
    let failed = create(&store, "hunter2").await.unwrap_err();
    create(&store, "hunter2").await.unwrap();
    manager.control().deny("PutSecretValue");
    let denied = create(&store, "hunter2").await.unwrap_err();
    for error in [failed, denied] {
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn the_double_keeps_the_rules_of_staging_labels() {
    let manager = SecretsManager::new();
    let client = manager.client();
    manager.put("rotating", "one");
    let first = client.get_secret_value().secret_id("rotating").send().await.unwrap().version_id.unwrap();
    let pending = client.put_secret_value().secret_id("rotating").secret_string("two").version_stages("AWSPENDING");
    let second = pending.client_request_token("2".repeat(32)).send().await.unwrap().version_id.unwrap();
    assert_eq!(manager.current("rotating").as_deref(), Some("one"));

    let stage = |stage: &'static str| client.get_secret_value().secret_id("rotating").version_stage(stage).send();
    assert_eq!(stage("AWSPENDING").await.unwrap().secret_string(), Some("two"));
    assert!(stage("AWSPREVIOUS").await.is_err());

    let finish = || client.update_secret_version_stage().secret_id("rotating").version_stage("AWSCURRENT");
    assert!(finish().move_to_version_id(&second).send().await.is_err(), "the holder must be named");
    assert!(finish().remove_from_version_id(&first).send().await.is_err(), "AWSCURRENT is never without a version");
    finish().move_to_version_id(&second).remove_from_version_id(&first).send().await.unwrap();
    assert_eq!(manager.current("rotating").as_deref(), Some("two"));
    assert_eq!(stage("AWSPREVIOUS").await.unwrap().secret_string(), Some("one"));

    let by_version = client.get_secret_value().secret_id("rotating").version_id(&first);
    assert!(by_version.clone().version_stage("AWSCURRENT").send().await.is_err());
    assert_eq!(by_version.send().await.unwrap().secret_string(), Some("one"));
    let repeated = || client.put_secret_value().secret_id("rotating").client_request_token("2".repeat(32));
    assert!(repeated().secret_string("two").send().await.is_ok());
    assert!(repeated().secret_string("three").send().await.is_err());
}
