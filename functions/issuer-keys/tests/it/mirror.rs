//! What is mirrored, what is recorded of it, and what is not taken.

use engine_core::access::token::KeySet;
use engine_core::hex;
use jiff::SignedDuration;
use serde_json::json;

use crate::rig::{OURS, Rig, STAFF, set};

#[tokio::test]
async fn the_keys_of_both_issuers_are_there_for_verifiers_to_read() {
    let rig = Rig::start().await;
    let done = rig.run(&set(&[&rig.jwk("staff-1").await])).await.unwrap();
    assert!(done.ours_changed && done.staff_changed);
    let (ours, staff) = (rig.stored(OURS).await.unwrap(), rig.stored(STAFF).await.unwrap());
    assert!(rig.token_key.ends_with(&format!("key/{}", ours.key_ids()[0])), "the key's id at KMS");
    assert_eq!((ours.key_ids().len(), staff.key_ids()), (1, vec!["staff-1".to_owned()]));
    for stored in [&ours, &staff] {
        assert!(KeySet::from_jwks(&stored.jwks).is_ok());
        assert_eq!(stored.digest, hex::sha256(stored.jwks.as_bytes()));
        assert_eq!((stored.version, stored.fetched_at), (1, 1_768_514_400_000));
    }
}

#[tokio::test]
async fn keys_that_are_the_same_are_noted_as_seen_and_nothing_is_recorded() {
    let rig = Rig::start().await;
    let key = rig.jwk("staff-1").await;
    rig.run(&set(&[&key])).await.unwrap();
    let before = rig.stored(STAFF).await.unwrap();
    rig.clock.advance(SignedDuration::from_mins(5));
    // Written otherwise, and with what is of no use beside it: the same keys.
    let again = json!({ "note": "x", "keys": [{ "kty": "oct", "kid": "z" }, key] });
    let done = rig.run(&again.to_string()).await.unwrap();
    assert!(!done.ours_changed && !done.staff_changed);
    let after = rig.stored(STAFF).await.unwrap();
    assert_eq!(after.fetched_at, before.fetched_at + 300_000);
    assert_eq!((after.jwks, after.version), (before.jwks, before.version));
    assert_eq!(rig.changes(STAFF).await.len(), 1);
    assert_eq!(rig.changes(OURS).await.len(), 1);
}

#[tokio::test]
async fn a_change_is_recorded_with_the_keys_before_and_after() {
    let rig = Rig::start().await;
    let (first, second) = (rig.jwk("k1").await, rig.jwk("k2").await);
    rig.run(&set(&[&first])).await.unwrap();
    rig.clock.advance(SignedDuration::from_mins(5));
    rig.run(&set(&[&second, &first])).await.unwrap();
    let stored = rig.stored(STAFF).await.unwrap();
    let changes = rig.changes(STAFF).await;
    let expected = json!({
        "issuer": STAFF, "source": "document", "key_ids_before": ["k1"], "key_ids_after": ["k1", "k2"],
        "digest": stored.digest, "version": 2,
    });
    assert_eq!(changes[1], expected);
    assert_eq!(changes[0]["key_ids_before"], json!([]));
    let (header, body) = &rig.entries("issuer.keys.change").await[0];
    assert_eq!((&header["outcome"], &header["function"]), (&json!("success"), &json!("issuer-keys")));
    assert_eq!((&header["request_id"], &body["actor"]["type"]), (&json!("run"), &json!("system")));
}

#[tokio::test]
async fn another_key_under_the_same_id_is_a_change() {
    let rig = Rig::start().await;
    rig.run(&set(&[&rig.jwk("k1").await])).await.unwrap();
    assert!(rig.run(&set(&[&rig.jwk("k1").await])).await.unwrap().staff_changed);
    assert_eq!(rig.changes(STAFF).await.len(), 2);
}

#[tokio::test]
async fn a_key_that_the_issuer_withdrew_is_gone() {
    let rig = Rig::start().await;
    let (first, second) = (rig.jwk("k1").await, rig.jwk("k2").await);
    rig.run(&set(&[&first, &second])).await.unwrap();
    rig.run(&set(&[&second])).await.unwrap();
    assert_eq!(rig.stored(STAFF).await.unwrap().key_ids(), ["k2"]);
    let change = &rig.changes(STAFF).await[1];
    assert_eq!((&change["key_ids_before"], &change["key_ids_after"]), (&json!(["k1", "k2"]), &json!(["k2"])));
}

