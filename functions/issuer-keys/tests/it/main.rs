//! The function over an embedded DynamoDB, a KMS in the process and an issuer on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod events;
mod issuer;
mod mirror;
mod race;
mod refusals;
mod rig;
mod steps;
mod succession;
