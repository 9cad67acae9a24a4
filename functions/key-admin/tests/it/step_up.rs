//! The second factor: a code is good for one action, once, and guessing is soon over.

use std::sync::Arc;

use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::arranged::{KEYS, at, id_of, new_key};
use crate::fixture::{Admin, Answer, CLIENT, Someone};

/// Asks for a key with that code, or none.
async fn create(admin: &Admin, by: &Someone, code: Option<&str>) -> Answer {
    let call = admin.call("POST", KEYS).by(by).body(&new_key());
    match code {
        Some(code) => call.totp(code).send().await,
        None => call.send().await,
    }
}

/// A code that is none of the person's within two steps of now.
fn wrong(admin: &Admin, person_id: &str) -> String {
    let right: Vec<_> = (-2..=2).map(|step| admin.code_at(person_id, step)).collect();
    (0..10).map(|number| format!("{number:06}")).find(|code| !right.contains(code)).unwrap()
}

async fn keys(admin: &Admin) -> usize {
    admin.scan(tables::KEYS).await.len()
}

#[tokio::test]
async fn without_a_code_or_a_factor_nothing_is_done() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    create(&admin, &alice, None).await.problem(403, "step_up_required");
    create(&admin, &alice, Some(&wrong(&admin, &alice.person_id))).await.problem(403, "step_up_failed");
    let new = admin.unenrolled("new@example.com", "p-new", &["admin"]).await;
    create(&admin, &new, Some("123456")).await.problem(403, "step_up_not_enrolled");
    create(&admin, &new, Some(&admin.code(&alice.person_id))).await.problem(403, "step_up_not_enrolled");
    let other = admin.person("bob@example.com", "p-bob", &["admin"]).await;
    create(&admin, &other, Some(&admin.code(&alice.person_id))).await.problem(403, "step_up_failed");
    assert_eq!(keys(&admin).await, 0);
}

#[tokio::test]
async fn a_code_works_once_on_whichever_route_and_through_whichever_account() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let also_alice = admin.person("alice-2@example.com", "p-alice", &["admin"]).await;
    let code = admin.code(&alice.person_id);
    let key = create(&admin, &alice, Some(&code)).await.expect(201)["api_key"].as_str().unwrap().to_owned();
    let again = create(&admin, &alice, Some(&code)).await;
    again.problem(403, "step_up_failed");
    create(&admin, &also_alice, Some(&code)).await.problem(403, "step_up_failed");
    let rotate = admin.call("POST", &at(&id_of(&key), "/rotate")).by(&alice).totp(&code);
    let rotate = rotate.body(&json!({"reason": "quarterly"})).send().await;
    rotate.problem(403, "step_up_failed");
    let guessed = create(&admin, &alice, Some(&wrong(&admin, &alice.person_id))).await;
    assert_eq!(again.alike(), guessed.alike(), "a used code and a wrong one are told alike");
    assert_eq!(keys(&admin).await, 1);
}

#[tokio::test]
async fn the_codes_of_now_and_of_one_step_around_it_are_taken_in_their_order_and_no_others() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let code = |step: i64| admin.code_at(&alice.person_id, step);
    for step in [-2, 2] {
        create(&admin, &alice, Some(&code(step))).await.problem(403, "step_up_failed");
    }
    create(&admin, &alice, Some(&code(0))).await.expect(201);
    create(&admin, &alice, Some(&code(-1))).await.problem(403, "step_up_failed");
    create(&admin, &alice, Some(&code(1))).await.expect(201);
    create(&admin, &alice, Some(&code(0))).await.problem(403, "step_up_failed");
    admin.clock.advance(SignedDuration::from_secs(30));
    create(&admin, &alice, Some(&code(0))).await.problem(403, "step_up_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uses_of_a_code_at_once_exactly_one_wins_for_each_of_fifty_people() {
    let admin = Arc::new(Admin::start().await);
    let mut tasks = Vec::new();
    for number in 0..50 {
        let client_id = format!("client-{number}");
        admin.create_client(&client_id).await;
        let someone = admin.person(&format!("a{number}@example.com"), &format!("p-{number}"), &["admin"]).await;
        let (admin, code) = (Arc::clone(&admin), admin.code_at(&someone.person_id, 0));
        let (token, process) = (admin.token_of(&someone), admin.process());
        tasks.push(tokio::spawn(async move {
            let body = json!({"client_id": client_id, "rate_limit": 60, "expiry_days": 30});
            let call = admin.call("POST", KEYS).bearer(&token).totp(&code).body(&body);
            let (one, other) = tokio::join!(call.send(), call.send_to(&process));
            let mut statuses = [one.status, other.status];
            statuses.sort_unstable();
            statuses
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), [201, 403]);
    }
    assert_eq!(keys(&admin).await, 50);
}

#[tokio::test]
async fn five_wrong_codes_lock_the_person_and_not_the_account_and_the_lock_ends() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let also_alice = admin.person("alice-2@example.com", "p-alice", &["admin"]).await;
    for _ in 0..5 {
        create(&admin, &alice, Some(&wrong(&admin, "p-alice"))).await.problem(403, "step_up_failed");
    }
    for someone in [&alice, &also_alice] {
        let locked = create(&admin, someone, Some(&admin.code_at("p-alice", 0))).await;
        locked.problem(429, "step_up_locked");
        assert_eq!(locked.header("retry-after"), Some("900"));
    }
    let bob = admin.person("bob@example.com", "p-bob", &["admin"]).await;
    create(&admin, &bob, Some(&admin.code("p-bob"))).await.expect(201);
    admin.call("GET", KEYS).by(&alice).send().await.expect(200);
    admin.clock.advance(SignedDuration::from_secs(899));
    create(&admin, &alice, Some(&admin.code_at("p-alice", 0))).await.problem(429, "step_up_locked");
    admin.clock.advance(SignedDuration::from_secs(1));
    create(&admin, &alice, Some(&admin.code_at("p-alice", 0))).await.expect(201);
}

