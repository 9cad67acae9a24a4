//! What the guard finds, what it repairs and what it leaves alone.

use engine_test_support::s3::S3;
use retention_guard::Done;
use serde_json::json;

use crate::rig::{ACCESS, POLICY, PRICING, RECORDS, Rig, TOKEN, event};

#[tokio::test]
async fn groups_as_the_policy_wants_them_are_left_as_they_are() {
    let rig = Rig::start().await;
    assert_eq!(rig.run().await.unwrap(), Done { compared: 3, ..Done::default() });
    assert_eq!(rig.logs.control().count("PutRetentionPolicy"), 0);
    assert!(rig.security_events().is_empty());
    assert!(rig.entries().await.is_empty());
}

#[tokio::test]
async fn a_group_kept_for_less_is_repaired_recorded_and_told_of() {
    let rig = Rig::start().await;
    rig.logs.set_retention(TOKEN, Some(30));
    assert_eq!(rig.run().await.unwrap(), Done { compared: 3, repaired: 1, ..Done::default() });
    assert_eq!(rig.logs.retention(TOKEN), Some(POLICY.into()));
    assert_eq!(rig.security_events(), [event("log_retention_shortened", TOKEN)]);
    let line = rig.lines().into_iter().find(|line| line["event_type"] == "SECURITY_EVENT").unwrap();
    assert_eq!((&line["level"], &line["details"]["retention_days"]), (&json!("ERROR"), &json!(30)));

    let entries = rig.entries().await;
    let [(header, body)] = entries.as_slice() else { panic!("one entry: {entries:?}") };
    assert_eq!((&header["event"], &header["outcome"]), (&json!("retention.repair"), &json!("success")));
    assert_eq!((&header["request_id"], &header["function"]), (&json!("run"), &json!("retention-guard")));
    assert_eq!((&body["resource"], &body["actor"]["type"]), (&json!(format!("log-group:{TOKEN}")), &json!("system")));
    assert_eq!(body["details"], json!({ "days_before": 30, "days_after": POLICY }));

    assert_eq!(rig.run().await.unwrap(), Done { compared: 3, ..Done::default() }, "there is nothing left to do");
    assert_eq!(rig.entries().await.len(), 1);
}

#[tokio::test]
async fn a_group_kept_for_longer_is_left_alone_and_that_is_said() {
    let rig = Rig::start().await;
    rig.logs.set_retention(PRICING, Some(3653));
    rig.logs.set_retention(ACCESS, None);
    assert_eq!(rig.run().await.unwrap(), Done { compared: 3, longer: 2, ..Done::default() });
    assert_eq!((rig.logs.retention(PRICING), rig.logs.retention(ACCESS)), (Some(3653), None));
    assert!(rig.security_events().is_empty() && rig.entries().await.is_empty());
    let said = |group: &str| rig.lines().into_iter().find(|line| line["resource"] == group).unwrap();
    assert_eq!(said(PRICING)["details"], json!({ "retention_days": 3653, "policy_days": POLICY }));
    assert_eq!(said(ACCESS)["details"], json!({ "policy_days": POLICY }), "for ever");
}

#[tokio::test]
async fn a_group_that_must_be_there_and_is_not_is_told_of_and_not_made() {
    let rig = Rig::start().await;
    rig.logs.remove_group(ACCESS);
    assert_eq!(rig.run().await.unwrap(), Done { compared: 2, missing: 1, ..Done::default() });
    assert_eq!(rig.security_events(), [event("log_group_missing", ACCESS)]);
    assert!(!rig.logs.control().calls().contains_key("CreateLogGroup"));
}

#[tokio::test]
async fn a_group_without_a_key_or_with_another_than_ours_is_told_of() {
    let theirs = "arn:aws:kms:us-east-1:123456789012:key/theirs";
    for key in [None, Some(theirs)] {
        let rig = Rig::start().await;
        rig.logs.set_kms_key(PRICING, key);
        assert_eq!(rig.run().await.unwrap(), Done { compared: 3, unencrypted: 1, ..Done::default() });
        assert_eq!(rig.security_events(), [event("log_group_unencrypted", PRICING)]);
        let line = rig.lines().into_iter().find(|line| line["event_type"] == "SECURITY_EVENT").unwrap();
        assert_eq!(line["details"]["kms_key"].as_str(), key);
    }
}

#[tokio::test]
async fn a_bucket_that_locks_for_less_than_the_policy_says_is_told_of_and_not_changed() {
    let weakened: [fn(&mut Rig); 5] = [
        |rig| rig.s3 = S3::new(), // made without Object Lock
        |rig| rig.s3.set_default_retention(RECORDS, Some(("COMPLIANCE", 2556))),
        |rig| rig.s3.set_default_retention(RECORDS, Some(("GOVERNANCE", 2557))),
        |rig| rig.s3.set_default_retention(RECORDS, None),
        |rig| rig.s3.suspend_versioning(RECORDS),
    ];
    for weaken in weakened {
        let mut rig = Rig::start().await;
        weaken(&mut rig);
        assert_eq!(rig.run().await.unwrap(), Done { compared: 3, unlocked: true, ..Done::default() });
        assert_eq!(rig.security_events(), [event("records_unlocked", RECORDS)]);
        let calls: Vec<_> = rig.s3.control().calls().into_keys().collect();
        assert_eq!(calls, ["GetBucketVersioning", "GetObjectLockConfiguration"]);
    }
}

#[tokio::test]
async fn what_is_told_of_a_bucket_is_how_it_was_found_and_what_the_policy_says() {
    let rig = Rig::start().await;
    rig.s3.set_default_retention(RECORDS, Some(("GOVERNANCE", 30)));
    rig.run().await.unwrap();
    let line = rig.lines().into_iter().find(|line| line["event_type"] == "SECURITY_EVENT").unwrap();
    let mut expected = json!({ "versioned": true, "lock_mode": "GOVERNANCE", "lock_days": 30 });
    expected["reason"] = json!("records_unlocked");
    (expected["policy_mode"], expected["policy_days"]) = (json!("COMPLIANCE"), json!(2557));
    assert_eq!((&line["level"], &line["details"]), (&json!("ERROR"), &expected));
}

#[tokio::test]
async fn a_bucket_locked_for_longer_is_in_order() {
    let rig = Rig::start().await;
    rig.s3.set_default_retention(RECORDS, Some(("COMPLIANCE", 3653)));
    assert_eq!(rig.run().await.unwrap(), Done { compared: 3, ..Done::default() });
    assert!(rig.security_events().is_empty());
}

#[tokio::test]
async fn a_group_of_the_stack_that_nobody_named_is_guarded_and_others_are_not() {
    let rig = Rig::start().await;
    let (ours, other) = ("/aws/lambda/example-made-by-hand", "/aws/lambda/another-pricing");
    for group in [ours, other] {
        rig.in_order(group);
        rig.logs.set_retention(group, Some(1));
    }
    assert_eq!(rig.run().await.unwrap(), Done { compared: 4, repaired: 1, ..Done::default() });
    assert_eq!((rig.logs.retention(ours), rig.logs.retention(other)), (Some(POLICY.into()), Some(1)));
}

#[tokio::test]
async fn groups_beyond_the_first_page_are_guarded_too() {
    let rig = Rig::start().await;
    for number in 0..120 {
        rig.in_order(&format!("/aws/lambda/example-{number:03}"));
    }
    rig.logs.set_retention("/aws/lambda/example-119", Some(7));
    assert_eq!(rig.run().await.unwrap(), Done { compared: 123, repaired: 1, ..Done::default() });
}
