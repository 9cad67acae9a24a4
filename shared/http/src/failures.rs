//! What failures cost who fails: nothing at first, and then time.
//!
//! Only refusals come here, so a good credential is never delayed, whoever else fails from the same address or in the same
//! name. A process that knows a source to be over the limit answers from memory and writes nothing more for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine_aws::audit_log::AuditLog;
use engine_aws::author::Author;
use engine_aws::guard::{Failing, GRACE, Guard};
use engine_core::access::failures::{LIMIT, RefusalWindow, Verdict};
use jiff::{SignedDuration, Timestamp};

use crate::context::RequestContext;
use crate::logging::{EventType, SecurityEvent, security_event};
use crate::problem::Problem;

/// Sources remembered in one process. Beyond it the memory starts anew, which costs writes, never an answer.
const REMEMBERED: usize = 10_000;
/// Refusals that are added to their window together.
const BATCH: u64 = 100;
/// How long a refusal waits to be added, at least as long as others follow.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// How long a refusal waits for being counted. Whoever fails is not to keep a function busy that others wait for.
const BUDGET: Duration = Duration::from_millis(500);
/// Who called, where the gateway did not say.
const NOWHERE: &str = "unknown";

/// Counts failures.
#[derive(Debug)]
pub struct Failures {
    guard: Guard,
    memory: Mutex<Memory>,
}

/// In whose name a caller failed: ids that are no secret.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// What the failure counts against.
    pub counted: Option<&'a str>,
    /// Who is named in events: nobody where the name is nobody's.
    pub named: Option<&'a str>,
}

/// What a process remembers.
#[derive(Debug, Default)]
struct Memory {
    /// Until when each source is over the limit.
    over: HashMap<String, Timestamp>,
    /// Refusals that no window has yet, and when the last ones were added to theirs.
    waiting: Option<RefusalWindow>,
    added_at: Option<Timestamp>,
    /// The window whose predecessors this process saw to.
    closed_before: Option<Timestamp>,
}

impl Failures {
    /// Counts in `guard`.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self { guard, memory: Mutex::default() }
    }

    /// What a refusal is answered with: itself, or 429 where a 401 is one too many from its address or in the name of
    /// `actor`, an id that is no secret. Anything but a 401 or a 403 comes back as it is, and a 403 is never more than counted.
    pub async fn refused(
        &self,
        context: &RequestContext,
        action: &str,
        actor: Option<&str>,
        problem: Problem,
    ) -> Problem {
        self.refused_for(context, action, Failed { counted: actor, named: actor }, problem).await
    }

    /// The same for a name that need not be anybody's: it counts all the same, and is told only where it is somebody's.
    pub async fn refused_for(
        &self,
        context: &RequestContext,
        action: &str,
        failed: Failed<'_>,
        problem: Problem,
    ) -> Problem {
        let status = problem.code.status();
        if status != 401 && status != 403 {
            return problem;
        }
        let counted = tokio::time::timeout(BUDGET, self.wait_for(context, action, failed, status)).await;
        // What cannot be counted in time is refused all the same.
        let seconds = counted.inspect_err(uncounted).ok().flatten();
        match seconds {
            Some(seconds) if status == 401 => {
                let why = problem.internal.unwrap_or_else(|| problem.code.as_str().to_owned());
                Problem::too_many_failures(seconds).with_internal(why)
            }
            _ => problem,
        }
    }

    /// Counts a refusal: the seconds to wait, where there were too many.
    async fn wait_for(&self, context: &RequestContext, action: &str, failed: Failed<'_>, status: u16) -> Option<u64> {
        let now = context.now;
        let address = context.source_address.as_deref().unwrap_or(NOWHERE);
        let mut seconds = None;
        if status == 401 {
            self.add_refusal(address, now).await;
            let verdict = self.count(Failing::Address(address), now).await;
            report(context, action, None, verdict);
            seconds = wait(verdict);
        }
        // An address over the limit writes nothing, whatever names it makes up.
        if let Some(actor) = failed.counted
            && seconds.is_none()
        {
            let verdict = self.count(Failing::Actor(actor), now).await;
            report(context, action, failed.named, verdict);
            seconds = wait(verdict);
        }
        seconds
    }

    /// Closes the windows of refusals that are over, with `author` for their entries; once a window in each process, so that
    /// refusals do not become reads. What fails here is done by the next one to come by.
    pub async fn close_windows(&self, audit: &AuditLog, author: &Author, now: Timestamp) {
        let window = RefusalWindow::window_of(now - GRACE);
        if self.lock().closed_before.replace(window) == Some(window) {
            return;
        }
        let _ = self.guard.close_refusals(audit, author, now).await.inspect_err(uncounted);
    }

    /// Counts one failure, in memory where the source is known to be over the limit. A failure that cannot be counted is
    /// refused all the same.
    async fn count(&self, failing: Failing<'_>, now: Timestamp) -> Option<Verdict> {
        let source = format!("{failing:?}");
        if let Some(until) = self.lock().over.get(&source).copied()
            && now < until
        {
            let micros = until.duration_since(now).as_micros();
            let retry_after_seconds = u64::try_from(micros).unwrap_or_default().div_ceil(1_000_000).max(1);
            return Some(Verdict { exceeded: true, report: false, retry_after_seconds });
        }
        let verdict = self.guard.count_failure(failing, now).await.inspect_err(uncounted).ok()?;
        if verdict.exceeded {
            let seconds = i64::try_from(verdict.retry_after_seconds).unwrap_or(i64::MAX);
            let mut memory = self.lock();
            if memory.over.len() >= REMEMBERED {
                memory.over.clear();
            }
            memory
                .over
                .insert(source, now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX));
        }
        Some(verdict)
    }

    /// Adds a refusal to its window: the first at once, those that follow together.
    async fn add_refusal(&self, address: &str, now: Timestamp) {
        if let Some(due) = self.due(address, now) {
            // What could not be added stands in the logs, one by one.
            let _ = self.guard.add_refusals(&due).await.inspect_err(uncounted);
        }
    }

    /// Counts a refusal in memory, and takes out what is to be added to the window of `now`.
    fn due(&self, address: &str, now: Timestamp) -> Option<RefusalWindow> {
        let mut memory = self.lock();
        let waiting = memory.waiting.get_or_insert_with(|| RefusalWindow::open(now));
        waiting.add(address);
        let full = waiting.count >= BATCH;
        let late = memory.added_at.is_none_or(|added| now.duration_since(added).abs() >= PATIENCE);
        if !full && !late {
            return None;
        }
        memory.added_at = Some(now);
        // They count in the window in which they are added: one that is over may be closed already.
        memory.waiting.take().map(|waiting| RefusalWindow { window_start: RefusalWindow::window_of(now), ..waiting })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds to wait, where the limit is exceeded.
fn wait(verdict: Option<Verdict>) -> Option<u64> {
    verdict.filter(|verdict| verdict.exceeded).map(|verdict| verdict.retry_after_seconds)
}

fn report(context: &RequestContext, action: &str, actor: Option<&str>, verdict: Option<Verdict>) {
    if verdict.is_some_and(|verdict| verdict.report) {
        security_event(context, SecurityEvent { reason: "repeated_failures", action, actor, failures: LIMIT + 1 });
    }
}

fn uncounted(error: &impl std::fmt::Display) {
    tracing::error!(
        event_type = EventType::SecurityEvent.as_str(),
        status = "FAILURE",
        action = "failures.count",
        details.internal = %error,
        "refusals could not be counted"
    );
}
