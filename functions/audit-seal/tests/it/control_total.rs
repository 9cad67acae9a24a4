//! The total of a day.

use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::audit::{Entry, EntryId, Event, Outcome};
use engine_core::hex;
use engine_test_support::audit;
use engine_test_support::dynamo::tables;
use engine_test_support::life::Life;
use engine_test_support::wire::Wire;
use serde_json::{Value, json};

use crate::rig::{Logged, Rig, at, inserts, schedule};

fn quote(n: u64, time: &str, key: &str, seq: u64) -> Entry {
    let mut draft = audit::draft(n, Event::QuoteCreate, at(time));
    draft.body.details = json!({ "key_id": key, "key_seq": seq });
    audit::finish(draft)
}

fn import(n: u64, time: &str, event: Event) -> Entry {
    let mut draft = audit::draft(n, event, at(time));
    draft.outcome = if event == Event::SnapshotImport { Outcome::Success } else { Outcome::Refused };
    draft.body.details = json!({
        "import_id": "i1", "source": "short_stock", "object": "short-stock/usa.txt", "object_version": "v1",
        "file_sha256": "f".repeat(64), "snapshot_id": "s1", "reasons": [],
    });
    audit::finish(draft)
}

impl Rig {
    /// Seals what the stream tells at that time.
    async fn seal_at(&self, time: &str, entries: &[Entry]) {
        self.clock.set(at(time));
        self.append(entries).await;
        self.stream(inserts(entries)).await.unwrap();
    }

    /// Makes as if all minutes before `time` had been swept, and those of its day swept again.
    async fn swept_to(&self, time: &str) {
        self.table().set_swept(at(time)).await.unwrap();
        let client = self.dynamo.client_on(&Wire::default());
        client
            .put_item()
            .table_name(tables::LOG)
            .item("pk", AttributeValue::S("control".into()))
            .item("sk", AttributeValue::S(time[..10].into()))
            .item("minute", AttributeValue::N(at(time).as_millisecond().to_string()))
            .send()
            .await
            .unwrap();
    }

    /// A day with quotes by two keys, an import and what was refused, and the start of the next.
    async fn days(&self) -> Vec<Entry> {
        let entries = vec![
            quote(0, "2026-11-22T03:00:00Z", "bre_live_a", 41),
            quote(1, "2026-11-22T03:00:01Z", "bre_live_b", 7),
            quote(2, "2026-11-22T03:00:02Z", "bre_live_a", 43),
            quote(3, "2026-11-22T03:00:03Z", "bre_live_a", 42),
            import(4, "2026-11-22T03:00:04Z", Event::SnapshotImport),
            import(5, "2026-11-22T03:00:05Z", Event::ImportRefuse),
            quote(6, "2026-11-22T23:59:59.999Z", "bre_live_b", 8),
            quote(7, "2026-11-23T00:00:00Z", "bre_live_b", 9),
            quote(8, "2026-11-23T00:06:00Z", "bre_live_b", 10),
        ];
        self.seal_at("2026-11-22T03:10:00Z", &entries[..6]).await;
        // Records the two keys.
        self.schedule().await.unwrap();
        // The last of the day and the first of the next under one checkpoint.
        self.seal_at("2026-11-23T00:00:10Z", &entries[6..8]).await;
        entries
    }

    /// Scheduled runs until the total of `day` is in the log; answers how many it took.
    async fn until_total(&self, day: &str) -> usize {
        for run in 1..=4 {
            if self.schedule().await.unwrap().control_total.as_deref() == Some(day) {
                return run;
            }
        }
        panic!("no total");
    }

    /// The details of every total in the log.
    async fn totals(&self) -> Vec<Value> {
        self.log_of("control.total").await.into_iter().map(|(_, mut body)| body["details"].take()).collect()
    }
}

#[tokio::test]
async fn the_total_of_a_day_says_what_the_log_holds_of_it() {
    let rig = Rig::start().await;
    let entries = rig.days().await;
    rig.swept_to("2026-11-22T23:59:00Z").await;
    rig.clock.set(at("2026-11-23T00:04:00Z"));
    assert_eq!(rig.schedule().await.unwrap().control_total, None, "entries of the day may still come");
    rig.seal_at("2026-11-23T00:06:01Z", &entries[8..]).await;
    rig.until_total("2026-11-22").await;
    rig.schedule().await.unwrap();
    let totals = rig.totals().await;
    let [total] = totals.as_slice() else { panic!("one total: {totals:?}") };
    let expected = json!({
        "day": "2026-11-22",
        "tree_size": total["tree_size"],
        "first_index": 0,
        "last_index": 8,
        "entries": 9,
        "by_event": { "key.register": 2, "quote.create": 5, "snapshot.import": 1, "import.refuse": 1 },
        "last_seq": { "bre_live_a": 43, "bre_live_b": 8 },
        "files": [{
            "index": 4, "import_id": "i1", "source": "short_stock", "object": "short-stock/usa.txt", "object_version": "v1",
            "file_sha256": "f".repeat(64), "snapshot_id": "s1",
        }],
    });
    assert_eq!(total, &expected);
    let (header, body) = &rig.log_of("control.total").await[0];
    assert_eq!((&body["resource"], &header["request_id"]), (&json!("day:2026-11-22"), &json!("2026-11-22")));
    // It says when it could be told, not a time of a day that was over: a range of that day has no place for it.
    assert!(header["time"].as_str().unwrap() > "2026-11-23T00:05", "{header}");
}

