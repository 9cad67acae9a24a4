//! The hot path's one write: who is admitted, who is told what, and what it costs on the wire.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_aws::Error;
use engine_aws::clock::Clock;
use engine_aws::key_gate::{Admission, Denial, KeyGate, Take};
use engine_core::access::{ApiKey, Refusal};
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::tables;
use engine_test_support::wire::{UPDATE_BUSY, Wire};
use jiff::{SignedDuration, Timestamp};

use crate::fixture::{Fixture, forged};

const ONE: Take = Take { tokens: 1, owes_entry: true };

async fn admit(gate: &KeyGate, key: &ApiKey, now: Timestamp) -> Admission {
    gate.take(key, ONE, now).await.unwrap().unwrap()
}

async fn refusal(gate: &KeyGate, key: &ApiKey, now: Timestamp) -> Refusal {
    match gate.take(key, ONE, now).await.unwrap() {
        Err(Denial::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Calls since the last look; every one is an `UpdateItem`.
fn calls(wire: &Wire) -> usize {
    let sent = wire.sent();
    assert!(sent.keys().all(|action| action == "UpdateItem"), "{sent:?}");
    wire.reset();
    sent.values().sum()
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn an_idle_or_busy_key_is_admitted_with_one_call_from_the_first_on() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, wire) = fixture.gate();
    // Idle, busy at the same moment, busy within the second, idle again.
    for (step, (later, seq)) in [(0, 1), (0, 2), (1, 3), (100, 4), (100, 5)].into_iter().enumerate() {
        assert_eq!(admit(&gate, &key, fixture.now + seconds(later)).await.seq, seq);
        assert_eq!(calls(&wire), 1, "step {step}");
    }
}

#[tokio::test]
async fn a_wrong_guess_of_the_form_costs_exactly_one_more_call() {
    let (fixture, key) = Fixture::with_key(60).await;
    let ((one, one_wire), (two, two_wire)) = (fixture.gate(), fixture.gate());
    admit(&one, &key, fixture.now).await;
    assert_eq!(calls(&one_wire), 1);
    // The second process has never seen the key and takes it for idle.
    assert_eq!(admit(&two, &key, fixture.now).await.allowance.remaining, 58);
    assert_eq!(calls(&two_wire), 2);
    assert_eq!(admit(&two, &key, fixture.now).await.allowance.remaining, 57);
    assert_eq!(calls(&two_wire), 1);
    // A minute later the first takes it for idle too, after the second made it busy.
    let later = fixture.now + seconds(60);
    admit(&two, &key, later).await;
    admit(&one, &key, later).await;
    assert_eq!((calls(&two_wire), calls(&one_wire)), (1, 2));
}

#[tokio::test]
async fn a_key_of_a_higher_tier_costs_at_most_one_more_call_at_first_sight() {
    for rate_limit in [300, 1000] {
        let (fixture, key) = Fixture::with_key(rate_limit).await;
        let (gate, wire) = fixture.gate();
        assert_eq!(u64::from(admit(&gate, &key, fixture.now).await.key.tier.per_minute()), rate_limit);
        assert!(calls(&wire) <= 2);
        admit(&gate, &key, fixture.now).await;
        assert_eq!(calls(&wire), 1);
    }
}

#[tokio::test]
async fn an_unknown_id_and_a_wrong_secret_are_refused_alike_and_change_nothing() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, wire) = fixture.gate();
    let before = fixture.scan(tables::KEYS).await;
    let unknown = ApiKey::generate("test", [1; 9], &[1; 32]).unwrap();
    for stranger in [unknown, forged(&key)] {
        assert_eq!(refusal(&gate, &stranger, fixture.now).await, Refusal::NotAuthenticated);
        assert_eq!(calls(&wire), 1);
    }
    assert_eq!(fixture.scan(tables::KEYS).await, before);
}

#[tokio::test]
async fn a_wrong_secret_of_a_known_key_costs_no_call_and_keeps_nobody_out() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, wire) = fixture.gate();
    let forged = forged(&key);
    refusal(&gate, &forged, fixture.now).await;
    wire.reset();
    for _ in 0..3 {
        assert_eq!(refusal(&gate, &forged, fixture.now).await, Refusal::NotAuthenticated);
    }
    assert_eq!(calls(&wire), 0);
    assert_eq!(admit(&gate, &key, fixture.now).await.allowance.remaining, 59);
    assert_eq!(calls(&wire), 1);
}

