//! A year of a client's life, day by day: what the sweep, the client and the operators do, each at their time of the day.

use std::collections::BTreeSet;

use engine_aws::directory::{Directory, Origin};
use engine_aws::key_gate::{KeyGate, Take};
use engine_core::access::{ApiKey, KeyId, KeyState, Refusal};
use engine_test_support::dynamo::tables;
use jiff::{SignedDuration, Timestamp};

use crate::rig::{ADDRESS, CLIENT, ENVIRONMENT, Rig, client_id, days, notice};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The client's side: the keys that it was given, the last of which it uses.
struct Client<'a> {
    rig: &'a Rig,
    directory: Directory,
    gate: KeyGate,
    keys: Vec<ApiKey>,
    /// A successor whose receipt is not confirmed, and when it was claimed.
    claimed: Option<(ApiKey, Timestamp)>,
}

fn origin() -> Origin {
    Origin { request_id: "request".to_owned(), function: "key-admin", source_address: Some("192.0.2.1".to_owned()) }
}

/// Issues a key of 90 days.
async fn issue(rig: &Rig) -> ApiKey {
    rig.key(rig.now(), 90).await
}

async fn state(rig: &Rig, key: &KeyId) -> KeyState {
    rig.directory().key(key).await.unwrap().record.state
}

impl<'a> Client<'a> {
    async fn new(rig: &'a Rig) -> Self {
        let gate = KeyGate::new(rig.dynamodb(), tables::KEYS);
        Self { rig, directory: rig.directory(), gate, keys: vec![issue(rig).await], claimed: None }
    }

    fn current(&self) -> &ApiKey {
        self.keys.last().unwrap()
    }

    async fn is_admitted(&self, key: &ApiKey) -> Result<(), Refusal> {
        let details = self.directory.key(key.id()).await.unwrap();
        details.record.admit(&key.hash(), self.rig.now())
    }

    /// How many of the client's keys a quote is given for, looked at without using them.
    async fn valid(&self) -> usize {
        let mut valid = 0;
        for key in self.keys.iter().chain(self.claimed.as_ref().map(|(key, _)| key)) {
            valid += usize::from(self.is_admitted(key).await.is_ok());
        }
        valid
    }

    /// Uses its current key; collects a successor three days after it was told of one, and confirms it a day later.
    async fn day(&mut self) {
        let (rig, now) = (self.rig, self.rig.now());
        let used = self.gate.take(self.current(), Take { tokens: 1, owes_entry: true }, now).await.unwrap();
        assert!(used.is_ok(), "{now}: the client is served every day");
        if let Some((key, at)) = self.claimed.take_if(|(_, at)| *at + days(1) <= now) {
            let confirmed = self.directory.confirm_key(&key, &origin(), now).await.unwrap();
            self.directory.commit(confirmed).await.unwrap();
            assert!(at < now);
            self.keys.push(key);
            return;
        }
        let offered = rig.told().contains(&notice("key.successor_offered", self.current().id().as_str()));
        let offered_at =
            self.directory.key(self.current().id()).await.unwrap().rotation.offer.map(|offer| offer.offered_at);
        if offered && self.claimed.is_none() && offered_at.is_some_and(|at| at + days(3) <= now) {
            let claim = self.directory.claim_by_key(self.current(), ENVIRONMENT, &origin(), now).await.unwrap();
            let claimed = self.directory.commit(claim).await.unwrap();
            self.claimed = Some((claimed.issued.api_key, now));
        }
    }
}

#[tokio::test]
async fn a_client_that_claims_in_time_has_a_valid_key_on_every_day_of_the_year_and_never_three() {
    let rig = Rig::start().await;
    rig.client().await;
    let mut client = Client::new(&rig).await;
    let idle = issue(&rig).await;
    let first_end = client.directory.key(client.current().id()).await.unwrap().record.expires_at;
    let mut overlaps = BTreeSet::new();
    for day in 0..365 {
        client.day().await;
        rig.clock.advance(HOUR);
        rig.run().await.unwrap();
        let valid = client.valid().await;
        assert!((1..=2).contains(&valid), "day {day}: {valid}");
        if valid == 2 {
            overlaps.insert(client.keys.len());
        }
        if rig.now() >= first_end {
            assert_eq!(client.is_admitted(&client.keys[0]).await, Err(Refusal::Expired), "day {day}");
        }
        rig.later(days(1) - HOUR);
    }

    // Ninety days, a successor collected on the third day of the fourteen: a key every 79 days.
    assert_eq!(client.keys.len(), 5);
    assert_eq!(overlaps.len(), 4, "each succession has its overlap");
    let ended = client.keys.iter().rev().skip(1).collect::<Vec<_>>();
    for key in ended.iter().copied().chain([&idle]) {
        let id = key.id().as_str();
        let told: Vec<_> = rig.told().into_iter().filter(|(_, credential)| credential == id).collect();
        if key.id() == idle.id() {
            assert_eq!(told, [notice("key.revoked_idle", id)]);
            assert_eq!(state(&rig, key.id()).await, KeyState::Revoked);
        } else {
            let expired = notice("key.expired", id);
            let due = client.directory.key(key.id()).await.unwrap().record.expires_at <= rig.now() - days(1);
            assert_eq!(told.first(), Some(&notice("key.successor_offered", id)));
            assert_eq!((told.len(), told.contains(&expired)), if due { (2, true) } else { (1, false) }, "{id}");
            assert!(!due || state(&rig, key.id()).await == KeyState::Expired, "{id}");
        }
    }
    let to_client = rig.sns.published().into_iter().filter(|message| message.attributes["kind"].starts_with("key."));
    for message in to_client {
        assert_eq!(message.json()["to"], serde_json::json!([ADDRESS]));
        assert_eq!(message.group.as_deref(), Some(CLIENT));
    }
    assert_eq!(rig.told().len(), rig.told().into_iter().collect::<BTreeSet<_>>().len(), "each once");
    let events = rig.entries_of("api_key.rotate").await;
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|entry| entry.body["actor"]["id"] == "credential-sweep"));

    // The relationship ends, and its keys with it.
    let terminated =
        client.directory.terminate_client(&client_id(), "left", &Rig::operator(), rig.now()).await.unwrap();
    client.directory.commit(terminated).await.unwrap();
    rig.run().await.unwrap();
    assert_eq!(client.valid().await, 0);
    rig.later(days(100));
    rig.run().await.unwrap();
    assert_eq!(client.valid().await, 0, "and nothing brings one back");
}

#[tokio::test]
async fn a_client_that_does_not_claim_is_served_to_the_end_of_its_key_and_not_after() {
    let rig = Rig::start().await;
    rig.client().await;
    let client = Client::new(&rig).await;
    let (key, start) = (client.current(), rig.now());
    for day in 0..90 {
        rig.run().await.unwrap();
        let used = client.gate.take(key, Take { tokens: 1, owes_entry: true }, rig.now()).await.unwrap();
        assert!(used.is_ok(), "day {day}");
        rig.later(days(1));
    }
    assert_eq!(rig.now(), start + days(90));
    assert_eq!(client.is_admitted(key).await, Err(Refusal::Expired));
    rig.run().await.unwrap();
    assert_eq!(state(&rig, key.id()).await, KeyState::Expired);
    let id = key.id().as_str();
    let told: Vec<_> = rig.told().into_iter().filter(|(_, credential)| credential == id).collect();
    assert_eq!(told, [notice("key.successor_offered", id), notice("key.expired", id)]);
    assert_eq!(rig.entries_of("api_key.expire").await.len(), 1);
}
