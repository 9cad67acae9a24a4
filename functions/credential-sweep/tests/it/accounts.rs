//! Service accounts: disabled for want of use, told to rotate, told of when they did not.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::RotationRulesType;
use credential_sweep::Done;
use engine_aws::audit_log::AuditLog;
use engine_aws::people::People;
use engine_core::access::{KeyHash, ServiceAccountName};
use engine_test_support::dynamo::tables;
use serde_json::json;

use crate::rig::{NOW, PREFIX, ROTATION, Rig, at, days, notice};

const NAME: &str = "svc-risk-batch";

async fn describe(rig: &Rig, name: &str) -> DescribeSecretOutput {
    rig.secrets.client().describe_secret().secret_id(format!("{PREFIX}{name}")).send().await.unwrap()
}

#[tokio::test]
async fn an_account_that_nobody_used_for_90_days_is_disabled_recorded_and_told_of_once() {
    let rig = Rig::start().await;
    rig.service_account(NAME, at(NOW) - days(200), Some(at(NOW) - days(90))).await;
    rig.run().await.unwrap();
    assert!(!rig.told().contains(&notice("service_account.disabled_idle", NAME)), "90 days are not more than 90 days");
    rig.later(days(1));
    let done = rig.run().await.unwrap();
    assert_eq!(done.accounts_disabled, 1);
    let told = notice("service_account.disabled_idle", NAME);
    assert_eq!(rig.told().iter().filter(|held| **held == told).count(), 1);
    let entries = rig.entries_of("service_account.disable").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].body["resource"], format!("service_account:{NAME}"));
    assert_eq!(entries[0].body["actor"]["id"], "credential-sweep");
    assert_eq!(rig.run().await.unwrap(), Done::default(), "what is disabled is done with");
}

#[tokio::test]
async fn an_account_that_was_never_used_counts_from_its_creation() {
    let rig = Rig::start().await;
    rig.service_account(NAME, at(NOW) - days(91), None).await;
    rig.service_account("svc-other-batch", at(NOW) - days(89), None).await;
    assert_eq!(rig.run().await.unwrap().accounts_disabled, 1);
}

#[tokio::test]
async fn a_secret_without_a_schedule_is_given_one_and_not_rotated_by_that() {
    let rig = Rig::start().await;
    rig.service_account(NAME, at(NOW), None).await;
    let before = rig.secrets.current(&format!("{PREFIX}{NAME}"));
    assert_eq!(rig.run().await.unwrap(), Done { schedules_put: 1, ..Done::default() });
    let described = describe(&rig, NAME).await;
    assert_eq!(described.rotation_lambda_arn(), Some(ROTATION));
    assert_eq!(described.rotation_rules().and_then(RotationRulesType::automatically_after_days), Some(30));
    assert_eq!(rig.secrets.current(&format!("{PREFIX}{NAME}")), before);
    assert!(rig.secrets.at_stage(&format!("{PREFIX}{NAME}"), "AWSPENDING").is_none());
    assert_eq!(rig.run().await.unwrap(), Done::default(), "a schedule that is there is left alone");
    assert_eq!(rig.secrets.control().count("RotateSecret"), 1);
}

#[tokio::test]
async fn a_schedule_that_says_otherwise_is_put_right_and_one_that_was_ended_is_put_back() {
    let rig = Rig::start().await;
    rig.service_account(NAME, at(NOW), None).await;
    rig.run().await.unwrap();
    let (client, id) = (rig.secrets.client(), format!("{PREFIX}{NAME}"));
    client.cancel_rotate_secret().secret_id(&id).send().await.unwrap();
    assert_eq!(rig.run().await.unwrap().schedules_put, 1);
    let rules = RotationRulesType::builder().automatically_after_days(365).build();
    client.rotate_secret().secret_id(&id).rotation_rules(rules).rotate_immediately(false).send().await.unwrap();
    assert_eq!(rig.run().await.unwrap().schedules_put, 1);
    assert_eq!(rig.run().await.unwrap().schedules_put, 0);
}

#[tokio::test]
async fn without_a_function_that_rotates_no_schedule_is_put() {
    let mut rig = Rig::start().await;
    rig.settings.rotation_function = None;
    rig.service_account(NAME, at(NOW), None).await;
    assert_eq!(rig.run().await.unwrap(), Done::default());
    assert_eq!(describe(&rig, NAME).await.rotation_enabled(), None);
}

#[tokio::test]
async fn a_secret_that_is_missing_fails_the_run_and_the_other_accounts_are_seen_to() {
    let rig = Rig::start().await;
    rig.service_account(NAME, at(NOW), None).await;
    rig.service_account("svc-zeta-batch", at(NOW), None).await;
    rig.secrets.control().fail("DescribeSecret", 1);
    let failed = rig.run().await.unwrap_err();
    assert_eq!(failed.0.len(), 1, "{failed}");
    assert!(failed.to_string().starts_with(&format!("rotation schedule of service account {NAME}")), "{failed}");
    assert!(describe(&rig, "svc-zeta-batch").await.rotation_enabled().unwrap());
}

#[tokio::test]
async fn a_rotation_that_is_overdue_is_told_of_once_a_turn() {
    let rig = Rig::start().await;
    rig.service_account(NAME, at(NOW), Some(at(NOW))).await;
    rig.later(days(30));
    assert_eq!(rig.run().await.unwrap().found_due, 0, "Secrets Manager may take a day");
    rig.later(days(1));
    for told in [1, 0] {
        assert_eq!(rig.run().await.unwrap().found_due, told);
    }
    assert_eq!(rig.told(), [notice("service_account.overdue", NAME)]);
    let entries = rig.entries_of("credential.due").await;
    assert_eq!(entries.len(), 1);
    let details = &entries[0].body["details"];
    assert_eq!(
        (&details["turn"], &details["notice"]),
        (&json!("2026-12-15T22:00:00.000Z"), &json!("service_account.overdue"))
    );

    // It rotates, and is overdue once more.
    let people = People::new(rig.dynamodb(), tables::PEOPLE, AuditLog::new(rig.dynamodb(), tables::AUDIT));
    let name = ServiceAccountName::parse(NAME).unwrap();
    let hash = KeyHash::from_stored(&[9; 32]).unwrap();
    let installed = people.install_credential(&name, &hash, "a test", &Rig::operator(), rig.now()).await.unwrap();
    installed.commit(&rig.dynamodb()).await.unwrap();
    rig.later(days(31));
    assert_eq!(rig.run().await.unwrap().found_due, 1);
    assert_eq!(rig.told().len(), 2);
}
