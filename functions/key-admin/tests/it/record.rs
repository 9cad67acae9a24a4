//! What an authenticated caller is refused is recorded, each time, as what it was meant to be.

use key_admin::routes::ROUTES;
use serde_json::{Value, json};

use crate::arranged::{KEYS, at, new_key};
use crate::fixture::{Admin, CLIENT, Stored};
use crate::role_route_matrix::path_of;

/// Event, outcome and code of an entry.
fn told(entry: &Stored) -> (String, String, Value) {
    let text = |name: &str| entry.header[name].as_str().unwrap().to_owned();
    (text("event"), text("outcome"), entry.body["details"]["code"].clone())
}

#[tokio::test]
async fn every_change_that_is_not_permitted_is_recorded_as_that_change_refused() {
    let admin = Admin::with_client().await;
    let nobody = admin.person("eve@example.com", "p-eve", &["client"]).await;
    for route in ROUTES.0.iter().filter(|route| route.path.starts_with("/admin/")) {
        let before = admin.entries().await.len();
        let answer = admin.call(route.method, &path_of(route)).by(&nobody).send().await;
        answer.problem(403, "not_permitted");
        let entries = admin.entries().await;
        assert_eq!(entries.len(), before + 1, "{} {}", route.method, route.path);
        let entry = entries
            .iter()
            .find(|entry| Some(entry.header["request_id"].as_str().unwrap()) == answer.header("x-request-id"));
        let entry = entry.expect("an entry of this request");
        let event = route.handler.event.map_or("access.refuse", |event| event.as_str());
        assert_eq!(told(entry), (event.into(), "refused".into(), json!("not_permitted")));
        assert_eq!(entry.body["actor"], json!({"type": "staff", "id": nobody.id, "roles": ["client"]}));
        assert_eq!(entry.body["resource"], path_of(route));
        assert_eq!(entry.body["source_address"], "192.0.2.10");
        assert_eq!(entry.body["details"]["method"], route.method);
    }
}

#[tokio::test]
async fn so_is_every_other_refusal_of_a_change_with_its_code_and_its_fields() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let create = || admin.call("POST", KEYS).body(&new_key());
    let wrong_client = json!({"client_id": "no-such-client", "rate_limit": 60, "expiry_days": 30});
    for (call, status, code) in [
        (create().by(&alice), 403, "step_up_required"),
        (create().by(&alice).totp("12345"), 400, "invalid_request"),
        (admin.call("POST", KEYS).stepped_up(&alice).body(&json!({})), 400, "invalid_request"),
        (admin.call("POST", KEYS).by(&alice).text("{"), 400, "malformed_body"),
        (admin.call("POST", KEYS).stepped_up(&alice).body(&wrong_client), 404, "resource_not_found"),
        (admin.call("DELETE", &at("AAAAAAAAAAAA", "")).by(&alice), 404, "resource_not_found"),
        (admin.call("POST", KEYS).by(&alice).text(&"x".repeat(70_000)), 413, "body_too_large"),
    ] {
        let answer = call.send().await;
        answer.problem(status, code);
        let entries = admin.entries().await;
        let entry = entries
            .iter()
            .find(|entry| Some(entry.header["request_id"].as_str().unwrap()) == answer.header("x-request-id"));
        let entry = entry.unwrap_or_else(|| panic!("no entry of {code}"));
        assert_eq!((&entry.header["outcome"], &entry.body["details"]["code"]), (&json!("refused"), &json!(code)));
        assert_eq!(entry.body["details"]["errors"].as_array().unwrap().is_empty(), code != "invalid_request");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let auditor = admin.person("carol@example.com", "p-carol", &["auditor"]).await;
    admin.call("GET", KEYS).by(&auditor).send().await.expect(200);
    admin.dynamo.wire().fail("PutItem", 1000);
    admin.call("DELETE", &at("AAAAAAAAAAAA", "")).by(&auditor).send().await.problem(503, "unavailable");
    admin.dynamo.wire().fail("PutItem", 0);
    admin.dynamo.wire().fail("TransactWriteItems", 1000);
    let body = json!({"reason": "the relationship has ended"});
    let terminate = admin.call("POST", &format!("/admin/clients/{CLIENT}/terminate")).stepped_up(&alice).body(&body);
    terminate.send().await.problem(503, "unavailable");
    admin.dynamo.wire().fail("TransactWriteItems", 0);
    let shown = admin.call("GET", &format!("/admin/clients/{CLIENT}")).by(&alice).send().await.expect(200);
    assert_eq!(shown["status"], "ACTIVE");
}

#[tokio::test]
async fn who_is_not_authenticated_leaves_no_entry_and_a_read_that_finds_nothing_neither() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    for route in ROUTES.0 {
        admin.call(route.method, &path_of(route)).bearer("nonsense").send().await;
    }
    admin.call("GET", &at("AAAAAAAAAAAA", "")).by(&alice).send().await.problem(404, "resource_not_found");
    assert!(admin.entries().await.is_empty());
}

#[tokio::test]
async fn no_credential_stands_in_any_table() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let token = admin.token_of(&alice);
    let code = admin.code(&alice.person_id);
    let made = admin.call("POST", KEYS).bearer(&token).totp(&code).body(&new_key()).send().await.expect(201);
    admin.call("POST", KEYS).bearer(&format!("{token}x")).totp(&code).body(&new_key()).send().await;
    admin.assert_nowhere(token.rsplit('.').next().unwrap()).await;
    admin.assert_nowhere(made["api_key"].as_str().unwrap().rsplit('_').next().unwrap()).await;
}
