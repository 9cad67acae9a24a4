#![doc = include_str!("../README.md")]

pub mod access;
pub mod audit;
pub mod decimal;
pub mod evidence;
pub mod field;
pub mod hex;
pub mod market;
pub mod merkle;
pub mod pricing;
pub mod pricing_line;
pub mod quote;
pub mod rotation;
pub mod ticker;
pub mod time;
