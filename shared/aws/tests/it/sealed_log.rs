//! Sealing: whoever is at it, however often, wherever it ends, it is one log.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::sealed_log::{MIN_CHECKPOINT_INTERVAL, SealError, Sealer, SearchKey, SearchRow, Sequenced};
use engine_core::audit::{Actor, ActorType, Entry, EntryId, Event, Outcome};
use engine_core::merkle::{StoredBody, decode_bodies, encode_bodies};
use engine_test_support::audit::{client_ref, draft, entry, finish, request_id};
use engine_test_support::life::Life;
use engine_test_support::service::Control;
use engine_test_support::wire::{Wire, cancelled};
use jiff::SignedDuration;
use serde_json::json;

use crate::fixture::{at, meanwhile};
use crate::sealed::{Log, RECORDS, WORK, headers, plain, root, time};

fn sequenced(new: usize, known: usize) -> Sequenced {
    Sequenced { new, known, contradicted: Vec::new() }
}

fn forked<T: std::fmt::Debug>(result: Result<T, SealError>) -> String {
    match result {
        Err(error @ SealError::Forked { .. }) => error.to_string(),
        other => panic!("not a contradiction: {other:?}"),
    }
}

fn missing<T: std::fmt::Debug>(result: Result<T, SealError>) -> String {
    match result {
        Err(error @ SealError::Missing { .. }) => error.to_string(),
        other => panic!("nothing is missing: {other:?}"),
    }
}

fn ids(entries: &[Entry]) -> Vec<EntryId> {
    entries.iter().map(Entry::id).collect()
}

#[tokio::test]
async fn entries_handed_in_twice_get_one_index_each() {
    let log = Log::start().await;
    let sealer = log.sealer();
    let entries = plain(0, 205);
    let twice = [entries[..120].to_vec(), entries[..120].to_vec()].concat();
    assert_eq!(sealer.sequence(twice).await.unwrap(), sequenced(120, 120));
    assert_eq!(sealer.missing(&ids(&entries)).await.unwrap(), ids(&entries[120..]));
    assert_eq!(sealer.sequence(entries.clone()).await.unwrap(), sequenced(85, 120));
    assert_eq!(sealer.sequence(entries).await.unwrap(), sequenced(0, 205));
    assert_eq!(sealer.sequence(Vec::new()).await.unwrap(), sequenced(0, 0));
    let integrated = sealer.integrate(time(1)).await.unwrap();
    assert_eq!((integrated.from, integrated.to), (0, 205));
    assert_eq!(log.assert_sound(205).await, headers(0, 205));
}

#[tokio::test(flavor = "multi_thread")]
async fn sealers_that_overlap_make_one_log() {
    let log = Log::start().await;
    let sealers: Vec<Sealer> = (0..4).map(|_| log.sealer()).collect();
    let tasks = sealers.iter().cloned().enumerate().map(|(turn, sealer)| {
        tokio::spawn(async move {
            let turn = u64::try_from(turn).unwrap();
            let mut new = 0;
            // Each shares half of what it hands in with the next one.
            for part in 0..3 {
                let from = part * 120 + turn * 30;
                new += sealer.sequence(plain(from, from + 60)).await.unwrap().new;
                // Their clocks differ by less than a minute.
                let seconds = i64::try_from(part * 4 + turn).unwrap() * 5;
                sealer.integrate(time(1) + SignedDuration::from_secs(seconds)).await.unwrap();
            }
            new
        })
    });
    let mut new = 0;
    for task in tasks.collect::<Vec<_>>() {
        new += task.await.unwrap();
    }
    sealers[0].integrate(time(1000)).await.unwrap();
    let mut sealed = log.assert_sound(390).await;
    assert_eq!(new, 390);
    sealed.sort_unstable();
    let mut all = headers(0, 390);
    all.sort_unstable();
    assert_eq!(sealed, all);
}

/// A sealer's whole work at that time.
async fn seal(sealer: &Sealer, from: u64, to: u64, when: u64) -> Result<(), SealError> {
    sealer.sequence(plain(from, to)).await?;
    sealer.integrate(time(when)).await.map(|_| ())
}

