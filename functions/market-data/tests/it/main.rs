//! The importer against an embedded DynamoDB, its files from memory.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod accept;
mod events;
mod import;
mod race;
mod references;
mod rig;
