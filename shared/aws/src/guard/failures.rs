use engine_core::access::failures::{FailureWindow, Verdict, WINDOW};
use jiff::{SignedDuration, Timestamp};

use super::Guard;
use crate::Error;

/// How long failures are kept: as long as they count, and as long as a report of them stands for those after it.
const KEEP: SignedDuration = SignedDuration::from_secs(2 * WINDOW.as_secs());

/// Who failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failing<'a> {
    /// A network address.
    Address(&'a str),
    /// An actor: an account, an API key, by an id that is no secret.
    Actor(&'a str),
}

impl Failing<'_> {
    fn id(self) -> String {
        match self {
            Self::Address(address) => format!("failures#address#{address}"),
            Self::Actor(actor) => format!("failures#actor#{actor}"),
        }
    }
}

impl Guard {
    /// Counts a failure. Of the failures of all processes exactly one is told to report.
    pub async fn count_failure(&self, failing: Failing<'_>, now: Timestamp) -> Result<Verdict, Error> {
        self.change(&failing.id(), KEEP, now, |window: &FailureWindow| {
            let (next, verdict) = window.record(now);
            (Some(next), verdict)
        })
        .await
    }
}
