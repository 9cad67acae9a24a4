//! Integration tests of `engine`: the real binary, as a script calls it.

#![allow(clippy::unwrap_used)] // tests fail by panicking

mod aws;
mod directory;
mod engine;
mod import;
mod price;
mod replay;
