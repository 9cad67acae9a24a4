//! The function, the secrets that it rotates, an account that one of them is of, and the part of Secrets Manager.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::audit_log::AuditLog;
use engine_aws::author::Author;
use engine_aws::clock::{Clock, random_bytes};
use engine_aws::https::HttpsClient;
use engine_aws::people::{People, ServiceAccountHeld};
use engine_aws::rotations::{RegisterRow, RegisterStore};
use engine_aws::secrets::SecretStore;
use engine_core::access::service_account::{ServiceAccountCredential, ServiceAccountState};
use engine_core::access::totp::TotpSecret;
use engine_core::access::{PersonId, ServiceAccount, ServiceAccountName};
use engine_core::audit::{ActorType, SecretKey};
use engine_core::rotation::CredentialKind;
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::life::Life;
use engine_test_support::secrets_manager::SecretsManager;
use engine_test_support::service::Control;
use engine_test_support::wire::Wire;
use jiff::Timestamp;
use rotation::{Clients, DRAIN, Event, Pause, Rotation, RotationError, Settings};
use serde_json::Value;

use crate::endpoint::Endpoint;

pub(crate) const ENVIRONMENT: &str = "test";
pub(crate) const ACCOUNT: &str = "svc-risk-batch";
const PREFIX: &str = "stack/service-accounts/";
const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:function:stack-rotation:live";
/// What the base32 alphabet and the length of the template's second factor allow.
const TOTP: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
/// The steps in their order.
pub(crate) const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
/// What Secrets Manager gives with each step.
pub(crate) const ROTATION_TOKEN: &str = "0b8d7f5c-2f6e-4c1a-8f3d-9e4b7a6c5d21";

/// A secret that the function rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Account,
    Totp,
    ActorKey,
    ReferenceKey,
}

impl Subject {
    pub(crate) const ALL: [Self; 4] = [Self::Account, Self::Totp, Self::ActorKey, Self::ReferenceKey];

    /// The secret's name.
    pub(crate) fn secret(self) -> String {
        match self {
            Self::Account => format!("{PREFIX}{ACCOUNT}"),
            Self::Totp => "stack/bootstrap-totp".to_owned(),
            Self::ActorKey => "stack/actor-key".to_owned(),
            Self::ReferenceKey => "stack/reference-key".to_owned(),
        }
    }

    fn first_value(self) -> String {
        match self {
            Self::Account => credential().document().to_string(),
            Self::Totp => TOTP.to_owned(),
            Self::ActorKey => format!(r#"{{"current":"k1","k1":"{}"}}"#, "a".repeat(64)),
            Self::ReferenceKey => format!(r#"{{"k1":"{}","current":"k2","k2":"{}"}}"#, "r".repeat(64), "s".repeat(64)),
        }
    }

    /// The event of a rotation's entry.
    pub(crate) fn event(self) -> &'static str {
        if self == Self::Account { "service_account.credential.rotate" } else { "secret.rotate" }
    }

    /// Its name in the register of credentials that are kept elsewhere than in tables.
    pub(crate) fn registered(self) -> Option<&'static str> {
        match self {
            Self::Account => None,
            Self::Totp => Some("bootstrap-totp"),
            Self::ActorKey => Some("actor-key"),
            Self::ReferenceKey => Some("reference-key"),
        }
    }
}

pub(crate) struct Rig {
    pub(crate) dynamo: Dynamo,
    pub(crate) secrets: SecretsManager,
    pub(crate) clock: ManualClock,
    pub(crate) endpoint: Arc<Endpoint>,
    /// How often the function has waited.
    pub(crate) pauses: Arc<Mutex<Vec<Duration>>>,
    arns: BTreeMap<String, String>,
}

impl Rig {
    /// With a value in every secret, and the account.
    pub(crate) async fn start() -> Self {
        let (dynamo, secrets) = (Dynamo::start().await, SecretsManager::new());
        let clock = ManualClock::at("2026-01-15T22:00:00Z");
        let endpoint = Arc::new(Endpoint::start(&dynamo, &clock).await);
        let arns = Subject::ALL.map(|subject| {
            let name = subject.secret();
            let arn = secrets.put(&name, &subject.first_value());
            (name, arn)
        });
        let rig = Self { dynamo, secrets, clock, endpoint, pauses: Arc::default(), arns: arns.into() };
        rig.put_account(ServiceAccountState::Active).await;
        rig
    }

    /// The function in a process of that life.
    pub(crate) fn function(&self, life: &Life) -> Rotation {
        self.function_with(life, self.pause())
    }

    pub(crate) fn function_with(&self, life: &Life, pause: Pause) -> Rotation {
        self.function_on(&Control::of(life), &Wire::of(life), &self.endpoint.api_url, pause)
    }

