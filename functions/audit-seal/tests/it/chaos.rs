//! Everything at once: many writers, a stream that repeats, mixes and loses, sealers that meet each other and are killed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use engine_aws::audit_log::AuditLog;
use engine_core::audit::{Entry, Event};
use engine_core::merkle::{Frontier, leaf_hash, verify_consistency};
use engine_test_support::audit;
use engine_test_support::life::Life;
use engine_test_support::stream;
use engine_test_support::wire::cancelled;
use jiff::SignedDuration;
use serde_json::Value;

use crate::rig::{RECORDS, Rig, at, schedule};

const ENTRIES: u64 = 20_000;
const WRITERS: u64 = 16;
/// Entries that a writer appends one by one; the rest in transactions, as changes are, which spares the test most of its time.
const ALONE: usize = 50;
/// Time between two entries: a busy five minutes.
const STEP: SignedDuration = SignedDuration::from_millis(15);
/// What the clock goes on by with each batch: the sealers begin when minutes begin to settle, and end before all have.
const TURN: SignedDuration = SignedDuration::from_secs(2);
const SHARDS: usize = 8;
/// Most records of a batch.
const BATCH: usize = 800;

/// Numbers that look random and are the same each time (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Entry `n`, one in ten about a client and a ticker: search rows are the sealer's most writes.
fn entry(n: u64) -> Entry {
    let about = |name| (n.is_multiple_of(10)).then_some(name);
    let time = at(audit::START) + STEP * i32::try_from(n).unwrap();
    audit::entry(n, Event::QuoteCreate, time, about("alpha"), about("GME"))
}

/// What happened to the sealers.
#[derive(Debug, Default)]
struct Fate {
    runs: usize,
    killed: usize,
    conflicts: usize,
    scheduled: usize,
}

/// The stream as sealers get it: over shards by partition, cut into batches of any length, some told twice, out of step
/// with each other, one shard late, and some batches of it never.
fn batches(audit: &AuditLog, entries: &[Entry], dice: &mut Dice) -> VecDeque<Vec<Value>> {
    let mut shards = vec![Vec::new(); SHARDS];
    for entry in entries {
        let shard = entry.id().partition().bytes().map(usize::from).sum::<usize>() % SHARDS;
        let items = audit.transact_items(entry).unwrap().into_iter().map(|item| item.put.unwrap().item);
        shards[shard].extend(items.map(|item| stream::insert(&item)));
    }
    let late = shards.pop().unwrap();
    let mut told = Vec::new();
    for mut shard in shards {
        while !shard.is_empty() {
            let rest = shard.split_off((1 + dice.below(BATCH)).min(shard.len()));
            // Batches that overlap are what a split shard or a lost answer makes.
            let again = shard[shard.len() / 2..].to_vec();
            told.extend([(shard, 90), (again, 20)].into_iter().filter(|(_, percent)| dice.below(100) < *percent));
            shard = rest;
        }
    }
    dice.shuffle(&mut told);
    let mut told: VecDeque<_> = told.into_iter().map(|(batch, _)| batch).collect();
    told.extend(late.chunks(BATCH).map(<[_]>::to_vec));
    told
}

