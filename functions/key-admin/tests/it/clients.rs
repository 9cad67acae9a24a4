//! `/admin/clients`: two people stand for what a client pays, and its end is the end of its keys.

use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::arranged::{KEYS, id_of, new_key};
use crate::fixture::{Admin, CLIENT};

const CLIENTS: &str = "/admin/clients";

fn new_client() -> Value {
    json!({
        "client_id": "acme", "name": "Acme Capital LP", "markup_percentage": "5", "fee_type": "FLAT", "fee_amount": 25,
        "justification": "contract of 2026-01-10",
    })
}

#[tokio::test]
async fn a_client_is_pending_until_a_second_person_stands_for_its_terms() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    let bob = admin.person("bob@example.com", "p-bob", &["admin"]).await;
    let answer = admin.call("POST", CLIENTS).by(&alice).body(&new_client()).send().await;
    let made = answer.expect(201);
    assert_eq!((&made["client_id"], &made["status"]), (&"acme".into(), &"PENDING".into()));
    assert_eq!(answer.header("location"), Some("/admin/clients/acme"));
    let mut key = new_key();
    key["client_id"] = Value::from("acme");
    admin.call("POST", KEYS).stepped_up(&alice).body(&key).send().await.problem(409, "conflict");
    let entry = &admin.entries_of("client.create").await[0];
    assert_eq!(entry.body["details"]["request_id"], made["request_id"]);
    assert_eq!(entry.body["reason"], "contract of 2026-01-10");

    let approve = format!("/admin/requests/{}/approve", made["request_id"].as_str().unwrap());
    admin.call("POST", &approve).by(&alice).body(&json!({})).send().await.problem(403, "approval_not_allowed");
    admin.call("POST", &approve).by(&bob).body(&json!({})).send().await.expect(200);
    let shown = admin.call("GET", "/admin/clients/acme").by(&alice).send().await.expect(200);
    assert_eq!((&shown["status"], &shown["terms_version_in_force"]), (&"ACTIVE".into(), &1.into()));
    assert_eq!(shown["terms"][0]["markup_percentage"], "5");
    admin.call("POST", KEYS).stepped_up(&alice).body(&key).send().await.expect(201);
}

#[tokio::test]
async fn further_terms_wait_for_a_second_person_and_keep_their_date() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let bob = admin.person("bob@example.com", "p-bob", &["admin"]).await;
    let body = json!({
        "markup_percentage": "4.5", "fee_type": "PERCENTAGE", "fee_amount": "0.1",
        "effective_from": "2026-02-01T00:00:00Z", "justification": "annual review",
    });
    let path = format!("{CLIENTS}/{CLIENT}/terms");
    let asked = admin.call("POST", &path).by(&alice).body(&body).send().await.expect(201);
    let show = || async { admin.call("GET", &format!("{CLIENTS}/{CLIENT}")).by(&alice).send().await.expect(200) };
    assert_eq!(show().await["terms"].as_array().unwrap().len(), 1);
    let approve = format!("/admin/requests/{}/approve", asked["request_id"].as_str().unwrap());
    admin.call("POST", &approve).by(&bob).body(&json!({})).send().await.expect(200);
    let shown = show().await;
    assert_eq!((&shown["terms_version"], &shown["terms_version_in_force"]), (&2.into(), &1.into()));
    assert_eq!(shown["terms"][1]["effective_from"], "2026-02-01T00:00:00.000Z");
    assert_eq!(admin.entries_of("client.terms.propose").await.len(), 1);
    assert_eq!(admin.entries_of("client.terms.add").await.len(), 1);
}