#[tokio::test]
async fn an_entry_that_every_sweep_before_missed_is_found_by_the_day_s_and_counted() {
    let rig = Rig::start().await;
    let entries = rig.days().await;
    let late = quote(20, "2026-11-22T23:58:30Z", "bre_live_c", 1);
    rig.append(std::slice::from_ref(&late)).await;
    rig.swept_to("2026-11-22T23:58:00Z").await;
    rig.table().set_swept(at("2026-11-23T00:03:00Z")).await.unwrap();
    rig.seal_at("2026-11-23T00:06:01Z", &entries[8..]).await;
    rig.until_total("2026-11-22").await;
    rig.schedule().await.unwrap();
    let total = &rig.totals().await[0];
    assert_eq!((&total["entries"], &total["last_seq"]["bre_live_c"]), (&json!(10), &json!(1)));
    assert!(total["last_index"].as_u64().unwrap() > 9, "{total}");
}

#[tokio::test]
async fn a_day_has_one_total_whoever_makes_it_and_however_often() {
    let rig = Rig::start().await;
    let entries = rig.days().await;
    rig.swept_to("2026-11-22T23:59:00Z").await;
    rig.seal_at("2026-11-23T00:06:01Z", &entries[8..]).await;
    for _ in 0..3 {
        rig.clock.advance(jiff::SignedDuration::from_secs(6));
        let (one, other) = (rig.function(), rig.mortal(&Life::new()).0);
        let (one, other) = tokio::join!(one.handle(schedule(), "one"), other.handle(schedule(), "other"));
        one.unwrap();
        other.unwrap();
    }
    rig.schedule().await.unwrap();
    assert_eq!(rig.totals().await.len(), 1);
}

#[tokio::test]
async fn a_total_whose_run_was_cut_off_anywhere_is_completed_by_the_next() {
    for calls in (0..).step_by(7) {
        let rig = Rig::start().await;
        let entries = rig.days().await;
        rig.swept_to("2026-11-22T23:59:00Z").await;
        rig.table().set_swept(at("2026-11-23T00:03:00Z")).await.unwrap();
        rig.seal_at("2026-11-23T00:06:01Z", &entries[8..]).await;
        // The run before the one that makes the total.
        rig.schedule().await.unwrap();
        rig.clock.advance(jiff::SignedDuration::from_secs(6));
        let life = Life::new();
        let (function, _) = rig.mortal(&life);
        life.die_after(calls);
        let ended = function.handle(schedule(), "cut off").await.is_ok();
        for _ in 0..2 {
            rig.schedule().await.unwrap();
        }
        assert_eq!(rig.totals().await.len(), 1, "after {calls} calls");
        if ended {
            return;
        }
    }
}

#[tokio::test]
async fn days_are_totalled_one_after_another_and_one_without_entries_says_so() {
    let rig = Rig::start().await;
    let entries = rig.days().await;
    rig.swept_to("2026-11-22T23:59:00Z").await;
    rig.seal_at("2026-11-23T00:06:01Z", &entries[8..]).await;
    for day in ["2026-11-23T23:59:00Z", "2026-11-24T23:59:00Z"] {
        rig.swept_to(day).await;
    }
    rig.table().set_swept(at("2026-11-25T00:03:00Z")).await.unwrap();
    rig.seal_at("2026-11-25T00:06:00Z", &[quote(30, "2026-11-25T00:05:59Z", "bre_live_b", 11)]).await;
    for day in ["2026-11-22", "2026-11-23", "2026-11-24"] {
        rig.until_total(day).await;
    }
    rig.schedule().await.unwrap();
    let totals = rig.totals().await;
    let told: Vec<_> = totals.iter().map(|total| (total["entries"].as_u64(), total["first_index"].as_u64())).collect();
    assert_eq!(told, [(Some(9), Some(0)), (Some(2), Some(9)), (Some(0), None)]);
}

