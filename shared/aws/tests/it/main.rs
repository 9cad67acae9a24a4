//! The stores against an embedded DynamoDB.

mod market;
mod market_book;
