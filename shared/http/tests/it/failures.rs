//! Failures of one source: what they are answered with, what is told of them, and what they cost.

use std::sync::{Arc, Mutex};

use engine_aws::guard::Guard;
use engine_http::failures::{Failed, Failures};
use engine_http::logging::{JsonLines, LevelFilter};
use engine_http::{Code, Problem, RequestContext};
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

use crate::context;

const LIMIT: usize = 5;

/// A process that counts failures, and what it logs.
struct Rig {
    dynamo: Dynamo,
    failures: Failures,
    lines: Arc<Mutex<String>>,
    _listening: DefaultGuard,
}

impl Rig {
    async fn start() -> Self {
        let dynamo = Dynamo::start().await;
        let failures = Failures::new(Guard::new(dynamo.client(), tables::GUARD));
        let lines = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&lines);
        let filter = LevelFilter::from_settings(None, None);
        let clock = ManualClock::at("2026-11-22T03:27:43.120Z");
        let layer = JsonLines::new("pricing", filter, clock, move |line: &str| sink.lock().unwrap().push_str(line));
        let listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Self { dynamo, failures, lines, _listening: listening }
    }

    async fn fail(&self, context: &RequestContext, actor: Option<&str>, problem: Problem) -> Problem {
        self.failures.refused(context, "rates.list", actor, problem).await
    }

    fn security_events(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event_type"] == "SECURITY_EVENT").collect()
    }
}

fn from(address: &str, seconds: i64) -> RequestContext {
    let at = context();
    RequestContext { source_address: Some(address.into()), now: at.now + SignedDuration::from_secs(seconds), ..at }
}

#[tokio::test]
async fn more_than_five_failures_of_an_address_are_told_once_and_become_429() {
    let rig = Rig::start().await;
    for _ in 0..LIMIT {
        assert_eq!(
            rig.fail(&from("192.0.2.1", 0), None, Problem::not_authenticated()).await.code,
            Code::NotAuthenticated
        );
    }
    assert_eq!(rig.security_events(), Vec::<Value>::new());
    for _ in 0..10 * LIMIT {
        let refused = rig.fail(&from("192.0.2.1", 60), None, Problem::key_revoked().with_internal("why")).await;
        assert_eq!((refused.code, refused.retry_after_seconds), (Code::TooManyFailures, Some(240)));
        assert_eq!(refused.internal.as_deref(), Some("why"), "the log still says what was wrong");
    }
    let told = rig.security_events();
    assert_eq!(told.len(), 1, "one, not one a failure");
    assert_eq!(told[0]["action"], "rates.list");
    assert_eq!(told[0]["actor"], json!({"ip": "192.0.2.1"}));
    assert_eq!(told[0]["details"], json!({"reason": "repeated_failures", "failures": 6}));
    assert_eq!(rig.fail(&from("192.0.2.2", 60), None, Problem::not_authenticated()).await.code, Code::NotAuthenticated);
    let later = rig.fail(&from("192.0.2.1", 300), None, Problem::not_authenticated()).await;
    assert_eq!(later.code, Code::NotAuthenticated);
}

#[tokio::test]
async fn more_than_five_failures_of_an_actor_are_told_once_from_wherever_they_come() {
    let rig = Rig::start().await;
    for number in 0..4 * LIMIT {
        let context = from(&format!("192.0.2.{number}"), 0);
        let refused = rig.fail(&context, Some("key#k"), Problem::not_authenticated()).await;
        assert_eq!(refused.code == Code::TooManyFailures, number >= LIMIT);
    }
    let told = rig.security_events();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["actor"]["ref"], "key#k");
}

#[tokio::test]
async fn a_403_is_counted_in_its_actor_s_name_and_stays_403() {
    let rig = Rig::start().await;
    for _ in 0..4 * LIMIT {
        let refused = rig.fail(&from("192.0.2.1", 0), Some("k1:ab"), Problem::not_permitted()).await;
        assert_eq!(refused, Problem::not_permitted());
    }
    assert_eq!(rig.security_events().len(), 1);
    let other = rig.fail(&from("192.0.2.1", 0), None, Problem::not_authenticated()).await;
    assert_eq!(other.code, Code::NotAuthenticated, "the address has not failed to say who it is");
}

#[tokio::test]
async fn both_limits_at_once_are_one_event() {
    let rig = Rig::start().await;
    for _ in 0..4 * LIMIT {
        rig.fail(&from("192.0.2.1", 0), Some("key#k"), Problem::not_authenticated()).await;
    }
    assert_eq!(rig.security_events().len(), 1);
}

#[tokio::test]
async fn what_is_no_failure_of_who_calls_costs_nothing() {
    let rig = Rig::start().await;
    for problem in [
        Problem::invalid(vec![]),
        Problem::ticker_not_found(),
        Problem::conflict("x"),
        Problem::step_up_locked(9),
        Problem::internal("x"),
        Problem::unavailable("x"),
    ] {
        assert_eq!(rig.fail(&from("192.0.2.1", 0), Some("k1:ab"), problem.clone()).await, problem);
    }
    assert_eq!(rig.dynamo.wire().total(), 0);
}

#[tokio::test]
async fn over_the_limit_a_process_writes_no_more_for_the_source_whatever_names_it_makes_up() {
    let rig = Rig::start().await;
    for _ in 0..=LIMIT {
        rig.fail(&from("192.0.2.1", 0), None, Problem::not_authenticated()).await;
    }
    rig.dynamo.wire().reset();
    for number in 0..90 {
        rig.fail(&from("192.0.2.1", 1), Some(&format!("key#{number}")), Problem::not_authenticated()).await;
    }
    assert_eq!(rig.dynamo.wire().total(), 0, "not even yet to the count of refusals");
    for _ in 0..5 {
        rig.fail(&from("192.0.2.1", 11), None, Problem::not_authenticated()).await;
    }
    assert_eq!(rig.dynamo.wire().sent().into_iter().collect::<Vec<_>>(), [("UpdateItem".to_owned(), 1)], "ten seconds");
}

#[tokio::test]
async fn a_store_that_does_not_answer_keeps_no_refusal_waiting() {
    for action in ["UpdateItem", "GetItem", "PutItem"] {
        let rig = Rig::start().await;
        rig.dynamo.wire().silence(action);
        let (at, limit) = (from("192.0.2.1", 0), std::time::Duration::from_secs(10));
        let refused = tokio::time::timeout(limit, rig.fail(&at, Some("key#k"), Problem::not_authenticated())).await;
        assert_eq!(refused.expect("an answer").code, Code::NotAuthenticated, "{action}");
        let told = rig.security_events();
        assert_eq!((told.len(), &told[0]["action"]), (1, &json!("failures.count")), "{action}");
    }
}

#[tokio::test]
async fn a_name_that_is_nobody_s_counts_as_any_other_and_is_not_told() {
    let rig = Rig::start().await;
    for number in 0..=LIMIT {
        let context = from(&format!("192.0.2.{number}"), 0);
        let failed = Failed { counted: Some("k1:ab"), named: None };
        let refused = rig.failures.refused_for(&context, "token.issue", failed, Problem::not_authenticated()).await;
        assert_eq!(refused.code == Code::TooManyFailures, number >= LIMIT);
    }
    let told = rig.security_events();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["actor"], json!({"ip": "192.0.2.5"}));
}
