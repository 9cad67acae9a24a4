#![doc = include_str!("../README.md")]

mod group;
mod lock;
mod report;
mod settings;

use std::collections::BTreeMap;

use aws_sdk_s3::error::ProvideErrorMetadata;
use engine_aws::Error;
use engine_aws::audit_log::AuditLog;
use engine_aws::author::{Act, Author};
use engine_aws::clock::SharedClock;
use engine_core::audit::{Event, Outcome, SecretKey};
use engine_http::run;
use serde::Serialize;
use serde_json::{Value, json};

use crate::group::{Group, Retention};
use crate::lock::Found;

pub use lock::Lock;
pub use settings::{RETENTION_DAYS, Settings, SettingsError};

/// The function's name as an actor and in the record.
const FUNCTION: &str = "retention-guard";
/// What S3 says of a bucket without Object Lock.
const NO_LOCK: &str = "ObjectLockConfigurationNotFoundError";

/// Compares log groups and the sealed log's lock with the policy.
pub struct RetentionGuard {
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    audit: AuditLog,
    actor_key: SecretKey,
    settings: Settings,
    clock: SharedClock,
}

/// What a run found and did, in log groups but for the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Compared with the policy.
    pub compared: usize,
    /// Kept for less than the policy says, and repaired.
    pub repaired: usize,
    /// Kept for longer, and left alone.
    pub longer: usize,
    /// Without a key, or with another than ours.
    pub unencrypted: usize,
    /// Not there, and they must be.
    pub missing: usize,
    /// The bucket of the sealed log locks what is put for less than the policy says.
    pub unlocked: bool,
}

/// What could not be done, each by what it was to be done to; the rest was.
pub type RunError = run::RunError<String, Error>;

impl RetentionGuard {
    /// The function that guards the groups and the bucket that `settings` names.
    #[must_use]
    pub fn new(
        logs: aws_sdk_cloudwatchlogs::Client,
        s3: aws_sdk_s3::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        actor_key: SecretKey,
        settings: Settings,
        clock: SharedClock,
    ) -> Self {
        let audit = AuditLog::new(dynamodb, &settings.audit_table);
        Self { logs, s3, audit, actor_key, settings, clock }
    }

    /// Makes one run. The bucket and every group are tried, whatever became of the others; one that fails, fails the run.
    pub async fn run(&self, request_id: &str) -> Result<Done, RunError> {
        let author = self.author(request_id);
        let mut failed = Vec::new();
        let mut done = Done::default();
        let bucket = &self.settings.records_bucket;
        match self.records_unlocked().await {
            Ok(unlocked) => done.unlocked = unlocked,
            Err(error) => {
                report::failed(bucket, &error);
                failed.push((bucket.clone(), error));
            }
        }
        let mut there = BTreeMap::new();
        for prefix in &self.settings.prefixes {
            match self.list(prefix).await {
                Ok(groups) => there.extend(groups.into_iter().map(|group| (group.name.clone(), group))),
                Err(error) => {
                    report::failed(prefix, &error);
                    // What could not be listed is not missing for that.
                    failed.push((prefix.clone(), error));
                }
            }
        }
        let listed = |name: &str| !failed.iter().any(|(prefix, _)| name.starts_with(prefix.as_str()));
        for name in self.settings.groups.iter().filter(|name| !there.contains_key(*name) && listed(name)) {
            report::missing(name);
            done.missing += 1;
        }
        for group in there.values() {
            done.compared += 1;
            if group.key.as_ref() != Some(&self.settings.logs_key) {
                report::unencrypted(group);
                done.unencrypted += 1;
            }
            match group.retention(self.settings.retention_days) {
                Retention::Kept => {}
                Retention::Longer => {
                    report::longer(group, self.settings.retention_days);
                    done.longer += 1;
                }
                Retention::Shorter(days) => {
                    report::shortened(&group.name, days, self.settings.retention_days);
                    match self.repair(&group.name, days, &author).await {
                        Ok(()) => done.repaired += 1,
                        Err(error) => {
                            report::failed(&group.name, &error);
                            failed.push((group.name.clone(), error));
                        }
                    }
                }
            }
        }
        report::compared(&done);
        if failed.is_empty() { Ok(done) } else { Err(run::RunError(failed)) }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Group>, Error> {
        let mut described =
            self.logs.describe_log_groups().log_group_name_prefix(prefix).into_paginator().items().send();
        let mut groups = Vec::new();
        while let Some(group) = described.next().await {
            let group = group.map_err(|error| Error::unavailable("logs:DescribeLogGroups", &error))?;
            groups.extend(Group::read(&group));
        }
        Ok(groups)
    }

    /// Whether the bucket of the sealed log locks what is put for less than the policy says, which is told of. It is not mended: no
    /// function may change a lock.
    async fn records_unlocked(&self) -> Result<bool, Error> {
        let (bucket, policy) = (&self.settings.records_bucket, &self.settings.records_lock);
        let versioning = self.s3.get_bucket_versioning().bucket(bucket).send().await;
        let versioning = versioning.map_err(|error| Error::unavailable("s3:GetBucketVersioning", &error))?;
        let lock = match self.s3.get_object_lock_configuration().bucket(bucket).send().await {
            Ok(found) => found.object_lock_configuration,
            Err(error) if error.code() == Some(NO_LOCK) => None,
            Err(error) => return Err(Error::unavailable("s3:GetObjectLockConfiguration", &error)),
        };
        let found = Found::read(versioning.status(), lock.as_ref());
        let weaker = found.is_weaker_than(policy);
        if weaker {
            report::unlocked(bucket, &found, policy);
        }
        Ok(weaker)
    }

    /// Puts the policy back. The entry comes first: a repair that nobody could record is not made, and the next run finds the
    /// group as it was.
    async fn repair(&self, group: &str, days: i32, author: &Author) -> Result<(), Error> {
        let policy = self.settings.retention_days;
        let facts = json!({ "days_before": days, "days_after": policy });
        self.record(author, group, Outcome::Success, facts).await?;
        let put = self.logs.put_retention_policy().log_group_name(group).retention_in_days(policy).send().await;
        let Err(error) = put else { return Ok(()) };
        let error = Error::unavailable("logs:PutRetentionPolicy", &error);
        let facts = json!({ "days_before": days, "days_asked_for": policy, "cause": error.to_string() });
        self.record(author, group, Outcome::Refused, facts).await?;
        Err(error)
    }

    async fn record(&self, author: &Author, group: &str, outcome: Outcome, details: Value) -> Result<(), Error> {
        let act = Act {
            event: Event::RetentionRepair,
            outcome,
            resource: format!("log-group:{group}"),
            reason: None,
            client_ref: None,
            subject_ref: None,
            details,
        };
        self.audit.append(&author.entry(act, self.clock.now())?).await
    }

    fn author(&self, request_id: &str) -> Author {
        Author::system(FUNCTION, &self.actor_key, request_id)
    }
}
