#![doc = include_str!("../README.md")]

pub mod audit_log;
pub mod author;
pub mod change;
pub mod clock;
pub mod config;
pub mod directory;
pub mod error;
pub mod evidence;
pub mod guard;
pub mod https;
pub mod issuers;
pub mod issuers_mirror;
mod item;
pub mod key_gate;
mod key_item;
pub mod kms;
pub mod market;
pub mod notices;
pub mod objects;
pub mod people;
mod read;
pub mod records;
pub mod rotations;
pub mod sealed_log;
pub mod secrets;
pub mod terms;
mod transact;

pub use error::Error;
pub use key_item::KeyUse;
