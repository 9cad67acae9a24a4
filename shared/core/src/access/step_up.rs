//! One person's step-up: how often a code may be guessed, and that none works twice.
//!
//! An attempt is counted before it is judged, and given back when its code was right: what is judged at the same time
//! elsewhere is then already counted. Of the attempts of any five minutes at most five are wrong or undecided, and the
//! fifth locks step-up on the presumption that it is wrong. The state is a value; its store makes each change conditional on
//! the one before.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Wrong codes within [`WINDOW`] that lock step-up.
pub const FAILURES: usize = 5;
/// The time in which wrong codes are counted together.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// How long step-up stays locked.
pub const LOCKOUT: SignedDuration = SignedDuration::from_mins(15);

/// What is remembered of a person's attempts. Its JSON form is compact: times are microseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpState {
    /// Last step whose code was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_step: Option<u64>,
    /// Number of the next attempt.
    next: u64,
    /// Attempts that failed or are undecided, at most [`FAILURES`].
    attempts: Vec<Attempt>,
    /// Until when step-up is locked, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locked_until: Option<i64>,
}

/// One counted attempt. The number tells it from another of the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    number: u64,
    at: i64,
}

/// Step-up is locked: no code is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong codes")]
pub struct Locked {
    /// Until when.
    pub until: Timestamp,
}

impl Locked {
    /// Seconds from `now` until the lock ends; at least 1.
    #[must_use]
    pub fn retry_after_seconds(self, now: Timestamp) -> u64 {
        super::failures::seconds_until(self.until.as_microsecond(), now.as_microsecond())
    }
}

/// The code was right, but its step or a later one was accepted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code was used before")]
pub struct Replayed;

impl StepUpState {
    /// Counts an attempt at `now`: the state to store before the code is judged, and the attempt to give back if it was
    /// right.
    pub fn attempt(&self, now: Timestamp) -> Result<(Self, Attempt), Locked> {
        if let Some(until) = self.locked_until().filter(|until| now < *until) {
            return Err(Locked { until });
        }
        let now = now.as_microsecond();
        let attempt = Attempt { number: self.next, at: now };
        let mut attempts = self.attempts.clone();
        attempts.retain(|earlier| earlier.at > now - micros(WINDOW));
        attempts.push(attempt);
        // A clock that is ahead may have counted later times; a lock outlives them all, so none is counted twice after it.
        let latest = attempts.iter().map(|attempt| attempt.at).fold(now, i64::max);
        let locked_until = (attempts.len() >= FAILURES).then(|| latest + micros(LOCKOUT));
        Ok((Self { last_step: self.last_step, next: self.next.wrapping_add(1), attempts, locked_until }, attempt))
    }

    /// Accepts the attempt, whose code was that of `step`: takes it back, and with it a lock that counted it. Refuses a step
    /// that is not after the last accepted one; the attempt then stays counted.
    pub fn accept(&self, attempt: &Attempt, step: u64) -> Result<Self, Replayed> {
        if self.last_step.is_some_and(|last| step <= last) {
            return Err(Replayed);
        }
        let mut accepted = Self { last_step: Some(step), ..self.clone() };
        accepted.attempts.retain(|counted| counted != attempt);
        // A lock stands on the attempts beside it: nothing is counted while it holds.
        if accepted.attempts.len() < FAILURES {
            accepted.locked_until = None;
        }
        Ok(accepted)
    }

    /// The last step whose code was accepted.
    #[must_use]
    pub const fn last_step(&self) -> Option<u64> {
        self.last_step
    }

    /// Until when step-up is, or was last, locked.
    #[must_use]
    pub fn locked_until(&self) -> Option<Timestamp> {
        self.locked_until.and_then(|micros| Timestamp::from_microsecond(micros).ok())
    }

    /// Whether the attempt of this state that was just counted is the one that locks step-up unless it is accepted.
    #[must_use]
    pub fn locks(&self, attempt: &Attempt) -> bool {
        self.locked_until.is_some() && self.attempts.last() == Some(attempt)
    }
}

/// A constant of this module in microseconds.
#[allow(clippy::cast_possible_truncation)] // minutes
const fn micros(duration: SignedDuration) -> i64 {
    duration.as_micros() as i64
}
