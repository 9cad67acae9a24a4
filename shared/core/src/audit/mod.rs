//! What the audit log holds: entries of a header that leaks nothing and a body that tells everything.

mod canonical;
mod entry;
mod event;
mod reference;

pub use canonical::{CanonicalError, canonical_json, is_canonical};
pub use entry::{Actor, ActorType, Body, Chunk, Draft, Entry, EntryId, Header, SHARDS, partition};
pub use event::{Event, Outcome};
pub use reference::{ActorRef, CLIENT_KIND, Commitment, Reference, SecretKey, SecretKeyError, TICKER_KIND};
