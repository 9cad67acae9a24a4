//! The failure window against one that remembers everything.

use engine_core::access::failures::{FailureWindow, LIMIT, Verdict, WINDOW};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn start() -> Timestamp {
    "2026-11-22T03:00:00Z".parse().unwrap()
}

/// The verdicts on failures at those seconds after the start.
fn verdicts(seconds: &[i64]) -> Vec<Verdict> {
    let mut window = FailureWindow::default();
    let mut verdicts = Vec::new();
    for second in seconds {
        let (next, verdict) = window.record(start() + SignedDuration::from_secs(*second));
        // Every step passes through the form in which it is stored.
        window = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
        verdicts.push(verdict);
    }
    verdicts
}

fn exceeded(seconds: &[i64]) -> Vec<bool> {
    verdicts(seconds).iter().map(|verdict| verdict.exceeded).collect()
}

fn reported(seconds: &[i64]) -> Vec<bool> {
    verdicts(seconds).iter().map(|verdict| verdict.report).collect()
}

#[test]
fn the_sixth_failure_within_five_minutes_is_too_many() {
    assert_eq!(exceeded(&[0, 60, 120, 180, 240, 299]), [false, false, false, false, false, true]);
    assert_eq!(exceeded(&[0, 60, 120, 180, 240, 300]), [false; 6], "the first has left the window");
}

#[test]
fn it_is_reported_once_until_a_whole_window_has_passed_without() {
    let mut seconds = vec![0; 10];
    seconds.extend([299, 299 + 299, 299 + 301]);
    let mut expected = vec![false; 13];
    expected[5] = true;
    assert_eq!(reported(&seconds), expected);

    let (first, second) = (vec![0; 6], vec![300; 6]);
    let reports = reported(&[first, second].concat());
    assert_eq!(reports.iter().filter(|report| **report).count(), 2);
    assert!(reports[5] && reports[11]);
}

#[test]
fn the_wait_ends_when_another_failure_would_be_the_fifth() {
    let last = |seconds: &[i64]| *verdicts(seconds).last().unwrap();
    assert_eq!(last(&[0, 1, 2, 3, 4]).retry_after_seconds, 0);
    assert_eq!(last(&[0, 1, 2, 3, 4, 5]).retry_after_seconds, 296, "the second failure leaves the window then");
    assert_eq!(last(&[0, 1, 2, 3, 4, 5, 5 + 296 - 5]).retry_after_seconds, 6);
}

#[test]
fn a_clock_behind_counts_what_was_recorded_ahead_of_it() {
    assert_eq!(exceeded(&[10, 10, 10, 10, 10, 7]), [false, false, false, false, false, true]);
}

/// Failures in the order of time: gaps of none, few seconds, and around the window.
fn schedule() -> impl Strategy<Value = Vec<i64>> {
    let gap = prop_oneof![2 => Just(0), 4 => 0..70i64, 1 => 298..=302i64];
    prop::collection::vec(gap, 1..60).prop_map(|gaps| {
        gaps.into_iter()
            .scan(0, |now, gap| {
                *now += gap;
                Some(*now)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn exactly_the_failures_beyond_the_limit_of_their_window_exceed(seconds in schedule()) {
        let window = WINDOW.as_secs();
        let expected: Vec<bool> = (0..seconds.len())
            .map(|last| (0..=last).filter(|index| seconds[*index] > seconds[last] - window).count() > LIMIT)
            .collect();
        prop_assert_eq!(exceeded(&seconds), expected);
    }

    #[test]
    fn a_report_follows_a_window_without_one_too_many(seconds in schedule()) {
        let verdicts = verdicts(&seconds);
        for (index, verdict) in verdicts.iter().enumerate() {
            let before = (0..index).any(|earlier| {
                verdicts[earlier].exceeded && seconds[earlier] > seconds[index] - WINDOW.as_secs()
            });
            prop_assert_eq!(verdict.report, verdict.exceeded && !before);
        }
    }

    #[test]
    fn after_the_wait_a_failure_does_not_exceed_and_a_second_before_it_does(seconds in schedule()) {
        let wait = i64::try_from(verdicts(&seconds).last().unwrap().retry_after_seconds).unwrap();
        prop_assume!(wait > 0);
        let after = |wait: i64| {
            let mut seconds = seconds.clone();
            seconds.push(seconds[seconds.len() - 1] + wait);
            *exceeded(&seconds).last().unwrap()
        };
        prop_assert!(!after(wait));
        prop_assert!(after(wait - 1));
    }
}