/// A process that takes batches as long as there are any. One that fails is told again, to a new process.
async fn seal(rig: Arc<Rig>, queue: Arc<Mutex<VecDeque<Vec<Value>>>>, mut dice: Dice) -> Fate {
    let mut fate = Fate::default();
    loop {
        let Some(batch) = queue.lock().unwrap().pop_front() else { return fate };
        let life = Life::new();
        let (function, wire) = rig.mortal(&life);
        if dice.below(3) == 0 {
            life.die_after(dice.below(80));
        }
        if dice.below(4) == 0 {
            fate.conflicts += 1;
            wire.refuse("TransactWriteItems", 1 + dice.below(3), &cancelled(&["TransactionConflict"; 100]));
        }
        rig.clock.advance(TURN);
        fate.runs += 1;
        if dice.below(6) == 0 && function.handle(schedule(), "run").await.is_ok() {
            // What it swept, the stream tells of later or never.
            fate.scheduled += 1;
        }
        if function.handle(stream::event(batch.clone()), "run").await.is_err() {
            fate.killed += usize::from(life.is_over());
            queue.lock().unwrap().push_front(batch);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_log_holds_each_entry_once_and_every_checkpoint_extends_the_last() {
    let rig = Rig::unswept().await;
    rig.table().set_swept(at(audit::START)).await.unwrap();
    let entries: Vec<_> = (0..ENTRIES).map(entry).collect();

    let started = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for entries in entries.chunks((ENTRIES / WRITERS).try_into().unwrap()) {
        let (audit, client, entries) = (rig.audit(), rig.dynamo.client(), entries.to_vec());
        writers.spawn(async move {
            let (alone, together) = entries.split_at(ALONE);
            for entry in alone {
                audit.append(entry).await.unwrap();
            }
            for entries in together.chunks(100) {
                let puts = entries.iter().flat_map(|entry| audit.transact_items(entry).unwrap()).collect();
                client.transact_write_items().set_transact_items(Some(puts)).send().await.unwrap();
            }
        });
    }
    writers.join_all().await;
    println!("appended {ENTRIES} entries by {WRITERS} writers in {:?}", started.elapsed());

    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let queue = Arc::new(Mutex::new(batches(&rig.audit(), &entries, &mut dice)));
    let rig = Arc::new(rig);
    rig.clock.set(at("2026-11-22T03:03:00Z"));
    let started = Instant::now();
    let [one, other] = [1, 2].map(|number| seal(Arc::clone(&rig), Arc::clone(&queue), Dice(dice.0 ^ number)));
    let (one, other) = tokio::join!(tokio::spawn(one), tokio::spawn(other));
    let took = started.elapsed();
    let (one, other, by_stream) = (one.unwrap(), other.unwrap(), rig.table().head().await.unwrap());
    println!("sealed {by_stream} entries, most from the stream, in {took:?}: {} a second", rate(by_stream, took));
    println!("{one:?} {other:?}");
    assert!(one.killed + other.killed > 3 && one.conflicts + other.conflicts > 3, "the chaos was none");
    assert!(one.scheduled + other.scheduled > 3 && by_stream < ENTRIES, "the stream lost something");

    rig.clock.set(at("2026-11-22T03:12:00Z"));
    let started = Instant::now();
    let done = rig.schedule().await.unwrap();
    println!("swept {} entries in {:?}", done.swept, started.elapsed());
    assert!(rig.table().swept().await.unwrap().unwrap() > entries[entries.len() - 1].id().time(), "all minutes");
    assert!(done.swept > 0 && done.swept < ENTRIES / 4, "{done:?}");
    rig.schedule().await.unwrap();
    let size = rig.checkpoint().await.unwrap().size;
    assert_eq!(size, rig.table().head().await.unwrap());

    let started = Instant::now();
    let log = rig.log().await;
    let mut appended: Vec<_> = log.iter().filter(|entry| !entry.header().contains("key.register")).cloned().collect();
    assert_eq!(log.len() - appended.len(), 2, "the keys of log and tokens");
    appended.sort_by_key(Entry::id);
    assert!(appended == entries, "the log holds each entry once, as it was appended");

    let (reader, register) = (rig.reader(), rig.register().await);
    let mut checkpoints = Vec::new();
    for key in rig.s3.keys(RECORDS).iter().filter_map(|key| key.strip_prefix("checkpoints/")) {
        let stored = reader.checkpoint(key.parse().unwrap()).await.unwrap().unwrap();
        checkpoints.push(register.open_checkpoint(&stored.note).unwrap());
    }
    for pair in checkpoints.windows(2) {
        let [older, newer] = pair else { unreachable!() };
        let proof = reader.consistency_proof(older.size, newer.size).await.unwrap();
        verify_consistency(older.size, newer.size, older.root, newer.root, &proof).unwrap();
        assert!(older.time < newer.time);
    }
    let mut tree = Frontier::new();
    for entry in &log {
        tree.push(leaf_hash(entry.header().as_bytes()));
    }
    assert_eq!(tree.root(), checkpoints.last().unwrap().root);
    println!("{} checkpoints, each extending the last; all checked in {:?}", checkpoints.len(), started.elapsed());
    assert!(checkpoints.len() > 10);
}

fn rate(entries: u64, took: std::time::Duration) -> u128 {
    u128::from(entries) * 1000 / took.as_millis().max(1)
}
