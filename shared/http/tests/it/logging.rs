use std::sync::{Arc, Mutex};

use engine_aws::clock::Clock;
use engine_core::audit::{ActorRef, ActorType};
use engine_http::logging::{
    AccessLog, EventType, JsonLines, LevelFilter, Line, announce_retention, format_line, is_ours, log_access,
    request_span,
};
use engine_http::{Answer, Problem, Reply};
use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;

use crate::{context, now};

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// What `log` writes at that filter, one value a line.
fn lines(filter: LevelFilter, log: impl FnOnce()) -> Vec<Value> {
    let written = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&written);
    let layer = JsonLines::new("pricing", filter, Fixed, move |line: &str| sink.lock().unwrap().push_str(line));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    let text = written.lock().unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn info() -> LevelFilter {
    LevelFilter::from_settings(None, None)
}

fn format(fields: Vec<(&'static str, Value)>) -> Value {
    let line = Line { timestamp: now(), level: Level::WARN, function: "pricing", target: "engine_aws::keys", fields };
    serde_json::from_str(&format_line(line)).unwrap()
}

#[test]
fn names_are_fixed_and_dots_nest() {
    let line = format(vec![
        ("message", "m".into()),
        ("event_type", "AUTHENTICATION".into()),
        ("action", "key.present".into()),
        ("actor.type", "client".into()),
        ("actor.ip", "192.0.2.1".into()),
        ("actor.shoe", 9.into()),
        ("details.retry.after", 3.into()),
        ("details.retry.times", 2.into()),
        ("free", true.into()),
        ("other.thing", 1.into()),
    ]);
    let expected = json!({
        "timestamp": "2026-11-22T03:27:43.120Z", "level": "WARN", "function": "pricing", "message": "m",
        "event_type": "AUTHENTICATION", "action": "key.present", "actor": {"type": "client", "ip": "192.0.2.1"},
        "details": {"retry": {"after": 3, "times": 2}, "actor": {"shoe": 9}, "free": true, "other": {"thing": 1}}
    });
    assert_eq!(line, expected);
}

#[test]
fn data_never_replaces_what_the_event_said() {
    let line = format(vec![
        ("event_type", "SECURITY_EVENT".into()),
        ("details.reason", "stolen".into()),
        ("reason", "forged".into()),
        ("details.reason.x", "forged".into()),
        ("event_type", "LIFECYCLE".into()),
        ("timestamp", "forged".into()),
        ("level", "forged".into()),
        ("function", "forged".into()),
        ("actor", "forged".into()),
        ("details", "forged".into()),
    ]);
    assert_eq!(line["event_type"], "SECURITY_EVENT");
    assert_eq!(line["timestamp"], "2026-11-22T03:27:43.120Z");
    assert_eq!((&line["level"], &line["function"]), (&json!("WARN"), &json!("pricing")));
    assert_eq!(line["details"]["reason"], "stolen");
    assert_eq!(line.get("actor"), None);
}

#[test]
fn an_event_without_type_or_action_gets_them() {
    let line = format(vec![]);
    assert_eq!((&line["event_type"], &line["action"]), (&json!("LIFECYCLE"), &json!("engine_aws::keys")));
    assert_eq!(line.get("details"), None);
}

#[test]
fn one_line_whatever_the_text() {
    let line = Line {
        timestamp: now(),
        level: Level::INFO,
        function: "f",
        target: "t",
        fields: vec![("message", "a\nb\u{1b}\"".into())],
    };
    let text = format_line(line);
    assert!(!text.contains('\n') && !text.contains('\u{1b}'));
}

#[test]
fn the_level_comes_from_lambda_then_rust_log_then_info() {
    for (lambda, rust_log, ours, theirs) in [
        (None, None, Some(Level::INFO), Some(Level::WARN)),
        (Some("DEBUG"), Some("error"), Some(Level::DEBUG), Some(Level::WARN)),
        (Some("nonsense"), Some("error"), Some(Level::ERROR), Some(Level::ERROR)),
        (None, Some(" Trace "), Some(Level::TRACE), Some(Level::WARN)),
        (None, Some("hyper=debug,info"), Some(Level::INFO), Some(Level::WARN)),
        (Some("FATAL"), None, Some(Level::ERROR), Some(Level::ERROR)),
        (Some("off"), Some("info"), None, None),
    ] {
        let filter = LevelFilter::from_settings(lambda, rust_log);
        for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
            assert_eq!(
                filter.admits(level, true),
                ours.is_some_and(|most| level <= most),
                "{lambda:?} {rust_log:?} {level}"
            );
            assert_eq!(
                filter.admits(level, false),
                theirs.is_some_and(|most| level <= most),
                "{lambda:?} {rust_log:?} {level}"
            );
        }
    }
}

