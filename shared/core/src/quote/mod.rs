//! Quotes: what is asked for, what is recorded, and how a record is priced again.

mod id;
mod record;
mod replay;
mod request;

use jiff::{SignedDuration, Timestamp};

pub use id::QuoteId;
pub use record::{PositionOutcome, PricedPosition, QuoteRecord, QuoteTerms};
pub use replay::{Replay, ReplayError, replay};
pub use request::{MAX_BATCH, PositionRequest, PositionSize, batch_tokens, read_batch, read_position};

/// How long a quote may be relied on as an indication.
pub const VALIDITY: SignedDuration = SignedDuration::from_mins(15);

/// When a quote made at `now` lapses.
#[must_use]
pub fn valid_until(now: Timestamp) -> Timestamp {
    now + VALIDITY
}
