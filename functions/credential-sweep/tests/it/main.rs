//! The function over an embedded DynamoDB and doubles of the other services in the process.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod accounts;
mod elsewhere;
mod emergency;
mod emergency_at_scale;
mod events;
mod never_told;
mod people;
mod publishing;
mod reviews;
mod rig;
mod twice;
mod year;
