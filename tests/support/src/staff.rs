//! People with accounts, roles and second factors, written into the tables as their onboarding would have; and their tokens.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::clock::{Clock, random_bytes};
use engine_aws::kms::FactorCipher;
use engine_aws::people::{Factor, Person};
use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER};
use engine_core::access::totp::{TotpSecret, step_at};
use engine_core::access::{Administrators, BOOTSTRAP, PersonId, Principal, PrincipalId, PrincipalState, Role};
use engine_core::audit::ActorType;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::ManualClock;
use crate::dynamo::{Dynamo, tables};
use crate::issuer::{FETCHED_AT, Issuer};
use crate::keys::actor_key;
use crate::kms::Kms;
use crate::wire::Wire;

/// The company's issuer.
pub const STAFF_ISSUER: &str = "https://login.example.com/";
/// Whom tokens are for.
pub const AUDIENCE: &str = "borrow-rate-engine:test";

/// Everybody, and who vouches for them.
pub struct Staff {
    /// Vouches for staff.
    pub staff: Issuer,
    /// Vouches for service accounts and the bootstrap administrator.
    pub ours: Issuer,
    dynamodb: Client,
    kms: Kms,
    factors_key: String,
    clock: ManualClock,
    /// Each person's second factor, and the last step whose code was given out.
    factors: Mutex<HashMap<String, (TotpSecret, u64)>>,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Someone {
    /// The account: the subject of their tokens.
    pub id: String,
    /// The person: whose second factor it is.
    pub person_id: String,
    /// Names of the roles that the account was given and its tokens claim.
    pub roles: Vec<&'static str>,
}

impl Staff {
    /// Nobody yet, with their issuers' keys where verifiers find them. `factors_key` seals second factors.
    pub async fn start(dynamo: &Dynamo, kms: &Kms, factors_key: &str, clock: &ManualClock) -> Self {
        let staff = Self {
            staff: Issuer::new(STAFF_ISSUER, "staff-1"),
            ours: Issuer::new(OUR_ISSUER, "ours-1"),
            dynamodb: dynamo.client_on(&Wire::default()),
            kms: kms.clone(),
            factors_key: factors_key.to_owned(),
            clock: clock.clone(),
            factors: Mutex::default(),
        };
        staff.mirror(&staff.staff).await;
        staff.mirror(&staff.ours).await;
        staff
    }

    /// The time on the clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Puts an issuer's keys where verifiers find them.
    pub async fn mirror(&self, issuer: &Issuer) {
        let put = self.dynamodb.put_item().table_name(tables::ISSUERS);
        let put = put.item("pk", AttributeValue::S(issuer.name.to_owned()));
        let put = put.item("jwks", AttributeValue::S(issuer.jwks()));
        put.item("fetched_at", AttributeValue::N(FETCHED_AT.into())).send().await.unwrap();
    }

    /// Somebody with an active account of these roles and a second factor. A second account of a person shares the factor.
    pub async fn person(&self, id: &str, person_id: &str, roles: &[&'static str]) -> Someone {
        let someone = self.unenrolled(id, person_id, roles).await;
        let person = PersonId::parse(person_id).unwrap();
        let (mut held, version) = self.record("persons", person_id).await.unwrap_or_else(|| (Person::new(person), 0));
        if held.enrolled.is_none() {
            let secret = TotpSecret::from_bytes(&random_bytes::<20>().unwrap()).unwrap();
            let cipher = FactorCipher::new(self.kms.client(), &self.factors_key);
            let sealed = cipher.seal(person_id, secret.expose()).await.unwrap();
            held.enrolled = Some(Factor { sealed, issued_at: self.now(), enrolled_at: Some(self.now()) });
            self.factors.lock().unwrap().insert(person_id.to_owned(), (secret, 0));
            self.write("persons", person_id, &held, version + 1, &[]).await;
        }
        if roles.contains(&"admin") {
            let (held, version) = self
                .record::<Administrators>("bootstrap", "administrators")
                .await
                .unwrap_or_else(|| (Administrators::default(), 0));
            let next = held.with(PersonId::parse(person_id).unwrap(), PrincipalId::parse(id).unwrap(), self.now());
            self.write("bootstrap", "administrators", &next, version + 1, &[]).await;
        }
        someone
    }

    /// Somebody with an active account of these roles and no second factor yet.
    pub async fn unenrolled(&self, id: &str, person_id: &str, roles: &[&'static str]) -> Someone {
        let account = PrincipalId::parse(id).unwrap();
        let person = PersonId::parse(person_id).unwrap();
        let roles_held: BTreeSet<Role> = roles.iter().map(|role| Role::from_name(role).unwrap()).collect();
        let principal = Principal {
            id: account.clone(),
            person_id: person.clone(),
            name: format!("Somebody called {id}"),
            manager: PersonId::parse("p-manager").unwrap(),
            state: PrincipalState::Active,
            created_at: self.now(),
            approved_at: Some(self.now()),
            disabled_at: None,
            elevation: None,
            review: None,
            actor_ref: actor_key().actor_ref(ActorType::Staff, id),
            roles: roles_held.clone(),
        };
        self.write(
            "principals",
            id,
            &principal,
            1,
            &[("request_id", AttributeValue::S("a request of the fixture".to_owned()))],
        )
        .await;
        let (mut held, version) = self.record("persons", person_id).await.unwrap_or_else(|| (Person::new(person), 0));
        held.accounts.insert(account.clone());
        if roles_held.contains(&Role::Admin) {
            held.administers.insert(account);
        }
        self.write("persons", person_id, &held, version + 1, &[]).await;
        Someone { id: id.to_owned(), person_id: person_id.to_owned(), roles: roles.to_vec() }
    }

    /// A record of the people table and its version.
    pub async fn record<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Option<(T, u64)> {
        let got = self
            .dynamodb
            .get_item()
            .table_name(tables::PEOPLE)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()));
        let item = got.send().await.unwrap().item?;
        let value = serde_json::from_str(item["document"].as_s().unwrap()).unwrap();
        Some((value, item["version"].as_n().unwrap().parse().unwrap()))
    }

