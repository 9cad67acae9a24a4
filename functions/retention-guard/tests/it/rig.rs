//! The function with everything it needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::types::ObjectLockRetentionMode;
use engine_http::logging::{JsonLines, LevelFilter};
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::logs::Logs;
use engine_test_support::s3::S3;
use engine_test_support::wire::Wire;
use retention_guard::{Done, Lock, RetentionGuard, RunError, Settings};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

const NOW: &str = "2026-01-15T22:00:00Z";
pub(crate) const POLICY: i32 = 2557;
pub(crate) const PRICING: &str = "/aws/lambda/example-pricing";
pub(crate) const TOKEN: &str = "/aws/lambda/example-token";
pub(crate) const ACCESS: &str = "/aws/apigateway/example-access";
pub(crate) const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/logs";
pub(crate) const RECORDS: &str = "example-records";
/// The groups that must be there.
pub(crate) const GROUPS: [&str; 3] = [PRICING, TOKEN, ACCESS];

pub(crate) struct Rig {
    pub(crate) dynamo: Dynamo,
    pub(crate) logs: Logs,
    pub(crate) s3: S3,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Rig {
    /// Every group and the bucket as the policy wants them.
    pub(crate) async fn start() -> Self {
        let rig = Self { dynamo: Dynamo::start().await, logs: Logs::new(), s3: S3::new(), lines: Arc::default() };
        rig.s3.locked_bucket(RECORDS);
        rig.s3.set_default_retention(RECORDS, Some(("COMPLIANCE", 2557)));
        for group in GROUPS {
            rig.in_order(group);
        }
        rig
    }

    /// Makes a group as the policy wants it.
    pub(crate) fn in_order(&self, group: &str) {
        self.logs.set_retention(group, Some(POLICY.into()));
        self.logs.set_kms_key(group, Some(KEY));
    }

    /// One run, whose lines are kept.
    pub(crate) async fn run(&self) -> Result<Done, RunError> {
        let clock = ManualClock::at(NOW);
        let settings = Settings {
            retention_days: POLICY,
            prefixes: vec!["/aws/lambda/example-".into(), "/aws/apigateway/example-".into()],
            groups: GROUPS.map(str::to_owned).into(),
            logs_key: KEY.into(),
            records_bucket: RECORDS.into(),
            records_lock: Lock { mode: ObjectLockRetentionMode::Compliance, days: 2557 },
            audit_table: tables::AUDIT.into(),
            actor_key_secret: "unused: the key is given".into(),
        };
        let (logs, s3, dynamodb) = (self.logs.client(), self.s3.client(), self.dynamo.client());
        let function = RetentionGuard::new(logs, s3, dynamodb, actor_key(), settings, clock.shared());
        let lines = Arc::clone(&self.lines);
        let filter = LevelFilter::from_settings(None, None);
        let layer = JsonLines::new("retention-guard", filter, clock, move |line: &str| {
            lines.lock().unwrap().push(serde_json::from_str(line).unwrap());
        });
        let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        function.run("run").await
    }

    /// Every line so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// Reason and resource of the security events so far.
    pub(crate) fn security_events(&self) -> Vec<(String, String)> {
        let lines = self.lines().into_iter().filter(|line| line["event_type"] == "SECURITY_EVENT");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        lines.map(|line| (text(&line["details"]["reason"]), text(&line["resource"]))).collect()
    }

    /// Headers and bodies of every entry.
    pub(crate) async fn entries(&self) -> Vec<(Value, Value)> {
        let client = self.dynamo.client_on(&Wire::default());
        let items = client.scan().table_name(tables::AUDIT).send().await.unwrap().items.unwrap_or_default();
        let json = |item: &HashMap<String, AttributeValue>, name: &str| {
            serde_json::from_str::<Value>(item[name].as_s().unwrap()).unwrap()
        };
        let mut entries: Vec<_> = items.iter().map(|item| (json(item, "header"), json(item, "body"))).collect();
        entries.sort_by_key(|(header, _)| header["outcome"].to_string());
        entries
    }
}

/// A security event as [`Rig::security_events`] shows it.
pub(crate) fn event(reason: &str, group: &str) -> (String, String) {
    (reason.to_owned(), group.to_owned())
}