#[test]
fn other_peoples_crates_are_told_from_ours() {
    for (target, ours) in [
        ("engine_http::logging", true),
        ("pricing", true),
        ("pricing::rates", true),
        ("market_data::poll", true),
        ("hyper::client", false),
        ("aws_sdk_dynamodb", false),
        ("pricing_other::x", false),
        ("lambda_runtime", false),
    ] {
        assert_eq!(is_ours(target, "pricing"), ours, "{target}");
    }
    assert!(is_ours("audit_seal::run", "audit-seal"));
}

#[test]
fn events_go_through_the_layer_with_their_types_and_the_requests_ids() {
    let lines = lines(info(), || {
        tracing::info!(target: "hyper", "not heard");
        tracing::debug!(target: "pricing", "not heard");
        let _span = request_span(&context()).entered();
        tracing::warn!(
            target: "pricing", event_type = EventType::SecurityEvent.as_str(), request_id = "the event's own",
            actor.ref = "k1:ab", details.retry_after = 3, details.ok = false, count = 7_u64, "slow {}", "down"
        );
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(
        lines[0],
        json!({
            "timestamp": "2026-11-22T03:27:43.120Z", "level": "WARN", "function": "pricing", "message": "slow down",
            "event_type": "SECURITY_EVENT", "action": "pricing", "actor": {"ref": "k1:ab"},
            "details": {"retry_after": 3, "ok": false, "count": 7},
            "request_id": "the event's own", "correlation_id": "desk-7"
        })
    );
}

#[test]
fn a_request_is_one_line() {
    let actor = ActorRef::from_stored("k1:0123".into());
    let line = |answer: &Answer, actor| {
        let mut lines = lines(info(), || {
            log_access(&context(), answer, AccessLog { action: "quote.create", actor, duration_ms: 12 });
        });
        assert_eq!(lines.len(), 1);
        lines.remove(0)
    };
    let known = Some((ActorType::Client, &actor));
    insta::assert_json_snapshot!("access_success", line(&Reply::ok(&1), known));
    insta::assert_json_snapshot!(
        "access_refused",
        line(&Err(Problem::not_authenticated().with_internal("no such key")), None)
    );
    insta::assert_json_snapshot!("access_failure", line(&Err(Problem::internal("row 7")), known));
}

#[test]
fn event_types_are_a_closed_list() {
    let names = EventType::ALL.map(EventType::as_str);
    assert_eq!(
        names,
        [
            "AUTHENTICATION",
            "AUTHORIZATION",
            "API_ACCESS",
            "DATA_ACCESS",
            "CONFIGURATION",
            "SECURITY_EVENT",
            "AUDIT",
            "LIFECYCLE"
        ]
    );
}

#[test]
fn retention_is_announced_or_missed_aloud() {
    let line = |days| lines(info(), || announce_retention(days)).remove(0);
    let set = line(Some("2557"));
    assert_eq!(
        (&set["event_type"], &set["action"], &set["status"]),
        (&json!("CONFIGURATION"), &json!("log_retention"), &json!("SUCCESS"))
    );
    assert_eq!(set["details"], json!({"retention_days": 2557}));
    for days in [None, Some(""), Some("seven years")] {
        let missed = line(days);
        assert_eq!((&missed["level"], &missed["status"]), (&json!("WARN"), &json!("FAILURE")));
    }
}

#[test]
fn refused_credentials_and_permissions_have_event_types_of_their_own() {
    for (problem, event_type) in [
        (Problem::not_authenticated(), "AUTHENTICATION"),
        (Problem::key_revoked(), "AUTHENTICATION"),
        (Problem::not_permitted(), "AUTHORIZATION"),
        (Problem::too_many_failures(9), "AUTHENTICATION"),
        (Problem::client_mismatch(), "AUTHORIZATION"),
        (Problem::step_up_locked(9), "AUTHORIZATION"),
        (Problem::ticker_not_found(), "API_ACCESS"),
    ] {
        let answer: Answer = Err(problem);
        let log = AccessLog { action: "quote.create", actor: None, duration_ms: 1 };
        let written = lines(info(), || log_access(&context(), &answer, log));
        assert_eq!(written[0]["event_type"], event_type);
        assert_eq!(written[0]["status"], "FAILURE");
    }
}
