//! `/admin/clients/{client_id}/contacts`: encrypted, and told nothing until they have proved to be reached.

use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::arranged::{ADDRESS, code_in};
use crate::fixture::{Admin, CLIENT};

const CONTACTS: &str = "/admin/clients/demo/contacts";

#[tokio::test]
async fn a_contact_is_kept_encrypted_and_shown_as_a_hint() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let id = admin.verified_contact(&alice).await;
    let shown = admin.call("GET", &format!("/admin/clients/{CLIENT}")).by(&alice).send().await;
    assert!(!shown.text.contains(ADDRESS));
    let contact = &shown.expect(200)["contacts"][0];
    assert_eq!((&contact["contact_id"], &contact["hint"]), (&json!(id), &"d***@fund.example".into()));
    assert_eq!((&contact["state"], &contact["name"]), (&"VERIFIED".into(), &"Dana Ortiz".into()));
    admin.assert_nowhere(ADDRESS).await;
    for item in admin.scan(tables::CLIENTS).await {
        if let Some(sealed) = item.get("sealed") {
            let bytes = sealed.as_b().unwrap().as_ref();
            assert!(!bytes.windows(ADDRESS.len()).any(|window| window == ADDRESS.as_bytes()));
        }
    }
}

#[tokio::test]
async fn the_code_goes_to_the_address_and_only_there() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let body = json!({ "name": "Dana Ortiz", "email": ADDRESS });
    let answer = admin.call("POST", CONTACTS).stepped_up(&alice).body(&body).send().await;
    let made = answer.expect(201);
    assert_eq!(made["state"], "UNVERIFIED");
    let (to, text) = admin.last_notice("contact.verification");
    assert_eq!(to, json!([ADDRESS]));
    let code = code_in(&text);
    assert!(!answer.text.contains(&code));
    admin.assert_nowhere(&code[code.len() - 49..]).await;
    assert_eq!(admin.sns.published().len(), 1);
}

#[tokio::test]
async fn only_the_code_that_was_sent_verifies_and_for_a_day() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let body = json!({ "name": "Dana Ortiz", "email": ADDRESS });
    let mut made = Vec::new();
    for _ in 0..2 {
        let contact = admin.call("POST", CONTACTS).stepped_up(&alice).body(&body).send().await.expect(201);
        let code = code_in(&admin.last_notice("contact.verification").1);
        made.push((format!("{CONTACTS}/{}/verify", contact["contact_id"].as_str().unwrap()), code));
    }
    let verify =
        async |path: &str, code: &str| admin.call("POST", path).by(&alice).body(&json!({ "code": code })).send().await;
    assert_eq!(verify(&made[0].0, &made[1].1).await.bad_fields(), ["code"]);
    assert_eq!(verify(&made[0].0, "nonsense").await.bad_fields(), ["code"]);
    assert_eq!(verify(&made[0].0, &made[0].1).await.expect(200)["state"], "VERIFIED");
    verify(&made[0].0, &made[0].1).await.problem(409, "conflict");
    admin.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(verify(&made[1].0, &made[1].1).await.bad_fields(), ["code"]);
}

#[tokio::test]
async fn a_removed_contact_is_gone_and_no_longer_told() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let id = admin.verified_contact(&alice).await;
    let path = format!("{CONTACTS}/{id}");
    let removed = admin.call("DELETE", &path).stepped_up(&alice).send().await.expect(200);
    assert_eq!(removed, json!({ "contact_id": id, "state": "REMOVED" }));
    admin.call("DELETE", &path).stepped_up(&alice).send().await.problem(409, "conflict");
    let shown = admin.call("GET", &format!("/admin/clients/{CLIENT}")).by(&alice).send().await.expect(200);
    assert_eq!(shown["contacts"], json!([]));
    for unknown in ["000000000000", "nonsense"] {
        let answer = admin.call("DELETE", &format!("{CONTACTS}/{unknown}")).stepped_up(&alice).send().await;
        answer.problem(404, "resource_not_found");
    }
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let add = async |body| admin.call("POST", CONTACTS).stepped_up(&alice).body(&body).send().await.bad_fields();
    assert_eq!(add(json!({})).await, ["name", "email"]);
    assert_eq!(add(json!({ "name": "x", "email": "nobody", "phone": "1" })).await, ["email", "phone"]);
    assert_eq!(add(json!({ "name": " ", "email": ADDRESS })).await, ["name"]);
    assert_eq!(admin.sns.published(), []);
    let nobody = admin.call("POST", "/admin/clients/nobody/contacts").stepped_up(&alice);
    nobody.body(&json!({ "name": "x", "email": ADDRESS })).send().await.problem(404, "resource_not_found");
}

