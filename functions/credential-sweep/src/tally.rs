//! What a run did, and what it could not do.

use engine_aws::Error;
use engine_http::run;
use serde::Serialize;

use crate::{RunError, report};

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Successors offered to API keys.
    pub successors_offered: usize,
    /// API keys that came to their end.
    pub keys_expired: usize,
    /// API keys revoked, unused or of clients that have left.
    pub keys_revoked: usize,
    /// Service accounts disabled for want of use.
    pub accounts_disabled: usize,
    /// Secrets of service accounts that were given a schedule.
    pub schedules_put: usize,
    /// Elevations that were over and were taken off.
    pub elevations_ended: usize,
    /// Credentials and reviews that were found due, and told of for the first time.
    pub found_due: usize,
    /// Emergency rotations that came to their end.
    pub emergencies_completed: usize,
    /// Notices that reached the topic and the bus.
    pub notices_told: usize,
    /// Whether time ran out; the rest is the next run's.
    pub cut_short: bool,
}

/// The same while it runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: Done,
    failed: Vec<(String, Error)>,
}

impl Tally {
    /// Notes what could not be done.
    pub(crate) fn fail(&mut self, what: impl Into<String>, error: Error) {
        let what = what.into();
        report::failed(&what, &error);
        self.failed.push((what, error));
    }

    /// The same of several.
    pub(crate) fn fail_all(&mut self, what: &str, failed: Vec<(String, Error)>) {
        for (which, error) in failed {
            self.fail(format!("{what} {which}"), error);
        }
    }

    /// What comes of it.
    pub(crate) fn finish(self) -> Result<Done, RunError> {
        report::swept(&self.done, self.failed.len());
        if self.failed.is_empty() { Ok(self.done) } else { Err(run::RunError(self.failed)) }
    }
}
