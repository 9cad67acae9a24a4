//! Notices reach the bus and the topic; what hinders one hinders no step before it.

use credential_sweep::Done;
use engine_test_support::dynamo::tables;
use serde_json::json;

use crate::rig::{NOW, Rig, at, notice};

#[tokio::test]
async fn a_notice_to_the_desk_has_no_address_and_an_event_says_the_same_without_text() {
    let rig = Rig::start().await;
    rig.enrolled("dana", at(NOW) - crate::rig::days(85)).await;
    rig.run().await.unwrap();
    let published = &rig.sns.published()[0];
    assert_eq!((published.group.as_deref(), published.attributes["kind"].as_str()), (Some("desk"), "totp.due"));
    let message = published.json();
    assert_eq!(message["to"], json!([]));
    assert_eq!(message["subject"], "To be enrolled anew: second factor of person dana");
    let event = &rig.events.events()[0];
    assert_eq!((event.source.as_str(), event.detail_type.as_str()), ("borrow-rate-engine", "totp.due"));
    assert_eq!(
        event.detail,
        json!({
            "notice_id": message["notice_id"], "kind": "totp.due", "credential_kind": "totp", "credential": "dana",
            "due_at": "2026-12-20T22:00:00.000Z", "made_at": "2026-12-15T22:00:00.000Z", "stack": "example",
        })
    );
}

#[tokio::test]
async fn a_topic_or_a_bus_that_is_away_fails_the_run_and_the_notice_waits() {
    let rig = Rig::start().await;
    rig.elevated("dana", at(NOW)).await;
    rig.events.turn_away(1);
    let failed = rig.run().await.unwrap_err();
    assert_eq!((failed.0.len(), failed.0[0].0.as_str()), (1, "notices"), "{failed}");
    assert!(failed.to_string().contains("ThrottlingException"), "{failed}");
    assert_eq!((rig.told().len(), rig.rotations("notices").await.len()), (0, 1));
    assert_eq!(rig.entries_of("principal.elevation.end").await.len(), 1);

    rig.clock.advance(jiff::SignedDuration::from_mins(15));
    rig.sns.control().fail("Publish", 1);
    rig.run().await.unwrap_err();
    rig.clock.advance(jiff::SignedDuration::from_mins(15));
    assert_eq!(rig.run().await.unwrap(), Done { notices_told: 1, ..Done::default() });
    assert_eq!(rig.told(), [notice("elevation.ended", "dana@example.com")]);
    assert_eq!((rig.rotations("notices").await.len(), rig.rotations("notices#told").await.len()), (0, 1));
}

#[tokio::test]
async fn time_that_runs_out_leaves_the_rest_to_the_next_run() {
    let rig = Rig::start().await;
    rig.elevated("dana", at(NOW)).await;
    let done = rig.here().run("run", rig.now()).await.unwrap();
    assert!(done.cut_short && done.notices_told == 0, "{done:?}");
    assert_eq!(rig.rotations("notices").await.len(), 1);
    assert_eq!(rig.run().await.unwrap().notices_told, 1);
}

#[tokio::test]
async fn more_notices_than_a_page_are_all_told() {
    let rig = Rig::start().await;
    for number in 0..230 {
        rig.enrolled(&format!("person-{number:03}"), at(NOW) - crate::rig::days(85)).await;
    }
    let done = rig.run().await.unwrap();
    assert_eq!((done.found_due, done.notices_told), (230, 230));
    assert_eq!((rig.told().len(), rig.sent().len()), (230, 230));
    assert_eq!(rig.entries_of("credential.due").await.len(), 230);
    let waiting = engine_test_support::stored::scan(&rig.dynamodb(), tables::ROTATIONS).await;
    assert!(!waiting.iter().any(|item| item["pk"].as_s().unwrap() == "notices"));
}
