//! How the bucket of the sealed log is locked as S3 describes it, compared with the policy.

use aws_sdk_s3::types::{BucketVersioningStatus, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode};

/// Days that S3 locks an object for a year.
const DAYS_OF_A_YEAR: i32 = 365;

/// How an object is locked when it is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Whether nobody at all ends it before its time (`COMPLIANCE`), or some may (`GOVERNANCE`).
    pub mode: ObjectLockRetentionMode,
    /// Days that it lasts, from when the object is put.
    pub days: i32,
}

/// How a bucket was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whether it keeps every version, on which locks are.
    pub(crate) versioned: bool,
    /// How it locks what is put; `None` where it does not.
    pub(crate) lock: Option<Lock>,
}

impl Found {
    /// From what S3 says of a bucket, which is nothing where Object Lock was never enabled.
    pub(crate) fn read(versioning: Option<&BucketVersioningStatus>, lock: Option<&ObjectLockConfiguration>) -> Self {
        let enabled = lock.filter(|lock| lock.object_lock_enabled() == Some(&ObjectLockEnabled::Enabled));
        let retention = enabled.and_then(|lock| lock.rule()?.default_retention());
        let lock = retention.and_then(|retention| {
            let years = retention.years().map(|years| years.saturating_mul(DAYS_OF_A_YEAR));
            Some(Lock { mode: retention.mode()?.clone(), days: retention.days().or(years)? })
        });
        Self { versioned: versioning == Some(&BucketVersioningStatus::Enabled), lock }
    }

    /// Whether objects are put with less protection than the policy says. More of it is nobody's worry.
    pub(crate) fn is_weaker_than(&self, policy: &Lock) -> bool {
        let kept = self.lock.as_ref().is_some_and(|lock| {
            let mode = lock.mode == policy.mode || lock.mode == ObjectLockRetentionMode::Compliance;
            mode && lock.days >= policy.days
        });
        !(self.versioned && kept)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::ObjectLockRetentionMode::{Compliance, Governance};
    use aws_sdk_s3::types::{DefaultRetention, ObjectLockRule};

    use super::*;

    fn found(versioning: Option<&BucketVersioningStatus>, retention: Option<DefaultRetention>) -> Found {
        let rule = retention.map(|retention| ObjectLockRule::builder().default_retention(retention).build());
        let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled);
        Found::read(versioning, Some(&lock.set_rule(rule).build()))
    }

    fn for_days(mode: ObjectLockRetentionMode, days: i32) -> DefaultRetention {
        DefaultRetention::builder().mode(mode).days(days).build()
    }

    #[test]
    fn a_lock_may_be_stronger_than_the_policy_and_never_weaker() {
        let years = |years| Some(DefaultRetention::builder().mode(Compliance).years(years).build());
        for (policy, retention, weaker) in [
            (Compliance, Some(for_days(Compliance, 2557)), false),
            (Compliance, Some(for_days(Compliance, 36_500)), false),
            (Compliance, Some(for_days(Compliance, 2556)), true),
            (Compliance, Some(for_days(Governance, 36_500)), true),
            (Governance, Some(for_days(Governance, 2557)), false),
            (Governance, Some(for_days(Compliance, 2557)), false),
            (Governance, Some(for_days(Compliance, 2556)), true),
            (Compliance, years(8), false),
            (Compliance, years(7), true),
            (Compliance, Some(DefaultRetention::builder().mode(Compliance).build()), true),
            (Compliance, Some(DefaultRetention::builder().days(2557).build()), true),
            (Governance, None, true),
        ] {
            let found = found(Some(&BucketVersioningStatus::Enabled), retention);
            assert_eq!(found.is_weaker_than(&Lock { mode: policy.clone(), days: 2557 }), weaker, "{policy}: {found:?}");
        }
    }

    #[test]
    fn a_lock_without_versions_or_without_being_enabled_is_none() {
        let policy = Lock { mode: Governance, days: 1 };
        for versioning in [None, Some(&BucketVersioningStatus::Suspended)] {
            assert!(found(versioning, Some(for_days(Compliance, 2557))).is_weaker_than(&policy));
        }
        let retention = for_days(Compliance, 2557);
        let rule = ObjectLockRule::builder().default_retention(retention).build();
        let lock = ObjectLockConfiguration::builder().rule(rule).build();
        for lock in [Some(&lock), None] {
            assert!(Found::read(Some(&BucketVersioningStatus::Enabled), lock).is_weaker_than(&policy));
        }
    }
}
