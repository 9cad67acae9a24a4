//! The function over an embedded DynamoDB, and S3 and KMS in the process.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod chaos;
mod control_total;
mod events;
mod register;
mod rig;
mod stream;
mod sweep;
mod tamper;
