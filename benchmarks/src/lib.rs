#![doc = include_str!("../README.md")]

mod calls;
mod day;
pub mod fleet;
mod rig;
mod sealing;

pub use calls::Calls;
pub use day::Day;
pub use rig::{Rig, Stores};
pub use sealing::{Figures, Pace, measure};
