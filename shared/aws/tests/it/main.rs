//! The stores against an embedded DynamoDB.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod audit_log;
mod directory;
mod fixture;
mod key_gate;
mod market;
mod market_book;
mod terms;
