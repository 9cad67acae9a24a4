//! `engine replay`.

use engine_aws::author::{Act, Author};
use engine_core::audit::{Actor, ActorType, EntryId, Event, Outcome};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::{Aws, key};

const TIME: &str = "2026-11-22T03:27:43.120Z";

/// The first of the pricing vectors, as a position of a record.
fn position(total_fee: &str) -> Value {
    json!({
        "ticker": "AAPL", "currency": "USD", "borrow_status": "MEDIUM", "position_value": "100000", "loan_days": 30,
        "base_rate": "0.05", "volatility_index": "25", "event_risk_factor": 2, "minimum_rate": "0.0001", "sources": 0,
        "price": {
            "borrow_rate_used": "0.063000", "borrow_cost": "517.8082", "markup": "25.8904", "transaction_fees": "25.0000",
            "total_fee": total_fee,
        },
    })
}

/// Records quotes as `pricing` does.
fn record(aws: &Aws, event: Event, positions: &[Value]) -> String {
    let now: Timestamp = TIME.parse().unwrap();
    let author = Author {
        actor: Actor { kind: ActorType::Client, id: "acme".to_owned(), roles: Vec::new() },
        actor_ref: key().actor_ref(ActorType::Client, "acme"),
        request_id: "request".to_owned(),
        function: "pricing",
        source_address: None,
    };
    let act = Act {
        event,
        outcome: Outcome::Success,
        resource: "/api/v1/calculate-locate".to_owned(),
        reason: None,
        client_ref: None,
        subject_ref: None,
        details: json!({ "quote": {
            "common": {
                "terms": {
                    "version": 1, "effective_from": "2026-01-01T00:00:00.000Z", "markup_percentage": "5",
                    "fee_type": "FLAT", "fee_amount": "25", "day_count": "ACT/365F",
                },
                "coefficients": { "version": 1, "volatility_per_point": "0.01", "event_risk_at_ten": "0.05" },
                "valid_until": "2026-11-22T03:42:43.120Z",
            },
            "data_sources": [],
            "positions": positions,
        } }),
    };
    let entry = author.entry_with_id(EntryId::new(now, [7; 10]), act, now).unwrap();
    aws.runtime.block_on(aws.audit_log().append(&entry)).unwrap();
    entry.id().to_string()
}

#[test]
fn a_quote_is_recomputed_from_its_entry_alone() {
    let aws = Aws::start();
    let id = record(&aws, Event::QuoteCreate, &[position("568.6986")]);
    let replayed = aws.run(&["replay", &id]);
    assert_eq!((replayed.status, replayed.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(replayed.stdout.replace(&id, "<quote id>"));
    let json: Value = serde_json::from_str(&aws.run(&["replay", &id, "--json"]).stdout).unwrap();
    assert_eq!((&json["result"], &json["recorded"]), (&"MATCH".into(), &json["recomputed"]));
    assert_eq!(json["inputs"]["position_value"], "100000");
}

#[test]
fn a_figure_that_differs_is_a_mismatch() {
    let aws = Aws::start();
    let batch = record(&aws, Event::QuoteBatchCreate, &[position("568.6986"), position("568.6985")]);
    assert_eq!(aws.run(&["replay", &format!("{batch}-0")]).status, Some(0));
    let differing = aws.run(&["replay", &format!("{batch}-1")]);
    assert_eq!(differing.status, Some(1));
    assert!(differing.stdout.ends_with("differs\nMISMATCH\n"), "{}", differing.stdout);
    assert_eq!(aws.run(&["replay", &format!("{batch}-2")]).status, Some(1));
}

#[test]
fn what_is_no_quote_is_said_to_be_none() {
    let aws = Aws::start();
    let absent = aws.run(&["replay", "01a20181-9dde-7a63-9850-599869cc01bc"]);
    assert_eq!(absent.status, Some(1));
    assert_eq!(absent.stderr, "error: there is no quote 01a20181-9dde-7a63-9850-599869cc01bc in this stack\n");
    let wrong = aws.run(&["replay", "quote"]);
    assert_eq!(wrong.stderr, "error: quote is not a quote id: a UUIDv7, in a batch with -<position> after it\n");
}
