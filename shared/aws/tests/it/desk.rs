//! Somebody at work on the directory: prepares and commits at once, at a time and in a name.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::change::Prepared;
use engine_aws::directory::{
    AddedContact, Claimed, ClientRecord, Contact, Directory, DirectoryError, IssuedKey, KeyDetails, NewClient,
    NewContact, NewKey, Offered, Origin, PossessionError, Proposal, RemovedContact,
};
use engine_core::access::{ApiKey, ClientTerms, KeyId, OneTimeCode};
use engine_core::audit::{Actor, ActorType};
use engine_core::field::Fields;
use engine_test_support::keys::actor_key;
use jiff::{SignedDuration, Timestamp};
use serde_json::Map;

use crate::fixture::{at, client_id, directory};

pub(crate) const ENVIRONMENT: &str = "test";
const PROPOSAL: Proposal<'_> = Proposal { request_id: "r-1", justification: "contract of January" };

/// A directory, who uses it, and when.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) directory: Arc<Directory>,
    pub(crate) author: Author,
    pub(crate) now: Timestamp,
}

impl Desk {
    pub(crate) fn over(client: Client) -> Self {
        let id = "arn:aws:iam::123456789012:user/operator".to_owned();
        let author = Author {
            actor_ref: actor_key().actor_ref(ActorType::Operator, &id),
            actor: Actor { kind: ActorType::Operator, id, roles: vec![] },
            request_id: "request".to_owned(),
            function: "engine",
            source_address: None,
        };
        Self { directory: Arc::new(directory(client)), author, now: at("2026-01-15T21:30:00.123Z") }
    }

    /// The same desk, later.
    pub(crate) fn later(&self, by: SignedDuration) -> Self {
        Self { now: self.now + by, ..self.clone() }
    }

    async fn commit<T, E: From<Error>>(&self, prepared: Result<Prepared<T>, E>) -> Result<T, E> {
        Ok(self.directory.commit(prepared?).await?)
    }

    pub(crate) async fn create_client(&self, new: &NewClient) -> Result<(ClientRecord, ClientTerms), DirectoryError> {
        self.commit(self.directory.create_client(new, &self.author, self.now)).await
    }

    pub(crate) async fn propose_client(&self, new: &NewClient) -> Result<ClientRecord, DirectoryError> {
        let prepared = self.directory.propose_client(new, PROPOSAL, &self.author, self.now);
        self.commit(prepared).await.map(|(client, _)| client)
    }

    pub(crate) async fn propose_terms(&self, fields: &Fields) -> Result<ClientTerms, DirectoryError> {
        let prepared = self.directory.propose_terms(&client_id(), fields, PROPOSAL, &self.author, self.now).await;
        self.commit(prepared).await
    }

    pub(crate) async fn add_terms(&self, fields: &Fields) -> Result<u32, DirectoryError> {
        let prepared = self.directory.add_terms(&client_id(), fields, Map::new(), &self.author, self.now).await;
        self.commit(prepared).await.map(|terms| terms.version)
    }

    pub(crate) async fn terminate(&self) -> Result<ClientRecord, Error> {
        self.commit(self.directory.terminate_client(&client_id(), "left", &self.author, self.now).await).await
    }

    pub(crate) async fn create_key(&self, new: &NewKey) -> Result<IssuedKey, DirectoryError> {
        self.commit(self.directory.create_key(new, &self.author, self.now).await).await
    }

    pub(crate) async fn revoke(&self, key: &KeyId) -> Result<KeyDetails, Error> {
        self.commit(self.directory.revoke_key(key, Some("leaked"), &self.author, self.now).await).await
    }

    pub(crate) async fn rotate(&self, key: &KeyId, overlap_days: u64) -> Result<KeyDetails, DirectoryError> {
        self.commit(self.directory.rotate_key(key, overlap_days, "due", &self.author, self.now).await).await
    }

    pub(crate) async fn emergency_rotate(&self, key: &KeyId) -> Result<Offered, Error> {
        let prepared =
            self.directory.emergency_rotate_key(key, Some(ENVIRONMENT), "leaked", &self.author, self.now).await;
        self.commit(prepared).await
    }

    /// The same by who may not issue keys.
    pub(crate) async fn end_at_once(&self, key: &KeyId) -> Result<Offered, Error> {
        let prepared = self.directory.emergency_rotate_key(key, None, "leaked", &self.author, self.now).await;
        self.commit(prepared).await
    }

