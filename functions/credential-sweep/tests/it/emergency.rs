//! Emergency rotations: everything ends before anything is issued, whoever is cut off where, and each thing is done once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use credential_sweep::emergency::{Emergency, Parts};
use engine_aws::Error;
use engine_aws::audit_log::AuditLog;
use engine_aws::author::Author;
use engine_aws::change::Change;
use engine_aws::clock::random_bytes;
use engine_aws::directory::{Directory, DirectoryTables, NewClient, NewContact, NewKey, Origin};
use engine_aws::key_gate::{Denial, KeyGate, Take};
use engine_aws::people::People;
use engine_aws::rotations::{
    Counts, EmergencyRotation, EmergencyRotations, LEASE, NewEmergency, Outbox, Phase, Target,
};
use engine_aws::secrets::SecretStore;
use engine_core::access::service_account::{ServiceAccountCredential, ServiceAccountState};
use engine_core::access::{ApiKey, ClientId, KeyId, PersonId, Refusal, ServiceAccount, ServiceAccountName};
use engine_core::audit::{Actor, ActorType};
use engine_core::field::Fields;
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::{actor_key, reference_key};
use engine_test_support::secrets_manager::SecretsManager;
use engine_test_support::stored::{self, Stored};
use engine_test_support::stream::Item;
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Notify;

pub(crate) const ID: &str = "019bc3ac-2f00-7989-bdd9-14e14da269cf";
const ENVIRONMENT: &str = "test";
const PREFIX: &str = "test/service-accounts/";
const REASON: &str = "the vault of the desk leaked";

/// The stores, and what works on them.
pub(crate) struct Rig {
    pub(crate) dynamo: Dynamo,
    secrets: SecretsManager,
    clock: ManualClock,
    directory: Directory,
    emergency: Emergency,
}

fn tables_of() -> DirectoryTables {
    DirectoryTables { keys: tables::KEYS.into(), clients: tables::CLIENTS.into(), audit: tables::AUDIT.into() }
}

fn directory(client: aws_sdk_dynamodb::Client) -> Directory {
    Directory::new(client, tables_of(), actor_key(), reference_key())
}

fn operator() -> Author {
    let id = "arn:aws:iam::111122223333:user/operator";
    Author {
        actor: Actor { kind: ActorType::Operator, id: id.into(), roles: vec![] },
        actor_ref: actor_key().actor_ref(ActorType::Operator, id),
        request_id: "test".into(),
        function: "engine",
        source_address: None,
    }
}