#[tokio::test]
async fn days_on_which_nothing_happens_have_their_totals_each_on_the_day_after() {
    let rig = Rig::start().await;
    rig.seal_at("2026-11-22T03:10:00Z", &[quote(0, "2026-11-22T03:00:00Z", "bre_live_a", 1)]).await;
    rig.schedule().await.unwrap();
    let mut covered = rig.checkpoint().await.unwrap().size;
    for (day, next) in [("2026-11-22", "2026-11-23"), ("2026-11-23", "2026-11-24"), ("2026-11-24", "2026-11-25")] {
        rig.swept_to(&format!("{day}T23:59:00Z")).await;
        rig.clock.set(at(&format!("{next}T00:04:50Z")));
        assert_eq!(rig.schedule().await.unwrap().control_total, None, "{day}: entries may still come");
        rig.clock.set(at(&format!("{next}T00:05:00Z")));
        assert_eq!(rig.until_total(day).await, 1);
        rig.schedule().await.unwrap();
        let size = rig.checkpoint().await.unwrap().size;
        assert_eq!(size, covered + 1, "{day}: and with it, what is not full is put once more");
        covered = size;
    }
    let totals = rig.totals().await;
    let entries: Vec<_> = totals.iter().map(|total| total["entries"].as_u64().unwrap()).collect();
    assert_eq!(entries, [3, 1, 1], "the keys, and on each day the total of the one before");
    for ((header, _), day) in rig.log_of("control.total").await.iter().zip(23..) {
        assert_eq!(header["time"], format!("2026-11-{day}T00:05:06.000Z"));
    }
}

#[tokio::test]
async fn no_day_is_totalled_before_the_sweep_is_past_it() {
    let rig = Rig::start().await;
    rig.seal_at("2026-11-22T03:10:00Z", &[quote(0, "2026-11-22T03:00:00Z", "bre_live_a", 1)]).await;
    rig.schedule().await.unwrap();
    rig.swept_to("2026-11-22T23:59:00Z").await;
    rig.clock.set(at("2026-11-23T00:10:00Z"));
    rig.dynamo.wire().fail("Query", 1000);
    let failed = rig.schedule().await.unwrap_err();
    assert_eq!(failed.0.iter().map(|(step, _)| *step).collect::<Vec<_>>(), ["audit.sweep"], "{failed}");
}

#[tokio::test]
async fn an_entry_of_another_age_has_no_day_counted_that_was_never_complete() {
    let rig = Rig::start().await;
    rig.seal_at("2026-11-22T03:10:00Z", &[quote(0, "2001-01-01T00:00:00Z", "bre_live_a", 1)]).await;
    rig.swept_to("2026-11-21T23:59:00Z").await;
    assert_eq!(rig.schedule().await.unwrap().control_total.as_deref(), Some("2026-11-21"));
}

#[tokio::test]
async fn an_entry_in_the_place_of_a_total_is_reported_and_not_taken_for_it() {
    let total_id = async |rig: &Rig| {
        let entries = rig.days().await;
        rig.swept_to("2026-11-22T23:59:00Z").await;
        rig.table().set_swept(at("2026-11-23T00:03:00Z")).await.unwrap();
        rig.seal_at("2026-11-23T00:06:01Z", &entries[8..]).await;
        rig.until_total("2026-11-22").await;
        rig.schedule().await.unwrap();
        rig.log_of("control.total").await[0].0["id"].as_str().unwrap().to_owned()
    };
    let id = EntryId::parse(&total_id(&Rig::start().await).await).unwrap();
    assert_ne!(
        id.to_string()[14..],
        EntryId::new(id.time(), hex_bytes(&hex::sha256(b"control.total\n2026-11-22"))).to_string()[14..],
        "nobody knows it before"
    );
    for sealed in [false, true] {
        let rig = Rig::start().await;
        let entries = rig.days().await;
        rig.swept_to("2026-11-22T23:59:00Z").await;
        rig.table().set_swept(at("2026-11-23T00:03:00Z")).await.unwrap();
        let mut draft = audit::draft(50, Event::QuoteCreate, id.time());
        draft.id = id;
        let other = audit::finish(draft);
        rig.append(std::slice::from_ref(&other)).await;
        let told = if sealed { vec![entries[8].clone(), other] } else { vec![entries[8].clone()] };
        rig.append(&entries[8..]).await;
        rig.clock.set(at("2026-11-23T00:06:01Z"));
        rig.stream(inserts(&told)).await.unwrap();
        let logged = Logged::listen();
        for _ in 0..2 {
            rig.schedule().await.unwrap_err();
        }
        let reasons: Vec<_> = logged.security_events().into_iter().map(|(reason, _)| reason).collect();
        assert_eq!(reasons, ["audit_entry_taken"; 2], "sealed before: {sealed}");
        assert_eq!(rig.totals().await.len(), 0);
    }
}

fn hex_bytes(hex: &str) -> [u8; 10] {
    std::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
}
