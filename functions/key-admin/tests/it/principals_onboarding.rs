//! `POST /admin/principals` and what follows: two other people stand for a new account.

use serde_json::json;

use crate::asked::{PRINCIPALS, account, at, newcomer};
use crate::fixture::{Admin, BOOTSTRAP, Someone};

#[tokio::test]
async fn an_account_works_once_its_manager_and_a_system_owner_have_approved_it() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    let max = admin.named("max", &["operations"]).await;
    let answer = admin.call("POST", PRINCIPALS).by(&alice).body(&newcomer("dana", &["operations"])).send().await;
    let asked = answer.expect(201);
    assert_eq!((&asked["principal_id"], &asked["state"]), (&account("dana").into(), &"REQUESTED".into()));
    assert!(asked.get("ticket").is_none());
    assert_eq!(answer.header("location"), Some("/admin/principals/dana@example.com"));
    let id = asked["request_id"].as_str().unwrap();
    let dana = admin.token(&account("dana"), &["operations"]);
    let read = || async { admin.call("GET", "/admin/requests").bearer(&dana).send().await };
    read().await.problem(401, "not_authenticated");

    let half = admin.approve(&max, id).await.expect(200);
    assert_eq!((&half["state"], &half["missing"]), (&"OPEN".into(), &json!(["system_owner"])));
    assert!(half.get("ticket").is_none());
    read().await.problem(401, "not_authenticated");
    let whole = admin.approve(&bob, id).await.expect(200);
    assert_eq!((&whole["state"], &whole["missing"]), (&"APPROVED".into(), &json!([])));
    assert!(whole["ticket"].as_str().unwrap().starts_with("brt_test_"));
    read().await.expect(200);
    admin.assert_nowhere(whole["ticket"].as_str().unwrap()).await;
}

#[tokio::test]
async fn the_maker_cannot_approve_its_own_onboarding_nor_through_a_second_account() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let second = admin.person("alice.second@example.com", "p-alice", &["admin"]).await;
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    for someone in [&alice, &second] {
        admin.approve(someone, &id).await.problem(403, "approval_not_allowed");
    }
    let refused = admin.entries_of("request.approve").await;
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|entry| entry.header["outcome"] == "refused"));
    assert!(refused.iter().all(|entry| entry.body["details"]["code"] == "approval_not_allowed"));
}

#[tokio::test]
async fn one_person_does_not_stand_for_both_approvals_nor_through_a_second_account() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let max = admin.named("max", &["admin"]).await;
    let second = admin.person("max.second@example.com", "p-max", &["admin"]).await;
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    admin.approve(&max, &id).await.expect(200);
    for someone in [&max, &second] {
        admin.approve(someone, &id).await.problem(403, "approval_not_allowed");
    }
}

#[tokio::test]
async fn the_subject_does_not_approve_their_own_account_through_another_one() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let other = admin.person("dana.old@example.com", "p-dana", &["admin"]).await;
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["admin"])).await;
    admin.approve(&other, &id).await.problem(403, "approval_not_allowed");
}

#[tokio::test]
async fn a_manager_is_who_was_named_and_not_who_says_so() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    let path = format!("/admin/requests/{id}/approve");
    let claimed = admin.call("POST", &path).by(&bob).body(&json!({ "as": "manager" })).send().await;
    claimed.problem(403, "approval_not_allowed");
    let nonsense = admin.call("POST", &path).by(&bob).body(&json!({ "as": "bootstrap" })).send().await;
    assert_eq!(nonsense.bad_fields(), ["as"]);
    let owner = admin.call("POST", &path).by(&bob).body(&json!({ "as": "system_owner" })).send().await.expect(200);
    assert_eq!(owner["missing"], json!(["manager"]));
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_asked_for() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let bad = json!({
        "principal_id": "svc-not-a-person", "person_id": "?", "name": " ", "manager": 5, "roles": ["operations", "system"],
        "justification": "short", "state": "ACTIVE",
    });
    let answer = admin.call("POST", PRINCIPALS).by(&alice).body(&bad).send().await;
    let fields = ["principal_id", "person_id", "name", "manager", "roles[1]", "justification", "state"];
    assert_eq!(answer.bad_fields(), fields);
    for (field, value) in [
        ("roles", json!([])),
        ("roles", json!("admin")),
        ("roles[0]", json!(["client"])),
        ("manager", json!("p-dana")),
        ("manager", json!("p-alice")),
        ("person_id", json!(BOOTSTRAP)),
        ("principal_id", json!(BOOTSTRAP)),
        ("person_id", json!("P-dana")),
        ("name", json!("a\u{1b}[2J")),
        ("name", json!("Dana\u{202e}nimda")),
        ("justification", json!("joins the desk\nApproved by: security")),
        ("justification", json!("joins the d\u{200b}esk")),
    ] {
        let mut body = newcomer("dana", &["operations"]);
        body[field.split('[').next().unwrap()] = value;
        let refused = admin.call("POST", PRINCIPALS).by(&alice).body(&body).send().await;
        assert_eq!(refused.bad_fields(), [field]);
    }
    assert!(admin.record::<engine_core::access::Principal>("principals", &account("dana")).await.is_none());
}

