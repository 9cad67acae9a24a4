//! The bucket and every group are tried, whatever became of the others.

use engine_aws::Error;
use serde_json::json;

use crate::rig::{ACCESS, POLICY, PRICING, RECORDS, Rig, TOKEN, event};

#[tokio::test]
async fn a_repair_that_fails_is_recorded_and_the_next_group_is_repaired() {
    let rig = Rig::start().await;
    for group in [PRICING, TOKEN] {
        rig.logs.set_retention(group, Some(30));
    }
    rig.logs.control().refuse("PutRetentionPolicy", 1, 400, "AccessDeniedException");
    let failed = rig.run().await.unwrap_err();
    assert!(matches!(failed.0.as_slice(), [(group, Error::Unavailable { .. })] if group == PRICING), "{failed}");
    assert!(failed.to_string().starts_with(PRICING), "{failed}");
    assert_eq!((rig.logs.retention(PRICING), rig.logs.retention(TOKEN)), (Some(30), Some(POLICY.into())));
    assert_eq!(rig.security_events().len(), 2);

    let entries = rig.entries().await;
    let outcomes: Vec<_> = entries.iter().map(|(header, body)| (&header["outcome"], &body["resource"])).collect();
    let resource = json!(format!("log-group:{PRICING}"));
    assert_eq!((entries.len(), outcomes[0]), (3, (&json!("refused"), &resource)));
    assert!(entries[0].1["details"]["cause"].as_str().unwrap().contains("AccessDenied"), "{entries:?}");

    assert_eq!(rig.run().await.unwrap().repaired, 1, "the next run makes good for it");
    assert_eq!(rig.logs.retention(PRICING), Some(POLICY.into()));
}

#[tokio::test]
async fn a_repair_that_cannot_be_recorded_is_not_made() {
    let rig = Rig::start().await;
    rig.logs.set_retention(TOKEN, Some(30));
    rig.dynamo.wire().fail("PutItem", 100);
    let failed = rig.run().await.unwrap_err();
    assert_eq!(failed.0.len(), 1, "{failed}");
    assert_eq!((rig.logs.retention(TOKEN), rig.logs.control().count("PutRetentionPolicy")), (Some(30), 0));
    assert_eq!(rig.security_events(), [event("log_retention_shortened", TOKEN)], "people hear of it all the same");
}

#[tokio::test]
async fn what_could_not_be_listed_fails_the_run_and_is_not_called_missing() {
    let rig = Rig::start().await;
    rig.logs.set_retention(ACCESS, Some(30));
    rig.logs.control().fail("DescribeLogGroups", 1);
    let failed = rig.run().await.unwrap_err();
    assert!(matches!(failed.0.as_slice(), [(prefix, _)] if prefix == "/aws/lambda/example-"), "{failed}");
    assert_eq!(rig.logs.retention(ACCESS), Some(POLICY.into()), "the other prefix is listed and repaired");
    assert_eq!(rig.security_events(), [event("log_retention_shortened", ACCESS)]);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_asked_fails_the_run_and_the_groups_are_compared_all_the_same() {
    for action in ["GetBucketVersioning", "GetObjectLockConfiguration"] {
        let rig = Rig::start().await;
        rig.logs.set_retention(TOKEN, Some(30));
        rig.s3.control().deny(action);
        let failed = rig.run().await.unwrap_err();
        assert!(matches!(failed.0.as_slice(), [(bucket, Error::Unavailable { .. })] if bucket == RECORDS), "{failed}");
        assert_eq!(rig.logs.retention(TOKEN), Some(POLICY.into()));
        assert_eq!(rig.security_events(), [event("log_retention_shortened", TOKEN)], "{action}");
    }
}

#[tokio::test]
async fn a_failure_is_a_line_that_an_operator_finds() {
    let rig = Rig::start().await;
    rig.logs.control().deny("DescribeLogGroups");
    assert_eq!(rig.run().await.unwrap_err().0.len(), 2);
    let failed: Vec<_> = rig.lines().into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|line| line["action"] == "retention.compare" && line["status"] == "FAILURE"));
    assert!(rig.security_events().is_empty());
}
