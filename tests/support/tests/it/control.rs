//! Faults: one process is denied, refused, interrupted or killed, and the others go on.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::error::ProvideErrorMetadata;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::kms::Kms;
use engine_test_support::life::Life;
use engine_test_support::s3::S3;
use engine_test_support::service::Control;
use engine_test_support::wire::Wire;

async fn put(client: &aws_sdk_s3::Client, key: &str) -> bool {
    client.put_object().bucket("records").key(key).send().await.is_ok()
}

#[tokio::test]
async fn a_process_dies_after_its_last_call_and_the_others_live() {
    let s3 = S3::new();
    let control = Control::default();
    let (mortal, other) = (s3.client_on(&control), s3.client());
    control.die_after(2);
    assert!(put(&mortal, "1").await);
    assert!(mortal.get_object().bucket("records").key("1").send().await.is_ok());
    assert!(!put(&mortal, "3").await);
    assert!(mortal.get_object().bucket("records").key("1").send().await.is_err());
    assert!(put(&other, "2").await);
    control.revive();
    assert!(put(&mortal, "4").await);
    assert_eq!(s3.keys("records"), ["1", "2", "4"]);
}

#[tokio::test]
async fn one_life_counts_the_calls_to_every_service() {
    let dynamo = Dynamo::start().await;
    let (s3, kms) = (S3::new(), Kms::new());
    let key = kms.ed25519_key();
    let life = Life::new();
    let table = dynamo.client_on(&Wire::of(&life));
    let objects = s3.client_on(&Control::of(&life));
    let keys = kms.client_on(&Control::of(&life));
    let run = async || {
        let item = AttributeValue::S("a".to_owned());
        let written = table.put_item().table_name(tables::EXPORTS).item("pk", item).send().await.is_ok();
        let put = put(&objects, "a").await;
        [written, put, keys.get_public_key().key_id(&key).send().await.is_ok()]
    };
    for (calls, done) in [(0, [false; 3]), (1, [true, false, false]), (2, [true, true, false]), (3, [true; 3])] {
        life.die_after(calls);
        assert_eq!(run().await, done, "{calls} calls");
        assert!(life.is_over());
    }
    assert_eq!(life.calls(), 6);
    life.revive();
    assert_eq!(run().await, [true; 3]);
}

#[tokio::test]
async fn a_dead_process_does_not_reach_dynamodb() {
    let dynamo = Dynamo::start().await;
    let wire = Wire::default();
    let client = dynamo.client_on(&wire);
    let put = || {
        let item = client.put_item().table_name(tables::LOG).item("pk", AttributeValue::S("head".into()));
        item.item("sk", AttributeValue::S("head".into())).send()
    };
    wire.die_after(0);
    put().await.unwrap_err();
    let all = dynamo.client().scan().table_name(tables::LOG).send().await.unwrap();
    assert_eq!(all.count(), 0);
    wire.revive();
    put().await.unwrap();
}

#[tokio::test]
async fn a_hook_runs_once_before_the_call_that_it_waits_for() {
    let s3 = S3::new();
    let rival = s3.clone();
    s3.control().before("PutObject", move || rival.put_version("records", "1", b"of a rival"));
    assert!(s3.client().get_object().bucket("records").key("1").send().await.is_err());
    assert!(put(&s3.client(), "1").await);
    assert!(put(&s3.client(), "1").await);
    assert_eq!(s3.object("records", "1").unwrap(), b"of a rival");
    assert_eq!(s3.versions("records", "1"), 3);
}

#[tokio::test]
async fn refusals_are_in_the_words_of_the_service() {
    let s3 = S3::new();
    let control = s3.control();
    let attempt = async || s3.client().put_object().bucket("records").key("1").send().await;
    control.refuse("PutObject", 1, 409, "ConditionalRequestConflict");
    control.deny("DeleteObject");
    let conflict = attempt().await.unwrap_err();
    assert_eq!(
        (conflict.code(), conflict.raw_response().unwrap().status().as_u16()),
        (Some("ConditionalRequestConflict"), 409)
    );
    let denied = s3.client().delete_object().bucket("records").key("1").send().await.unwrap_err();
    assert_eq!((denied.code(), denied.raw_response().unwrap().status().as_u16()), (Some("AccessDenied"), 403));
    control.fail("PutObject", 1);
    assert_eq!(attempt().await.unwrap_err().code(), Some("InternalError"));
    assert_eq!(s3.versions("records", "1"), 0);
    control.lose("PutObject", 1);
    attempt().await.unwrap_err();
    assert_eq!(s3.versions("records", "1"), 1, "done, and nobody knows it");
    attempt().await.unwrap();
    assert_eq!(control.count("PutObject"), 4);
}
