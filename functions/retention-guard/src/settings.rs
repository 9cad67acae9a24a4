//! What the function is told by its environment: names of things, never a secret.

use std::collections::BTreeSet;

use aws_sdk_s3::types::ObjectLockRetentionMode;

use crate::lock::Lock;

/// Days that `PutRetentionPolicy` takes (CloudWatch Logs API reference).
pub const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Days that every log group is kept (`LOG_RETENTION_DAYS`): one of [`RETENTION_DAYS`].
    pub retention_days: i32,
    /// How the names of the stack's log groups begin (`LOG_GROUP_PREFIXES`, separated by commas).
    pub prefixes: Vec<String>,
    /// Log groups that must be there (`LOG_GROUPS`, separated by commas). Each begins with one of the prefixes.
    pub groups: BTreeSet<String>,
    /// ARN of the KMS key that encrypts them (`LOGS_KEY`).
    pub logs_key: String,
    /// Bucket of the sealed log (`RECORDS_BUCKET`).
    pub records_bucket: String,
    /// How it locks what is put (`RECORDS_LOCK_MODE`, `RECORDS_LOCK_DAYS`).
    pub records_lock: Lock,
    /// Table of audit entries (`AUDIT_TABLE`).
    pub audit_table: String,
    /// ARN of the secret with the actor key (`ACTOR_KEY_SECRET`).
    pub actor_key_secret: String,
}

/// A setting that is missing or of no use. The function does not start with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not set.
    #[error("environment variable {0} is missing or empty")]
    Missing(&'static str),
    /// CloudWatch would refuse it.
    #[error("LOG_RETENTION_DAYS is {0}, which is no number of days that CloudWatch Logs takes")]
    Days(String),
    /// S3 knows no such mode.
    #[error("RECORDS_LOCK_MODE is {0}, which is neither COMPLIANCE nor GOVERNANCE")]
    LockMode(String),
    /// No time that an object can be locked for.
    #[error("RECORDS_LOCK_DAYS is {0}, which is no number of days")]
    LockDays(String),
    /// A group that would never be listed, and so always be missing.
    #[error("{0} of LOG_GROUPS begins with none of LOG_GROUP_PREFIXES")]
    NotListed(String),
}

impl Settings {
    /// Reads the settings from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings from `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let read =
            |name: &'static str| variable(name).filter(|value| !value.is_empty()).ok_or(SettingsError::Missing(name));
        let list = |name: &'static str| {
            let names: Vec<_> = read(name)?.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            if names.is_empty() { Err(SettingsError::Missing(name)) } else { Ok(names) }
        };
        let days = read("LOG_RETENTION_DAYS")?;
        let retention_days = days.parse().ok().filter(|days| RETENTION_DAYS.contains(days));
        let (prefixes, groups) = (list("LOG_GROUP_PREFIXES")?, list("LOG_GROUPS")?);
        let listed = |group: &String| prefixes.iter().any(|prefix| group.starts_with(prefix.as_str()));
        if let Some(group) = groups.iter().find(|group| !listed(group)) {
            return Err(SettingsError::NotListed(group.clone()));
        }
        Ok(Self {
            retention_days: retention_days.ok_or(SettingsError::Days(days))?,
            prefixes,
            groups: groups.into_iter().collect(),
            logs_key: read("LOGS_KEY")?,
            records_bucket: read("RECORDS_BUCKET")?,
            records_lock: lock(read("RECORDS_LOCK_MODE")?, read("RECORDS_LOCK_DAYS")?)?,
            audit_table: read("AUDIT_TABLE")?,
            actor_key_secret: read("ACTOR_KEY_SECRET")?,
        })
    }
}

fn lock(mode: String, days: String) -> Result<Lock, SettingsError> {
    let mode = ObjectLockRetentionMode::try_parse(&mode).map_err(|_| SettingsError::LockMode(mode))?;
    let whole = days.parse().ok().filter(|days| *days > 0);
    Ok(Lock { mode, days: whole.ok_or(SettingsError::LockDays(days))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: [(&str, &str); 9] = [
        ("LOG_RETENTION_DAYS", "2557"),
        ("LOG_GROUP_PREFIXES", "/aws/lambda/example-,/aws/apigateway/example-"),
        ("LOG_GROUPS", "/aws/lambda/example-pricing,/aws/apigateway/example-access"),
        ("LOGS_KEY", "arn:logs"),
        ("RECORDS_BUCKET", "example-records"),
        ("RECORDS_LOCK_MODE", "COMPLIANCE"),
        ("RECORDS_LOCK_DAYS", "2557"),
        ("AUDIT_TABLE", "example-audit"),
        ("ACTOR_KEY_SECRET", "arn"),
    ];

    fn read(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            let given = set.iter().chain(&GIVEN).find(|(held, _)| *held == name);
            given.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_setting_is_needed() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.retention_days, settings.prefixes.len(), settings.groups.len()), (2557, 2, 2));
        for (left_out, _) in GIVEN {
            for nothing in ["", ","] {
                if nothing.is_empty() || left_out.starts_with("LOG_GROUP") {
                    assert_eq!(read(&[(left_out, nothing)]).unwrap_err(), SettingsError::Missing(left_out));
                }
            }
        }
    }

    #[test]
    fn the_policy_is_a_number_of_days_that_cloudwatch_takes() {
        for days in RETENTION_DAYS {
            assert_eq!(read(&[("LOG_RETENTION_DAYS", &days.to_string())]).unwrap().retention_days, days);
        }
        for days in ["2555", "0", "-1", "3654", "seven years", "365.0", " 365"] {
            assert_eq!(read(&[("LOG_RETENTION_DAYS", days)]).unwrap_err(), SettingsError::Days(days.into()), "{days}");
        }
    }

    #[test]
    fn the_lock_is_one_that_s3_knows() {
        let locked = Lock { mode: ObjectLockRetentionMode::Compliance, days: 2557 };
        assert_eq!(read(&[]).unwrap().records_lock, locked);
        for mode in ["NONE", "compliance", " GOVERNANCE"] {
            assert_eq!(read(&[("RECORDS_LOCK_MODE", mode)]).unwrap_err(), SettingsError::LockMode(mode.into()));
        }
        for days in ["0", "-1", "1.5", "seven years"] {
            assert_eq!(read(&[("RECORDS_LOCK_DAYS", days)]).unwrap_err(), SettingsError::LockDays(days.into()));
        }
    }

    #[test]
    fn a_group_that_no_listing_shows_would_always_be_missing() {
        let refused = read(&[("LOG_GROUPS", "/aws/lambda/example-pricing,/aws/lambda/other")]).unwrap_err();
        assert_eq!(refused, SettingsError::NotListed("/aws/lambda/other".into()));
    }
}
