//! Two runs at once.

use issuer_keys::{Done, KeysAt};
use jiff::SignedDuration;

use crate::rig::{OURS, Rig, STAFF, set};

/// Makes a whole run of another process when this one is about to send `action`.
async fn interleave(rig: &Rig, action: &str, outer: &str, inner: &str, inner_later: SignedDuration) -> Done {
    let function = rig.function(Some(KeysAt::Document(outer.into())));
    let second = rig.second(Some(KeysAt::Document(inner.into())));
    let clock = rig.clock.clone();
    rig.dynamo.wire().before(action, move || {
        let run = move || {
            clock.advance(inner_later);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(second.run("inner")).unwrap();
        };
        std::thread::spawn(run).join().unwrap();
    });
    function.run("outer").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_first_runs_at_once_make_one_entry() {
    let rig = Rig::start().await;
    let document = set(&[&rig.jwk("k1").await]);
    let done = interleave(&rig, "TransactWriteItems", &document, &document, SignedDuration::ZERO).await;
    assert!(!done.ours_changed && !done.staff_changed, "the other run was first");
    assert_eq!((rig.changes(OURS).await.len(), rig.changes(STAFF).await.len()), (1, 1));
    assert_eq!(rig.stored(STAFF).await.unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_fetched_earlier_do_not_replace_those_fetched_later() {
    let rig = Rig::start().await;
    let first = set(&[&rig.jwk("first").await]);
    rig.run(&first).await.unwrap();
    rig.clock.advance(SignedDuration::from_mins(5));
    let (old, new) = (set(&[&rig.jwk("old").await]), set(&[&rig.jwk("new").await]));
    // Our own keys are unchanged, so the first transaction is about staff's.
    let done = interleave(&rig, "TransactWriteItems", &old, &new, SignedDuration::from_secs(1)).await;
    assert!(!done.staff_changed);
    assert_eq!(rig.stored(STAFF).await.unwrap().key_ids(), ["new"]);
    assert_eq!(rig.changes(STAFF).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_seen_unchanged_do_not_undo_a_change_made_meanwhile() {
    let rig = Rig::start().await;
    let old = set(&[&rig.jwk("old").await]);
    rig.run(&old).await.unwrap();
    rig.clock.advance(SignedDuration::from_mins(5));
    let new = set(&[&rig.jwk("new").await]);
    // The first put is about our own keys; the inner run, a second later, changes staff's before this one reads them.
    let done = interleave(&rig, "PutItem", &old, &new, SignedDuration::from_secs(1)).await;
    assert!(done.staff_changed, "asked for after the other run's: the issuer went back");
    assert_eq!(rig.stored(STAFF).await.unwrap().key_ids(), ["old"]);
    assert_eq!(rig.changes(STAFF).await.len(), 3);
}
