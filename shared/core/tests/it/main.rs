//! Integration tests of `engine-core`, one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod failures;
mod limiter;
mod market_book;
mod market_brake;
mod market_documents;
mod market_files;
mod market_short_stock;
mod market_snapshot;
mod pricing_exact;
mod pricing_vectors;
mod role_table;
mod step_up;
mod token;
mod totp;
