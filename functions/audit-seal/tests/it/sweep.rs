//! What the stream lost is found by the minute.

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::clock::Clock;
use engine_core::audit::{Entry, Event};
use engine_test_support::audit;
use jiff::SignedDuration;

use crate::rig::{Logged, Rig, at, inserts, schedule};

/// An entry about nobody.
fn entry(n: u64, time: &str) -> Entry {
    audit::entry(n, Event::QuoteCreate, at(time), None, None)
}

#[tokio::test]
async fn an_entry_that_the_stream_lost_is_sealed_when_its_minute_has_settled_and_nobody_is_called() {
    let rig = Rig::start().await;
    let lost = [entry(1, "2026-11-22T03:07:00Z"), entry(2, "2026-11-22T03:07:59.999Z")];
    rig.append(&lost).await;
    let logged = Logged::listen();
    rig.clock.set(at("2026-11-22T03:10:30Z"));
    assert_eq!(rig.schedule().await.unwrap().swept, 0, "its minute may still be written to");
    rig.clock.set(at("2026-11-22T03:10:54Z"));
    assert_eq!(rig.schedule().await.unwrap().swept, 2);
    let log = rig.log().await;
    assert!(lost.iter().all(|entry| log.contains(entry)));
    assert_eq!(logged.security_events(), []);
    rig.clock.set(at("2026-11-22T03:12:00Z"));
    assert_eq!(rig.schedule().await.unwrap().swept, 0);
    assert_eq!(rig.table().swept().await.unwrap(), Some(at("2026-11-22T03:09:00Z")));
}

