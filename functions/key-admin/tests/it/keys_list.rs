//! `GET /admin/api-keys` and `/{key_id}`: metadata, page by page, and never a key.

use serde_json::Value;

use crate::arranged::{KEYS, at, id_of};
use crate::fixture::{Admin, CLIENT};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|key| key["key_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_by_client_and_key_without_gap_or_repeat() {
    let admin = Admin::with_client().await;
    admin.create_client("acme").await;
    let alice = admin.administrator().await;
    let mut expected = Vec::new();
    for client in ["acme", "acme", CLIENT, CLIENT, CLIENT] {
        expected.push((client, id_of(&admin.issue_key(client).await)));
    }
    expected.sort();
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut call = admin.call("GET", KEYS).by(&alice).query("limit", "2");
        if let Some(cursor) = &cursor {
            call = call.query("cursor", cursor);
        }
        let page = call.send().await.expect(200);
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, expected.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_list_is_of_one_client_or_one_state_where_asked_for() {
    let admin = Admin::with_client().await;
    admin.create_client("acme").await;
    let alice = admin.administrator().await;
    let [mine, other] = [CLIENT, "acme"].map(|client| admin.issue_key(client));
    let (mine, other) = (id_of(&mine.await), id_of(&other.await));
    let list = async |name: &str, value: &str| {
        ids(&admin.call("GET", KEYS).by(&alice).query(name, value).send().await.expect(200))
    };
    assert_eq!(list("client_id", CLIENT).await, std::slice::from_ref(&mine));
    assert!(list("state", "REVOKED").await.is_empty());
    admin.call("DELETE", &at(&other, "")).by(&alice).send().await.expect(200);
    assert_eq!(list("state", "REVOKED").await, [other]);
    assert_eq!(list("state", "ACTIVE").await, [mine]);
}

#[tokio::test]
async fn bad_parameters_and_another_lists_cursor_are_refused_by_name() {
    let admin = Admin::with_client().await;
    admin.create_client("acme").await;
    let alice = admin.administrator().await;
    for _ in 0..2 {
        admin.issue_key("acme").await;
    }
    let page = admin.call("GET", KEYS).by(&alice).query("limit", "1").send().await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let elsewhere = admin.call("GET", KEYS).by(&alice).query("client_id", CLIENT).query("cursor", cursor);
    assert_eq!(elsewhere.send().await.bad_fields(), ["cursor"]);
    for (name, value) in
        [("limit", "0"), ("limit", "101"), ("state", "active"), ("client_id", "?"), ("cursor", "!"), ("page", "2")]
    {
        let answer = admin.call("GET", KEYS).by(&alice).query(name, value).send().await;
        assert_eq!(answer.bad_fields(), [name], "{value}");
    }
}

#[tokio::test]
async fn metadata_holds_neither_the_key_nor_a_hash() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = admin.key(&alice).await;
    let shown = admin.shown(&alice, &id_of(&key)).await;
    let members: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(!members.iter().any(|name| name.contains("hash") || *name == "api_key"), "{members:?}");
    assert!(!shown.to_string().contains(key.rsplit('_').next().unwrap()));
    for unknown in ["000000000000", "nonsense"] {
        admin.call("GET", &at(unknown, "")).by(&alice).send().await.problem(404, "resource_not_found");
    }
}