#[tokio::test]
async fn revoked_is_seen_by_the_next_request_of_every_process_and_told_to_the_holder_only() {
    let (fixture, key) = Fixture::with_key(60).await;
    let ((warm, _), (second, _), (cold, _)) = (fixture.gate(), fixture.gate(), fixture.gate());
    admit(&warm, &key, fixture.now).await;
    admit(&second, &key, fixture.now).await;
    fixture.revoke(key.id()).await.unwrap();
    for gate in [&warm, &second, &cold] {
        assert_eq!(refusal(gate, &key, fixture.now).await, Refusal::Revoked);
        assert_eq!(refusal(gate, &forged(&key), fixture.now).await, Refusal::NotAuthenticated);
    }
    let (stranger, _) = fixture.gate();
    assert_eq!(refusal(&stranger, &forged(&key), fixture.now).await, Refusal::NotAuthenticated);
}

#[tokio::test]
async fn a_key_ends_at_its_expiry_to_the_millisecond_and_only_the_holder_is_told() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, _) = fixture.gate();
    let end = fixture.directory.key(key.id()).await.unwrap().record.expires_at;
    admit(&gate, &key, end - SignedDuration::from_micros(1)).await;
    assert_eq!(refusal(&gate, &key, end).await, Refusal::Expired);
    let (stranger, _) = fixture.gate();
    assert_eq!(refusal(&stranger, &key, end).await, Refusal::Expired);
    assert_eq!(refusal(&stranger, &forged(&key), end).await, Refusal::NotAuthenticated);
}

#[tokio::test]
async fn a_claimed_or_frozen_key_is_refused_and_only_the_holder_is_told_why() {
    let (fixture, key) = Fixture::with_key(60).await;
    fixture.verified_contact().await;
    fixture.rotate(key.id(), 14).await.unwrap();
    let claimed = fixture.claim(&key).await.unwrap();
    let next = &claimed.issued.api_key;
    let (gate, wire) = fixture.gate();
    assert_eq!(refusal(&gate, &forged(next), fixture.now).await, Refusal::NotAuthenticated);
    assert_eq!(refusal(&gate, next, fixture.now).await, Refusal::NotConfirmed);
    fixture.freeze(&claimed.freeze_code).await.unwrap();
    assert_eq!(refusal(&gate, next, fixture.now).await, Refusal::Frozen);
    assert_eq!(refusal(&gate, &forged(next), fixture.now).await, Refusal::NotAuthenticated);
    fixture.unfreeze(next.id()).await.unwrap();
    fixture.confirm(next).await.unwrap();
    wire.reset();
    admit(&gate, next, fixture.now).await;
    assert_eq!(calls(&wire), 1, "what the process remembers of the key is still right");
}

#[tokio::test]
async fn of_concurrent_takes_from_two_processes_exactly_the_tokens_left_pass() {
    for takes in [30, 60] {
        let (fixture, key) = Fixture::with_key(60).await;
        let gates = [fixture.gate().0, fixture.gate().0];
        let spent = Take { tokens: 50, owes_entry: false };
        gates[0].take(&key, spent, fixture.now).await.unwrap().unwrap();
        let key = Arc::new(key);
        let mut running = tokio::task::JoinSet::new();
        for number in 0..takes {
            let (gate, key, now) = (Arc::clone(&gates[number % 2]), Arc::clone(&key), fixture.now);
            running.spawn(async move { gate.take(&key, ONE, now).await.unwrap() });
        }
        let outcomes = running.join_all().await;
        let seqs: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).map(|done| done.seq).collect();
        assert_eq!(seqs.len(), 10, "of {takes}");
        assert_eq!(BTreeSet::from_iter(seqs), (1..=10).collect());
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Denial::Limited { .. }))));
        assert_eq!(fixture.directory.key(key.id()).await.unwrap().used.seq, 10);
    }
}

#[tokio::test]
async fn only_uses_that_owe_an_entry_are_counted() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, _) = fixture.gate();
    let mut seqs = Vec::new();
    for owes_entry in [true, false, false, true, false, true] {
        seqs.push(gate.take(&key, Take { tokens: 1, owes_entry }, fixture.now).await.unwrap().unwrap().seq);
    }
    assert_eq!(seqs, [1, 1, 1, 2, 2, 3]);
    let used = fixture.directory.key(key.id()).await.unwrap().used;
    assert_eq!((used.seq, used.last_used_at), (3, Some(fixture.now)));
}

#[tokio::test]
async fn a_limited_request_is_told_when_to_come_back_and_writes_nothing() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, wire) = fixture.gate();
    gate.take(&key, Take { tokens: 55, owes_entry: true }, fixture.now).await.unwrap().unwrap();
    let before = fixture.scan(tables::KEYS).await;
    wire.reset();
    let batch = Take { tokens: 10, owes_entry: true };
    let Err(Denial::Limited { key: record, limited, allowance }) = gate.take(&key, batch, fixture.now).await.unwrap()
    else {
        panic!("5 tokens were left, 10 asked for");
    };
    assert_eq!((&record.id, limited.retry_after_seconds(), allowance.remaining), (key.id(), 5, 5));
    assert_eq!(calls(&wire), 1);
    assert_eq!(fixture.scan(tables::KEYS).await, before);
    let denied = gate.take(&key, batch, fixture.now + seconds(4)).await.unwrap();
    assert!(matches!(denied, Err(Denial::Limited { .. })));
    gate.take(&key, batch, fixture.now + seconds(5)).await.unwrap().unwrap();
}

