//! What the engine's tests share: an embedded DynamoDB, KMS, Secrets Manager and SNS behind the real SDK, with counted
//! calls and injected faults, a hand-set clock, an issuer of tokens, and ready-made keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, clippy::must_use_candidate)] // tests fail by panicking

pub mod answer;
pub mod clock;
pub mod dynamo;
pub mod issuer;
pub mod keys;
pub mod kms;
pub mod secrets_manager;
pub mod service;
pub mod sns;
pub mod wire;