#[tokio::test]
async fn terms_whose_date_passed_before_they_were_approved_do_not_take_effect_in_the_past() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let bob = admin.person("bob@example.com", "p-bob", &["admin"]).await;
    let body = json!({
        "markup_percentage": "4", "fee_type": "FLAT", "fee_amount": "1", "effective_from": "2026-01-16T00:00:00Z",
        "justification": "annual review",
    });
    let asked =
        admin.call("POST", &format!("{CLIENTS}/{CLIENT}/terms")).by(&alice).body(&body).send().await.expect(201);
    admin.clock.advance(SignedDuration::from_hours(24));
    let approve = format!("/admin/requests/{}/approve", asked["request_id"].as_str().unwrap());
    admin.call("POST", &approve).by(&bob).body(&json!({})).send().await.problem(409, "conflict");
    let shown = admin.call("GET", &format!("{CLIENTS}/{CLIENT}")).by(&alice).send().await.expect(200);
    assert_eq!(shown["terms_version"], 1);
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_made() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    let before = admin.scan(tables::PEOPLE).await.len();
    let mut bad = new_client();
    bad["markup_percentage"] = json!(101);
    bad["client_id"] = json!("a b");
    assert_eq!(
        admin.call("POST", CLIENTS).by(&alice).body(&bad).send().await.bad_fields(),
        ["client_id", "markup_percentage"]
    );
    for (field, value) in [
        ("justification", json!("short")),
        ("effective_from", json!("2026-02-01T00:00:00Z")),
        ("status", json!("ACTIVE")),
    ] {
        let mut bad = new_client();
        bad[field] = value;
        assert_eq!(admin.call("POST", CLIENTS).by(&alice).body(&bad).send().await.bad_fields(), [field]);
    }
    assert_eq!(admin.scan(tables::CLIENTS).await, []);
    assert_eq!(admin.scan(tables::PEOPLE).await.len(), before);
}

#[tokio::test]
async fn a_second_client_of_the_same_id_is_a_conflict_and_leaves_no_request() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    admin.call("POST", CLIENTS).by(&alice).body(&new_client()).send().await.expect(201);
    let before = admin.scan(tables::PEOPLE).await.len();
    admin.call("POST", CLIENTS).by(&alice).body(&new_client()).send().await.problem(409, "conflict");
    assert_eq!(admin.scan(tables::PEOPLE).await.len(), before);
}

#[tokio::test]
async fn termination_revokes_every_key_and_takes_a_reason_and_a_second_factor() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let keys = [admin.issue_key(CLIENT).await, admin.issue_key(CLIENT).await];
    let path = format!("{CLIENTS}/{CLIENT}/terminate");
    let without = admin.call("POST", &path).stepped_up(&alice).body(&json!({})).send().await;
    assert_eq!(without.bad_fields(), ["reason"]);
    let body = json!({ "reason": "the relationship ended" });
    admin.call("POST", &path).by(&alice).body(&body).send().await.problem(403, "step_up_required");
    let ended = admin.call("POST", &path).stepped_up(&alice).body(&body).send().await.expect(200);
    assert_eq!((&ended["status"], &ended["version"]), (&"TERMINATED".into(), &2.into()));
    for key in keys {
        assert_eq!(admin.shown(&alice, &id_of(&key)).await["state"], "REVOKED");
    }
    admin.call("POST", &path).stepped_up(&alice).body(&body).send().await.problem(409, "conflict");
    let terms = json!({
        "markup_percentage": "4", "fee_type": "FLAT", "fee_amount": "1", "justification": "annual review",
    });
    let propose = admin.call("POST", &format!("{CLIENTS}/{CLIENT}/terms")).by(&alice).body(&terms);
    propose.send().await.problem(409, "conflict");
}

#[tokio::test]
async fn clients_are_listed_page_by_page() {
    let admin = Admin::with_client().await;
    for client in ["acme", "zeta"] {
        admin.create_client(client).await;
    }
    let alice = admin.administrator().await;
    let first = admin.call("GET", CLIENTS).by(&alice).query("limit", "2").send().await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin.call("GET", CLIENTS).by(&alice).query("limit", "2").query("cursor", cursor).send().await;
    let second = second.expect(200);
    let listed: Vec<_> = [&first, &second].into_iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    let listed: Vec<_> = listed.iter().map(|client| client["client_id"].as_str().unwrap()).collect();
    assert_eq!((listed, &second["next_cursor"]), (vec!["acme", CLIENT, "zeta"], &json!(null)));
    let unknown = admin.call("GET", &format!("{CLIENTS}/nobody")).by(&alice).send().await;
    unknown.problem(404, "resource_not_found");
}
