//! The limiter against a token bucket that is simulated on its own, in exact integers.

use engine_core::access::Tier;
use proptest::prelude::*;

const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;
const START: i64 = 1_768_000_000_000_000;

/// A bucket of tokens that fills as time passes. Its unit is a token's sixty-millionth, so that nothing is rounded.
struct Bucket {
    tier: Tier,
    level: i64,
    at: i64,
}

impl Bucket {
    fn full(tier: Tier, at: i64) -> Self {
        Self { tier, level: i64::from(tier.burst()) * MINUTE, at }
    }

    fn take(&mut self, now: i64, tokens: u32) -> bool {
        let full = i64::from(self.tier.burst()) * MINUTE;
        self.level = full.min(self.level + (now - self.at) * i64::from(self.tier.per_minute()));
        self.at = now;
        let passes = self.level >= i64::from(tokens) * MINUTE;
        if passes {
            self.level -= i64::from(tokens) * MINUTE;
        }
        passes
    }
}

fn tier() -> impl Strategy<Value = Tier> {
    prop::sample::select(Tier::ALL.to_vec())
}

/// Microseconds to the next arrival: none, few, on and beside the edges of a token, and longer than a bucket takes to fill.
fn gap() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => Just(0),
        3 => 0..2 * SECOND,
        2 => (1..10i64, prop::sample::select(vec![SECOND, 200_000, 60_000]), -1..=1i64).prop_map(|(n, t, off)| n * t + off),
        1 => 0..2 * MINUTE,
    ]
}

/// Arrivals: a time, and tokens asked for.
fn schedule() -> impl Strategy<Value = Vec<(i64, u32)>> {
    let tokens = prop_oneof![4 => Just(1u32), 2 => 1..=10u32, 1 => 1..=60u32];
    prop::collection::vec((gap(), tokens), 1..200).prop_map(|arrivals| {
        let mut now = START;
        arrivals
            .into_iter()
            .map(|(gap, tokens)| {
                now += gap;
                (now, tokens)
            })
            .collect()
    })
}

/// What the limiter lets pass, from a key never used.
fn admitted(tier: Tier, schedule: &[(i64, u32)]) -> Vec<bool> {
    let mut tat = 0;
    schedule.iter().map(|&(now, tokens)| tier.take(tat, now, tokens).map(|next| tat = next).is_ok()).collect()
}

/// The arrival time after a schedule, and when it ended.
fn after(tier: Tier, schedule: &[(i64, u32)]) -> (i64, i64) {
    let tat = schedule.iter().fold(0, |tat, &(now, tokens)| tier.take(tat, now, tokens).unwrap_or(tat));
    (tat, schedule.last().map_or(START, |&(now, _)| now))
}

proptest! {
    #[test]
    fn exactly_what_a_token_bucket_holds_passes(tier in tier(), schedule in schedule()) {
        let mut bucket = Bucket::full(tier, START);
        let expected: Vec<_> = schedule.iter().map(|&(now, tokens)| bucket.take(now, tokens)).collect();
        prop_assert_eq!(admitted(tier, &schedule), expected);
    }

    #[test]
    fn no_window_passes_more_than_the_burst_and_what_came_back_in_it(tier in tier(), schedule in schedule()) {
        let passed: Vec<_> =
            schedule.iter().zip(admitted(tier, &schedule)).filter(|(_, passed)| *passed).map(|(arrival, _)| *arrival).collect();
        for first in 0..passed.len() {
            let mut tokens = 0;
            for &(now, taken) in &passed[first..] {
                tokens += i64::from(taken);
                let most = i64::from(tier.burst()) * MINUTE + i64::from(tier.per_minute()) * (now - passed[first].0);
                prop_assert!(tokens * MINUTE <= most, "{} tokens in {} µs", tokens, now - passed[first].0);
            }
        }
    }

    #[test]
    fn remaining_is_how_many_single_tokens_then_pass(tier in tier(), schedule in schedule(), later in gap()) {
        let (mut tat, end) = after(tier, &schedule);
        let now = end + later;
        let allowance = tier.allowance(tat, now);
        let mut passed = 0;
        while let Ok(next) = tier.take(tat, now, 1) {
            (tat, passed) = (next, passed + 1);
        }
        prop_assert_eq!(passed, allowance.remaining);
        prop_assert_eq!(allowance.limit, tier.burst());
        prop_assert_eq!(tier.allowance(tat, now).remaining, 0);
    }

    #[test]
    fn retry_after_is_when_the_request_passes_and_not_a_second_before(
        tier in tier(), schedule in schedule(), tokens in 1..=60u32,
    ) {
        let (mut tat, now) = after(tier, &schedule);
        let limited = loop {
            match tier.take(tat, now, tokens) {
                Ok(next) => tat = next,
                Err(limited) => break limited,
            }
        };
        let wait = i64::try_from(limited.retry_after_seconds()).unwrap();
        prop_assert!(wait >= 1);
        prop_assert!(tier.take(tat, now + wait * SECOND, tokens).is_ok());
        if wait > 1 {
            prop_assert!(tier.take(tat, now + (wait - 1) * SECOND, tokens).is_err());
        }
    }

    #[test]
    fn reset_is_the_second_at_which_the_bucket_is_full(tier in tier(), schedule in schedule()) {
        let (tat, now) = after(tier, &schedule);
        let wait = i64::try_from(tier.allowance(tat, now).reset_seconds).unwrap();
        let remaining = |seconds: i64| tier.allowance(tat, now + seconds * SECOND).remaining;
        prop_assert_eq!(remaining(wait), u64::from(tier.burst()));
        prop_assert!(wait == 0 || remaining(wait - 1) < u64::from(tier.burst()));
    }
}
