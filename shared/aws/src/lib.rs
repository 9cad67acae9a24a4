#![doc = include_str!("../README.md")]

pub mod audit_log;
pub mod author;
pub mod clock;
pub mod config;
pub mod directory;
pub mod error;
mod item;
pub mod key_gate;
mod key_item;
pub mod market;
pub mod objects;
pub mod secrets;
pub mod terms;
mod transact;

pub use error::Error;
pub use key_item::KeyUse;
