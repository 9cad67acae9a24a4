//! A client that asks for tokens all the time, while its credential rotates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use engine_test_support::life::Life;
use rotation::Pause;

use crate::rig::{Rig, Subject, token};

/// Tokens that are asked for while the function waits.
const MEANWHILE: usize = 20;
/// Tokens that are got with a credential that was read once.
const USES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_for_tokens_all_the_time_is_never_refused() {
    let rig = Arc::new(Rig::start().await);
    let over = Arc::new(AtomicBool::new(false));
    let (asked, held) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients = [
        // One that reads the credential for every token, and one that holds on to what it has read while others get theirs.
        tokio::spawn(ask(Arc::clone(&rig), Arc::clone(&over), Arc::clone(&asked), 1)),
        tokio::spawn(ask(Arc::clone(&rig), Arc::clone(&over), Arc::clone(&held), USES)),
    ];
    let tokens = (Arc::clone(&asked), Arc::clone(&held));
    let pause: Pause = Arc::new(move |_| {
        let (asked, held) = tokens.clone();
        Box::pin(async move {
            until(&asked, MEANWHILE).await;
            until(&held, USES).await;
        })
    });
    for number in 1..=5 {
        let function = rig.function_with(&Life::new(), pause.clone());
        let before = rig.current(Subject::Account);
        rig.begin(Subject::Account, &token(number)).await.unwrap();
        rig.steps_by(&function, Subject::Account, &token(number)).await.unwrap();
        rig.assert_settled(Subject::Account, &token(number), &before).await;
    }
    over.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    assert!(asked.load(Ordering::SeqCst) >= 5 * MEANWHILE);
}

/// Lets others work until so many more tokens were issued.
async fn until(tokens: &AtomicUsize, more: usize) {
    let enough = tokens.load(Ordering::SeqCst) + more;
    while tokens.load(Ordering::SeqCst) < enough {
        tokio::task::yield_now().await;
    }
}

/// Reads the credential and gets `uses` tokens with it, over and over again.
async fn ask(rig: Arc<Rig>, over: Arc<AtomicBool>, asked: Arc<AtomicUsize>, uses: usize) {
    while !over.load(Ordering::SeqCst) {
        let credential = rig.current(Subject::Account);
        for used in 0..uses {
            assert_eq!(rig.endpoint.status(&credential).await, 200, "use {used} of a credential just read");
            asked.fetch_add(1, Ordering::SeqCst);
        }
    }
}
