//! The published pricing vectors, to the last digit.

use engine_core::{pricing::price, pricing_line};
use serde_json::Value;

const VECTORS: &str = include_str!("../data/pricing-vectors.jsonl");

#[test]
fn every_vector_is_reproduced_to_the_last_digit() {
    for (index, line) in VECTORS.lines().enumerate() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let inputs = pricing_line::from_json(line).unwrap();
        let price = serde_json::to_value(price(&inputs).unwrap()).unwrap();
        assert_eq!(price, vector["expected"], "line {}", index + 1);
    }
    assert_eq!(VECTORS.lines().count(), 60);
}
