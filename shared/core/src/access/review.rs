//! Reviews: of accounts each quarter, of role definitions each year; and what a reviewer must look at.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::role::DEFINED_ON;

/// Longest time between two reviews of an account: a quarter.
pub const ACCOUNT_REVIEW: SignedDuration = SignedDuration::from_hours(92 * 24);
/// Longest time between two reviews of a role definition: a year.
pub const ROLE_REVIEW: SignedDuration = SignedDuration::from_hours(366 * 24);
/// An account not used for so long is idle: a person's is flagged, a service account is refused.
pub const IDLE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// When a role's definition is to be reviewed: a year after the later of the definition and its last review. Fails only where
/// [`DEFINED_ON`] is no date.
pub fn role_review_due(review: Option<&Review>) -> Result<Timestamp, jiff::Error> {
    let defined = DEFINED_ON.parse::<Date>()?.to_zoned(TimeZone::UTC)?.timestamp();
    Ok(review.map_or(defined, |review| review.at.max(defined)) + ROLE_REVIEW)
}

/// What a reviewer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It is needed as it is.
    Keep,
    /// It holds more than is needed.
    Reduce,
    /// It is not needed.
    Remove,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Reduce, Self::Remove];

    /// The decision's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Reduce => "reduce",
            Self::Remove => "remove",
        }
    }

    /// The decision of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.as_str() == name)
    }
}

/// A recorded review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// When.
    #[serde(with = "crate::time::text")]
    pub at: Timestamp,
    /// The account that decided.
    pub by: String,
    /// What was decided.
    pub decision: Decision,
    /// Why, 1 to 1,000 characters.
    pub note: String,
}

/// What the review of an account must look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// No review within the quarter.
    Unreviewed,
    /// Not used for 90 days.
    Idle,
    /// Its manager or owner has no active account.
    Orphaned,
    /// The last review decided against it, and it is still there.
    DecisionOpen,
}

/// What is known of an active account under review.
#[derive(Clone, Copy, Debug)]
pub struct Reviewed<'a> {
    /// When it was created.
    pub created_at: Timestamp,
    /// Its last use.
    pub last_used_at: Option<Timestamp>,
    /// Its last review.
    pub review: Option<&'a Review>,
    /// Whether the person who answers for it has an active account.
    pub answered_for: bool,
}

impl Reviewed<'_> {
    /// What must be looked at, at `now`.
    #[must_use]
    pub fn flags(&self, now: Timestamp) -> Vec<Flag> {
        let reviewed_at = self.review.map_or(self.created_at, |review| review.at);
        let used_at = self.last_used_at.unwrap_or(self.created_at);
        let open = self.review.is_some_and(|review| review.decision != Decision::Keep);
        [
            (Flag::Unreviewed, now.duration_since(reviewed_at) > ACCOUNT_REVIEW),
            (Flag::Idle, now.duration_since(used_at) > IDLE),
            (Flag::Orphaned, !self.answered_for),
            (Flag::DecisionOpen, open),
        ]
        .into_iter()
        .filter_map(|(flag, raised)| raised.then_some(flag))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_must_be_looked_at_is_flagged() {
        let review = |decision| Review { at: at("2026-03-01T00:00:00Z"), by: "a".into(), decision, note: "n".into() };
        let (keep, remove) = (review(Decision::Keep), review(Decision::Remove));
        let fresh = Reviewed {
            created_at: at("2026-01-01T00:00:00Z"),
            last_used_at: Some(at("2026-05-30T00:00:00Z")),
            review: Some(&keep),
            answered_for: true,
        };
        assert_eq!(fresh.flags(at("2026-06-01T00:00:00Z")), []);
        assert_eq!(fresh.flags(at("2026-06-01T00:00:00.001Z")), [Flag::Unreviewed], "92 days after the review");
        assert_eq!(Reviewed { last_used_at: None, ..fresh }.flags(at("2026-05-01T00:00:00Z")), [Flag::Idle]);
        assert_eq!(Reviewed { answered_for: false, ..fresh }.flags(at("2026-05-31T00:00:00Z")), [Flag::Orphaned]);
        let open = Reviewed { review: Some(&remove), ..fresh };
        assert_eq!(open.flags(at("2026-05-31T00:00:00Z")), [Flag::DecisionOpen]);
    }
}