#[tokio::test]
async fn wrong_codes_count_in_every_process_and_right_ones_do_not() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    for _ in 0..4 {
        let call = admin.call("POST", KEYS).by(&alice).body(&new_key()).totp(&wrong(&admin, "p-alice"));
        call.send_to(&admin.process()).await.problem(403, "step_up_failed");
    }
    create(&admin, &alice, Some(&admin.code("p-alice"))).await.expect(201);
    create(&admin, &alice, Some(&admin.code("p-alice"))).await.expect(201);
    create(&admin, &alice, Some(&wrong(&admin, "p-alice"))).await.problem(403, "step_up_failed");
    create(&admin, &alice, Some(&admin.code_at("p-alice", 1))).await.problem(429, "step_up_locked");
}

#[tokio::test]
async fn a_code_in_the_body_is_as_good_and_stands_nowhere_in_the_record() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let mut body = new_key();
    body["mfaTotp"] = admin.code("p-alice").into();
    let call = admin.call("POST", KEYS).by(&alice).body(&body);
    call.send().await.expect(201);
    call.send().await.problem(403, "step_up_failed");
    for entry in admin.entries().await {
        assert!(!entry.entry.body().contains("mfaTotp"), "{}", entry.body);
    }
}

#[tokio::test]
async fn a_body_on_a_get_is_ignored_and_uses_up_no_code() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let code = admin.code("p-alice");
    for body in [json!({"mfaTotp": code}), json!({"mfaTotp": "nonsense"})] {
        admin.call("GET", KEYS).by(&alice).body(&body).send().await.expect(200);
    }
    create(&admin, &alice, Some(&code)).await.expect(201);
}

#[tokio::test]
async fn no_code_is_used_up_by_who_may_not_and_by_what_cannot_be_read() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let code = admin.code("p-alice");
    let scoped = admin.token(&alice.id, &["auditor"]);
    admin.call("POST", KEYS).bearer(&scoped).totp(&code).body(&new_key()).send().await.problem(403, "not_permitted");
    admin.call("POST", KEYS).by(&alice).totp(&code).text("{").send().await.problem(400, "malformed_body");
    let bad_key = admin.call("POST", KEYS).by(&alice).totp(&code).body(&new_key()).idempotency_key("a b");
    assert_eq!(bad_key.send().await.bad_fields(), ["idempotency-key"]);
    create(&admin, &alice, Some(&code)).await.expect(201);
}

#[tokio::test]
async fn where_the_factor_cannot_be_judged_nothing_is_done_and_the_attempt_counts() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    admin.kms.control().fail("Decrypt", 5);
    for _ in 0..5 {
        create(&admin, &alice, Some(&admin.code_at("p-alice", 0))).await.problem(503, "unavailable");
    }
    create(&admin, &alice, Some(&admin.code_at("p-alice", 0))).await.problem(429, "step_up_locked");
    admin.dynamo.wire().fail("PutItem", 1000);
    let bob = admin.person("bob@example.com", "p-bob", &["admin"]).await;
    create(&admin, &bob, Some(&admin.code_at("p-bob", 0))).await.problem(503, "unavailable");
    admin.dynamo.wire().fail("PutItem", 0);
    assert_eq!(keys(&admin).await, 0);
    assert_eq!(admin.call("GET", &format!("/admin/clients/{CLIENT}")).by(&bob).send().await.status, 200);
}