#[tokio::test]
async fn entries_that_stayed_unsealed_for_over_five_minutes_are_reported_once() {
    let rig = Rig::start().await;
    let lost = [entry(5, "2026-11-22T03:08:10Z"), entry(6, "2026-11-22T03:08:20Z")];
    let sealed = entry(3, "2026-11-22T03:08:00Z");
    rig.append(&lost).await;
    rig.append(std::slice::from_ref(&sealed)).await;
    rig.stream(inserts(&[sealed])).await.unwrap();
    rig.clock.set(at("2026-11-22T03:20:00Z"));
    let logged = Logged::listen();
    assert_eq!(rig.schedule().await.unwrap().swept, 2);
    let place = format!("{}/{}", lost[0].id().partition(), lost[0].id());
    assert_eq!(logged.security_events(), [("unsealed_entry".to_owned(), place)]);
    assert!(logged.text().contains(r#""entries":2"#), "{}", logged.text());
    rig.clock.advance(SignedDuration::from_mins(5));
    rig.schedule().await.unwrap();
    assert_eq!(logged.security_events().len(), 1);
}

#[tokio::test]
async fn the_first_sweep_begins_when_the_table_was_created() {
    let rig = Rig::unswept().await;
    let created = rig.audit().created().await.unwrap();
    rig.clock.set(created + SignedDuration::from_mins(6));
    let lost = entry(1, &created.to_string());
    rig.append(std::slice::from_ref(&lost)).await;
    let done = rig.schedule().await.unwrap();
    assert_eq!(done.swept, 1);
    assert!([3, 4].contains(&(rig.dynamo.wire().sent()["Query"] / 64)), "no minute before that is read");
    assert_eq!(done.checkpoint, Some(3), "it closes what it may from the first run on");
    assert_eq!(rig.checkpoint().await.unwrap().time, rig.clock.now());
}

#[tokio::test]
async fn a_stream_that_is_told_before_the_first_sweep_begins_it() {
    let rig = Rig::unswept().await;
    let created = rig.audit().created().await.unwrap();
    rig.clock.set(created + SignedDuration::from_mins(3));
    let told = entry(1, &rig.clock.now().to_string());
    assert_eq!(rig.stream(inserts(&[told])).await.unwrap().checkpoint, Some(1));
    assert!(created.duration_since(rig.table().swept().await.unwrap().unwrap()) < SignedDuration::from_mins(1));
}

#[tokio::test]
async fn the_first_sweep_of_an_old_table_begins_a_day_back_and_goes_on_where_its_time_was_over() {
    let rig = Rig::unswept().await;
    let now = rig.audit().created().await.unwrap() + SignedDuration::from_hours(30);
    rig.clock.set(now);
    let back = |minutes| now - SignedDuration::from_hours(24) + SignedDuration::from_mins(minutes);
    let lost = [entry(1, &back(1).to_string()), entry(2, &back(9).to_string())];
    rig.append(&lost).await;
    let function = rig.ticking(SignedDuration::from_secs(2));
    assert_eq!(function.handle(schedule(), "run").await.unwrap().swept, 1);
    let swept = rig.table().swept().await.unwrap().unwrap();
    assert!(back(2) < swept && swept < back(9), "{swept}");
    assert_eq!(rig.checkpoint().await, None, "it would promise what was not swept yet");
    for _ in 0..2 {
        function.handle(schedule(), "run").await.unwrap();
    }
    assert!(rig.table().swept().await.unwrap().unwrap() > back(9), "the next runs go on");
}

#[tokio::test]
async fn a_run_sweeps_an_hour_of_minutes_with_entries_and_any_number_without() {
    for (busy, until) in [(0, "2026-11-22T04:17:00Z"), (70, "2026-11-22T04:07:00Z")] {
        let rig = Rig::start().await;
        let start = at("2026-11-22T03:07:00Z");
        let lost: Vec<_> = (0..busy)
            .map(|n| entry(n, &(start + SignedDuration::from_mins(i64::try_from(n).unwrap())).to_string()))
            .collect();
        rig.append(&lost).await;
        rig.clock.set(at("2026-11-22T04:20:00Z"));
        rig.schedule().await.unwrap();
        assert_eq!(rig.table().swept().await.unwrap(), Some(at(until)), "{busy} minutes with entries");
    }
}

#[tokio::test]
async fn no_range_over_an_outage_is_closed_before_all_of_it_was_swept() {
    let rig = Rig::unswept().await;
    rig.table().set_swept(at("2026-11-22T03:00:00Z")).await.unwrap();
    let backlog: Vec<_> = (0..1001)
        .map(|n| {
            entry(n, &(at("2026-11-22T03:01:00Z") + SignedDuration::from_millis(i64::try_from(n).unwrap())).to_string())
        })
        .collect();
    let (told, lost) = backlog.split_at(98);
    rig.clock.set(at("2026-11-22T03:00:40Z"));
    assert_eq!(rig.stream(inserts(&[entry(2000, "2026-11-22T03:00:30Z")])).await.unwrap().checkpoint, Some(1));
    rig.append(lost).await;
    rig.clock.set(at("2026-11-22T03:21:00Z"));
    assert_eq!(rig.stream(inserts(told)).await.unwrap().checkpoint, Some(99));
    let closes = at("2026-11-22T03:02:00Z") + SignedDuration::from_mins(5);
    assert_eq!(rig.reader().first_checkpoint_from(closes).await.unwrap(), None);
    assert_eq!(rig.schedule().await.unwrap().swept, 903);
    let checkpoint = rig.reader().first_checkpoint_from(closes).await.unwrap().unwrap().checkpoint;
    assert_eq!((checkpoint.size, checkpoint.time), (1004, at("2026-11-22T03:21:06Z")), "with two keys");
}

#[tokio::test]
async fn what_is_no_entry_is_reported_and_the_rest_is_sealed() {
    let rig = Rig::start().await;
    let good = entry(1, "2026-11-22T03:07:01Z");
    rig.append(std::slice::from_ref(&good)).await;
    let mut altered = audit::items(&entry(2, "2026-11-22T03:07:02Z")).remove(0);
    altered.insert("body".into(), AttributeValue::S("{}".into()));
    rig.put(&altered).await;
    let note = [("pk", "2026-11-22T03:07#63"), ("sk", "note")];
    rig.put(&note.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into()).await;
    rig.clock.set(at("2026-11-22T03:11:00Z"));
    let logged = Logged::listen();
    assert_eq!(rig.schedule().await.unwrap().swept, 1);
    assert!(rig.log().await.contains(&good));
    let mut told = logged.security_events();
    told.sort();
    let altered = format!("{}/{}", altered["pk"].as_s().unwrap(), altered["sk"].as_s().unwrap());
    assert_eq!(
        told,
        [altered, "2026-11-22T03:07#63/note".into()].map(|place| ("foreign_audit_item".to_owned(), place))
    );
}

#[tokio::test]
async fn a_minute_that_could_not_be_sealed_is_swept_again() {
    for action in ["Query", "BatchGetItem", "TransactWriteItems"] {
        let rig = Rig::start().await;
        let lost = entry(1, "2026-11-22T03:08:00Z");
        rig.append(std::slice::from_ref(&lost)).await;
        rig.clock.set(at("2026-11-22T03:12:00Z"));
        rig.dynamo.wire().fail(action, 1000);
        rig.schedule().await.unwrap_err();
        assert!(rig.table().swept().await.unwrap().unwrap() <= at("2026-11-22T03:08:00Z"), "{action}");
        rig.dynamo.wire().fail(action, 0);
        assert_eq!(rig.schedule().await.unwrap().swept, 1, "{action}");
        assert!(rig.log().await.contains(&lost), "{action}");
    }
}

#[tokio::test]
async fn a_key_service_that_is_away_keeps_nothing_from_being_swept() {
    let rig = Rig::start().await;
    let lost = entry(1, "2026-11-22T03:07:00Z");
    rig.append(std::slice::from_ref(&lost)).await;
    rig.clock.set(at("2026-11-22T03:12:00Z"));
    rig.kms.control().deny("GetPublicKey");
    let failed = rig.schedule().await.unwrap_err();
    let steps: Vec<_> = failed.0.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, ["audit.register_keys", "audit.checkpoint"]);
    assert_eq!(rig.table().indices(&[lost.id()]).await.unwrap().len(), 1);
    assert_eq!(rig.checkpoint().await, None, "nothing is signed");
}
