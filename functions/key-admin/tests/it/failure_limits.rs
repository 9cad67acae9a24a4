//! Failing here costs who fails; of those whom nobody knows there is one entry a window.

use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::arranged::{CLAIM, KEYS, new_key};
use crate::fixture::{Admin, CLIENT};

const LIMIT: usize = 5;

#[tokio::test]
async fn after_five_failures_an_address_is_told_to_wait_and_a_good_token_is_taken_all_the_same() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    for number in 0..3 * LIMIT {
        let answer = admin.call("GET", KEYS).bearer("nonsense").send().await;
        if number < LIMIT {
            answer.problem(401, "not_authenticated");
        } else {
            answer.problem(429, "too_many_failures");
            assert_eq!(answer.header("retry-after"), Some("300"));
        }
    }
    admin.call("GET", KEYS).by(&alice).send().await.expect(200);
    admin.call("GET", KEYS).from("192.0.2.11").send().await.problem(401, "not_authenticated");
    admin.clock.advance(SignedDuration::from_secs(300));
    admin.call("GET", KEYS).send().await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_stolen_or_guessed_key_is_slowed_at_the_routes_that_take_one_too() {
    let admin = Admin::with_client().await;
    for _ in 0..LIMIT {
        admin.call("POST", CLAIM).key("nonsense").send().await.problem(401, "not_authenticated");
    }
    admin.call("POST", CLAIM).key("nonsense").send().await.problem(429, "too_many_failures");
    let key = admin.issue_key(CLIENT).await;
    let answer = admin.call("POST", CLAIM).key(&key).send().await;
    assert!(!matches!(answer.status, 401 | 429), "a good key is judged: {answer:?}");
}

#[tokio::test]
async fn failures_of_a_person_are_counted_and_stay_403() {
    let admin = Admin::with_client().await;
    let auditor = admin.person("carol@example.com", "p-carol", &["auditor"]).await;
    for _ in 0..3 * LIMIT {
        admin.call("POST", KEYS).by(&auditor).body(&new_key()).send().await.problem(403, "not_permitted");
    }
    admin.call("GET", KEYS).by(&auditor).send().await.expect(200);
    let counted = admin.scan(tables::GUARD).await;
    let counted: Vec<_> = counted.iter().map(|item| item["pk"].as_s().unwrap().as_str()).collect();
    assert_eq!(counted.len(), 1);
    assert!(counted[0].starts_with("failures#actor#k1:"), "{counted:?}");
}

#[tokio::test]
async fn refusals_of_the_unknown_are_one_entry_a_window_however_many_they_were() {
    let admin = Admin::start().await;
    for number in 0..250 {
        admin.call("GET", KEYS).from(&format!("192.0.2.{}", number % 3)).send().await;
    }
    assert!(admin.entries().await.is_empty());
    // The first refusal of the next window closes this one, and the second finds it closed.
    admin.clock.advance(SignedDuration::from_mins(6));
    for process in [&admin.app, &admin.process(), &admin.process()] {
        admin.call("GET", KEYS).send_to(process).await.problem(401, "not_authenticated");
    }
    let entries = admin.entries().await;
    let [entry] = &entries[..] else { panic!("{} entries", entries.len()) };
    assert_eq!(
        (&entry.header["event"], &entry.header["outcome"]),
        (&json!("authentication.refuse"), &json!("refused"))
    );
    assert_eq!(entry.body["actor"]["type"], "anonymous");
    let details = &entry.body["details"];
    assert_eq!(details["window_start"], "2026-01-15T22:00:00.000Z");
    assert!((200..=250).contains(&details["count"].as_u64().unwrap()), "{details}");
    assert_eq!(details["addresses"], json!(["192.0.2.0", "192.0.2.1", "192.0.2.2"]));
}

#[tokio::test]
async fn a_refusal_stands_whether_it_can_be_counted_or_not() {
    let admin = Admin::start().await;
    for action in ["GetItem", "PutItem", "UpdateItem"] {
        admin.dynamo.wire().fail(action, 1000);
    }
    for _ in 0..LIMIT {
        admin.call("GET", KEYS).send().await.problem(401, "not_authenticated");
    }
}
