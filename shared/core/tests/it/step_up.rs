//! Step-up as a lock: whoever guesses is stopped, whoever knows is not, and no code works twice.

use engine_core::access::step_up::{Attempt, FAILURES, LOCKOUT, Locked, StepUpState, WINDOW};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    "2026-11-22T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// The state as its store gives it back.
fn stored(state: &StepUpState) -> StepUpState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// Wrong codes at those seconds.
fn after_failures(seconds: &[i64]) -> StepUpState {
    seconds.iter().fold(StepUpState::default(), |state, second| stored(&state.attempt(at(*second)).unwrap().0))
}

#[test]
fn the_fifth_wrong_code_in_five_minutes_locks_for_fifteen() {
    let state = after_failures(&[0, 60, 120, 180, 299]);
    let until = at(299) + LOCKOUT;
    assert_eq!(state.attempt(at(299)), Err(Locked { until }));
    assert_eq!(state.attempt(at(299 + 899)), Err(Locked { until }));
    assert!(state.attempt(until).is_ok());
    assert_eq!(Locked { until }.retry_after_seconds(at(299)), 900);
}

#[test]
fn a_wrong_code_is_forgotten_after_five_minutes() {
    let state = after_failures(&[0, 60, 120, 180, 300]);
    assert_eq!(state.locked_until(), None);
    assert!(state.attempt(at(301)).is_ok());
}

#[test]
fn the_right_code_at_the_fifth_attempt_does_not_lock() {
    let (state, attempt) = after_failures(&[0, 1, 2, 3]).attempt(at(4)).unwrap();
    assert!(state.locks(&attempt));
    assert!(state.attempt(at(4)).is_err(), "locked until it is known to be right");
    let state = state.accept(&attempt, 7).unwrap();
    assert_eq!((state.locked_until(), state.last_step()), (None, Some(7)));
    let state = state.attempt(at(5)).unwrap().0;
    assert!(state.attempt(at(5)).is_err(), "the four wrong ones still count");
}

#[test]
fn an_earlier_attempt_that_turns_out_right_takes_its_part_of_the_lock_back() {
    let (state, right) = after_failures(&[0, 1, 2]).attempt(at(3)).unwrap();
    let (state, wrong) = state.attempt(at(3)).unwrap();
    assert_ne!(right, wrong, "two attempts of one time are told apart");
    assert!(state.attempt(at(3)).is_err());
    let state = state.accept(&right, 7).unwrap();
    let (state, _) = state.attempt(at(4)).unwrap();
    assert!(state.attempt(at(4)).is_err(), "four wrong ones and one more");
}

#[test]
fn a_step_must_be_after_the_last_accepted_one_and_a_replay_stays_counted() {
    let (state, first) = StepUpState::default().attempt(at(0)).unwrap();
    let state = state.accept(&first, 100).unwrap();
    for step in [100, 99, 0] {
        let (state, attempt) = state.attempt(at(1)).unwrap();
        assert!(state.accept(&attempt, step).is_err(), "{step}");
    }
    let mut replayed = state.clone();
    for _ in 0..FAILURES {
        replayed = replayed.attempt(at(1)).unwrap().0;
    }
    assert!(replayed.attempt(at(1)).is_err());
    let (state, attempt) = state.attempt(at(1)).unwrap();
    assert_eq!(state.accept(&attempt, 101).unwrap().last_step(), Some(101));
}

#[test]
fn a_lock_outlives_attempts_that_a_clock_ahead_counted() {
    let state = after_failures(&[250, 0, 0, 0, 0]);
    assert_eq!(state.locked_until(), Some(at(250) + LOCKOUT));
}

#[test]
fn the_stored_form_is_small_and_read_strictly() {
    let (state, _) = StepUpState::default().attempt(at(0)).unwrap();
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(text, r#"{"next":1,"attempts":[{"number":0,"at":1795316400000000}]}"#);
    assert!(serde_json::from_str::<StepUpState>(r#"{"next":1,"attempts":[],"more":1}"#).is_err());
}

/// What happens next: an attempt some time later, or a verdict on one of the attempts still open.
#[derive(Clone, Debug)]
enum Event {
    Attempt { gap: i64 },
    Wrong { open: prop::sample::Index },
    Right { open: prop::sample::Index, step: u64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let gap = prop_oneof![3 => Just(0), 4 => 0..90i64, 1 => 298..=302i64, 1 => 899..=901i64];
    let event = prop_oneof![
        5 => gap.prop_map(|gap| Event::Attempt { gap }),
        3 => any::<prop::sample::Index>().prop_map(|open| Event::Wrong { open }),
        1 => (any::<prop::sample::Index>(), 0..12u64).prop_map(|(open, step)| Event::Right { open, step }),
    ];
    prop::collection::vec(event, 1..120)
}

proptest! {
    #[test]
    fn whatever_is_judged_in_whatever_order_guesses_are_few_and_no_step_is_accepted_twice(events in events()) {
        let mut state = StepUpState::default();
        let mut now = 0;
        let mut open: Vec<(Attempt, i64)> = Vec::new();
        // When each attempt was let in that was not accepted in the end.
        let mut counted: Vec<i64> = Vec::new();
        let mut steps: Vec<u64> = Vec::new();
        for event in events {
            match event {
                Event::Attempt { gap } => {
                    now += gap;
                    let recent = counted.iter().filter(|time| **time > now - WINDOW.as_secs()).count();
                    match state.attempt(at(now)) {
                        Ok((next, attempt)) => {
                            prop_assert!(recent < FAILURES, "a guess beyond the limit");
                            prop_assert!(state.locked_until().is_none_or(|until| until <= at(now)));
                            counted.push(now);
                            open.push((attempt, now));
                            state = stored(&next);
                        }
                        Err(locked) => {
                            prop_assert!(locked.until > at(now));
                            let last = *counted.iter().max().unwrap();
                            prop_assert!(locked.until <= at(last) + LOCKOUT, "locked longer than it may be");
                            let together = counted.iter().filter(|time| **time > last - WINDOW.as_secs()).count();
                            prop_assert!(together >= FAILURES, "locked without five");
                        }
                    }
                }
                Event::Wrong { open: index } => {
                    if !open.is_empty() {
                        open.swap_remove(index.index(open.len()));
                    }
                }
                Event::Right { open: index, step } => {
                    if !open.is_empty() {
                        let (attempt, time) = open.swap_remove(index.index(open.len()));
                        if let Ok(next) = state.accept(&attempt, step) {
                            prop_assert!(steps.iter().all(|accepted| *accepted < step));
                            steps.push(step);
                            let position = counted.iter().position(|counted| *counted == time).unwrap();
                            counted.swap_remove(position);
                            state = stored(&next);
                        } else {
                            prop_assert!(steps.iter().any(|accepted| *accepted >= step), "refused without a reason");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn somebody_who_always_knows_the_code_is_never_locked_out(gaps in prop::collection::vec(30..60i64, 1..50)) {
        let mut state = StepUpState::default();
        let mut now = 0;
        for (step, gap) in (0..).zip(gaps) {
            now += gap;
            let (next, attempt) = state.attempt(at(now)).unwrap();
            state = next.accept(&attempt, step).unwrap();
            prop_assert_eq!(state.locked_until(), None);
        }
    }
}
