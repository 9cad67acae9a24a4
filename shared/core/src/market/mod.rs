//! Market data: the files that sources publish, the snapshots made of them, and the book that prices are taken from.
//!
//! A file is parsed, compared with the current snapshot ([`check`]), made into a new one ([`build_short_stock`] and its
//! siblings) and stored under its content's digest ([`encode`]). Readers hold a [`Book`] of the newest of each source.

mod book;
mod brake;
mod codec;
mod documents;
mod record;
mod short_stock;
mod snapshot;
mod source;
mod status;

pub use book::{Book, DataSource, DataSources, FallbackReason, Loaded, Security, is_stale};
pub use brake::{BrakeReason, check};
pub use codec::{CodecError, EncodedSnapshot, MAX_CHUNK, decode, encode};
pub use documents::{
    EventRiskDocument, MinimumRatesDocument, RiskEvent, StockVolatility, VolatilityDocument, parse_event_risk,
    parse_minimum_rates, parse_volatility,
};
pub use record::{LastKnown, SecurityRecord};
pub use short_stock::{
    Availability, FileRefusal, MAX_FILE, Rejection, ShortStockFile, ShortStockRow, parse_short_stock,
};
pub use snapshot::{
    EventRiskSnapshot, ImportCounts, MinimumRatesSnapshot, ShortStockSnapshot, Snapshot, VolatilitySnapshot,
    build_event_risk, build_minimum_rates, build_short_stock, build_volatility, references_jsonl,
};
pub use source::Source;
pub use status::BorrowStatus;
