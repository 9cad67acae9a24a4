//! One log group as CloudWatch describes it, compared with the policy.

use aws_sdk_cloudwatchlogs::types::LogGroup;

/// What the guard looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// Days that it is kept; `None` is for ever.
    pub(crate) days: Option<i32>,
    /// ARN of the KMS key that encrypts it; `None` where only CloudWatch's own does.
    pub(crate) key: Option<String>,
}

/// How a group's retention stands to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retention {
    /// As the policy says.
    Kept,
    /// More than it asks for.
    Longer,
    /// So many days, which are too few.
    Shorter(i32),
}

impl Group {
    /// `None` for what CloudWatch gives no name.
    pub(crate) fn read(described: &LogGroup) -> Option<Self> {
        Some(Self {
            name: described.log_group_name()?.to_owned(),
            days: described.retention_in_days(),
            key: described.kms_key_id().filter(|key| !key.is_empty()).map(str::to_owned),
        })
    }

    /// Compares with a policy of so many days.
    pub(crate) fn retention(&self, policy: i32) -> Retention {
        match self.days {
            Some(days) if days < policy => Retention::Shorter(days),
            Some(days) if days == policy => Retention::Kept,
            Some(_) | None => Retention::Longer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_expires_is_kept_longer_than_any_policy() {
        for (days, expected) in [
            (Some(1), Retention::Shorter(1)),
            (Some(2192), Retention::Shorter(2192)),
            (Some(2557), Retention::Kept),
            (Some(2922), Retention::Longer),
            (None, Retention::Longer),
        ] {
            let group = Group { name: "/aws/lambda/example-pricing".into(), days, key: None };
            assert_eq!(group.retention(2557), expected, "{days:?}");
        }
    }
}
