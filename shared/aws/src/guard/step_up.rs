use engine_core::access::step_up::{Attempt, Locked, Replayed, StepUpState};
use jiff::{SignedDuration, Timestamp};

use super::Guard;
use crate::Error;

/// How long a person's attempts are kept: far beyond a lock, and beyond the last step that could still be accepted.
const KEEP: SignedDuration = SignedDuration::from_hours(24);

/// An attempt that is counted and not yet judged.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// What is given back if the code is right.
    pub attempt: Attempt,
    /// Whether it locks the second factor unless its code is right.
    pub locks: bool,
}

impl Guard {
    /// Counts an attempt of a person at their second factor, before its code is judged.
    pub async fn count_attempt(&self, person: &str, now: Timestamp) -> Result<Result<Counted, Locked>, Error> {
        self.change(&id(person), KEEP, now, |state: &StepUpState| match state.attempt(now) {
            Ok((next, attempt)) => {
                let locks = next.locks(&attempt);
                (Some(next), Ok(Counted { attempt, locks }))
            }
            Err(locked) => (None, Err(locked)),
        })
        .await
    }

    /// Accepts a counted attempt whose code was that of `step`: of all who present it at once, one.
    pub async fn accept_attempt(
        &self,
        person: &str,
        attempt: Attempt,
        step: u64,
        now: Timestamp,
    ) -> Result<Result<(), Replayed>, Error> {
        self.change(&id(person), KEEP, now, |state: &StepUpState| match state.accept(&attempt, step) {
            Ok(next) => (Some(next), Ok(())),
            Err(replayed) => (None, Err(replayed)),
        })
        .await
    }
}

fn id(person: &str) -> String {
    format!("step-up#{person}")
}