    /// The function in a process with those connections.
    pub(crate) fn function_on(&self, control: &Control, wire: &Wire, api_url: &str, pause: Pause) -> Rotation {
        let arn = |subject: Subject| self.arns[&subject.secret()].clone();
        let settings = Settings {
            environment: ENVIRONMENT.into(),
            people_table: tables::PEOPLE.into(),
            audit_table: tables::AUDIT.into(),
            rotations_table: tables::ROTATIONS.into(),
            api_url: api_url.into(),
            actor_key_secret: arn(Subject::ActorKey),
            reference_key_secret: arn(Subject::ReferenceKey),
            totp_secret: arn(Subject::Totp),
            service_account_prefix: PREFIX.into(),
        };
        let clients = Clients {
            dynamodb: self.dynamo.client_on(wire),
            secrets: SecretStore::new(self.secrets.client_on(control)),
            https: HttpsClient::new(Duration::from_secs(20)),
        };
        Rotation::new(clients, actor_key(), settings, self.clock.shared(), pause)
    }

    /// Waits for nothing, and notes that it was asked to.
    pub(crate) fn pause(&self) -> Pause {
        let pauses = Arc::clone(&self.pauses);
        Arc::new(move |time| {
            pauses.lock().unwrap().push(time);
            Box::pin(std::future::ready(()))
        })
    }

    pub(crate) fn arn(&self, subject: Subject) -> &str {
        &self.arns[&subject.secret()]
    }

