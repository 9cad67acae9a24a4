//! Failed authentication and authorization: when one address or actor has failed too often, and what is remembered of
//! refusals that nobody is known to have caused.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Failures within [`WINDOW`] that are still answered as such.
pub const LIMIT: usize = 5;
/// The time in which failures are counted together.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// Most addresses that a refusal window lists.
pub const LISTED_ADDRESSES: usize = 20;

const WINDOW_MICROS: i64 = 300_000_000;
const WINDOW_SECONDS: i64 = 300;

/// The recent failures of one address or actor, over an exact sliding window. Times are microseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureWindow {
    /// The latest failures, earliest first, at most one more than [`LIMIT`].
    times: Vec<i64>,
    /// The last failure beyond the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exceeded_at: Option<i64>,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It is more than the [`LIMIT`]th within [`WINDOW`].
    pub exceeded: bool,
    /// It is to be reported: the first beyond the limit, and again only after a whole window without one.
    pub report: bool,
    /// Seconds after which another failure would not exceed the limit; 0 where this one does not.
    pub retry_after_seconds: u64,
}

impl FailureWindow {
    /// Counts a failure at `now`.
    #[must_use]
    pub fn record(&self, now: Timestamp) -> (Self, Verdict) {
        let now = now.as_microsecond();
        let mut times = self.times.clone();
        times.push(now);
        // Clocks differ, so what was written later need not be later.
        times.sort_unstable();
        times.retain(|time| *time > now - WINDOW_MICROS);
        times.drain(..times.len().saturating_sub(LIMIT + 1));
        let exceeded = times.len() > LIMIT;
        let report = exceeded && self.exceeded_at.is_none_or(|last| last <= now - WINDOW_MICROS);
        let retry_after_seconds = match times.get(times.len().wrapping_sub(LIMIT)) {
            Some(fifth_last) if exceeded => seconds_until(fifth_last + WINDOW_MICROS, now),
            _ => 0,
        };
        let exceeded_at = if exceeded { self.exceeded_at.max(Some(now)) } else { self.exceeded_at };
        (Self { times, exceeded_at }, Verdict { exceeded, report, retry_after_seconds })
    }
}

/// Seconds from one microsecond to another, rounded up; at least 1.
pub(super) fn seconds_until(until: i64, now: i64) -> u64 {
    u64::try_from(until.saturating_sub(now)).unwrap_or_default().div_ceil(1_000_000).max(1)
}

/// Unauthenticated refusals of one five-minute window, for one audit entry however many they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalWindow {
    /// When the window began; a multiple of five minutes.
    #[serde(with = "crate::time::text")]
    pub window_start: Timestamp,
    /// Refusals in it.
    pub count: u64,
    /// The network addresses they came from, the first [`LISTED_ADDRESSES`]. Of the record only the entry's body has them,
    /// which can be taken away.
    pub addresses: BTreeSet<String>,
}

impl RefusalWindow {
    /// The start of the window in which `now` lies.
    #[must_use]
    pub fn window_of(now: Timestamp) -> Timestamp {
        let start = now.as_second().div_euclid(WINDOW_SECONDS) * WINDOW_SECONDS;
        Timestamp::from_second(start).unwrap_or(Timestamp::MIN)
    }

    /// The window of `now`, with nothing in it.
    #[must_use]
    pub fn open(now: Timestamp) -> Self {
        Self { window_start: Self::window_of(now), count: 0, addresses: BTreeSet::new() }
    }

    /// Counts one refusal.
    pub fn add(&mut self, address: &str) {
        self.count = self.count.saturating_add(1);
        if self.addresses.len() < LISTED_ADDRESSES {
            self.addresses.insert(address.to_owned());
        }
    }

    /// Whether `now` belongs to a later window, so that this one can be closed.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        Self::window_of(now) > self.window_start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn refusal_windows_start_on_every_fifth_minute_and_are_over_when_the_next_begins() {
        let mut window = RefusalWindow::open(at("2026-11-22T03:27:43.120Z"));
        assert_eq!(window.window_start, at("2026-11-22T03:25:00Z"));
        window.add("a");
        assert!(!window.is_over(at("2026-11-22T03:24:59Z")), "a clock behind does not close a window");
        assert!(!window.is_over(at("2026-11-22T03:29:59.999999Z")));
        assert!(window.is_over(at("2026-11-22T03:30:00Z")));
        assert_eq!(RefusalWindow::window_of(at("1969-12-31T23:59:59Z")), at("1969-12-31T23:55:00Z"));
    }

    #[test]
    fn a_refusal_window_counts_everything_and_lists_each_of_the_first_addresses_once() {
        let mut window = RefusalWindow::open(at("2026-11-22T03:27:43Z"));
        for refusal in 0..100 {
            window.add(&format!("address {}", refusal / 2));
        }
        assert_eq!((window.count, window.addresses.len()), (100, LISTED_ADDRESSES));
        let text = serde_json::to_string(&window).unwrap();
        assert_eq!(serde_json::from_str::<RefusalWindow>(&text).unwrap(), window);
    }

    #[test]
    fn the_constants_agree() {
        assert_eq!(WINDOW.as_micros(), i128::from(WINDOW_MICROS));
        assert_eq!(WINDOW.as_secs(), WINDOW_SECONDS);
    }
}
