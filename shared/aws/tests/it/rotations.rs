//! Notices: made in the transaction of what they tell, each once, and published to the topic and the bus.

use std::sync::Arc;

use engine_aws::Error;
use engine_aws::change::Change;
use engine_aws::directory::NewContact;
use engine_aws::kms::ContactCipher;
use engine_aws::rotations::{CLAIM, Channels, Outbox, Published, Publisher};
use engine_core::access::KeyId;
use engine_core::rotation::{CredentialKind, Notice, NoticeKind};
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::tables;
use engine_test_support::eventbridge::EventBridge;
use engine_test_support::kms::Kms;
use engine_test_support::life::Life;
use engine_test_support::service::Control;
use engine_test_support::sns::{FIFO_TOPIC_ARN, Sns};
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::desk::ENVIRONMENT;
use crate::fixture::{Fixture, client_id, directory};

const ADDRESS: &str = "dana.ortiz@client.example";

/// A world with a client who has one verified contact and one who is not.
struct World {
    fixture: Fixture,
    sns: Sns,
    events: EventBridge,
    kms: Kms,
    contacts_key: String,
    clock: ManualClock,
}

impl World {
    async fn start() -> Self {
        let (fixture, kms) = (Fixture::with_client().await, Kms::new());
        let (contacts_key, clock) = (kms.symmetric_key(), ManualClock::at("2026-01-15T21:30:00Z"));
        let sns = Sns::at(clock.shared());
        let world = Self { fixture, sns, events: EventBridge::new(), kms, contacts_key, clock };
        for (address, verified) in [(ADDRESS, true), ("nobody@client.example", false)] {
            world.contact(address, verified).await;
        }
        world
    }

    async fn contact(&self, address: &str, verified: bool) {
        let id = KeyId::from_random(engine_aws::clock::random_bytes().unwrap());
        let cipher = ContactCipher::new(self.kms.client(), &self.contacts_key);
        let sealed = cipher.seal(client_id().as_str(), id.as_str(), address.as_bytes()).await.unwrap();
        let new = NewContact { id, name: "Some Body".into(), sealed, hint: "h".into() };
        let (desk, now) = (&self.fixture, self.fixture.now);
        let added = desk.directory.add_contact(&client_id(), new, ENVIRONMENT, &desk.author, now).await.unwrap();
        let added = desk.directory.commit(added).await.unwrap();
        if verified {
            desk.verify(&added.contact.id, &added.code).await.unwrap();
        }
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.fixture.dynamo.client_on(&Wire::default()), tables::ROTATIONS)
    }

    fn now(&self) -> Timestamp {
        engine_aws::clock::Clock::now(&self.clock)
    }

    async fn make(&self, notice: &Notice) -> Result<(), Error> {
        let mut change = Change::default();
        self.outbox().add(&mut change, notice).unwrap();
        change.commit(&self.fixture.dynamo.client_on(&Wire::default())).await
    }

    /// A publisher of a process of its own.
    fn publisher(&self) -> (Publisher, Life) {
        let life = Life::new();
        let (control, wire) = (Control::of(&life), Wire::of(&life));
        let channels = Channels {
            events: self.events.client_on(&control),
            sns: self.sns.client_on(&control),
            topic_arn: FIFO_TOPIC_ARN.to_owned(),
            stack: "example".to_owned(),
        };
        let dynamodb = self.fixture.dynamo.client_on(&wire);
        let outbox = Outbox::new(dynamodb.clone(), tables::ROTATIONS);
        let contacts = ContactCipher::new(self.kms.client_on(&control), &self.contacts_key);
        let publisher = Publisher::new(channels, outbox, Arc::new(directory(dynamodb)), contacts, self.clock.shared());
        (publisher, life)
    }

    async fn publish(&self) -> Result<Published, Error> {
        self.publisher().0.publish(Timestamp::MAX).await
    }

    fn ids(&self) -> (Vec<String>, Vec<String>) {
        let text = |value: &serde_json::Value| value["notice_id"].as_str().unwrap().to_owned();
        let told = self.sns.published().iter().map(|message| text(&message.json())).collect();
        (told, self.events.events().iter().map(|event| text(&event.detail)).collect())
    }
}

