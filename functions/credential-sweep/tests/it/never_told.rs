//! No secret, and no address but in the message to its owner, is in anything that the function says.

use engine_test_support::dynamo::tables;
use engine_test_support::stored::scan;

use crate::rig::{ADDRESS, NOW, Rig, at, days};

#[tokio::test]
async fn no_secret_is_in_a_line_a_notice_an_event_an_entry_or_the_outbox() {
    let rig = Rig::start().await;
    rig.client().await;
    let keys =
        [rig.key(at(NOW), 10).await, rig.key(at(NOW) - days(29), 20).await, rig.key(at(NOW) - days(31), 90).await];
    rig.elevated("dana", at(NOW)).await;
    rig.enrolled("dana", at(NOW) - days(85)).await;
    rig.service_account("svc-idle-batch", at(NOW) - days(91), None).await;
    rig.service_account("svc-late-batch", at(NOW) - days(40), None).await;
    rig.secrets.changed_at("example/bootstrap-totp", at(NOW) - days(100), None);
    rig.sns.control().fail("Publish", 1);
    rig.run().await.unwrap_err();
    let waiting = format!("{:?}", scan(&rig.dynamodb(), tables::ROTATIONS).await);
    assert!(waiting.contains("totp.due"));
    rig.clock.advance(jiff::SignedDuration::from_mins(15));
    rig.run().await.unwrap();

    let said = [
        format!("{:?}", rig.lines()),
        format!("{:?}", rig.sns.published()).replace(ADDRESS, "the owner of the address"),
        format!("{:?}", rig.events.events()),
        format!("{:?}", scan(&rig.dynamodb(), tables::AUDIT).await),
        waiting,
        format!("{:?}", scan(&rig.dynamodb(), tables::ROTATIONS).await),
    ];
    let mut values = rig.secrets.values();
    assert!(values.len() >= 5);
    values.extend(keys.iter().map(|key| key.expose().rsplit('_').next().unwrap()[..43].to_owned()));
    assert_eq!(rig.sns.published().iter().filter(|message| message.message.contains(ADDRESS)).count(), keys.len());
    for (place, text) in said.iter().enumerate() {
        assert!(text.len() > 100, "{place} says something");
        for secret in values.iter().map(String::as_str).chain([ADDRESS]) {
            assert!(!text.contains(secret), "{place}: {secret}");
        }
    }
    assert!(!said[0].contains("dana@example.com"), "nor is who it is about in a line of the log");
}