#[tokio::test]
async fn more_tokens_than_a_bucket_holds_never_pass_not_even_an_idle_key() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, _) = fixture.gate();
    let denied = gate.take(&key, Take { tokens: 61, owes_entry: true }, fixture.now).await.unwrap();
    assert!(matches!(denied, Err(Denial::Limited { .. })), "{denied:?}");
    assert_eq!(admit(&gate, &key, fixture.now).await.allowance.remaining, 59);
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_unavailable_and_no_refusal() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, wire) = fixture.gate();
    wire.fail("UpdateItem", 100);
    let failed = gate.take(&key, ONE, fixture.now).await;
    assert!(matches!(failed, Err(Error::Unavailable { operation: "dynamodb:UpdateItem", .. })), "{failed:?}");
    wire.fail("UpdateItem", 0);
    assert_eq!(admit(&gate, &key, fixture.now).await.seq, 1, "the failed request took and counted nothing");
}

/// A service that answers every request with 500, and how many there were.
fn broken_service() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (endpoint, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), [0; 8192]);
            // The request is small and sent at once; what matters of it is that it came.
            let _read = stream.read(&mut request).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            stream.write_all(b"HTTP/1.1 500 Down\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        }
    });
    (endpoint, asked)
}

#[tokio::test]
async fn a_broken_store_is_asked_once_for_a_repeat_could_take_a_second_token() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (endpoint, asked) = broken_service();
    let config = fixture.dynamo.client().config().to_builder().endpoint_url(endpoint).build();
    let gate = KeyGate::new(aws_sdk_dynamodb::Client::from_conf(config), tables::KEYS);
    let failed = gate.take(&key, ONE, fixture.now).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_update_that_meets_a_transaction_is_repeated_and_counted_once() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, wire) = fixture.gate();
    wire.refuse("UpdateItem", 3, UPDATE_BUSY);
    let admission = admit(&gate, &key, fixture.now).await;
    assert_eq!((admission.seq, admission.allowance.remaining, calls(&wire)), (1, 59, 4));
    wire.refuse("UpdateItem", 100, UPDATE_BUSY);
    let failed = gate.take(&key, ONE, fixture.now).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
    assert_eq!(calls(&wire), 4);
    assert_eq!(fixture.directory.key(key.id()).await.unwrap().used.seq, 1);
}

/// Arrivals over ten minutes at a process each, and how many of the admitted needed a second call.
async fn second_calls(arrivals: &[(i64, usize)]) -> (usize, usize) {
    let (fixture, key) = Fixture::with_key(60).await;
    let clock = ManualClock::at("2026-01-15T21:30:00Z");
    let start = clock.now();
    let gates = [fixture.gate(), fixture.gate()];
    let (mut requests, mut second) = (0, 0);
    for &(micros, process) in arrivals {
        clock.set(start + SignedDuration::from_micros(micros));
        let (gate, wire) = &gates[process];
        let outcome = gate.take(&key, ONE, clock.now()).await.unwrap();
        assert!(!matches!(outcome, Err(Denial::Refused(_))));
        let made = calls(wire);
        assert!(made == 1 || made == 2, "{made} calls");
        requests += 1;
        second += made - 1;
    }
    (requests, second)
}

/// Numbers that look random and are the same in every run (`SplitMix64`).
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[tokio::test]
async fn how_often_a_second_call_is_needed_from_two_processes() {
    const MINUTES: i64 = 10;
    const MINUTE: i64 = 60_000_000;
    // Requests a minute of both processes together, and the most of a hundred that may need a second call at random.
    for (per_minute, most) in [(1, 2), (10, 10), (60, 10)] {
        let count = MINUTES * per_minute;
        let even: Vec<_> =
            (0..count).map(|number| (number * MINUTE / per_minute, usize::from(number % 2 == 1))).collect();
        let mut seed = 2;
        let mut scattered: Vec<_> = (0..count)
            .map(|_| {
                let at = random(&mut seed) % u64::try_from(MINUTES * MINUTE).unwrap();
                (i64::try_from(at).unwrap(), usize::from(random(&mut seed) % 2 == 1))
            })
            .collect();
        scattered.sort_unstable();
        for (pattern, arrivals, most) in [("evenly", even, 0), ("at random", scattered, most)] {
            let (requests, second) = second_calls(&arrivals).await;
            println!(
                "{per_minute} requests a minute {pattern}, two processes: {second} of {requests} took a second call"
            );
            assert!(second * 100 <= requests * most, "{second} of {requests}, {pattern} at {per_minute} a minute");
        }
    }
}
