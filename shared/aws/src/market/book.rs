//! The book that pricing holds in memory, re-read by pointer every few seconds.

use std::sync::{Arc, PoisonError, RwLock};

use engine_core::market::Book;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::MarketStore;
use crate::Error;

/// What is held.
#[derive(Clone)]
struct Held {
    book: Arc<Book>,
    /// When the pointers were last read.
    read_at: Timestamp,
    /// When that was last tried, which a failing store is not asked more often than.
    tried_at: Timestamp,
}

/// Holds the book in force.
pub struct MarketBook {
    store: MarketStore,
    refresh_every: SignedDuration,
    longest_unrefreshed: SignedDuration,
    held: RwLock<Option<Held>>,
    /// Held by the one caller that reads the pointers.
    refreshing: Mutex<()>,
}

impl MarketBook {
    /// How long a book is served before its pointers are read again.
    pub const REFRESH_EVERY: SignedDuration = SignedDuration::from_secs(5);
    /// How long a book is served while its pointers cannot be read.
    pub const LONGEST_UNREFRESHED: SignedDuration = SignedDuration::from_mins(5);

    /// A holder that has read nothing yet.
    #[must_use]
    pub fn new(store: MarketStore) -> Self {
        Self::with_intervals(store, Self::REFRESH_EVERY, Self::LONGEST_UNREFRESHED)
    }

    /// The same with other intervals.
    #[must_use]
    pub fn with_intervals(
        store: MarketStore,
        refresh_every: SignedDuration,
        longest_unrefreshed: SignedDuration,
    ) -> Self {
        Self { store, refresh_every, longest_unrefreshed, held: RwLock::default(), refreshing: Mutex::default() }
    }

    /// The book in force, its pointers read at most `refresh_every` ago.
    ///
    /// One caller refreshes; the others go on with the book held. Where refreshing fails the held book is served on until
    /// it has gone unrefreshed for too long, and then no more.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<Book>, Error> {
        if let Some(held) = self.tried_lately(now) {
            return Ok(held.book);
        }
        let _turn = match self.refreshing.try_lock() {
            Ok(turn) => turn,
            Err(_) => match self.servable(now) {
                Some(held) => return Ok(held.book),
                None => self.refreshing.lock().await,
            },
        };
        // Somebody else may have refreshed while this caller waited for its turn.
        if let Some(held) = self.tried_lately(now) {
            return Ok(held.book);
        }
        match self.refresh().await {
            Ok(book) => {
                self.hold(Held { book: Arc::clone(&book), read_at: now, tried_at: now });
                Ok(book)
            }
            Err(error) => match self.servable(now) {
                Some(held) => {
                    tracing::warn!(%error, unrefreshed_seconds = now.duration_since(held.read_at).as_secs(), "market data not refreshed");
                    self.hold(Held { tried_at: now, ..held.clone() });
                    Ok(held.book)
                }
                None => Err(error),
            },
        }
    }

    /// The held book with every snapshot that is no longer in force replaced: one query, and one or more a changed snapshot.
    async fn refresh(&self) -> Result<Arc<Book>, Error> {
        let held = self.held().map(|held| held.book).unwrap_or_default();
        let mut changed: Option<Book> = None;
        for pointer in self.store.pointers().await? {
            if held.snapshot_id(pointer.source) != Some(pointer.snapshot_id.as_str()) {
                let snapshot = self.store.load(&pointer).await?;
                let book = changed.as_ref().unwrap_or(&held).with(pointer.snapshot_id, snapshot);
                changed = Some(book);
            }
        }
        Ok(changed.map_or(held, Arc::new))
    }

    fn held(&self) -> Option<Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
    }

    /// What is held, unless it has gone unrefreshed for too long.
    fn servable(&self, now: Timestamp) -> Option<Held> {
        self.held().filter(|held| now.duration_since(held.read_at) <= self.longest_unrefreshed)
    }

    /// What is held, if refreshing it was tried just now.
    fn tried_lately(&self, now: Timestamp) -> Option<Held> {
        self.servable(now).filter(|held| now.duration_since(held.tried_at) < self.refresh_every)
    }
}