fn client_id(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

fn account(name: &str) -> ServiceAccountName {
    ServiceAccountName::parse(name).unwrap()
}

/// Runs `future` from inside a hook, which is not async. Needs the multi-threaded test runtime.
pub(crate) fn meanwhile<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let (dynamo, secrets) = (Dynamo::start().await, SecretsManager::new());
        let clock = ManualClock::at("2026-11-25T03:00:00Z");
        let emergency = worker(dynamo.client_on(&Wire::of(&secrets.control().life())), &secrets, &clock);
        let directory = directory(dynamo.client_on(&Wire::default()));
        Self { dynamo, secrets, clock, directory, emergency }
    }

    pub(crate) fn now(&self) -> Timestamp {
        use engine_aws::clock::Clock;
        self.clock.now()
    }

    /// A client whose calls are nobody's.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamo.client_on(&Wire::default())
    }

    /// A worker of another process.
    pub(crate) fn another(&self) -> (Emergency, Wire) {
        let wire = Wire::default();
        (worker(self.dynamo.client_on(&wire), &self.secrets, &self.clock), wire)
    }

    fn rotations(&self) -> EmergencyRotations {
        EmergencyRotations::new(self.dynamodb(), tables::ROTATIONS)
    }

    pub(crate) async fn rotation(&self) -> EmergencyRotation {
        self.rotations().read(ID).await.unwrap().unwrap()
    }

    pub(crate) async fn client_with_keys(&self, name: &str, keys: usize) -> Vec<ApiKey> {
        let terms = Fields::from_pairs([("markup_percentage", "5"), ("fee_type", "FLAT"), ("fee_amount", "25.00")]);
        let new = NewClient { client_id: name.into(), name: "Demo Ltd".into(), terms };
        let prepared = self.directory.create_client(&new, &operator(), self.now()).unwrap();
        self.directory.commit(prepared).await.unwrap();
        let mut issued = Vec::new();
        for _ in 0..keys {
            issued.push(self.key_of(name).await);
        }
        issued
    }

    async fn key_of(&self, client: &str) -> ApiKey {
        let new = NewKey {
            client_id: client.into(),
            rate_limit: 60,
            expiry_days: 90,
            permissions: None,
            tickers: None,
            environment: ENVIRONMENT.into(),
        };
        let prepared = self.directory.create_key(&new, &operator(), self.now()).await.unwrap();
        self.directory.commit(prepared).await.unwrap().api_key
    }

    /// A service account with a credential, in its secret and in the table.
    async fn account(&self, name: &str, state: ServiceAccountState) -> ServiceAccountCredential {
        let secret = random_bytes().unwrap();
        let made = ServiceAccountCredential::generate(&account(name), ENVIRONMENT, random_bytes().unwrap(), &secret);
        let credential = made.unwrap();
        self.secrets.put(&format!("{PREFIX}{name}"), &credential.document());
        let record = ServiceAccount {
            name: account(name),
            purpose: "reads what the desk shows".into(),
            owner: PersonId::parse("p-100").unwrap(),
            scopes: ["rates:view".to_owned()].into(),
            state,
            created_at: self.now(),
            disabled_at: None,
            review: None,
            actor_ref: actor_key().actor_ref(ActorType::ServiceAccount, name),
        };
        let put = self.dynamodb().put_item().table_name(tables::PEOPLE);
        let put = put
            .item("pk", AttributeValue::S("service_accounts".into()))
            .item("sk", AttributeValue::S(name.into()))
            .item("document", AttributeValue::S(serde_json::to_string(&record).unwrap()))
            .item("version", AttributeValue::N("1".into()))
            .item("current_hash", AttributeValue::B(Blob::new(credential.hash().as_bytes())));
        put.send().await.unwrap();
        credential
    }

    /// What Secrets Manager gives out for the account.
    fn given_out(&self, name: &str) -> ServiceAccountCredential {
        let document = self.secrets.current(&format!("{PREFIX}{name}")).unwrap();
        ServiceAccountCredential::from_document(&document, ENVIRONMENT).unwrap()
    }

    async fn admits(&self, name: &str, credential: &ServiceAccountCredential) -> bool {
        let people = people(self.dynamodb());
        people.service_account(&account(name)).await.unwrap().unwrap().hashes.admit(&credential.hash())
    }

    pub(crate) async fn ask(&self, target: Target) {
        let mut change = Change::default();
        let new = NewEmergency {
            id: ID.into(),
            target,
            reason: REASON.into(),
            requested_by: "sam@example.com".into(),
            request_id: "request-1".into(),
            requested_at: self.now(),
        };
        self.rotations().create(&mut change, &new).unwrap();
        change.commit(&self.dynamodb()).await.unwrap();
    }

    async fn run(&self) -> Result<(), engine_http::run::RunError<String, Error>> {
        self.emergency.run(&[ID.to_owned()]).await
    }

    pub(crate) async fn keys(&self) -> Vec<Item> {
        stored::scan(&self.dynamodb(), tables::KEYS).await
    }

    async fn entries(&self, event: &str) -> Vec<Stored> {
        let mut entries = stored::entries(&self.dynamodb()).await;
        entries.retain(|entry| entry.header["event"] == event && entry.header["function"] == "credential-sweep");
        entries
    }

    /// Every notice that waits, by its id.
    async fn notices(&self) -> BTreeMap<String, String> {
        let outbox = Outbox::new(self.dynamodb(), tables::ROTATIONS);
        let waiting = outbox.waiting(1000, None).await.unwrap();
        waiting.into_iter().map(|waiting| (waiting.id, waiting.notice.text)).collect()
    }

    async fn refusal(&self, key: &ApiKey) -> Option<Refusal> {
        let gate = KeyGate::new(self.dynamodb(), tables::KEYS);
        match gate.take(key, Take { tokens: 1, owes_entry: false }, self.now()).await.unwrap() {
            Ok(_) => None,
            Err(Denial::Refused(refusal)) => Some(refusal),
            Err(limited) => panic!("{limited:?}"),
        }
    }

    async fn verified_contact(&self, client: &ClientId) {
        let id = KeyId::from_random(random_bytes().unwrap());
        let new = NewContact { id, name: "Dana Ortiz".into(), sealed: b"sealed".to_vec(), hint: "d***".into() };
        let added = self.directory.add_contact(client, new, ENVIRONMENT, &operator(), self.now()).await.unwrap();
        let added = self.directory.commit(added).await.unwrap();
        let id = added.contact.id;
        let verified = self.directory.verify_contact(client, &id, &added.code, &operator(), self.now()).await.unwrap();
        self.directory.commit(verified).await.unwrap();
    }
}

