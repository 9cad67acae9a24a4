#![doc = include_str!("../README.md")]

pub mod audit_log;
pub mod clock;
pub mod config;
pub mod error;
pub mod terms;
pub mod key_gate;
mod key_item;
mod item;
mod transact;
pub mod directory;
pub mod author;
pub mod secrets;
pub mod objects;
pub mod market;

pub use error::Error;
pub use key_item::KeyUse;
