//! The function as Secrets Manager drives it, against doubles of the services and the real `token` function over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod continuous;
mod emergency;
mod endpoint;
mod killed;
mod never_logged;
mod races;
mod refusals;
mod rig;
mod steps;
mod tried;