#[tokio::test]
async fn the_record_of_a_contact_holds_no_name_and_no_address() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let id = admin.verified_contact(&alice).await;
    admin.call("DELETE", &format!("{CONTACTS}/{id}")).stepped_up(&alice).send().await.expect(200);
    for event in ["client.contact.add", "client.contact.verify", "client.contact.remove"] {
        let entries = admin.entries_of(event).await;
        let body = entries[0].body.to_string();
        assert!(body.contains(&id) && !body.contains("Dana") && !body.contains("fund.example"), "{body}");
    }
}

#[tokio::test]
async fn contacts_come_and_go_with_a_second_factor_only() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let id = admin.verified_contact(&alice).await;
    let before = admin.notice_kinds();
    let add = admin.call("POST", CONTACTS).by(&alice).body(&json!({ "name": "Eve", "email": "eve@evil.example" }));
    add.send().await.problem(403, "step_up_required");
    let remove = admin.call("DELETE", &format!("{CONTACTS}/{id}")).by(&alice);
    remove.send().await.problem(403, "step_up_required");
    assert_eq!(admin.notice_kinds(), before);
    let shown = admin.call("GET", &format!("/admin/clients/{CLIENT}")).by(&alice).send().await.expect(200);
    assert_eq!((&shown["contacts"][0]["state"], shown["contacts"].as_array().unwrap().len()), (&"VERIFIED".into(), 1));
}

#[tokio::test]
async fn whoever_takes_a_clients_contacts_over_is_seen_by_those_it_had() {
    const EVE: &str = "eve@evil.example";
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let dana = admin.verified_contact(&alice).await;
    assert_eq!(admin.notice_kinds(), ["contact.verification"], "the first one is news to nobody");

    let body = json!({ "name": "Eve", "email": EVE });
    let eve = admin.call("POST", CONTACTS).stepped_up(&alice).body(&body).send().await.expect(201);
    let (to, text) = admin.last_notice("contact.added");
    assert_eq!(to, json!([ADDRESS]), "not to who is not verified");
    assert!(text.contains("e***@evil.example") && text.contains(CLIENT) && !text.contains(EVE), "{text}");
    let code = code_in(&admin.last_notice("contact.verification").1);
    let verify = format!("{CONTACTS}/{}/verify", eve["contact_id"].as_str().unwrap());
    admin.call("POST", &verify).by(&alice).body(&json!({ "code": code })).send().await.expect(200);

    admin.call("DELETE", &format!("{CONTACTS}/{dana}")).stepped_up(&alice).send().await.expect(200);
    let (to, text) = admin.last_notice("contact.removed");
    let mut to: Vec<_> = to.as_array().unwrap().iter().map(|to| to.as_str().unwrap().to_owned()).collect();
    to.sort();
    assert_eq!(to, [ADDRESS, EVE], "the one that is removed hears of it, and so does who stays");
    assert!(text.contains("d***@fund.example") && !text.contains(ADDRESS), "{text}");
}

#[tokio::test]
async fn a_contact_does_not_go_unless_the_others_could_be_told() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let id = admin.verified_contact(&alice).await;
    admin.sns.control().fail("Publish", 1);
    let remove = admin.call("DELETE", &format!("{CONTACTS}/{id}")).stepped_up(&alice);
    remove.send().await.problem(503, "unavailable");
    let shown = admin.call("GET", &format!("/admin/clients/{CLIENT}")).by(&alice).send().await.expect(200);
    assert_eq!(shown["contacts"][0]["state"], "VERIFIED");
}

#[tokio::test]
async fn what_is_remembered_of_adding_a_contact_says_nothing_of_who_it_is() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let body = json!({ "name": "Dana Ortiz", "email": ADDRESS });
    let call = admin.call("POST", CONTACTS).body(&body).idempotency_key("desk-1");
    let first = call.clone().stepped_up(&alice).send().await.expect(201);
    for item in admin.scan(tables::GUARD).await {
        let held = format!("{item:?}");
        assert!(!held.contains("Dana") && !held.contains("fund.example"), "{held}");
    }
    let again = call.by(&alice).send().await.expect(201);
    let known = ["contact_id", "state", "code_expires_at"].map(|name| (name.to_owned(), first[name].clone()));
    assert_eq!(again, json!(std::collections::BTreeMap::from(known)));
}
