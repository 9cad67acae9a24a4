//! An issuer that is asked over HTTP, on its good days and on others.

use engine_test_support::clock::ManualClock;
use issuer_keys::{Done, KeysAt, RunError};
use jiff::SignedDuration;

use crate::rig::{Rig, STAFF, serve, set};

async fn run(rig: &Rig, keys: KeysAt) -> Result<Done, RunError> {
    rig.function(Some(keys)).run("run").await
}

fn later(clock: &ManualClock) {
    clock.advance(SignedDuration::from_mins(5));
}

#[tokio::test]
async fn keys_are_fetched_and_the_record_says_from_where() {
    let rig = Rig::start().await;
    let served = serve("200 OK", &set(&[&rig.jwk("k1").await]));
    let KeysAt::Url(url) = served.clone() else { panic!("an address") };
    assert!(run(&rig, served).await.unwrap().staff_changed);
    assert_eq!(rig.stored(STAFF).await.unwrap().key_ids(), ["k1"]);
    assert_eq!(rig.changes(STAFF).await[0]["source"], url);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_with_its_keys_leaves_them_as_they_are() {
    let rig = Rig::start().await;
    let keys = set(&[&rig.jwk("k1").await]);
    run(&rig, serve("200 OK", &keys)).await.unwrap();
    let before = rig.stored(STAFF).await;
    let other = set(&[&rig.jwk("k2").await]);
    for (rule, served) in [
        ("nobody there", KeysAt::Url("http://127.0.0.1:1/jwks".into())),
        ("in clear, beyond loopback", KeysAt::Url("http://idp.example/jwks".into())),
        ("an error", serve("500 Internal Server Error", &other)),
        ("a redirect, which nobody follows", serve("302 Found\r\nLocation: http://127.0.0.1:1/", &other)),
        ("nothing", serve("204 No Content", "")),
        ("a page", serve("200 OK", "<html>maintenance</html>")),
        ("more than a set may be", serve("200 OK", &" ".repeat(1 << 19))),
    ] {
        later(&rig.clock);
        let failed = run(&rig, served).await.unwrap_err();
        assert_eq!(failed.0.len(), 1, "{rule}: {failed}");
        assert_eq!(rig.stored(STAFF).await, before, "{rule}");
    }
}
