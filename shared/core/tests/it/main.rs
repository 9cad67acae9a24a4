//! Integration tests of `engine-core`, one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod pricing_exact;
mod pricing_vectors;