    /// Writes a record of the people table, whatever is there.
    pub async fn write<T: Serialize>(
        &self,
        pk: &str,
        sk: &str,
        value: &T,
        version: u64,
        more: &[(&str, AttributeValue)],
    ) {
        let mut put = self
            .dynamodb
            .put_item()
            .table_name(tables::PEOPLE)
            .item("pk", AttributeValue::S(pk.to_owned()))
            .item("sk", AttributeValue::S(sk.to_owned()))
            .item("document", AttributeValue::S(serde_json::to_string(value).unwrap()))
            .item("version", AttributeValue::N(version.to_string()));
        for (name, value) in more {
            put = put.item(*name, value.clone());
        }
        put.send().await.unwrap();
    }

    /// Changes an account behind the function's back.
    pub async fn change_account(&self, id: &str, change: impl FnOnce(&mut Principal)) {
        let (mut principal, version) = self.record::<Principal>("principals", id).await.unwrap();
        change(&mut principal);
        self.write(
            "principals",
            id,
            &principal,
            version + 1,
            &[("request_id", AttributeValue::S("a request of the fixture".to_owned()))],
        )
        .await;
    }

    /// What a good token of that subject says, for the next ten minutes.
    pub fn claims(&self, issuer: &str, subject: &str, roles: &[&str]) -> Value {
        let now = self.now().as_second();
        json!({
            "iss": issuer, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600,
            "jti": format!("jti-{subject}-{now}"), "roles": roles,
        })
    }

    /// A staff token of that subject which claims those roles.
    pub fn token(&self, id: &str, roles: &[&str]) -> String {
        self.staff.sign(&self.claims(self.staff.name, id, roles))
    }

    /// A staff token of somebody which claims all their roles.
    pub fn token_of(&self, someone: &Someone) -> String {
        if someone.id == BOOTSTRAP { self.bootstrap_token() } else { self.token(&someone.id, &someone.roles) }
    }

    /// A token of the bootstrap administrator.
    pub fn bootstrap_token(&self) -> String {
        self.ours.sign(&self.claims(BOOTSTRAP_ISSUER, BOOTSTRAP, &["admin"]))
    }

    /// The bootstrap administrator.
    #[allow(clippy::unused_self)] // everybody is asked for alike
    pub fn bootstrap(&self) -> Someone {
        Someone { id: BOOTSTRAP.to_owned(), person_id: BOOTSTRAP.to_owned(), roles: vec!["admin"] }
    }

    /// The next code of a person's second factor that was not given out yet. Moves the clock where all of now were.
    pub fn code(&self, person_id: &str) -> String {
        let mut factors = self.factors.lock().unwrap();
        let (secret, last) = factors.get_mut(person_id).expect("an enrolled person");
        let step = (*last + 1).max(step_at(self.now()) - 1);
        while step > step_at(self.now()) + 1 {
            self.clock.advance(SignedDuration::from_secs(30));
        }
        *last = step;
        secret.code_at(step).expose().to_owned()
    }

    /// The code of one step of a person's second factor, relative to now.
    pub fn code_at(&self, person_id: &str, steps_from_now: i64) -> String {
        let step = step_at(self.now()).checked_add_signed(steps_from_now).unwrap();
        self.factors.lock().unwrap()[person_id].0.code_at(step).expose().to_owned()
    }

    /// Takes a secret that the function handed out for the person's, so that [`Staff::code`] gives its codes.
    pub fn enrolled_with(&self, person_id: &str, base32: &str) {
        let secret = TotpSecret::from_base32(base32).unwrap();
        self.factors.lock().unwrap().insert(person_id.to_owned(), (secret, 0));
    }
}
