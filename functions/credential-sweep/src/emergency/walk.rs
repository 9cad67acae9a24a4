//! One phase of a rotation from client to client: so many at once, each tried whatever became of the others, and how far it
//! came told now and then.

use engine_aws::Error;
use engine_aws::rotations::{Counts, Lease, Place, Unit};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::Attempt;

/// Rows or clients that are read at once.
pub(super) const PAGE: usize = 100;
/// Clients or accounts that are changed at once.
const AT_ONCE: usize = 16;
/// Times that a change is tried that others keep getting in the way of.
const TRIES: u32 = 8;
/// Longest time that nothing is told, a quarter of the lease.
const SILENT: SignedDuration = SignedDuration::from_secs(30);

/// A walk through one phase.
pub(super) struct Walk<'a> {
    attempt: &'a Attempt,
    lease: &'a Lease,
    /// As it was told last. It never passes what could not be done.
    told: Place,
    told_at: Timestamp,
    /// What was done up to here.
    pub(super) counts: Counts,
    /// The first failure, after which the rest is still done.
    failed: Option<Error>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(attempt: &'a Attempt, lease: &'a Lease, from: &Place) -> Self {
        let told_at = attempt.now();
        Self { attempt, lease, told: from.clone(), told_at, counts: from.counts, failed: None }
    }

    /// Does what is left to do, so many at once; answers it with what was `done` before. Where nothing at all succeeds any
    /// more, a service is away, and this attempt ends.
    pub(super) async fn each<T, F>(
        &mut self,
        done: impl IntoIterator<Item = Unit>,
        left: Vec<T>,
        act: impl Fn(Attempt, T) -> F,
    ) -> Result<Vec<Unit>, Error>
    where
        F: Future<Output = Result<Unit, Error>> + Send + 'static,
    {
        let mut seen: Vec<_> = done.into_iter().collect();
        let (mut left, mut running) = (left.into_iter(), JoinSet::new());
        let (mut succeeded, mut failures) = (false, 0);
        for one in left.by_ref().take(AT_ONCE) {
            running.spawn(act(self.attempt.clone(), one));
        }
        while let Some(ended) = running.join_next().await {
            match ended.map_err(|error| Error::corrupt("task of a rotation", error))? {
                Ok(unit) => {
                    succeeded = true;
                    seen.push(unit);
                }
                Err(error) => {
                    failures += 1;
                    self.failed.get_or_insert(error);
                }
            }
            let away = failures >= AT_ONCE && !succeeded;
            if !away && let Some(one) = left.next() {
                running.spawn(act(self.attempt.clone(), one));
            }
            self.keep().await?;
        }
        match self.failed.take() {
            Some(error) if failures > 0 && !succeeded => Err(error),
            failed => {
                self.failed = failed;
                Ok(seen)
            }
        }
    }

    /// Tells that the walk is behind `after`, with everything before it done.
    pub(super) async fn passed(&mut self, after: &str) -> Result<(), Error> {
        if self.failed.is_some() {
            return self.keep().await;
        }
        self.told = Place { phase: self.told.phase, after: Some(after.to_owned()), counts: self.counts };
        self.tell().await
    }

    /// The counts at the end of the walk; what could not be done where there is any.
    pub(super) fn finish(self) -> Result<Counts, Error> {
        match self.failed {
            None => Ok(self.counts),
            Some(error) => Err(error),
        }
    }

    /// Keeps the lease, where nothing was told for a while.
    async fn keep(&mut self) -> Result<(), Error> {
        if self.attempt.now().duration_since(self.told_at) < SILENT { Ok(()) } else { self.tell().await }
    }

    async fn tell(&mut self) -> Result<(), Error> {
        let now = self.attempt.now();
        self.attempt.parts().rotations.save(self.lease, &self.told, now).await?;
        self.told_at = now;
        Ok(())
    }
}

/// Tries a change until nobody gets in its way; each try reads anew what it judges, and is told whether it is `again`: then
/// another worker may have been first.
pub(super) async fn tried<T, F: Future<Output = Result<T, Error>>>(change: impl Fn(bool) -> F) -> Result<T, Error> {
    for tries in 0..TRIES - 1 {
        match change(tries > 0).await {
            Err(Error::Conflict(_)) => {}
            ended => return ended,
        }
    }
    change(true).await
}
