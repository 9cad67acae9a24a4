//! What the engine's tests share: an embedded DynamoDB behind the real SDK, counted calls and injected faults on its
//! wire, a hand-set clock, and ready-made keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, clippy::must_use_candidate)] // tests fail by panicking

pub mod clock;
pub mod dynamo;
pub mod keys;
pub mod wire;