fn notice(credential: &str) -> Notice {
    Notice {
        kind: NoticeKind::KeyExpired,
        credential_kind: Some(CredentialKind::ApiKey),
        credential: credential.to_owned(),
        turn: "end".to_owned(),
        client_id: Some(client_id()),
        due_at: None,
        text: "The key came to its end.".to_owned(),
        made_at: "2026-01-15T21:30:00Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn a_notice_reads_back_as_it_was_made() {
    let world = World::start().await;
    let due_at = Some("2026-02-01T00:00:00Z".parse().unwrap());
    let bare = Notice { credential_kind: None, client_id: None, due_at, ..notice("b") };
    for made in [&notice("a"), &bare] {
        world.make(made).await.unwrap();
        assert!(world.outbox().has(&made.id()).await.unwrap());
    }
    let waiting = world.outbox().waiting(10, None).await.unwrap();
    let read: Vec<_> = waiting.iter().map(|waiting| (waiting.id.clone(), waiting.notice.clone())).collect();
    assert_eq!(read, [(notice("a").id(), notice("a")), (bare.id(), bare)]);
}

#[tokio::test]
async fn a_change_is_lost_with_the_notice_that_was_made_before_told_or_not() {
    let world = World::start().await;
    world.make(&notice("a")).await.unwrap();
    let again = Notice { text: "otherwise".into(), ..notice("a") };
    assert!(matches!(world.make(&again).await, Err(Error::Conflict(_))), "it waits");
    world.publish().await.unwrap();
    assert!(matches!(world.make(&again).await, Err(Error::Conflict(_))), "it was told");
    assert!(world.outbox().has(&again.id()).await.unwrap());
    assert!(world.outbox().waiting(10, None).await.unwrap().is_empty());
    world.make(&Notice { turn: "another".into(), ..again }).await.unwrap();
}

#[tokio::test]
async fn a_notice_of_a_client_goes_to_its_verified_contacts_and_its_event_has_no_address() {
    let world = World::start().await;
    world.make(&notice("k-1")).await.unwrap();
    assert_eq!(world.publish().await.unwrap(), Published { told: 1, ..Published::default() });
    let published = &world.sns.published()[0];
    assert_eq!((published.group.as_deref(), &published.attributes["kind"]), (Some("demo"), &"key.expired".to_owned()));
    assert_eq!(
        published.json(),
        json!({
            "notice_id": "key.expired#k-1#end", "kind": "key.expired", "to": [ADDRESS],
            "subject": "Expired: API key k-1", "text": "The key came to its end.",
        })
    );
    let event = &world.events.events()[0];
    assert_eq!((event.source.as_str(), event.detail_type.as_str()), ("borrow-rate-engine", "key.expired"));
    assert_eq!(
        event.detail,
        json!({
            "notice_id": "key.expired#k-1#end", "kind": "key.expired", "credential_kind": "api_key", "credential": "k-1",
            "client_id": "demo", "made_at": "2026-01-15T21:30:00.000Z", "stack": "example",
        })
    );
}

#[tokio::test]
async fn a_notice_that_fails_waits_and_the_others_are_told() {
    let world = World::start().await;
    for credential in ["a", "b", "c"] {
        world.make(&notice(credential)).await.unwrap();
    }
    world.events.turn_away(1);
    let failed = world.publish().await.unwrap_err().to_string();
    assert!(failed.contains("1 wait on, 2 were told") && failed.contains("ThrottlingException"), "{failed}");
    assert_eq!(world.outbox().waiting(10, None).await.unwrap().len(), 1);
    world.clock.advance(CLAIM);
    assert_eq!(world.publish().await.unwrap().told, 1);
    assert_eq!(world.ids().0.len(), 3);
}

#[tokio::test]
async fn a_notice_that_another_publisher_has_is_left_to_it_until_its_claim_is_over() {
    let world = World::start().await;
    world.make(&notice("a")).await.unwrap();
    let (publisher, life) = world.publisher();
    // The page is read and the notice claimed; nothing more is done.
    life.die_after(2);
    publisher.publish(Timestamp::MAX).await.unwrap_err();
    world.clock.advance(CLAIM - SignedDuration::from_millis(1));
    assert_eq!(world.publish().await.unwrap(), Published { left: 1, ..Published::default() });
    world.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(world.publish().await.unwrap().told, 1);
}

#[tokio::test]
async fn a_publisher_killed_at_any_call_leaves_what_the_next_one_tells_once() {
    let world = World::start().await;
    world.make(&notice("a")).await.unwrap();
    let (publisher, life) = world.publisher();
    publisher.publish(Timestamp::MAX).await.unwrap();
    let whole = life.calls();
    assert!(whole >= 6, "{whole}");
    for calls in 0..whole {
        let world = World::start().await;
        world.make(&notice("a")).await.unwrap();
        let (publisher, life) = world.publisher();
        life.die_after(calls);
        publisher.publish(Timestamp::MAX).await.unwrap_err();
        world.clock.advance(SignedDuration::from_mins(1));
        world.publish().await.unwrap();
        let (told, sent) = world.ids();
        assert_eq!(told, [notice("a").id()], "after {calls}");
        assert!((1..=2).contains(&sent.len()) && sent.iter().all(|id| *id == told[0]), "after {calls}: {sent:?}");
        assert!(world.outbox().waiting(10, None).await.unwrap().is_empty(), "after {calls}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_publishers_at_once_tell_each_notice_once_on_topic_and_bus() {
    let world = World::start().await;
    for number in 0..150 {
        world.make(&notice(&format!("k-{number:03}"))).await.unwrap();
    }
    let (one, other) = (world.publisher().0, world.publisher().0);
    let (one, other) = tokio::join!(one.publish(Timestamp::MAX), other.publish(Timestamp::MAX));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.told + other.told, 150, "{one:?} {other:?}");
    let (mut told, mut sent) = world.ids();
    assert_eq!((told.len(), sent.len()), (150, 150));
    told.sort();
    told.dedup();
    sent.sort();
    assert_eq!((told.len(), &told), (150, &sent));
    assert!(world.outbox().waiting(1, None).await.unwrap().is_empty());
    assert_ne!(world.now(), Timestamp::MAX);
}

#[tokio::test]
async fn a_publisher_without_time_begins_nothing() {
    let world = World::start().await;
    world.make(&notice("a")).await.unwrap();
    let (publisher, _) = world.publisher();
    assert_eq!(publisher.publish(world.now()).await.unwrap(), Published { cut_short: true, ..Published::default() });
    assert!(world.sns.published().is_empty() && world.events.events().is_empty());
}
