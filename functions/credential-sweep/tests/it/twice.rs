//! Two sweeps at once, and a sweep killed at every call: everything once.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::rig::{NOW, Rig, at, days};

/// A world in which something of every kind is due.
async fn world() -> Rig {
    let rig = Rig::start().await;
    rig.client().await;
    // One that ends within the notice, one that has ended, one that nobody uses.
    for (age, life) in [(0, 10), (29, 20), (31, 90)] {
        rig.key(at(NOW) - days(age), life).await;
    }
    rig.elevated("dana", at(NOW)).await;
    rig.elevated("eli", at(NOW)).await;
    rig.enrolled("dana", at(NOW) - days(85)).await;
    rig.service_account("svc-idle-batch", at(NOW) - days(91), None).await;
    rig.service_account("svc-late-batch", at(NOW) - days(40), None).await;
    rig.account("frank", at(NOW) - days(93), None).await;
    rig.kms.made_at(&rig.settings.signing_keys[0].arn, at(NOW) - days(340), false, None);
    rig.kms.made_at(&rig.settings.kms_keys[0].arn, at(NOW) - days(10), false, None);
    rig.acm.issue("api.example", at(NOW) - days(350), at(NOW) + days(10));
    rig.secrets.changed_at("example/bootstrap-totp", at(NOW) - days(100), None);
    rig
}

/// What it comes to: each notice, and how many.
const NOTICES: usize = 13;

/// Everything was done once, and told once.
async fn assert_once(rig: &Rig, when: &str) {
    let told: BTreeSet<_> = rig.told().into_iter().collect();
    assert_eq!((rig.told().len(), told.len()), (NOTICES, NOTICES), "{when}: {:?}", rig.told());
    let sent: BTreeSet<_> = rig.sent().into_iter().collect();
    assert_eq!(sent, told, "{when}");
    for (event, times) in [("principal.elevation.end", 2), ("service_account.disable", 1), ("credential.due", 7)] {
        assert_eq!(rig.entries_of(event).await.len(), times, "{when}: {event}");
    }
    assert!(rig.rotations("notices").await.is_empty(), "{when}");
    assert_eq!(rig.rotations("notices#told").await.len(), NOTICES, "{when}");
}

#[tokio::test]
async fn one_sweep_does_everything_and_a_second_one_nothing() {
    let rig = world().await;
    let done = rig.run().await.unwrap();
    assert_eq!((done.elevations_ended, done.accounts_disabled, done.found_due), (2, 1, 7));
    assert_eq!((done.successors_offered, done.keys_expired, done.keys_revoked), (1, 1, 1));
    assert_once(&rig, "one").await;
    rig.run().await.unwrap();
    assert_once(&rig, "a second one").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweeps_at_once_do_everything_once() {
    for round in 0..5 {
        let rig = world().await;
        let (one, other) = (rig.process(), rig.process());
        let (first, second) =
            tokio::join!(one.function.run("one", rig.deadline()), other.function.run("other", rig.deadline()));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.elevations_ended + second.elevations_ended, 2, "round {round}");
        assert_eq!(first.found_due + second.found_due, 7, "round {round}");
        assert_eq!(first.notices_told + second.notices_told, NOTICES, "round {round}");
        assert_once(&rig, &format!("round {round}")).await;
        assert_eq!(rig.sent().len(), NOTICES, "round {round}: each event once too");
    }
}

#[tokio::test]
async fn a_sweep_killed_at_any_call_is_made_good_by_the_next_one() {
    // How many calls a sweep makes depends on which keys are in the same part of the index.
    for calls in 0.. {
        let rig = world().await;
        let killed = rig.process();
        killed.life.die_after(calls);
        let whole = killed.function.run("killed", rig.deadline()).await.is_ok();
        // Lambda tries an invocation again after a minute.
        rig.clock.advance(SignedDuration::from_mins(1));
        rig.process().function.run("next", rig.deadline()).await.unwrap();
        assert_once(&rig, &format!("killed after {calls} calls")).await;
        if whole {
            assert!(calls > 100, "{calls}");
            return;
        }
    }
}
