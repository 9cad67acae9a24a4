#![doc = include_str!("../README.md")]

pub mod api_key;
pub mod body;
pub mod context;
pub mod logging;
pub mod problem;
pub mod response;
pub mod route;

pub use api_key::presented_key;
pub use body::{query_fields, read_fields};
pub use context::RequestContext;
pub use problem::{Code, Problem, ProblemBody};
pub use response::{Answer, Reply, into_response};
pub use route::{Access, Found, Missing, Route, Routes};
