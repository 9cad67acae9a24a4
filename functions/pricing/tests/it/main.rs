//! The client API over an embedded DynamoDB, called as API Gateway calls it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod authentication;
mod bad_input;
mod calculate_batch;
mod calculate_get;
mod calculate_post;
mod events;
mod failure_limits;
mod fixture;
mod health;
mod limits;
mod openapi;
mod rates_get;
mod rates_list;
mod rates_what_if;
mod record;
mod routing;
mod staff_rates;
mod wire_calls;