#[tokio::test]
async fn an_id_in_use_is_a_conflict() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    let again = admin.call("POST", PRINCIPALS).by(&alice).body(&newcomer("dana", &["admin"])).send().await;
    again.problem(409, "conflict");
}

#[tokio::test]
async fn the_bootstrap_administrator_onboards_alone_and_its_ticket_is_shown_once() {
    let admin = Admin::start().await;
    let bootstrap = admin.bootstrap();
    let call = admin.call("POST", PRINCIPALS).by(&bootstrap).idempotency_key("once");
    let call = call.body(&newcomer("ada", &["admin"]));
    let made = call.send().await.expect(201);
    assert_eq!(made["state"], "ACTIVE");
    let ticket = made["ticket"].as_str().unwrap();
    let again = call.send().await.expect(201);
    assert_eq!((&again["ticket"], &again["code"]), (&json!(null), &"already_issued".into()));
    assert_eq!(again["request_id"], made["request_id"]);
    admin.assert_nowhere(ticket).await;
    let entries = admin.entries_of("principal.onboard").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].body["actor"]["type"], "bootstrap");
    assert_eq!(entries[0].body["details"]["approvals"][0]["capacity"], "bootstrap");
}

#[tokio::test]
async fn the_bootstrap_administrator_asks_for_nothing_that_its_own_person_could_approve() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let (bootstrap, why) = (admin.bootstrap(), "is on call");
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    admin.approve(&bootstrap, &id).await.problem(403, "not_permitted");
    for (rest, body) in [
        ("/roles", json!({ "roles": ["security"], "justification": why })),
        ("/elevations", json!({ "roles": ["security"], "hours": 1, "justification": why })),
        ("/re-enrolment", json!({ "justification": why })),
    ] {
        let asked = admin.call("POST", &at("alice", rest)).by(&bootstrap).body(&body).send().await;
        asked.problem(403, "approval_not_allowed");
    }
}

#[tokio::test]
async fn the_bootstrap_path_dies_with_the_second_active_administrator() {
    let admin = Admin::start().await;
    let bootstrap = admin.bootstrap();
    for (person, open) in [("ada", true), ("ben", false)] {
        let made = admin.call("POST", PRINCIPALS).by(&bootstrap).body(&newcomer(person, &["admin"])).send().await;
        let ticket = made.expect(201)["ticket"].as_str().unwrap().to_owned();
        admin.call("GET", PRINCIPALS).by(&bootstrap).send().await.expect(200);
        let someone = Someone { id: account(person), person_id: format!("p-{person}"), roles: vec!["admin"] };
        admin.enrol(&someone, &ticket).await;
        let after = admin.call("GET", PRINCIPALS).by(&bootstrap).send().await;
        assert_eq!(after.status, if open { 200 } else { 401 }, "after {person}");
    }
    let late = admin.call("POST", PRINCIPALS).by(&bootstrap).body(&newcomer("cyd", &["admin"])).send().await;
    late.problem(401, "not_authenticated");
}

#[tokio::test]
async fn accounts_are_listed_page_by_page_and_shown_with_their_second_factor() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    admin.named("bob", &["operations"]).await;
    admin.unenrolled("cyd@example.com", "p-cyd", &["auditor"]).await;
    let first = admin.call("GET", PRINCIPALS).by(&alice).query("limit", "2").send().await.expect(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = admin.call("GET", PRINCIPALS).by(&alice).query("cursor", cursor).send().await.expect(200);
    assert_eq!((&rest["items"][0]["principal_id"], &rest["next_cursor"]), (&account("cyd").into(), &json!(null)));
    let shown = admin.call("GET", &at("bob", "")).by(&alice).send().await.expect(200);
    assert_eq!((&shown["roles"], &shown["second_factor"]["state"]), (&json!(["operations"]), &"ENROLLED".into()));
    let shown = admin.call("GET", &at("cyd", "")).by(&alice).send().await.expect(200);
    assert_eq!(shown["second_factor"]["state"], "AWAITING_TICKET");
    let text = shown.to_string();
    assert!(!text.contains("sealed") && !text.contains("hash"), "{text}");
    admin.call("GET", &at("nobody", "")).by(&alice).send().await.problem(404, "resource_not_found");
    let bad = admin.call("GET", PRINCIPALS).by(&alice).query("cursor", "?").query("state", "ACTIVE").send().await;
    assert_eq!(bad.bad_fields(), ["cursor", "state"]);
}
