//! A request that is repeated with its `Idempotency-Key` is carried out once, and answered alike.

use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::arranged::{KEYS, new_key};
use crate::fixture::{Admin, Call, Someone};

const CLIENTS: &str = "/admin/clients";

fn client(client_id: &str) -> Value {
    json!({
        "client_id": client_id, "name": "Meridian Fund LP", "justification": "signed the agreement",
        "markup_percentage": "5", "fee_type": "FLAT", "fee_amount": "25",
    })
}

fn create<'a>(admin: &'a Admin, by: &Someone, body: &Value, key: &str) -> Call<'a> {
    admin.call("POST", CLIENTS).by(by).body(body).idempotency_key(key)
}

async fn created(admin: &Admin) -> usize {
    admin.entries_of("client.create").await.iter().filter(|entry| entry.header["outcome"] == "success").count()
}

#[tokio::test]
async fn a_repeat_is_answered_alike_and_changes_nothing() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    let call = create(&admin, &alice, &client("meridian"), "order-42");
    let first = call.send().await;
    first.expect(201);
    for process in [&admin.app, &admin.process()] {
        let again = call.send_to(process).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text));
    }
    let rewritten = client("meridian").to_string().replace(",\"", ",\n \"");
    let call = admin.call("POST", CLIENTS).by(&alice).text(&rewritten).idempotency_key("order-42");
    assert_eq!(call.send().await.text, first.text, "the same members, differently written");
    assert_eq!(created(&admin).await, 1);
    create(&admin, &alice, &client("meridian"), "order-43").send().await.problem(409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_are_one_change_and_one_answer() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    for number in 0..20 {
        let call = create(&admin, &alice, &client(&format!("client-{number}")), &format!("order-{number}"));
        let process = admin.process();
        let (one, other) = tokio::join!(call.send(), call.send_to(&process));
        assert_eq!((one.status, &one.text), (201, &other.text));
    }
    assert_eq!(created(&admin).await, 20);
}

#[tokio::test]
async fn a_repeat_needs_no_new_code() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let mut body = new_key();
    body["mfaTotp"] = admin.code("p-alice").into();
    let call = |body: &Value| admin.call("POST", KEYS).by(&alice).body(body).idempotency_key("order-42");
    let made = call(&body).send().await.expect(201);
    for code in [body["mfaTotp"].clone(), "000000".into()] {
        body["mfaTotp"] = code;
        assert_eq!(call(&body).send().await.expect(201)["key_id"], made["key_id"]);
    }
    assert_eq!(call(&new_key()).send().await.expect(201)["key_id"], made["key_id"]);
    assert_eq!(admin.scan(tables::KEYS).await.len(), 1);
}

#[tokio::test]
async fn a_key_is_bound_to_body_route_and_caller() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    let bob = admin.person("bob@example.com", "p-bob", &["admin"]).await;
    create(&admin, &alice, &client("meridian"), "order-42").send().await.expect(201);
    create(&admin, &alice, &client("another"), "order-42").send().await.problem(422, "idempotency_mismatch");
    let elsewhere = admin.call("POST", "/admin/clients/meridian/terms").by(&alice).idempotency_key("order-42");
    elsewhere.body(&client("meridian")).send().await.problem(422, "idempotency_mismatch");
    create(&admin, &bob, &client("another"), "order-42").send().await.expect(201);
    assert_eq!(created(&admin).await, 2);
}

#[tokio::test]
async fn what_was_not_carried_out_is_not_remembered() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    create(&admin, &alice, &json!({}), "order-42").send().await.problem(400, "invalid_request");
    admin.dynamo.wire().fail("TransactWriteItems", 1000);
    create(&admin, &alice, &client("meridian"), "order-42").send().await.problem(503, "unavailable");
    admin.dynamo.wire().fail("TransactWriteItems", 0);
    create(&admin, &alice, &client("meridian"), "order-42").send().await.expect(201);
    assert_eq!(created(&admin).await, 1);
}

#[tokio::test]
async fn what_nobody_could_be_told_of_is_not_done_and_not_remembered() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let (clients, guard) = (admin.scan(tables::CLIENTS).await, idempotency_records(&admin).await);
    let body = json!({ "name": "Dana Ortiz", "email": "dana.ortiz@fund.example" });
    let call = admin.call("POST", "/admin/clients/demo/contacts").body(&body).idempotency_key("order-42");
    admin.sns.control().fail("Publish", 1);
    call.clone().stepped_up(&alice).send().await.problem(503, "unavailable");
    assert_eq!((admin.scan(tables::CLIENTS).await, idempotency_records(&admin).await), (clients, guard));
    let made = call.clone().stepped_up(&alice).send().await.expect(201);
    assert_eq!(call.by(&alice).send().await.expect(201)["contact_id"], made["contact_id"]);
    assert_eq!(admin.notice_kinds(), ["contact.verification"], "a repeat tells nobody again");
}

/// How many answers are remembered.
async fn idempotency_records(admin: &Admin) -> usize {
    admin.scan(tables::GUARD).await.iter().filter(|item| format!("{item:?}").contains("contact_id")).count()
}

#[tokio::test]
async fn a_repeat_by_who_may_no_longer_is_refused() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    let call = create(&admin, &alice, &client("meridian"), "order-42");
    call.send().await.expect(201);
    admin.change_account(&alice.id, |account| account.roles.clear()).await;
    call.send().await.problem(403, "not_permitted");
}

#[tokio::test]
async fn after_a_day_the_key_is_forgotten() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    create(&admin, &alice, &client("meridian"), "order-42").send().await.expect(201);
    admin.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    create(&admin, &alice, &client("meridian"), "order-42").send().await.expect(201);
    admin.clock.advance(SignedDuration::from_secs(1));
    create(&admin, &alice, &client("meridian"), "order-42").send().await.problem(409, "conflict");
    create(&admin, &alice, &client("another"), "order-42").send().await.expect(201);
}

#[tokio::test]
async fn a_malformed_key_is_refused_before_anything_is_done() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    for key in ["", " ", "a b", &"x".repeat(256)] {
        let answer = create(&admin, &alice, &client("meridian"), key).send().await;
        assert_eq!(answer.bad_fields(), ["idempotency-key"], "{key}");
    }
    let twice = create(&admin, &alice, &client("meridian"), "a").idempotency_key("b");
    assert_eq!(twice.send().await.bad_fields(), ["idempotency-key"]);
    assert_eq!(created(&admin).await, 0);
}
