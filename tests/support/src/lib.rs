//! What the engine's tests share: an embedded DynamoDB, S3, KMS, Secrets Manager, SNS, `EventBridge`, ACM and CloudWatch Logs
//! behind the real SDK, with counted calls and injected faults, a hand-set clock, an issuer of tokens, and ready-made keys and entries.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, clippy::must_use_candidate)] // tests fail by panicking

pub mod acm;
pub mod answer;
pub mod audit;
pub mod call;
pub mod clock;
pub mod committed;
pub mod documented;
pub mod dynamo;
pub mod eventbridge;
pub mod gateway;
pub mod issuer;
pub mod keys;
pub mod kms;
pub mod life;
pub mod logs;
pub mod s3;
pub mod secrets_manager;
pub mod service;
pub mod sns;
pub mod staff;
pub mod stored;
pub mod stream;
pub mod wire;
