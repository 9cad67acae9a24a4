#![doc = include_str!("../README.md")]

pub mod api_key;
pub mod auth;
pub mod body;
pub mod context;
pub mod failures;
pub mod gateway;
pub mod idempotency;
pub mod logging;
mod masked;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod record;
pub mod response;
pub mod route;
pub mod run;
pub mod step_up;
pub mod stream;

pub use api_key::presented_key;
pub use auth::{Caller, TokenVerifier, bearer};
pub use body::{query_fields, read_fields};
pub use context::RequestContext;
pub use failures::Failures;
pub use problem::{Code, Problem, ProblemBody};
pub use response::{Answer, Reply, into_response};
pub use route::{Access, Found, Missing, Route, Routes};
