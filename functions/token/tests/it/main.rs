//! The function over an embedded DynamoDB, and a KMS and a Secrets Manager in the process, invoked as Lambda invokes it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod bootstrap;
mod events;
mod failures;
mod fixture;
mod never_logged;
mod oauth_errors;
mod oauth_token;
mod record;
mod rotation;
mod routing;
