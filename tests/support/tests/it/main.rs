//! What the doubles hold the code to: the rules of the services that they stand for.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod audit;
mod control;
mod kms;
mod logs;
mod s3;
mod stream;
