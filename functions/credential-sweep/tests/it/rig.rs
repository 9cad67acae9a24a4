//! The function with everything it needs, and a world for it to look at.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use credential_sweep::{Clients, CredentialSweep, Done, Named, RunError, Settings};
use engine_aws::author::Author;
use engine_aws::directory::{Directory, DirectoryTables, NewClient, NewContact, NewKey};
use engine_aws::kms::ContactCipher;
use engine_aws::people::{Factor, Person};
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::{
    ApiKey, ClientId, Elevation, KeyId, PersonId, Principal, PrincipalId, PrincipalState, Role, ServiceAccount,
    ServiceAccountName,
};
use engine_core::audit::{Actor, ActorType};
use engine_core::field::Fields;
use engine_http::logging::{JsonLines, LevelFilter};
use engine_test_support::acm::Acm;
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::eventbridge::EventBridge;
use engine_test_support::keys::{actor_key, reference_key};
use engine_test_support::kms::Kms;
use engine_test_support::life::Life;
use engine_test_support::secrets_manager::SecretsManager;
use engine_test_support::service::Control;
use engine_test_support::sns::{FIFO_TOPIC_ARN, Sns};
use engine_test_support::stored::{Stored, entries, scan};
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

pub(crate) const NOW: &str = "2026-12-15T22:00:00Z";
pub(crate) const CLIENT: &str = "demo";
pub(crate) const ADDRESS: &str = "dana.ortiz@client.example";
pub(crate) const PREFIX: &str = "example/service-accounts/";
pub(crate) const ROTATION: &str = "arn:aws:lambda:us-east-1:123456789012:function:example-rotation:live";
pub(crate) const ENVIRONMENT: &str = "test";
const SECRETS: [&str; 3] = ["bootstrap-totp", "actor-key", "reference-key"];

pub(crate) struct Rig {
    pub(crate) dynamo: Dynamo,
    pub(crate) sns: Sns,
    pub(crate) events: EventBridge,
    pub(crate) kms: Kms,
    pub(crate) acm: Acm,
    pub(crate) secrets: SecretsManager,
    pub(crate) clock: ManualClock,
    pub(crate) settings: Settings,
    lines: Arc<Mutex<Vec<Value>>>,
}

/// A process that runs the function: it has a life of its own.
pub(crate) struct Process {
    pub(crate) function: CredentialSweep,
    pub(crate) life: Life,
}

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn client_id() -> ClientId {
    ClientId::parse(CLIENT).unwrap()
}

impl Rig {
    /// Nothing is due.
    pub(crate) async fn start() -> Self {
        let (clock, kms, acm, secrets) = (ManualClock::at(NOW), Kms::new(), Acm::new(), SecretsManager::new());
        let named = |name: &str, arn: String| Named { name: name.to_owned(), arn };
        let (contacts, tables_key, token) = (kms.symmetric_key(), kms.symmetric_key(), kms.signing_key());
        kms.made_at(&token, at(NOW) - days(10), false, None);
        kms.made_at(&tables_key, at(NOW) - days(10), true, Some(at(NOW) + days(355)));
        let stack_secrets = SECRETS.map(|name| {
            let arn = secrets.put(&format!("example/{name}"), &format!("value of {name}"));
            secrets.changed_at(&format!("example/{name}"), at(NOW) - days(10), None);
            named(name, arn)
        });
        let certificate = acm.issue("api.example", at(NOW) - days(10), at(NOW) + days(355));
        let settings = Settings {
            environment: ENVIRONMENT.into(),
            stack: "example".into(),
            keys_table: tables::KEYS.into(),
            clients_table: tables::CLIENTS.into(),
            people_table: tables::PEOPLE.into(),
            audit_table: tables::AUDIT.into(),
            rotations_table: tables::ROTATIONS.into(),
            actor_key_secret: "unused: the key is given".into(),
            reference_key_secret: "unused: the key is given".into(),
            contacts_key: contacts,
            service_account_prefix: PREFIX.into(),
            rotation_function: Some(ROTATION.into()),
            topic: FIFO_TOPIC_ARN.into(),
            signing_keys: vec![named("token", token)],
            kms_keys: vec![named("tables", tables_key)],
            stack_secrets: stack_secrets.into(),
            certificate: Some(certificate),
        };
        Self {
            dynamo: Dynamo::start().await,
            sns: Sns::at(clock.shared()),
            events: EventBridge::new(),
            kms,
            acm,
            secrets,
            clock,
            settings,
            lines: Arc::default(),
        }
    }

    /// Another process, whose calls to whatever service count in one life.
    pub(crate) fn process(&self) -> Process {
        let life = Life::new();
        let control = Control::of(&life);
        let clients = Clients {
            acm: self.acm.client_on(&control),
            dynamodb: self.dynamo.client_on(&Wire::of(&life)),
            events: self.events.client_on(&control),
            kms: self.kms.client_on(&control),
            secrets: self.secrets.client_on(&control),
            sns: self.sns.client_on(&control),
        };
        Process { function: self.function(clients), life }
    }