fn people(client: aws_sdk_dynamodb::Client) -> People {
    People::new(client.clone(), tables::PEOPLE, AuditLog::new(client, tables::AUDIT))
}

fn worker(dynamodb: aws_sdk_dynamodb::Client, secrets: &SecretsManager, clock: &ManualClock) -> Emergency {
    Emergency::new(Parts {
        directory: Arc::new(directory(dynamodb.clone())),
        people: people(dynamodb.clone()),
        secrets: SecretStore::new(secrets.client()),
        rotations: EmergencyRotations::new(dynamodb.clone(), tables::ROTATIONS),
        outbox: Outbox::new(dynamodb.clone(), tables::ROTATIONS),
        audit: AuditLog::new(dynamodb.clone(), tables::AUDIT),
        dynamodb,
        clock: clock.shared(),
        environment: ENVIRONMENT.into(),
        service_account_prefix: PREFIX.into(),
    })
}

pub(crate) fn state(key: &Item) -> &str {
    key["key_state"].as_s().unwrap()
}

pub(crate) fn counts(clients: u64, revoked: u64, issued: u64, notified: u64) -> Counts {
    Counts { clients, revoked, issued, notified }
}

/// Calls `check` before each transaction that the wire carries.
pub(crate) fn before_each_transaction(wire: &Wire, check: Arc<dyn Fn() + Send + Sync>) {
    let again = wire.clone();
    wire.before("TransactWriteItems", move || {
        check();
        before_each_transaction(&again, Arc::clone(&check));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_refused_before_the_first_successor_is_offered() {
    let rig = Rig::start().await;
    let mut keys = Vec::new();
    for number in 0..20 {
        keys.extend(rig.client_with_keys(&format!("client-{number:02}"), 15).await);
    }
    rig.client_with_keys("without-keys", 0).await;
    rig.ask(Target::AllKeys).await;
    let (worker, wire) = rig.another();
    let (refused, offers_seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (client, now) = (rig.dynamodb(), rig.now());
    let (all, told, seen) = (Arc::new(keys), Arc::clone(&refused), Arc::clone(&offers_seen));
    let (at_gate, gate) = (Arc::clone(&all), Arc::new(KeyGate::new(rig.dynamodb(), tables::KEYS)));
    before_each_transaction(
        &wire,
        Arc::new(move || {
            let items = meanwhile(stored::scan(&client, tables::KEYS));
            let living = items.iter().filter(|key| state(key) != "REVOKED").count();
            let offered = items.iter().filter(|key| key.contains_key("offered_at")).count();
            assert!(offered == 0 || living == 0, "{offered} successors are offered, and {living} keys live");
            seen.fetch_max(offered, Ordering::Relaxed);
            if living == 0 && offered == 0 && !told.load(Ordering::Relaxed) {
                for key in at_gate.iter() {
                    let take = gate.take(key, Take { tokens: 1, owes_entry: false }, now);
                    let taken = meanwhile(take).unwrap();
                    assert!(matches!(taken, Err(Denial::Refused(Refusal::Revoked))), "{taken:?}");
                }
                told.store(true, Ordering::Relaxed);
            }
        }),
    );
    worker.run(&[ID.to_owned()]).await.unwrap();
    assert!(refused.load(Ordering::Relaxed), "each of {} keys was presented, and refused", all.len());
    assert!(offers_seen.load(Ordering::Relaxed) > 0);
    let rotation = rig.rotation().await;
    assert_eq!((rotation.place.phase, rotation.place.counts), (Phase::Done, counts(20, 300, 300, 20)));
    assert!(rig.keys().await.iter().all(|key| key.contains_key("offered_at")));
    assert_eq!(rig.entries("api_key.emergency_rotate").await.len(), 20);
    let complete = rig.entries("rotation.complete").await;
    let [entry] = &complete[..] else { panic!("{complete:?}") };
    let details = &entry.body["details"];
    assert_eq!((&details["revoked"], &details["issued"], &details["clients"]), (&json!(300), &json!(300), &json!(20)));
    assert_eq!((&details["kind"], &entry.body["reason"]), (&json!("api_key"), &json!(REASON)));
}

/// What three clients of two keys each, and all that is told of them, must look like at the end.
async fn assert_rotated(rig: &Rig, killed: usize) {
    let rotation = rig.rotation().await;
    assert_eq!(rotation.place.phase, Phase::Done, "{killed}");
    assert_eq!(rotation.place.counts, counts(3, 6, 6, 3), "{killed}");
    for key in rig.keys().await {
        assert_eq!(state(&key), "REVOKED", "{killed}");
        assert_eq!(key["version"].as_n().unwrap(), "3", "made, revoked, offered: {killed}");
        assert_eq!(key["successor_state"].as_s().unwrap(), "OFFERED", "{killed}");
    }
    for event in ["api_key.emergency_rotate", "api_key.rotate"] {
        let entries = rig.entries(event).await;
        let clients: BTreeSet<_> =
            entries.iter().map(|entry| entry.body["resource"].as_str().unwrap().to_owned()).collect();
        assert_eq!((entries.len(), clients.len()), (3, 3), "{event}: {killed}");
    }
    assert_eq!(rig.entries("rotation.complete").await.len(), 1, "{killed}");
    let notices = rig.notices().await;
    let expected = ["alpha", "beta", "gamma"].map(|client| format!("key.emergency_rotated#{client}#{ID}"));
    assert_eq!(notices.keys().cloned().collect::<Vec<_>>(), expected, "{killed}");
    assert!(rig.rotations().unfinished().await.unwrap().is_empty());
}

async fn three_clients() -> Rig {
    let rig = Rig::start().await;
    for name in ["alpha", "beta", "gamma"] {
        rig.client_with_keys(name, 2).await;
    }
    rig.ask(Target::AllKeys).await;
    rig
}

#[tokio::test]
async fn a_rotation_that_is_killed_at_any_call_is_carried_on_to_the_same_end() {
    for killed in 0.. {
        let rig = three_clients().await;
        let life = rig.secrets.control().life();
        life.die_after(killed);
        let first = rig.run().await;
        let died = life.is_over() && first.is_err();
        life.revive();
        if died {
            rig.clock.advance(LEASE + SignedDuration::from_millis(1));
            assert!(rig.emergency.resume().await.unwrap() <= 1);
        }
        assert_rotated(&rig, killed).await;
        if !died {
            assert!(killed > 25, "{killed} calls are too few for it");
            break;
        }
    }
}

#[tokio::test]
async fn a_rotation_that_is_killed_again_and_again_comes_to_its_end() {
    let rig = three_clients().await;
    let life = rig.secrets.control().life();
    let mut attempts = 0;
    while rig.rotation().await.place.phase != Phase::Done {
        life.die_after(12);
        let _ = rig.run().await;
        life.revive();
        rig.clock.advance(LEASE + SignedDuration::from_millis(1));
        attempts += 1;
        assert!(attempts < 30);
    }
    assert!(attempts >= 3, "{attempts}");
    assert_rotated(&rig, attempts).await;
}

#[tokio::test]
async fn two_workers_at_once_do_nothing_twice() {
    let rig = Arc::new(three_clients().await);
    let (other, _) = rig.another();
    let ids = [ID.to_owned()];
    let (one, two) = tokio::join!(rig.run(), other.run(&ids));
    assert!(one.is_ok() || two.is_ok());
    let refused = one.err().or(two.err()).expect("one of them had it");
    assert!(matches!(&refused.0[..], [(id, Error::Conflict(_))] if id == ID));
    assert_eq!(other.resume().await.unwrap(), 0);
    rig.run().await.unwrap();
    assert_rotated(&rig, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_too_late_finds_everything_done_wherever_it_was() {
    for skipped in 0..8 {
        let rig = three_clients().await;
        let (late, wire) = rig.another();
        let (other, _) = rig.another();
        let clock = rig.clock.clone();
        let (passed, over) = (AtomicUsize::new(0), Arc::new(Notify::new()));
        let told = Arc::clone(&over);
        let overtake = Arc::new(move || {
            if passed.fetch_add(1, Ordering::Relaxed) == skipped {
                clock.advance(LEASE + SignedDuration::from_millis(1));
                meanwhile(other.run(&[ID.to_owned()])).unwrap();
                told.notify_one();
            }
        });
        before_each_transaction(&wire, overtake);
        let ended = late.run(&[ID.to_owned()]).await;
        assert!(ended.is_err(), "its lease had run out: {skipped}");
        over.notified().await;
        assert_rotated(&rig, skipped).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_successor_that_a_stolen_key_claims_during_the_revocation_is_dead_too() {
    let rig = Rig::start().await;
    let stolen = rig.client_with_keys("demo", 1).await.remove(0);
    let client = client_id("demo");
    rig.verified_contact(&client).await;
    let offered = rig.directory.rotate_key(stolen.id(), 14, "due", &operator(), rig.now()).await.unwrap();
    rig.directory.commit(offered).await.unwrap();
    rig.ask(Target::Client(client)).await;
    let (worker, wire) = rig.another();
    let (thief, now) = (directory(rig.dynamodb()), rig.now());
    let (presented, claimed) = (stolen.expose().to_owned(), Arc::new(Mutex::new(None)));
    let told = Arc::clone(&claimed);
    // The first transaction enters the phase; the second revokes.
    let again = wire.clone();
    wire.before("TransactWriteItems", move || {
        again.before("TransactWriteItems", move || {
            let origin = Origin { request_id: "theft".into(), function: "key-admin", source_address: None };
            let presented = ApiKey::parse(&presented, ENVIRONMENT).unwrap();
            let successor = meanwhile(async {
                let claimed = thief.claim_by_key(&presented, ENVIRONMENT, &origin, now).await.unwrap();
                thief.commit(claimed).await.unwrap().issued.api_key
            });
            *told.lock().unwrap() = Some(successor);
        });
    });
    worker.run(&[ID.to_owned()]).await.unwrap();
    let successor = claimed.lock().unwrap().take().expect("it was claimed");
    for key in [&stolen, &successor] {
        assert_eq!(rig.refusal(key).await, Some(Refusal::Revoked));
    }
    let origin = Origin { request_id: "theft".into(), function: "key-admin", source_address: None };
    assert!(rig.directory.confirm_key(&successor, &origin, rig.now()).await.is_err());
    assert!(rig.directory.claim_by_key(&stolen, ENVIRONMENT, &origin, rig.now()).await.is_err());
    assert_eq!(rig.rotation().await.place.counts, counts(1, 2, 1, 1));
}

#[tokio::test]
async fn one_key_is_rotated_and_the_client_s_others_work_on() {
    let rig = Rig::start().await;
    let keys = rig.client_with_keys("demo", 2).await;
    let target = Target::Key { key_id: keys[0].id().clone(), client_id: client_id("demo") };
    rig.ask(target).await;
    rig.run().await.unwrap();
    assert_eq!((rig.refusal(&keys[0]).await, rig.refusal(&keys[1]).await), (Some(Refusal::Revoked), None));
    assert_eq!(rig.rotation().await.place.counts, counts(1, 1, 1, 1));
    let notices = rig.notices().await;
    let text = notices.values().next().unwrap();
    assert!(text.contains(keys[0].id().as_str()) && !text.contains(keys[1].id().as_str()), "{text}");
    assert!(!text.contains(REASON), "the reason is the desk's");
    // A claim code is what it takes, as after any emergency.
    rig.verified_contact(&client_id("demo")).await;
    let code = rig.directory.create_claim_code(keys[0].id(), ENVIRONMENT, &operator(), rig.now()).await.unwrap();
    rig.directory.commit(code).await.unwrap();
}

#[tokio::test]
async fn what_is_made_after_a_client_was_gone_through_is_left_alone_by_whoever_carries_on() {
    let rig = three_clients().await;
    let life = rig.secrets.control().life();
    life.die_after(20);
    rig.run().await.unwrap_err();
    life.revive();
    let gone_through: Vec<_> = rig.entries("api_key.emergency_rotate").await;
    assert_eq!(gone_through.len(), 3, "the first phase is through after 20 calls");
    let fresh = rig.key_of("alpha").await;
    rig.clock.advance(LEASE + SignedDuration::from_millis(1));
    rig.emergency.resume().await.unwrap();
    assert_eq!(rig.refusal(&fresh).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_meanwhile_is_noted_and_keeps_nobody_from_the_end() {
    let rig = three_clients().await;
    let (worker, wire) = rig.another();
    let (directory, now) = (directory(rig.dynamodb()), rig.now());
    let left = Arc::new(AtomicBool::new(false));
    let client = rig.dynamodb();
    before_each_transaction(
        &wire,
        Arc::new(move || {
            let keys = meanwhile(stored::scan(&client, tables::KEYS));
            if keys.iter().all(|key| state(key) == "REVOKED") && !left.swap(true, Ordering::Relaxed) {
                meanwhile(async {
                    let ended = directory.terminate_client(&client_id("beta"), "left", &operator(), now).await.unwrap();
                    directory.commit(ended).await.unwrap();
                });
            }
        }),
    );
    worker.run(&[ID.to_owned()]).await.unwrap();
    assert_eq!(rig.rotation().await.place.counts, counts(3, 6, 4, 3));
    let units = rig.rotations().units(ID, None, 10).await.unwrap().items;
    let noted: Vec<_> = units.iter().filter(|unit| unit.note.is_some()).map(|unit| unit.name.to_string()).collect();
    assert_eq!(noted, ["client#beta"]);
}

#[tokio::test]
async fn a_table_that_is_away_ends_the_attempt_and_the_next_one_need_not_wait() {
    let rig = three_clients().await;
    let (worker, wire) = rig.another();
    wire.fail("BatchGetItem", 100);
    let failed = worker.run(&[ID.to_owned()]).await.unwrap_err();
    assert!(matches!(&failed.0[..], [(id, Error::Unavailable { .. })] if id == ID));
    let rotation = rig.rotation().await;
    assert!(rotation.hindrance.unwrap().contains("BatchGetItem"));
    assert_eq!(rotation.place.phase, Phase::Revoking);
    wire.fail("BatchGetItem", 0);
    worker.run(&[ID.to_owned()]).await.unwrap();
    assert_rotated(&rig, 0).await;
    worker.run(&[ID.to_owned(), "019bc3ac-2f00-7989-bdd9-14e14da269ce".to_owned()]).await.unwrap();
}

const ACCOUNTS: [&str; 2] = ["svc-desk-reader", "svc-risk-batch"];

async fn accounts() -> (Rig, Vec<ServiceAccountCredential>) {
    let rig = Rig::start().await;
    let mut held = Vec::new();
    for name in ACCOUNTS {
        held.push(rig.account(name, ServiceAccountState::Active).await);
    }
    rig.account("svc-old-batch", ServiceAccountState::Disabled).await;
    rig.ask(Target::AllAccounts).await;
    (rig, held)
}

async fn assert_accounts_rotated(rig: &Rig, before: &[ServiceAccountCredential], killed: usize) {
    let rotation = rig.rotation().await;
    assert_eq!((rotation.place.phase, rotation.place.counts), (Phase::Done, counts(2, 2, 2, 2)), "{killed}");
    for (name, old) in ACCOUNTS.iter().zip(before) {
        let new = rig.given_out(name);
        assert!(!rig.admits(name, old).await, "{killed}");
        assert!(rig.admits(name, &new).await, "{killed}");
        assert_ne!(new.hash(), old.hash(), "{killed}");
    }
    for event in ["service_account.credential.revoke", "service_account.credential.rotate"] {
        let entries = rig.entries(event).await;
        assert_eq!(entries.len(), 2, "{event}: {killed}");
        for entry in entries {
            let reason = entry.body["reason"].as_str().unwrap();
            assert!(reason.contains(REASON) && reason.contains(ID), "{reason}");
        }
    }
    assert_eq!(rig.notices().await.len(), 2, "{killed}");
    assert_eq!(rig.entries("rotation.complete").await.len(), 1, "{killed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_account_authenticates_when_the_first_new_credential_is_made() {
    let (rig, before) = accounts().await;
    let rig = Arc::new(rig);
    let (looked, told) = (Arc::clone(&rig), Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&told);
    let hashes: Vec<_> = before.iter().map(ServiceAccountCredential::hash).collect();
    rig.secrets.control().before("PutSecretValue", move || {
        let people = people(looked.dynamodb());
        for (name, old) in ACCOUNTS.iter().zip(&hashes) {
            let held = meanwhile(people.service_account(&account(name))).unwrap().unwrap();
            assert!(!held.hashes.admit(old));
        }
        seen.store(true, Ordering::Relaxed);
    });
    rig.run().await.unwrap();
    assert!(told.load(Ordering::Relaxed));
    assert_accounts_rotated(&rig, &before, 0).await;
    let disabled = rig.rotations().units(ID, None, 10).await.unwrap().items;
    assert_eq!(disabled.iter().find(|unit| unit.note.is_some()).unwrap().name.to_string(), "account#svc-old-batch");
    assert!(rig.notices().await.values().all(|text| !text.contains("brs_")));
}

#[tokio::test]
async fn a_rotation_of_accounts_that_is_killed_at_any_call_is_carried_on_to_the_same_end() {
    for killed in 0.. {
        let (rig, before) = accounts().await;
        let life = rig.secrets.control().life();
        life.die_after(killed);
        let first = rig.run().await;
        let died = life.is_over() && first.is_err();
        life.revive();
        if died {
            rig.clock.advance(LEASE + SignedDuration::from_millis(1));
            rig.emergency.resume().await.unwrap();
        }
        assert_accounts_rotated(&rig, &before, killed).await;
        if !died {
            assert!(killed > 25, "{killed} calls are too few for it");
            break;
        }
    }
}

#[tokio::test]
async fn a_credential_whose_answer_was_lost_is_found_and_made_current_again_where_another_took_its_place() {
    let (rig, before) = accounts().await;
    rig.secrets.control().lose("PutSecretValue", 2);
    rig.run().await.unwrap_err();
    for name in ACCOUNTS {
        assert!(!rig.admits(name, &rig.given_out(name)).await, "it is not installed yet");
    }
    // A rotation by schedule that was at its last step when the emergency began.
    let secret = format!("{PREFIX}{}", ACCOUNTS[0]);
    let store = SecretStore::new(rig.secrets.client());
    assert!(store.put_current(&secret, &"t".repeat(32), &before[0].document()).await.unwrap());
    rig.run().await.unwrap();
    assert_accounts_rotated(&rig, &before, 0).await;
    assert_eq!(rig.secrets.control().count("PutSecretValue"), 3, "each was made once");
}

#[tokio::test]
async fn an_account_whose_secret_is_gone_is_noted_and_authenticates_no_more() {
    let (rig, before) = accounts().await;
    let lost = rig.account("svc-a-lost", ServiceAccountState::Active).await;
    // It is looked at once for each of the four accounts when they are revoked, and then to issue.
    rig.secrets.control().refuse("DescribeSecret", 5, 400, "ResourceNotFoundException");
    rig.run().await.unwrap();
    let counted = rig.rotation().await.place.counts;
    assert_eq!(counted, counts(3, 3, 2, 3));
    assert!(!rig.admits("svc-a-lost", &lost).await);
    for (name, old) in ACCOUNTS.iter().zip(&before) {
        assert!(!rig.admits(name, old).await);
    }
    let units = rig.rotations().units(ID, None, 10).await.unwrap().items;
    let noted = units.iter().filter_map(|unit| unit.note.as_deref()).collect::<BTreeSet<_>>();
    assert!(noted.contains("the account has no secret in Secrets Manager"), "{noted:?}");
}

#[tokio::test]
async fn a_claim_code_of_a_client_that_holds_no_key_ends_with_the_keys_of_all() {
    let rig = Rig::start().await;
    let keys = rig.client_with_keys("demo", 1).await;
    rig.verified_contact(&client_id("demo")).await;
    let (id, by) = (keys[0].id(), operator());
    let ended = rig.directory.emergency_rotate_key(id, Some(ENVIRONMENT), REASON, &by, rig.now()).await.unwrap();
    let ended = rig.directory.commit(ended).await.unwrap();
    rig.clock.advance(SignedDuration::from_mins(1));
    rig.ask(Target::AllKeys).await;
    rig.run().await.unwrap();
    let code = ended.claim_code.unwrap().code;
    let origin = Origin { request_id: "request-2".into(), function: "key-admin", source_address: None };
    assert!(rig.directory.claim_by_code(&code, ENVIRONMENT, &origin, rig.now()).await.is_err());
}

#[tokio::test]
async fn a_rotation_of_the_secret_that_is_under_way_ends_with_the_credential() {
    let (rig, before) = accounts().await;
    let secret = format!("{PREFIX}{}", ACCOUNTS[0]);
    let store = SecretStore::new(rig.secrets.client());
    let token = "b".repeat(32);
    store.put_pending(&secret, &token, None, &before[0].document()).await.unwrap();
    assert!(rig.secrets.at_stage(&secret, "AWSPENDING").is_some());
    rig.run().await.unwrap();
    assert_eq!(rig.secrets.at_stage(&secret, "AWSPENDING"), None, "what was pending may be in the same hands");
    assert_accounts_rotated(&rig, &before, 0).await;
}
