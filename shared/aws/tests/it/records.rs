//! The locked bucket: put once, read as it was first put.

use engine_aws::Error;
use engine_aws::objects::WorkBucket;
use engine_aws::records::{Put, RecordsBucket};
use engine_test_support::s3::S3;

const BUCKET: &str = "records";

fn bucket() -> (S3, RecordsBucket) {
    let s3 = S3::new();
    s3.locked_bucket(BUCKET);
    let records = RecordsBucket::new(s3.client(), BUCKET);
    (s3, records)
}

#[tokio::test]
async fn an_object_is_put_once_and_the_same_bytes_are_found_to_be_there() {
    let (s3, records) = bucket();
    assert_eq!(records.first("a/b").await.unwrap(), None);
    assert_eq!(records.put_once("a/b", b"bytes").await.unwrap(), Put::Written);
    assert_eq!(records.put_once("a/b", b"bytes").await.unwrap(), Put::AlreadySame);
    let other = records.put_once("a/b", b"other").await;
    assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
    assert_eq!(records.first("a/b").await.unwrap().unwrap(), b"bytes");
    assert_eq!(s3.versions(BUCKET, "a/b"), 1);
}

#[tokio::test]
async fn the_first_version_counts_however_many_come_after() {
    let (s3, records) = bucket();
    records.put_once("a", b"first").await.unwrap();
    records.put_once("a/longer", b"of another key").await.unwrap();
    for version in 0..7 {
        s3.put_version(BUCKET, "a", format!("{version}").as_bytes());
    }
    let client = s3.client();
    client.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    for page in [1, 2, 3, 8, 1000] {
        s3.set_page(page);
        assert_eq!(records.first("a").await.unwrap().unwrap(), b"first", "pages of {page}");
        assert_eq!(records.first("a/").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_put_that_meets_another_is_tried_again() {
    let (s3, records) = bucket();
    s3.control().refuse("PutObject", 2, 409, "ConditionalRequestConflict");
    assert_eq!(records.put_once("a", b"bytes").await.unwrap(), Put::Written);
    s3.control().lose("PutObject", 1);
    assert!(matches!(records.put_once("b", b"bytes").await, Err(Error::Unavailable { .. })));
    assert_eq!(records.put_once("b", b"bytes").await.unwrap(), Put::AlreadySame);
    s3.control().refuse("PutObject", 100, 409, "ConditionalRequestConflict");
    assert!(matches!(records.put_once("c", b"bytes").await, Err(Error::Unavailable { .. })));
    assert_eq!(records.first("c").await.unwrap(), None);
}

#[tokio::test]
async fn keys_are_listed_in_order_whatever_a_page_holds() {
    let (s3, records) = bucket();
    let work = WorkBucket::new(s3.client(), BUCKET);
    let keys = ["k/1", "k/2", "k/20", "k/3", "l/0"];
    for key in keys {
        records.put_once(key, b"bytes").await.unwrap();
    }
    for page in [1, 2, 1000] {
        s3.set_page(page);
        assert_eq!(records.keys("k/").await.unwrap(), keys[..4]);
        assert_eq!(work.keys("k/").await.unwrap(), keys[..4]);
        assert_eq!(records.keys("none/").await.unwrap(), Vec::<String>::new());
        for (from, next) in [("k/", Some("k/1")), ("k/2", Some("k/2")), ("k/21", Some("k/3")), ("k/4", None)] {
            assert_eq!(records.next_key("k/", from).await.unwrap().as_deref(), next, "{from}");
        }
        let (listed, all) = records.keys_from("k/", "k/2").await.unwrap();
        assert_eq!((&listed[0][..], all), ("k/2", page > 2));
    }
}

#[tokio::test]
async fn a_working_copy_may_be_there_or_not_and_be_replaced() {
    let s3 = S3::new();
    s3.bucket("work");
    let work = WorkBucket::new(s3.client(), "work");
    assert_eq!(work.get("a").await.unwrap(), None);
    work.put("a", b"one".to_vec()).await.unwrap();
    work.put("a", b"two".to_vec()).await.unwrap();
    assert_eq!(work.get("a").await.unwrap().unwrap(), b"two");
    s3.control().deny("GetObject");
    assert!(matches!(work.get("a").await, Err(Error::Unavailable { .. })), "a refusal is not an absence");
}
