//! Every call of who is known is recorded, as what it was meant to be, and answered once it is.

use evidence_export::routes::ROUTES;
use serde_json::json;

use crate::access::path_of;
use crate::fixture::Office;

#[tokio::test]
async fn every_call_that_is_not_permitted_is_recorded_as_that_call_refused() {
    let office = Office::empty().await;
    let nobody = office.person("eve@example.com", "p-eve", &["admin"]).await;
    for route in ROUTES.0 {
        let answer = office.call(route.method, &path_of(route)).by(&nobody).body(&json!({})).send().await;
        answer.problem(403, "not_permitted");
        let entry = office.entry_of(route.handler.event.as_str()).await;
        assert_eq!(Some(entry.header["request_id"].as_str().unwrap()), answer.header("x-request-id"));
        assert_eq!(
            (&entry.header["outcome"], &entry.header["function"]),
            (&json!("refused"), &json!("evidence-export"))
        );
        assert_eq!(entry.body["details"]["code"], "not_permitted");
        assert_eq!(entry.body["actor"], json!({"type": "staff", "id": nobody.id, "roles": ["admin"]}));
        assert_eq!(entry.body["resource"], path_of(route));
        assert_eq!(entry.body["source_address"], "192.0.2.10");
    }
}

#[tokio::test]
async fn so_is_every_other_refusal_with_its_code_and_its_fields() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let post = || office.call("POST", "/api/v1/evidence").body(&json!({ "size": 3 }));
    for (call, event, status, code) in [
        (office.call("GET", "/api/v1/audit").by(&erin).query("limit", "0"), "audit.search", 400, "invalid_request"),
        (office.call("GET", "/api/v1/audit/x/proof").by(&erin), "audit.proof.show", 404, "resource_not_found"),
        (office.call("GET", "/api/v1/evidence/x").by(&erin), "evidence.show", 404, "resource_not_found"),
        (post().by(&erin), "evidence.request", 403, "step_up_required"),
        (post().by(&erin).totp("12345"), "evidence.request", 400, "invalid_request"),
        (post().stepped_up(&erin), "evidence.request", 400, "invalid_request"),
        (office.call("POST", "/api/v1/evidence").by(&erin).text("{"), "evidence.request", 400, "malformed_body"),
    ] {
        let answer = call.send().await;
        answer.problem(status, code);
        let entries = office.entries_of(event).await;
        let entry = entries
            .iter()
            .find(|entry| Some(entry.header["request_id"].as_str().unwrap()) == answer.header("x-request-id"));
        let entry = entry.unwrap_or_else(|| panic!("no entry of {code}"));
        assert_eq!((&entry.header["outcome"], &entry.body["details"]["code"]), (&json!("refused"), &json!(code)));
        assert_eq!(entry.body["details"]["errors"].as_array().unwrap().is_empty(), code != "invalid_request");
    }
}

#[tokio::test]
async fn a_refusal_says_whom_and_what_was_named_so_that_probing_can_be_told_whose_it_is() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let eve = office.person("eve@example.com", "p-eve", &["admin"]).await;
    let search = || office.call("GET", "/api/v1/audit").query("client", "delta").query("ticker", "nosuch");
    let body = json!({ "client": ["delta", "omega"], "request_id": "request-1", "mfaTotp": "123456", "to": "never" });
    let post = || office.call("POST", "/api/v1/evidence").body(&body);
    let (of_search, of_post) = (
        json!({ "client": ["delta"], "ticker": ["NOSUCH"] }),
        json!({ "client": ["delta", "omega"], "request_id": ["request-1"] }),
    );
    for (call, event, expected) in [
        (search().by(&erin), "audit.search", &of_search),
        (search().by(&eve), "audit.search", &of_search),
        (post().by(&erin), "evidence.request", &of_post),
        (post().by(&eve), "evidence.request", &of_post),
    ] {
        let answer = call.send().await;
        assert!((400..404).contains(&answer.status), "{answer:?}");
        let mut entries = office.entries_of(event).await;
        entries.retain(|entry| Some(entry.header["request_id"].as_str().unwrap()) == answer.header("x-request-id"));
        assert_eq!(entries.len(), 1, "{event}");
        assert_eq!(&entries[0].body["details"]["asked"], expected, "{event}");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = office.ask(&erin, &json!({})).await;
    let entry = office.headers().await[5].1.id.clone();
    let eve = office.person("eve@example.com", "p-eve", &["admin"]).await;
    office.dynamo.wire().fail("PutItem", 100_000);
    for path in ["/api/v1/audit".to_owned(), format!("/api/v1/audit/{entry}/proof"), format!("/api/v1/evidence/{id}")] {
        office.call("GET", &path).by(&erin).send().await.problem(503, "unavailable");
        office.call("GET", &path).by(&eve).send().await.problem(503, "unavailable");
    }
    office.dynamo.wire().fail("PutItem", 0);
    office.call("GET", "/api/v1/audit").by(&erin).send().await.expect(200);
}

#[tokio::test]
async fn who_is_not_authenticated_leaves_no_entry() {
    let office = Office::empty().await;
    for route in ROUTES.0 {
        office.call(route.method, &path_of(route)).bearer("nonsense").body(&json!({})).send().await;
    }
    assert!(office.entries().await.is_empty());
}
