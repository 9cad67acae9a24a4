//! Integration tests of `engine-core`, one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod evidence_bundle;
mod evidence_tamper;
mod evidence_verify;
mod failures;
mod limiter;
mod market_book;
mod market_brake;
mod market_documents;
mod market_files;
mod market_short_stock;
mod market_snapshot;
mod merkle_naive;
mod merkle_notes;
mod merkle_register;
mod merkle_tiles;
mod merkle_tree;
mod merkle_vectors;
mod pricing_exact;
mod pricing_vectors;
mod role_table;
mod step_up;
mod token;
mod totp;
