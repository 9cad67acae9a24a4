//! Who may call: API keys, what they permit, and how often.

mod api_key;
mod client;
mod limiter;
mod permission;
mod terms;

pub use api_key::{ApiKey, ApiKeyError, KeyHash, KeyId};
pub use client::{ClientId, ClientIdError};
pub use limiter::{Allowance, Limited, Tier};
pub use permission::{KeyRecord, KeyState, MAX_LISTED_TICKERS, Permission, Refusal, TickerScope};
pub use terms::{ClientTerms, read_terms, terms_in_force};