#[tokio::test]
async fn keys_of_no_use_are_left_out_and_private_parts_are_never_stored() {
    let rig = Rig::start().await;
    let good = rig.jwk("good").await;
    let with = |key_id: &str, member: &str, value: &str| {
        let mut key = good.clone();
        key["kid"] = key_id.into();
        key[member] = value.into();
        key
    };
    let mut unnamed = good.clone();
    unnamed.as_object_mut().unwrap().remove("kid");
    let keys = [
        with("private", "d", "c2VjcmV0LXNjYWxhcg"),
        with("to-encrypt", "use", "enc"),
        with("another-curve", "crv", "P-384"),
        with("another-algorithm", "alg", "HS256"),
        json!({ "kty": "oct", "kid": "shared", "k": "c2hhcmVkLXNlY3JldA" }),
        unnamed,
        good,
    ];
    rig.run(&set(&keys.iter().collect::<Vec<_>>())).await.unwrap();
    let stored = rig.stored(STAFF).await.unwrap();
    assert_eq!(stored.key_ids(), ["good"]);
    let record = rig.entries("issuer.keys.change").await;
    for secret in ["c2VjcmV0LXNjYWxhcg", "c2hhcmVkLXNlY3JldA", "\"d\":", "\"k\":"] {
        assert!(!stored.jwks.contains(secret), "{secret}");
        assert!(record.iter().all(|(_, body)| !body.to_string().contains(secret)), "{secret}");
    }
}

#[tokio::test]
async fn an_issuer_that_withdraws_every_key_has_none_and_the_record_says_so() {
    for (rule, document) in
        [("no keys", r#"{"keys": []}"#), ("none usable", r#"{"keys": [{"kty": "oct", "kid": "x"}]}"#)]
    {
        let rig = Rig::start().await;
        rig.run(&set(&[&rig.jwk("k1").await])).await.unwrap();
        rig.clock.advance(SignedDuration::from_mins(5));
        assert!(rig.run(document).await.unwrap().staff_changed, "{rule}");
        let stored = rig.stored(STAFF).await.unwrap();
        assert_eq!((stored.jwks.as_str(), stored.version), (r#"{"keys":[]}"#, 2), "{rule}");
        assert!(KeySet::from_jwks(&stored.jwks).unwrap().is_empty());
        let change = &rig.changes(STAFF).await[1];
        assert_eq!((&change["key_ids_before"], &change["key_ids_after"]), (&json!(["k1"]), &json!([])), "{rule}");
        assert_eq!(rig.stored(OURS).await.unwrap().key_ids().len(), 1, "{rule}");
    }
}

#[tokio::test]
async fn an_id_of_two_keys_is_neither_s_and_the_other_keys_count() {
    let rig = Rig::start().await;
    let (one, other, third) = (rig.jwk("k1").await, rig.jwk("k1").await, rig.jwk("k2").await);
    rig.run(&set(&[&one, &third, &other])).await.unwrap();
    assert_eq!(rig.stored(STAFF).await.unwrap().key_ids(), ["k2"]);
}

#[tokio::test]
async fn what_is_no_key_set_is_refused_and_the_keys_stay() {
    let rig = Rig::start().await;
    rig.run(&set(&[&rig.jwk("k1").await])).await.unwrap();
    let before = rig.stored(STAFF).await;
    rig.clock.advance(SignedDuration::from_mins(5));
    for (rule, document) in [
        ("no set", "[]"),
        ("no keys at all", "{}"),
        ("not JSON", "<html>"),
        ("longer than a set may be", &format!(r#"{{"keys": [], "padding": "{}"}}"#, "x".repeat(70_000))),
    ] {
        let failed = rig.run(document).await.unwrap_err();
        assert_eq!(failed.0.iter().map(|(step, _)| *step).collect::<Vec<_>>(), ["issuer_keys.staff"], "{rule}");
        assert_eq!(rig.stored(STAFF).await, before, "{rule}");
    }
    assert_eq!(rig.changes(STAFF).await.len(), 1);
}

#[tokio::test]
async fn without_a_staff_issuer_only_our_own_keys_are_mirrored() {
    let rig = Rig::start().await;
    rig.function(None).run("run").await.unwrap();
    assert!(rig.stored(OURS).await.is_some());
    assert_eq!(rig.stored(STAFF).await, None);
}

#[tokio::test]
async fn a_change_without_its_entry_is_not_made() {
    let rig = Rig::start().await;
    rig.dynamo.wire().fail("TransactWriteItems", 100);
    rig.run(&set(&[&rig.jwk("k1").await])).await.unwrap_err();
    assert_eq!((rig.stored(OURS).await, rig.stored(STAFF).await), (None, None));
}