    pub(crate) async fn claim_code(&self, key: &KeyId) -> Result<Offered, Error> {
        self.commit(self.directory.create_claim_code(key, ENVIRONMENT, &self.author, self.now).await).await
    }

    pub(crate) async fn unfreeze(&self, key: &KeyId) -> Result<KeyDetails, Error> {
        self.commit(self.directory.unfreeze_key(key, &self.author, self.now).await).await
    }

    pub(crate) async fn claim(&self, key: &ApiKey) -> Result<Claimed, PossessionError> {
        self.commit(self.directory.claim_by_key(key, ENVIRONMENT, &origin(), self.now).await).await
    }

    pub(crate) async fn claim_with(&self, code: &OneTimeCode) -> Result<Claimed, PossessionError> {
        self.commit(self.directory.claim_by_code(code, ENVIRONMENT, &origin(), self.now).await).await
    }

    pub(crate) async fn confirm(&self, key: &ApiKey) -> Result<KeyDetails, PossessionError> {
        self.commit(self.directory.confirm_key(key, &origin(), self.now).await).await
    }

    pub(crate) async fn freeze(&self, code: &OneTimeCode) -> Result<KeyDetails, PossessionError> {
        self.commit(self.directory.freeze_key(code, &origin(), self.now).await).await
    }

    pub(crate) async fn add_contact(&self) -> Result<(Contact, OneTimeCode), DirectoryError> {
        self.added_contact().await.map(|added| (added.contact, added.code))
    }

    pub(crate) async fn added_contact(&self) -> Result<AddedContact, DirectoryError> {
        let new = NewContact {
            id: KeyId::from_random(engine_aws::clock::random_bytes().unwrap()),
            name: "Dana Ortiz".to_owned(),
            sealed: b"sealed".to_vec(),
            hint: "d***@example.com".to_owned(),
        };
        let prepared = self.directory.add_contact(&client_id(), new, ENVIRONMENT, &self.author, self.now).await;
        self.commit(prepared).await
    }

    pub(crate) async fn verify(&self, contact: &KeyId, code: &OneTimeCode) -> Result<Contact, DirectoryError> {
        self.commit(self.directory.verify_contact(&client_id(), contact, code, &self.author, self.now).await).await
    }

    pub(crate) async fn remove_contact(&self, contact: &KeyId) -> Result<RemovedContact, Error> {
        self.commit(self.directory.remove_contact(&client_id(), contact, &self.author, self.now).await).await
    }

    /// Adds a contact and verifies it.
    pub(crate) async fn verified_contact(&self) -> Contact {
        let (contact, code) = self.add_contact().await.unwrap();
        self.verify(&contact.id, &code).await.unwrap()
    }

    pub(crate) async fn details(&self, key: &KeyId) -> KeyDetails {
        self.directory.key(key).await.unwrap()
    }
}

/// A request of somebody who holds a secret.
pub(crate) fn origin() -> Origin {
    Origin { request_id: "request".to_owned(), function: "key-admin", source_address: Some("192.0.2.1".to_owned()) }
}

/// What a change was refused for.
pub(crate) fn conflict<T>(result: Result<T, impl Into<Failed>>) -> String {
    match result.map(drop).map_err(Into::into) {
        Err(Failed(DirectoryError::Store(Error::Conflict(text)))) => text,
        Err(Failed(other)) => panic!("{other:?}"),
        Ok(()) => panic!("it was done"),
    }
}

/// Any failure of the directory.
pub(crate) struct Failed(DirectoryError);

impl From<DirectoryError> for Failed {
    fn from(error: DirectoryError) -> Self {
        Self(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl From<PossessionError> for Failed {
    fn from(error: PossessionError) -> Self {
        match error {
            PossessionError::Store(error) => Self(error.into()),
            refused @ PossessionError::Refused(_) => panic!("{refused:?}"),
        }
    }
}

pub(crate) fn is_conflict<T>(result: &Result<T, DirectoryError>) -> bool {
    matches!(result, Err(DirectoryError::Store(Error::Conflict(_))))
}

/// Names of the fields that were refused.
pub(crate) fn refused_fields<T>(result: Result<T, DirectoryError>) -> Vec<String> {
    match result {
        Err(DirectoryError::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => vec![],
    }
}

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}
