//! A clock that stands still until it is told to move.

use std::sync::{Arc, Mutex};

use engine_aws::clock::Clock;
use jiff::{SignedDuration, Timestamp};

/// A hand-set clock. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows `now` (RFC 3339).
    pub fn at(now: &str) -> Self {
        Self(Arc::new(Mutex::new(now.parse().expect("an RFC 3339 time"))))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }

    /// Sets the clock.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap() = now;
    }

    /// A handle to hand over.
    pub fn shared(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
