//! The auditor's side of the log over an embedded DynamoDB, doubles of S3, KMS and CloudWatch Logs, and a log sealed by the real
//! sealer; called as API Gateway and the stream of exports call it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod access;
mod audit_proof;
mod audit_search;
mod events;
mod evidence_get;
mod evidence_post;
mod fixture;
mod job;
mod openapi;
mod record;
mod routing;
mod signing;
mod step_up;
