//! Rate limits by the Generic Cell Rate Algorithm (ITU-T I.371), on one number per key.
//!
//! The number is the theoretical arrival time `tat`, in microseconds: when the key's bucket will be full again. A request
//! for `n` tokens at `now` passes where `max(tat, now) + n·T ≤ now + burst·T`, and moves `tat` to the left-hand side;
//! `T` is the time in which one token comes back.

use serde::{Deserialize, Serialize};

const MICROS_PER_MINUTE: i64 = 60_000_000;

/// A rate limit tier: requests a minute, and how many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    per_minute: u32,
    burst: u32,
}

impl Tier {
    /// The tiers on offer, slowest first.
    pub const ALL: [Self; 3] = [
        Self { per_minute: 60, burst: 60 },
        Self { per_minute: 300, burst: 150 },
        Self { per_minute: 1000, burst: 500 },
    ];

    /// The tier of that many requests a minute.
    #[must_use]
    pub fn from_per_minute(per_minute: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| u64::from(tier.per_minute) == per_minute)
    }

    /// Requests a minute.
    #[must_use]
    pub const fn per_minute(self) -> u32 {
        self.per_minute
    }

    /// Requests that may come at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// `n·T` in microseconds: what `n` tokens move the arrival time by.
    #[must_use]
    pub const fn interval(self, tokens: u32) -> i64 {
        // At most 1000 × 60 s / 60, far from overflow; every tier divides the minute exactly.
        tokens as i64 * MICROS_PER_MINUTE / self.per_minute as i64
    }

    /// The latest arrival time from which `tokens` can still be taken at `now`: the busy form's bound.
    #[must_use]
    pub const fn latest(self, now: i64, tokens: u32) -> i64 {
        now + self.interval(self.burst) - self.interval(tokens)
    }

    /// Takes `tokens` at `now` from a bucket whose arrival time is `tat`: the new arrival time, or how long to wait.
    pub const fn take(self, tat: i64, now: i64, tokens: u32) -> Result<i64, Limited> {
        let start = if tat > now { tat } else { now };
        let latest = self.latest(now, tokens);
        if start > latest {
            return Err(Limited { retry_after_micros: start - latest });
        }
        Ok(start + self.interval(tokens))
    }

    /// What is left at `now` of a bucket whose arrival time is `tat`.
    #[must_use]
    pub const fn allowance(self, tat: i64, now: i64) -> Allowance {
        let owed = if tat > now { tat - now } else { 0 };
        let left = self.interval(self.burst) - owed;
        let remaining = if left > 0 { left.unsigned_abs() / self.interval(1).unsigned_abs() } else { 0 };
        Allowance { limit: self.burst, remaining, reset_seconds: ceil_seconds(owed) }
    }
}

/// The bucket does not hold that many tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    retry_after_micros: i64,
}

impl Limited {
    /// Seconds after which the same request would pass, if nothing else comes; at least 1.
    #[must_use]
    pub const fn retry_after_seconds(self) -> u64 {
        let seconds = ceil_seconds(self.retry_after_micros);
        if seconds == 0 { 1 } else { seconds }
    }
}

/// What a client can pace itself by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Tokens in a full bucket.
    pub limit: u32,
    /// Tokens that can be taken now.
    pub remaining: u64,
    /// Seconds until the bucket is full.
    pub reset_seconds: u64,
}

const fn ceil_seconds(micros: i64) -> u64 {
    if micros <= 0 { 0 } else { micros.unsigned_abs().div_ceil(1_000_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_divides_the_minute_so_that_no_token_is_lost_to_rounding() {
        for tier in Tier::ALL {
            assert_eq!(MICROS_PER_MINUTE % i64::from(tier.per_minute), 0);
            assert_eq!(Tier::from_per_minute(u64::from(tier.per_minute)), Some(tier));
        }
        assert_eq!(Tier::from_per_minute(61), None);
    }

    #[test]
    fn a_full_bucket_gives_its_burst_at_once_and_then_one_a_second() {
        let tier = Tier::ALL[0];
        let mut tat = 0;
        let now = 1_000_000_000_000_000;
        for taken in 0..60 {
            assert_eq!(tier.allowance(tat, now).remaining, 60 - taken);
            tat = tier.take(tat, now, 1).unwrap();
        }
        assert_eq!(tier.take(tat, now, 1).unwrap_err().retry_after_seconds(), 1);
        assert_eq!(tier.allowance(tat, now), Allowance { limit: 60, remaining: 0, reset_seconds: 60 });
        assert!(tier.take(tat, now + 999_999, 1).is_err());
        assert!(tier.take(tat, now + 1_000_000, 1).is_ok());
    }

    #[test]
    fn a_batch_waits_for_all_its_tokens() {
        let tier = Tier::ALL[0];
        let tat = tier.take(0, 1_000_000_000, 55).unwrap();
        assert_eq!(tier.take(tat, 1_000_000_000, 10).unwrap_err().retry_after_seconds(), 5);
    }
}
