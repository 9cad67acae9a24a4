#![doc = include_str!("../README.md")]

pub mod audit_log;
pub mod clock;
pub mod config;
pub mod error;
pub mod terms;
pub mod key_gate;
mod key_item;
mod item;
pub mod directory;
pub mod author;

pub use error::Error;
pub use key_item::KeyUse;