    fn function(&self, clients: Clients) -> CredentialSweep {
        let keys = (actor_key(), reference_key());
        CredentialSweep::new(clients, keys, self.settings.clone(), self.clock.shared())
    }

    /// The function whose calls pass the doubles' own controls.
    pub(crate) fn here(&self) -> CredentialSweep {
        self.function(Clients {
            acm: self.acm.client(),
            dynamodb: self.dynamo.client(),
            events: self.events.client(),
            kms: self.kms.client(),
            secrets: self.secrets.client(),
            sns: self.sns.client(),
        })
    }

    /// One run here, whose lines are kept.
    pub(crate) async fn run(&self) -> Result<Done, RunError> {
        self.run_of(&self.here()).await
    }

    /// One run, whose lines are kept.
    pub(crate) async fn run_of(&self, function: &CredentialSweep) -> Result<Done, RunError> {
        let _listening = self.listen();
        function.run("run", self.deadline()).await
    }

    /// Keeps the lines of what runs meanwhile.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let lines = Arc::clone(&self.lines);
        let filter = LevelFilter::from_settings(None, None);
        let layer = JsonLines::new("credential-sweep", filter, self.clock.clone(), move |line: &str| {
            lines.lock().unwrap().push(serde_json::from_str(line).unwrap());
        });
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
    }

    /// Moves the clock on, in a world in which what is kept elsewhere than in the tables was just renewed.
    pub(crate) fn later(&self, by: SignedDuration) {
        self.clock.advance(by);
        let now = self.now();
        self.kms.made_at(&self.settings.signing_keys[0].arn, now, false, None);
        self.kms.made_at(&self.settings.kms_keys[0].arn, now, true, Some(now + days(365)));
        self.acm.issue("api.example", now, now + days(365));
        for name in SECRETS {
            self.secrets.changed_at(&format!("example/{name}"), now, None);
        }
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.now() + SignedDuration::from_mins(15)
    }

    pub(crate) fn now(&self) -> Timestamp {
        engine_aws::clock::Clock::now(&self.clock)
    }

    /// Every line so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// A client beside the function.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamo.client_on(&Wire::default())
    }

    /// The bodies of the entries of one event.
    pub(crate) async fn entries_of(&self, event: &str) -> Vec<Stored> {
        let entries = entries(&self.dynamodb()).await;
        entries.into_iter().filter(|entry| entry.header["event"] == event).collect()
    }

    /// The kind and credential of each notice on the topic, in order of time.
    pub(crate) fn told(&self) -> Vec<(String, String)> {
        self.sns.published().iter().map(|message| id_of(&message.json())).collect()
    }

    /// The kind and credential of each notice on the bus.
    pub(crate) fn sent(&self) -> Vec<(String, String)> {
        self.events.events().iter().map(|event| id_of(&event.detail)).collect()
    }

    /// Items of the table of rotations in that partition.
    pub(crate) async fn rotations(&self, partition: &str) -> Vec<engine_test_support::stream::Item> {
        let items = scan(&self.dynamodb(), tables::ROTATIONS).await;
        items.into_iter().filter(|item| item["pk"].as_s().unwrap() == partition).collect()
    }

    async fn put<T: Serialize>(&self, (pk, sk): (&str, &str), record: &T, more: &[(&str, AttributeValue)]) {
        let s = |text: &str| AttributeValue::S(text.to_owned());
        let mut put = self.dynamodb().put_item().table_name(tables::PEOPLE);
        put = put.item("pk", s(pk)).item("sk", s(sk)).item("version", AttributeValue::N("1".into()));
        put = put.item("document", s(&serde_json::to_string(record).unwrap()));
        for (name, value) in more {
            put = put.item(*name, value.clone());
        }
        put.send().await.unwrap();
    }

    /// An active account, created at that time.
    pub(crate) async fn account(
        &self,
        person: &str,
        created_at: Timestamp,
        elevation: Option<Elevation>,
    ) -> PrincipalId {
        let id = PrincipalId::parse(&format!("{person}@example.com")).unwrap();
        let principal = Principal {
            id: id.clone(),
            person_id: PersonId::parse(person).unwrap(),
            name: "Some Body".into(),
            manager: PersonId::parse("manager").unwrap(),
            roles: BTreeSet::from([Role::Operations]),
            state: PrincipalState::Active,
            created_at,
            approved_at: Some(created_at),
            disabled_at: None,
            elevation,
            review: None,
            actor_ref: actor_key().actor_ref(ActorType::Staff, id.as_str()),
        };
        let request = AttributeValue::S("request".into());
        self.put(("principals", id.as_str()), &principal, &[("request_id", request)]).await;
        id
    }

    /// An account with an elevation that is over.
    pub(crate) async fn elevated(&self, person: &str, until: Timestamp) -> PrincipalId {
        let elevation = Elevation { roles: BTreeSet::from([Role::Admin]), until, request_id: format!("r-{person}") };
        self.account(person, self.now(), Some(elevation)).await
    }

    /// A person whose second factor was enrolled at that time.
    pub(crate) async fn enrolled(&self, person: &str, enrolled_at: Timestamp) {
        let factor = Factor { sealed: b"sealed".to_vec(), issued_at: enrolled_at, enrolled_at: Some(enrolled_at) };
        let person = Person { enrolled: Some(factor), ..Person::new(PersonId::parse(person).unwrap()) };
        self.put(("persons", person.id.as_str()), &person, &[]).await;
    }

    /// An active service account with a secret, made at that time and used last when it says.
    pub(crate) async fn service_account(&self, name: &str, created_at: Timestamp, used_at: Option<Timestamp>) {
        let account = ServiceAccount {
            name: ServiceAccountName::parse(name).unwrap(),
            purpose: "a purpose of some length".into(),
            owner: PersonId::parse("owner").unwrap(),
            scopes: BTreeSet::from(["rates:view".to_owned()]),
            state: ServiceAccountState::Active,
            created_at,
            disabled_at: None,
            review: None,
            actor_ref: actor_key().actor_ref(ActorType::ServiceAccount, name),
        };
        let hash = AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new([7; 32]));
        let used = used_at.map(|at| ("last_used_at", AttributeValue::N(at.as_millisecond().to_string())));
        let more: Vec<_> = [("current_hash", hash)].into_iter().chain(used).collect();
        self.put(("service_accounts", name), &account, &more).await;
        self.secrets.put(&format!("{PREFIX}{name}"), &format!("credential of {name}"));
    }

    /// Clients and keys, changed by an operator.
    pub(crate) fn directory(&self) -> Directory {
        let tables = DirectoryTables {
            keys: tables::KEYS.to_owned(),
            clients: tables::CLIENTS.to_owned(),
            audit: tables::AUDIT.to_owned(),
        };
        Directory::new(self.dynamodb(), tables, actor_key(), reference_key())
    }

    pub(crate) fn operator() -> Author {
        let id = "arn:aws:iam::123456789012:user/operator".to_owned();
        Author {
            actor_ref: actor_key().actor_ref(ActorType::Operator, &id),
            actor: Actor { kind: ActorType::Operator, id, roles: vec![] },
            request_id: "request".to_owned(),
            function: "engine",
            source_address: None,
        }
    }

    /// The client, with one contact who was verified.
    pub(crate) async fn client(&self) {
        let (directory, author, now) = (self.directory(), Self::operator(), self.now());
        let terms = Fields::from_pairs([("markup_percentage", "5"), ("fee_type", "FLAT"), ("fee_amount", "25.00")]);
        let new = NewClient { client_id: CLIENT.to_owned(), name: "Demo Ltd".to_owned(), terms };
        let made = directory.create_client(&new, &author, now).unwrap();
        directory.commit(made).await.unwrap();
        let id = KeyId::from_random(engine_aws::clock::random_bytes().unwrap());
        let cipher = ContactCipher::new(self.kms.client_on(&Control::default()), &self.settings.contacts_key);
        let sealed = cipher.seal(CLIENT, id.as_str(), ADDRESS.as_bytes()).await.unwrap();
        let new = NewContact { id, name: "Dana Ortiz".to_owned(), sealed, hint: "d***@client.example".to_owned() };
        let added = directory.add_contact(&client_id(), new, ENVIRONMENT, &author, now).await.unwrap();
        let added = directory.commit(added).await.unwrap();
        let verified =
            directory.verify_contact(&client_id(), &added.contact.id, &added.code, &author, now).await.unwrap();
        directory.commit(verified).await.unwrap();
    }
}

fn id_of(notice: &Value) -> (String, String) {
    let id = notice["notice_id"].as_str().unwrap();
    let mut parts = id.split('#');
    (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned())
}

/// A notice as [`Rig::told`] shows it.
pub(crate) fn notice(kind: &str, credential: &str) -> (String, String) {
    (kind.to_owned(), credential.to_owned())
}

impl Rig {
    /// Who administers.
    pub(crate) async fn administrators(&self, administrators: &engine_core::access::Administrators) {
        self.put(("bootstrap", "administrators"), administrators, &[]).await;
    }
}

impl Rig {
    /// Issues a key of the client, made at that time and to live so many days.
    pub(crate) async fn key(&self, created_at: Timestamp, expiry_days: u64) -> ApiKey {
        let (directory, author) = (self.directory(), Self::operator());
        let new = NewKey {
            client_id: CLIENT.to_owned(),
            rate_limit: 60,
            expiry_days,
            permissions: None,
            tickers: None,
            environment: ENVIRONMENT.to_owned(),
        };
        let issued = directory.create_key(&new, &author, created_at).await.unwrap();
        directory.commit(issued).await.unwrap().api_key
    }
}
