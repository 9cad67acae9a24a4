//! The function over a CloudWatch Logs and an embedded DynamoDB in the process.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod compare;
mod events;
mod failures;
mod rig;