/// A log of `from` entries is sealed up to `to` by a process that is killed after every number of calls, and then by
/// another.
async fn killed_everywhere(from: u64, to: u64) {
    let before = if from == 0 { Log::start().await } else { Log::of(from).await };
    for calls in 0.. {
        let log = before.copy().await;
        let life = Life::new();
        life.die_after(calls);
        let died = seal(&log.sealer_of(&life), from, to, to).await;
        seal(&log.sealer(), from, to, to + 1).await.unwrap();
        assert_eq!(log.assert_sound(to).await, headers(0, to), "killed after {calls} calls");
        let indices = log.sealer().table().indices(&ids(&plain(from, to))).await.unwrap();
        assert!(plain(from, to).iter().zip(from..).all(|(entry, index)| indices[&entry.id()] == index));
        if died.is_ok() {
            assert!(calls > 15, "a run of {calls} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_first_sealer_that_is_killed_anywhere_leaves_what_the_next_completes() {
    killed_everywhere(0, 2).await;
}

#[tokio::test]
async fn a_sealer_that_is_killed_anywhere_while_tiles_fill_leaves_what_the_next_completes() {
    killed_everywhere(254, 257).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_the_head_goes_behind_and_drops_what_the_other_had() {
    let log = Log::start().await;
    let (wire, rival) = (Wire::default(), log.sealer());
    let sealer = log.sealer_on(&wire, &Control::default());
    wire.before("TransactWriteItems", move || {
        assert_eq!(meanwhile(rival.sequence(plain(2, 5))).unwrap(), sequenced(3, 0));
    });
    assert_eq!(sealer.sequence(plain(0, 4)).await.unwrap(), sequenced(2, 2));
    sealer.integrate(time(1)).await.unwrap();
    assert_eq!(log.assert_sound(5).await, [headers(2, 5), headers(0, 2)].concat());
}

#[tokio::test]
async fn conflicts_between_transactions_are_waited_out() {
    let log = Log::start().await;
    let wire = Wire::default();
    let sealer = log.sealer_on(&wire, &Control::default());
    wire.refuse("TransactWriteItems", 3, &cancelled(&["TransactionConflict", "None", "None"]));
    assert_eq!(sealer.sequence(plain(0, 1)).await.unwrap(), sequenced(1, 0));
    assert_eq!(wire.sent()["TransactWriteItems"], 4);
}

#[tokio::test]
async fn a_checkpoint_covers_what_was_sequenced_and_comes_every_five_seconds_at_most() {
    let log = Log::start().await;
    let (sealer, start) = (log.sealer(), time(1));
    let nothing = sealer.integrate(start).await.unwrap();
    assert_eq!((nothing.from, nothing.to, nothing.checkpoint), (0, 0, None));
    sealer.sequence(plain(0, 3)).await.unwrap();
    let first = sealer.integrate(start).await.unwrap();
    let checkpoint = first.checkpoint.unwrap();
    assert_eq!((first.from, first.to, checkpoint.size, checkpoint.time), (0, 3, 3, start));
    assert_eq!(checkpoint.root, root(&headers(0, 3)));
    sealer.sequence(plain(3, 4)).await.unwrap();
    let millisecond = SignedDuration::from_millis(1);
    for too_soon in [SignedDuration::ZERO, -MIN_CHECKPOINT_INTERVAL, MIN_CHECKPOINT_INTERVAL - millisecond] {
        let waits = sealer.integrate(start + too_soon).await.unwrap();
        assert_eq!((waits.from, waits.to, waits.checkpoint), (3, 3, None));
    }
    let second = sealer.integrate(start + MIN_CHECKPOINT_INTERVAL).await.unwrap();
    assert_eq!((second.from, second.to, second.checkpoint.unwrap().size), (3, 4, 4));
    log.assert_sound(4).await;
}

#[tokio::test]
async fn a_checkpoint_is_of_no_later_time_than_at_which_it_closes_what_was_swept() {
    let log = Log::start().await;
    let sealer = log.sealer();
    // Entries 0 to 2 are of 03:00; the sweep is behind.
    let minutes = |minutes| at("2026-11-22T03:00:00Z") + SignedDuration::from_mins(minutes);
    sealer.table().set_swept(minutes(0)).await.unwrap();
    sealer.sequence(plain(0, 1)).await.unwrap();
    let first = sealer.integrate(minutes(20)).await.unwrap().checkpoint.unwrap();
    assert_eq!(first.time, minutes(5), "all of a time up to 03:00 is under it");
    sealer.sequence(plain(1, 2)).await.unwrap();
    let waits = sealer.integrate(minutes(21)).await.unwrap();
    assert_eq!((waits.to, waits.checkpoint), (1, None), "nothing later is promised before it was swept");
    sealer.table().set_swept(minutes(2)).await.unwrap();
    let second = sealer.integrate(minutes(22)).await.unwrap().checkpoint.unwrap();
    assert_eq!((second.size, second.time), (2, minutes(7)));
    sealer.sequence(plain(2, 3)).await.unwrap();
    sealer.table().set_swept(minutes(30)).await.unwrap();
    let soon = sealer.integrate(minutes(22) + SignedDuration::from_secs(4)).await.unwrap();
    assert_eq!(soon.checkpoint, None, "the interval is the clock's, not that of the times that are stated");
    let third = sealer.integrate(minutes(23)).await.unwrap().checkpoint.unwrap();
    assert_eq!((third.size, third.time), (3, minutes(23)));
    log.assert_sound(3).await;
}

#[tokio::test]
async fn a_checkpoint_holds_no_entry_of_a_later_time_than_its_own() {
    let log = Log::start().await;
    let sealer = log.sealer();
    let minutes = |minutes| at("2026-11-22T03:00:00Z") + SignedDuration::from_mins(minutes);
    let made = |n: u64, when| entry(n, Event::QuoteCreate, when, None, None);
    sealer.table().set_swept(minutes(0)).await.unwrap();
    for (n, when) in [(0, minutes(4)), (1, minutes(9)), (2, minutes(6))] {
        sealer.sequence(vec![made(n, when)]).await.unwrap();
        let waits = sealer.integrate(minutes(10)).await.unwrap();
        assert_eq!((waits.to, waits.checkpoint.is_some()), (1, n == 0), "entry {n}");
    }
    // What was integrated meanwhile is gone on from, and no part of it is forgotten.
    sealer.table().set_swept(minutes(3)).await.unwrap();
    assert_eq!(sealer.integrate(minutes(11)).await.unwrap().checkpoint, None, "one is of 03:09");
    for key in log.s3.keys(WORK).into_iter().filter(|key| key.starts_with("tile/")) {
        log.s3.remove(WORK, &key);
    }
    sealer.table().set_swept(minutes(4)).await.unwrap();
    let checkpoint = sealer.integrate(minutes(12)).await.unwrap().checkpoint.unwrap();
    assert_eq!((checkpoint.size, checkpoint.time), (3, minutes(9)));
    // A clock that is ahead holds nothing up, once all is swept.
    sealer.sequence(vec![made(3, minutes(60))]).await.unwrap();
    sealer.table().set_swept(minutes(10)).await.unwrap();
    assert_eq!(sealer.integrate(minutes(14)).await.unwrap().checkpoint.unwrap().time, minutes(14));
    log.assert_sound(4).await;
}

#[tokio::test]
async fn a_checkpoint_is_of_no_time_before_its_key_is_valid() {
    let log = Log::start().await;
    let sealer = log.sealer();
    sealer.sequence(plain(0, 1)).await.unwrap();
    let early = sealer.integrate_under(time(1), time(1) + SignedDuration::from_millis(1)).await.unwrap();
    assert_eq!((early.to, early.checkpoint), (0, None));
    assert_eq!(sealer.integrate_under(time(1), time(1)).await.unwrap().to, 1);
}

#[tokio::test]
async fn a_newest_checkpoint_that_is_ahead_of_the_clock_stops_the_log() {
    let log = Log::of(3).await;
    let sealer = log.sealer();
    let minute = SignedDuration::from_mins(1);
    assert_eq!(sealer.integrate(time(3) - minute).await.unwrap().checkpoint, None, "clocks differ");
    let cause = forked(sealer.integrate(time(3) - minute - SignedDuration::from_millis(1)).await);
    assert!(cause.contains("the newest checkpoint's time"), "{cause}");
}

#[tokio::test]
async fn a_known_entry_that_is_handed_in_with_another_header_is_named() {
    let log = Log::start().await;
    let sealer = log.sealer();
    let entries = plain(0, 3);
    let mut other = draft(1, Event::ClientCreate, at("2026-11-22T03:00:00.001Z"));
    other.id = entries[1].id();
    let other = finish(other);
    let twice = [entries.clone(), vec![other.clone()]].concat();
    let named = Sequenced { new: 3, known: 1, contradicted: vec![other.id()] };
    assert_eq!(sealer.sequence(twice).await.unwrap(), named, "within a call, the first counts");
    let named = Sequenced { new: 0, known: 2, contradicted: vec![other.id()] };
    assert_eq!(sealer.sequence(vec![entries[0].clone(), other]).await.unwrap(), named);
    sealer.integrate(time(1)).await.unwrap();
    assert_eq!(log.assert_sound(3).await, headers(0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_sealers_at_once_one_signs_and_the_other_leaves_it_to_them() {
    let log = Log::start().await;
    let (wire, rival) = (Wire::default(), log.sealer());
    let sealer = log.sealer_on(&wire, &Control::default());
    sealer.sequence(plain(0, 2)).await.unwrap();
    wire.before("PutItem", move || {
        meanwhile(rival.sequence(plain(2, 3))).unwrap();
        assert_eq!(meanwhile(rival.integrate(time(2))).unwrap().to, 3);
    });
    let slower = sealer.integrate(time(1)).await.unwrap();
    assert_eq!((slower.to, slower.checkpoint), (3, None));
    assert_eq!(log.reader().checkpoint(2).await.unwrap(), None, "no checkpoint is locked away that is not the newest");
    log.assert_sound(3).await;
}

#[tokio::test]
async fn an_object_put_over_a_locked_one_changes_nothing() {
    let log = Log::of(257).await;
    for key in log.s3.keys(RECORDS) {
        log.s3.put_version(RECORDS, &key, b"something else");
    }
    log.grow(257, 260).await;
    assert_eq!(log.assert_sound(260).await, headers(0, 260));
}

#[tokio::test]
async fn foreign_bytes_where_an_object_is_to_be_locked_stop_the_log() {
    for key in ["tile/0/000", "tile/entries/000", "tile/bodies/000", "checkpoints/0000000000000257"] {
        let log = Log::of(250).await;
        log.s3.put_version(RECORDS, key, &[0; 8192]);
        let sealer = log.sealer();
        let sequenced = sealer.sequence(plain(250, 257)).await;
        if key.starts_with("checkpoints/") {
            let cause = forked(sequenced);
            assert!(cause.contains("257"), "{cause}");
            continue;
        }
        sequenced.unwrap();
        for attempt in 1..3 {
            let cause = forked(sealer.integrate(time(300 + attempt)).await);
            assert!(cause.contains(key), "{key}: {cause}");
        }
        assert_eq!(log.sealer().table().newest().await.unwrap().unwrap().size, 250, "{key}");
    }
}

#[tokio::test]
async fn a_table_that_was_set_back_does_not_seal_beside_the_locked_checkpoints() {
    let log = Log::start().await;
    log.grow(0, 3).await;
    let before = log.items().await;
    log.grow(3, 6).await;
    for item in log.items().await {
        let client = log.dynamo.client();
        let key = item.into_iter().filter(|(name, _)| name == "pk" || name == "sk").collect();
        client.delete_item().table_name("log").set_key(Some(key)).send().await.unwrap();
    }
    let sealer = log.sealer();
    forked(sealer.sequence(plain(50, 54)).await);
    for item in before {
        log.put_item(item).await;
    }
    forked(sealer.sequence(plain(50, 54)).await);
    assert_eq!(sealer.table().head().await.unwrap(), 3, "no index is given out twice");
    assert_eq!(sealer.sequence(plain(0, 3)).await.unwrap(), sequenced(0, 3), "what is known needs none");
    forked(sealer.integrate(time(100)).await);
    log.assert_sound(6).await;
}

#[tokio::test]
async fn a_newest_checkpoint_that_is_not_the_locked_one_stops_the_log() {
    for (name, value) in [
        ("root", AttributeValue::S("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned())),
        ("size", AttributeValue::N("2".to_owned())),
        ("time", AttributeValue::N("1".to_owned())),
        ("note", AttributeValue::S("a note\n".to_owned())),
    ] {
        let log = Log::of(3).await;
        let items = log.items().await;
        let mut newest = items.into_iter().find(|item| item["pk"].as_s().unwrap() == "newest").unwrap();
        newest.insert(name.to_owned(), value);
        log.put_item(newest).await;
        log.sealer().sequence(plain(3, 4)).await.unwrap();
        forked(log.sealer().integrate(time(100)).await);
    }
}

#[tokio::test]
async fn the_tree_is_made_again_where_working_copies_are_gone_or_altered() {
    let log = Log::start().await;
    log.grow(0, 255).await;
    log.grow(255, 515).await;
    let partials = || log.s3.keys(WORK).into_iter().filter(|key| key.starts_with("tile/")).collect::<Vec<_>>();
    for key in partials() {
        log.s3.remove(WORK, &key);
    }
    log.grow(515, 520).await;
    for key in partials() {
        let mut bytes = log.s3.current(WORK, &key).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        log.s3.put_version(WORK, &key, &bytes);
    }
    log.grow(520, 523).await;
    assert_eq!(log.assert_sound(523).await, headers(0, 523));
    // No root covers the bodies: one that is said to be apart, and is not, would be lost with the next full bundle.
    let bodies = decode_bodies(&log.s3.current(WORK, "tile/bodies/002.p/11").unwrap()).unwrap();
    let apart = encode_bodies(&vec![StoredBody::Apart; bodies.len()]).unwrap();
    log.s3.put_version(WORK, "tile/bodies/002.p/11", &apart);
    log.grow(523, 770).await;
    assert_eq!(log.assert_sound(770).await, headers(0, 770));
}

#[tokio::test]
async fn a_batch_whose_object_is_gone_is_read_from_the_bundles_or_named() {
    let log = Log::start().await;
    let (sealer, life) = (log.sealer(), Life::new());
    sealer.sequence(plain(0, 260)).await.unwrap();
    let objects = || log.s3.keys(WORK).into_iter().filter(|key| key.starts_with("batches/")).collect::<Vec<_>>();
    // Without a key to sign with, everything but the checkpoint is made.
    let control = Control::of(&life);
    control.deny("Sign");
    assert!(log.sealer_on(&Wire::of(&life), &control).integrate(time(1)).await.is_err());
    for key in objects() {
        log.s3.remove(WORK, &key);
    }
    sealer.integrate(time(2)).await.unwrap();
    log.assert_sound(260).await;

    sealer.sequence(plain(260, 270)).await.unwrap();
    let object = objects().remove(0);
    let bytes = log.s3.current(WORK, &object).unwrap();
    log.s3.remove(WORK, &object);
    let cause = missing(sealer.integrate(time(3)).await);
    assert!(cause.contains(&object), "{cause}");
    log.s3.put_version(WORK, &object, &[&bytes[..], b" "].concat());
    forked(sealer.integrate(time(3)).await);
    log.s3.put_version(WORK, &object, &bytes);
    sealer.integrate(time(3)).await.unwrap();
    log.assert_sound(270).await;
}

#[tokio::test]
async fn batches_that_do_not_join_stop_the_log() {
    let log = Log::start().await;
    let sealer = log.sealer();
    sealer.sequence(plain(0, 200)).await.unwrap();
    let items = log.items().await;
    let mut batch = items.into_iter().find(|item| item["pk"].as_s().unwrap() == "batch").unwrap();
    batch.insert("count".to_owned(), AttributeValue::N("3".to_owned()));
    log.put_item(batch).await;
    forked(sealer.integrate(time(1)).await);
}

/// An entry of `event` with those details, in the name of a client.
fn telling(n: u64, event: Event, outcome: Outcome, client: Option<&str>, details: serde_json::Value) -> Entry {
    let mut draft = draft(n, event, at("2026-11-22T03:00:00Z"));
    (draft.outcome, draft.client_ref, draft.body.details) = (outcome, client.map(client_ref), details);
    draft.body.actor = Actor { kind: ActorType::System, id: "test".to_owned(), roles: Vec::new() };
    finish(draft)
}

#[tokio::test]
async fn references_are_anchored_where_they_are_first_opened() {
    let log = Log::start().await;
    let import = |snapshot: &str, digest: Option<&str>| json!({ "snapshot_id": snapshot, "references_sha256": digest, "text": "x".repeat(20_000) });
    let (done, refused) = (Outcome::Success, Outcome::Refused);
    let entries = vec![
        telling(0, Event::ClientCreate, refused, Some("alpha"), json!({})),
        telling(1, Event::ClientCreate, done, Some("alpha"), json!({})),
        telling(2, Event::QuoteCreate, done, Some("beta"), json!({})),
        telling(3, Event::ClientCreate, done, Some("alpha"), json!({})),
        telling(4, Event::SnapshotImport, done, None, import("first", Some("digest"))),
        telling(5, Event::SnapshotImport, done, None, import("second", None)),
        telling(6, Event::SnapshotImport, done, None, import("third", Some("digest"))),
        telling(7, Event::ImportRefuse, refused, None, import("fourth", Some("digest"))),
    ];
    let sealer = log.sealer();
    sealer.sequence(entries.clone()).await.unwrap();
    sealer.integrate(time(1)).await.unwrap();
    let reader = log.reader();
    let anchor = async |client: &str| reader.client_anchor(client_ref(client).as_str()).await.unwrap();
    assert_eq!((anchor("alpha").await, anchor("beta").await), (Some(1), None));
    assert_eq!(reader.snapshot_anchors().await.unwrap(), [4, 6]);
    assert_eq!(reader.snapshot_anchor(6).await.unwrap().unwrap().snapshot, "third");
    assert_eq!(reader.snapshot_anchor(5).await.unwrap(), None);
    // Bodies that are too long to be kept beside others are read all the same.
    assert_eq!(reader.entry(4, 8).await.unwrap(), entries[4]);
    assert_eq!(log.s3.keys(RECORDS).iter().filter(|key| key.starts_with("bodies/")).count(), 4);
}

#[tokio::test]
async fn entries_are_found_by_what_their_headers_name_newest_first() {
    let log = Log::start().await;
    let sealer = log.sealer();
    let when = |n: u64| at("2026-11-22T03:00:00Z") + Duration::from_millis(n);
    let clients = [Some("alpha"), Some("beta"), None];
    let entries: Vec<Entry> = (0..9)
        .zip(clients.iter().cycle())
        .map(|(n, client)| entry(n, Event::QuoteCreate, when(n), *client, Some("KO")))
        .collect();
    sealer.sequence(entries.clone()).await.unwrap();
    sealer.integrate(time(1)).await.unwrap();
    let search = log.search();
    let row = |index: usize| SearchRow { index: index as u64, header: entries[index].header().to_owned() };
    let header = entries[3].read_header().unwrap();
    let (client, subject) = (header.client_ref.unwrap(), header.subject_ref.unwrap());
    for (key, before, limit, found) in [
        (SearchKey::Client(client.clone()), None, 10, vec![6, 3, 0]),
        (SearchKey::Client(client.clone()), Some(6), 10, vec![3, 0]),
        (SearchKey::Client(client), None, 2, vec![6, 3]),
        (SearchKey::Subject(subject), Some(8), 3, vec![7, 6, 5]),
        (SearchKey::Actor(header.actor_ref), Some(2), 10, vec![1, 0]),
        (SearchKey::Request(request_id(4)), None, 1, vec![4]),
        (SearchKey::Request(request_id(99)), None, 1, vec![]),
    ] {
        let rows = search.page(&key, before, limit).await.unwrap();
        assert_eq!(rows, found.into_iter().map(row).collect::<Vec<_>>(), "{key:?}");
    }
    assert_eq!(search.index_of(entries[7].id()).await.unwrap(), Some(7));
    assert_eq!(search.index_of(plain(99, 100)[0].id()).await.unwrap(), None);
}

#[tokio::test]
async fn the_sweep_only_moves_forward() {
    let log = Log::start().await;
    let sealer = log.sealer();
    let table = sealer.table();
    assert_eq!(table.swept().await.unwrap(), None);
    for (minute, swept) in [(10, 10), (5, 10), (10, 10), (11, 11)] {
        table.set_swept(time(minute)).await.unwrap();
        assert_eq!(table.swept().await.unwrap(), Some(time(swept)));
    }
}

#[tokio::test]
async fn an_entry_that_fits_no_bundle_is_refused_and_named() {
    let log = Log::start().await;
    let mut draft = draft(0, Event::QuoteCreate, time(0));
    draft.request_id = "r".repeat(66_000);
    let refused = log.sealer().sequence(vec![finish(draft)]).await;
    assert!(matches!(refused, Err(SealError::Unsealable { .. })), "{refused:?}");
}