    /// Starts a rotation, as its schedule or a person does; the refusal's code where Secrets Manager starts none.
    pub(crate) async fn begin(&self, subject: Subject, token: &str) -> Result<(), String> {
        let started = self.secrets.client().rotate_secret().secret_id(self.arn(subject)).client_request_token(token);
        match started.rotation_lambda_arn(LAMBDA).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{:?}", error.into_service_error())),
        }
    }

    /// One step, as Secrets Manager invokes it.
    pub(crate) fn event(&self, subject: Subject, token: &str, step: &str) -> Event {
        Event {
            step: step.to_owned(),
            secret_id: self.arn(subject).to_owned(),
            client_request_token: token.to_owned(),
            rotation_token: Some(ROTATION_TOKEN.to_owned()),
        }
    }

    pub(crate) async fn step(&self, subject: Subject, token: &str, step: &str) -> Result<(), RotationError> {
        self.step_by(&self.function(&Life::new()), subject, token, step).await
    }

    pub(crate) async fn step_by(
        &self,
        function: &Rotation,
        subject: Subject,
        token: &str,
        step: &str,
    ) -> Result<(), RotationError> {
        function.run(&self.event(subject, token, step), "invocation").await
    }

    /// All steps, in order, until one fails.
    pub(crate) async fn steps_by(
        &self,
        function: &Rotation,
        subject: Subject,
        token: &str,
    ) -> Result<(), RotationError> {
        for step in STEPS {
            self.step_by(function, subject, token, step).await?;
        }
        Ok(())
    }

    /// A whole rotation.
    pub(crate) async fn rotate(&self, subject: Subject, token: &str) {
        self.begin(subject, token).await.unwrap();
        self.steps_by(&self.function(&Life::new()), subject, token).await.unwrap();
    }

    pub(crate) fn current(&self, subject: Subject) -> String {
        self.secrets.current(&subject.secret()).unwrap()
    }

    pub(crate) fn at_stage(&self, subject: Subject, stage: &str) -> Option<String> {
        self.secrets.at_stage(&subject.secret(), stage)
    }

    /// Versions with that label.
    pub(crate) fn versions_at(&self, subject: Subject, stage: &str) -> Vec<String> {
        let stages = self.secrets.stages(&subject.secret());
        stages.into_iter().filter(|(_, stages)| stages.contains(stage)).map(|(version, _)| version).collect()
    }

    /// What must hold when a rotation is over: one current version, that of the rotation, which works; no pending one; the value
    /// before works no more; one entry.
    pub(crate) async fn assert_settled(&self, subject: Subject, token: &str, before: &str) {
        assert_eq!(self.versions_at(subject, "AWSCURRENT"), [token], "{subject:?}");
        assert!(self.versions_at(subject, "AWSPENDING").is_empty(), "{subject:?}");
        let now = self.current(subject);
        assert_ne!(now, before, "{subject:?}");
        match subject {
            Subject::Account => {
                assert_eq!(self.endpoint.status(&now).await, 200);
                assert_eq!(self.endpoint.status(before).await, 401);
                assert!(self.account().await.hashes.pending.is_none());
            }
            Subject::Totp => assert_eq!(TotpSecret::from_base32(&now).unwrap().expose().len(), 20),
            Subject::ActorKey | Subject::ReferenceKey => assert!(SecretKey::succeeds(before, &now)),
        }
        let versions = self.entries(subject.event()).await.into_iter();
        let resource = match subject.registered() {
            None => format!("service_account:{ACCOUNT}"),
            Some(name) => format!("secret:{name}"),
        };
        let of_rotation = |body: &Value| body["resource"] == resource && body["details"]["secret_version"] == token;
        let versions = versions.filter(|(_, body)| of_rotation(body));
        assert_eq!(versions.count(), 1, "entries of {subject:?}");
        if let Some(row) = self.registered(subject).await {
            assert_eq!(row.last_rotated_at, self.now(), "{subject:?}");
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A client beside the function's.
    pub(crate) fn client(&self) -> aws_sdk_dynamodb::Client {
        self.dynamo.client_on(&Wire::default())
    }

    pub(crate) fn people(&self) -> People {
        People::new(self.client(), tables::PEOPLE, AuditLog::new(self.client(), tables::AUDIT))
    }

    pub(crate) async fn account(&self) -> ServiceAccountHeld {
        self.people().service_account(&name()).await.unwrap().unwrap()
    }

    pub(crate) async fn registered(&self, subject: Subject) -> Option<RegisterRow> {
        let register = RegisterStore::new(self.client(), tables::ROTATIONS);
        register.row(CredentialKind::Secret, subject.registered()?).await.unwrap()
    }

    /// Headers and bodies of the entries of that event.
    pub(crate) async fn entries(&self, event: &str) -> Vec<(Value, Value)> {
        let items = self.client().scan().table_name(tables::AUDIT).send().await.unwrap().items.unwrap_or_default();
        let json = |text: &AttributeValue| serde_json::from_str::<Value>(text.as_s().unwrap()).unwrap();
        let entries = items.iter().map(|item| (json(&item["header"]), json(&item["body"])));
        entries.filter(|(header, _)| header["event"] == event).collect()
    }

    /// Puts the account, with the hash of the credential in its secret.
    pub(crate) async fn put_account(&self, state: ServiceAccountState) {
        let account = ServiceAccount {
            name: name(),
            purpose: "nightly risk batch".into(),
            owner: PersonId::parse("p-100").unwrap(),
            scopes: BTreeSet::from(["rates:view".into()]),
            state,
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            disabled_at: None,
            review: None,
            actor_ref: actor_key().actor_ref(ActorType::ServiceAccount, ACCOUNT),
        };
        let hash =
            ServiceAccountCredential::from_document(&self.current(Subject::Account), ENVIRONMENT).unwrap().hash();
        let put = self
            .client()
            .put_item()
            .table_name(tables::PEOPLE)
            .item("pk", AttributeValue::S("service_accounts".into()))
            .item("sk", AttributeValue::S(ACCOUNT.into()))
            .item("document", AttributeValue::S(serde_json::to_string(&account).unwrap()))
            .item("version", AttributeValue::N("1".into()))
            .item("current_hash", AttributeValue::B(Blob::new(hash.as_bytes())));
        put.send().await.unwrap();
    }

    /// The account's credential is revoked, as in an emergency.
    pub(crate) async fn revoke(&self) {
        let revoked = self.people().revoke_credential(&name(), "it was found in a log", &somebody(), self.now()).await;
        revoked.unwrap().commit(&self.client()).await.unwrap();
    }

    /// The account gets another credential, as in an emergency; its document.
    pub(crate) async fn install(&self, token: &str) -> String {
        let (store, next) = (SecretStore::new(self.secrets.client()), credential());
        assert!(store.put_current(self.arn(Subject::Account), token, &next.document()).await.unwrap());
        let (hash, by) = (next.hash(), somebody());
        let installed = self.people().install_credential(&name(), &hash, "emergency", &by, self.now()).await;
        installed.unwrap().commit(&self.client()).await.unwrap();
        next.document().to_string()
    }
}

pub(crate) fn name() -> ServiceAccountName {
    ServiceAccountName::parse(ACCOUNT).unwrap()
}

/// A new credential of the account.
pub(crate) fn credential() -> ServiceAccountCredential {
    let (id, secret) = (random_bytes().unwrap(), random_bytes().unwrap());
    ServiceAccountCredential::generate(&name(), ENVIRONMENT, id, &secret).unwrap()
}

fn somebody() -> Author {
    Author::system("credential-sweep", &actor_key(), "emergency")
}

/// The version of the rotation of that number.
pub(crate) fn token(number: u32) -> String {
    format!("5a3c1f0e-6d1b-4b52-9a41-{number:012}")
}

/// Makes sure that the function waited as long as it should, so many times.
pub(crate) fn assert_waited(rig: &Rig, times: usize) {
    assert_eq!(*rig.pauses.lock().unwrap(), vec![DRAIN; times]);
}
