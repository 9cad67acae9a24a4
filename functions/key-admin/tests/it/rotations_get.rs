//! `GET /admin/rotations/{rotation_id}`: how far an emergency rotation is, and what it did at each client or account.

use engine_aws::change::Change;
use engine_aws::rotations::{Claim, Counts, EmergencyRotations, Phase, Place, Unit, UnitName};
use engine_core::access::{ClientId, ServiceAccountName};
use engine_test_support::dynamo::tables;
use serde_json::json;

use crate::fixture::{Admin, CLIENT, Someone};
use crate::rotations_post::{ROTATIONS, all_keys};

fn client(name: &str) -> UnitName {
    UnitName::Client(ClientId::parse(name).unwrap())
}

/// A rotation of all keys that was asked for, and its id.
async fn asked(admin: &Admin, by: &Someone) -> String {
    let asked = admin.call("POST", ROTATIONS).stepped_up(by).body(&all_keys()).send().await.expect(202);
    asked["rotation_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn progress_and_result_are_told_as_the_worker_notes_them() {
    let admin = Admin::with_client().await;
    let sam = admin.security().await;
    let id = asked(&admin, &sam).await;
    let path = format!("{ROTATIONS}/{id}");
    let shown = admin.call("GET", &path).by(&sam).send().await.expect(200);
    assert_eq!((&shown["state"], &shown["attempts"]), (&json!("PENDING"), &json!(0)));
    assert_eq!((&shown["credentials"], &shown["next_cursor"]), (&json!([]), &json!(null)));

    let rotations = EmergencyRotations::new(admin.dynamodb(), tables::ROTATIONS);
    let Claim::Taken(lease, _) = rotations.claim(&id, admin.now()).await.unwrap() else { panic!("it is free") };
    let key = "AAAAAAAAAAAA".to_owned();
    let unit = Unit::new(client(CLIENT), [key.clone()].into(), [(key.clone(), 90)].into(), admin.now());
    let mut change = Change::default();
    rotations.revoked(&mut change, &id, &unit).unwrap();
    change.commit(&admin.dynamodb()).await.unwrap();
    let counts = Counts { clients: 1, revoked: 1, issued: 0, notified: 0 };
    let place = Place { phase: Phase::Issuing, after: None, counts };
    rotations.save(&lease, &place, admin.now()).await.unwrap();
    let shown = admin.call("GET", &path).by(&sam).send().await.expect(200);
    let now = format!("{:.3}", admin.now());
    assert_eq!((&shown["state"], &shown["revoked_at"]), (&json!("ISSUING"), &json!(now)));
    assert_eq!(shown["counts"], json!({ "clients": 1, "revoked": 1, "issued": 0, "notified": 0 }));
    let expected = json!({
        "credential": key, "client_id": CLIENT, "revoked_at": now, "issued_at": null, "notified_at": null, "note": null,
    });
    assert_eq!(shown["credentials"], json!([expected]));

    let mut change = Change::default();
    rotations.issued(&mut change, &id, &client(CLIENT), (1, None), admin.now()).unwrap();
    change.commit(&admin.dynamodb()).await.unwrap();
    let shown = admin.call("GET", &path).by(&sam).send().await.expect(200);
    assert_eq!(shown["credentials"][0]["issued_at"], json!(now));
}

#[tokio::test]
async fn its_credentials_are_told_page_by_page() {
    let admin = Admin::with_client().await;
    let sam = admin.security().await;
    let id = asked(&admin, &sam).await;
    let rotations = EmergencyRotations::new(admin.dynamodb(), tables::ROTATIONS);
    let account = UnitName::Account(ServiceAccountName::parse("svc-a-b").unwrap());
    for (name, held) in [(client("alpha"), &["A1", "A2"][..]), (client("beta"), &["B1"]), (account, &["svc-a-b"])] {
        let held = held.iter().map(|id| (*id).to_owned());
        let unit = Unit::new(name, held.collect(), [].into(), admin.now());
        let mut change = Change::default();
        rotations.revoked(&mut change, &id, &unit).unwrap();
        change.commit(&admin.dynamodb()).await.unwrap();
    }
    let (mut cursor, mut seen) = (None::<String>, Vec::new());
    let path = format!("{ROTATIONS}/{id}");
    loop {
        let mut call = admin.call("GET", &path).by(&sam).query("limit", "1");
        if let Some(cursor) = &cursor {
            call = call.query("cursor", cursor);
        }
        let page = call.send().await.expect(200);
        let items = page["credentials"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["credential"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, ["svc-a-b", "A1", "A2", "B1"]);
    let nonsense = admin.call("GET", &path).by(&sam).query("cursor", "AAAA").send().await;
    nonsense.problem(400, "invalid_request");
}

#[tokio::test]
async fn who_may_see_the_register_may_see_it_and_what_is_not_there_is_not_found() {
    let admin = Admin::with_client().await;
    let sam = admin.security().await;
    let path = format!("{ROTATIONS}/{}", asked(&admin, &sam).await);
    for role in ["admin", "auditor", "operations", "security"] {
        let someone = admin.named(&format!("any-{role}"), &[role]).await;
        admin.call("GET", &path).by(&someone).send().await.expect(200);
    }
    for id in ["019bc3ac-2f00-7989-bdd9-14e14da269cf", "nonsense", "client"] {
        let missing = admin.call("GET", &format!("{ROTATIONS}/{id}")).by(&sam).send().await;
        missing.problem(404, "resource_not_found");
    }
}
