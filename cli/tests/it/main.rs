//! Integration tests of `engine`: the real binary, as a script calls it.

#![allow(clippy::unwrap_used)] // tests fail by panicking

mod api;
mod aws;
mod break_glass;
mod calls;
mod engine;
mod evidence;
#[path = "../../../shared/core/tests/it/evidence_bundle.rs"]
mod evidence_bundle;
mod http;
mod import;
mod price;
mod replay;
mod rotations;
mod token;
mod verify;
