//! Clients and their terms.

use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::{ClientId, ClientTerms, read_terms};
use engine_core::audit::{ActorRef, ActorType, Event, Outcome, Reference};
use engine_core::field::{FieldError, Fields};
use jiff::Timestamp;
use serde_json::json;

use super::{Directory, DirectoryError, changed, client_key, key_key, put_new, update};
use crate::Error;
use crate::author::{Act, Author};
use crate::item::{Item, n, number, parsed, s, string, strings};
use crate::terms;

/// Kind of the commitment to a client.
const COMMITMENT_KIND: &str = "client";
/// Status of a client that may hold keys.
pub(super) const ACTIVE: &str = "ACTIVE";
/// Longest name, in characters.
const MAX_NAME: usize = 200;

/// A client as asked for. `terms` holds the fields of [`read_terms`].
#[derive(Clone, Debug)]
pub struct NewClient {
    /// The id: 3 to 50 of `A-Z a-z 0-9 _ -`.
    pub client_id: String,
    /// The legal name, 1 to 200 characters.
    pub name: String,
    /// The first terms.
    pub terms: Fields,
}

/// A client as stored.
#[derive(Clone, Debug)]
pub struct ClientRecord {
    /// The id.
    pub client_id: ClientId,
    /// The legal name.
    pub name: String,
    /// `ACTIVE`.
    pub status: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Latest version of its terms.
    pub terms_version: u32,
    /// Its keys that were not revoked.
    pub key_ids: Vec<String>,
    /// The reference under which its acts are recorded.
    pub actor_ref: ActorRef,
    /// Commitment to its id.
    pub client_ref: Reference,
}

impl Directory {
    /// Creates a client with its first terms. Its entry anchors the commitment to the client's id.
    pub async fn create_client(
        &self,
        new: &NewClient,
        author: &Author,
        now: Timestamp,
    ) -> Result<(ClientRecord, ClientTerms), DirectoryError> {
        let (client_id, terms) = read_new(new, now)?;
        let commitment = self.reference_key.commitment(COMMITMENT_KIND, client_id.as_str());
        let record = ClientRecord {
            name: new.name.clone(),
            status: ACTIVE.to_owned(),
            created_at: now,
            terms_version: terms.version,
            key_ids: Vec::new(),
            actor_ref: self.actor_key.actor_ref(ActorType::Client, client_id.as_str()),
            client_ref: commitment.reference(),
            client_id,
        };
        let entry = author.entry(
            Act {
                event: Event::ClientCreate,
                outcome: Outcome::Success,
                resource: format!("client:{}", record.client_id),
                reason: None,
                client_ref: Some(record.client_ref.clone()),
                subject_ref: None,
                details: json!({
                    "client_id": record.client_id, "name": record.name, "terms": terms, "opening": commitment.opening(),
                    "client_actor_ref": record.actor_ref,
                }),
            },
            now,
        )?;
        let changes = vec![
            put_new(&self.tables.clients, write(&record))?,
            put_new(&self.tables.clients, terms::write_item(&record.client_id, &terms)?)?,
        ];
        self.commit(changes, &entry, |_| format!("client {} exists already", record.client_id)).await?;
        Ok((record, terms))
    }

    /// Adds terms to a client. Its keys learn the new version in the same transaction, so that the next quote uses it.
    pub async fn add_terms(
        &self,
        client_id: &ClientId,
        fields: &Fields,
        author: &Author,
        now: Timestamp,
    ) -> Result<ClientTerms, DirectoryError> {
        let client = self.client(client_id).await?;
        let terms = read_terms(fields, client.terms_version + 1, now).map_err(DirectoryError::Invalid)?;
        let entry = author.entry(
            Act {
                event: Event::ClientTermsAdd,
                outcome: Outcome::Success,
                resource: format!("client:{client_id}"),
                reason: None,
                client_ref: Some(client.client_ref.clone()),
                subject_ref: None,
                details: json!({ "client_id": client_id, "terms": terms }),
            },
            now,
        )?;
        let new_version = || (":new", n(terms.version));
        // The keys that were read are all the client has: a key made meanwhile fails the condition on the client.
        let keys = AttributeValue::Ss(client.key_ids.clone());
        let mut values = vec![new_version(), (":read", n(client.terms_version))];
        let same_keys = if client.key_ids.is_empty() {
            "attribute_not_exists(key_ids)"
        } else {
            values.push((":keys", keys));
            "key_ids = :keys"
        };
        let condition = format!("terms_version = :read AND {same_keys}");
        let mut changes = vec![
            put_new(&self.tables.clients, terms::write_item(client_id, &terms)?)?,
            update(
                &self.tables.clients,
                client_key(client_id.as_str()),
                "SET terms_version = :new",
                &condition,
                values,
            )?,
        ];
        for key_id in &client.key_ids {
            let set = "SET terms_version = :new";
            changes.push(update(&self.tables.keys, key_key(key_id), set, "attribute_exists(pk)", [new_version()])?);
        }
        self.commit(changes, &entry, |_| changed(client_id)).await?;
        Ok(terms)
    }

    /// The client with that id.
    pub async fn client(&self, client_id: &ClientId) -> Result<ClientRecord, Error> {
        let item = self.get(&self.tables.clients, client_key(client_id.as_str())).await?;
        read(&item.ok_or_else(|| Error::NotFound(format!("client {client_id}")))?)
    }

    /// All terms of a client, oldest version first.
    pub async fn terms(&self, client_id: &ClientId) -> Result<Vec<ClientTerms>, Error> {
        self.terms.read(client_id).await
    }
}

fn read_new(new: &NewClient, now: Timestamp) -> Result<(ClientId, ClientTerms), DirectoryError> {
    let mut errors = Vec::new();
    let client_id =
        ClientId::parse(&new.client_id).map_err(|error| errors.push(FieldError::new("client_id", error))).ok();
    let printable = !new.name.trim().is_empty() && !new.name.chars().any(char::is_control);
    if !printable || new.name.chars().count() > MAX_NAME {
        errors.push(FieldError::new("name", "must be 1 to 200 characters, none of them control characters"));
    }
    let terms = read_terms(&new.terms, 1, now).map_err(|more| errors.extend(more)).ok();
    match (client_id, terms) {
        (Some(client_id), Some(terms)) if errors.is_empty() => Ok((client_id, terms)),
        _ => Err(DirectoryError::Invalid(errors)),
    }
}

fn write(record: &ClientRecord) -> Item {
    let mut item = client_key(record.client_id.as_str());
    item.extend([
        ("client_name".into(), s(&record.name)),
        ("client_status".into(), s(&record.status)),
        ("created_at".into(), n(record.created_at.as_millisecond())),
        ("terms_version".into(), n(record.terms_version)),
        ("actor_ref".into(), s(record.actor_ref.as_str())),
        ("client_ref".into(), s(record.client_ref.as_str())),
    ]);
    item
}

fn read(item: &Item) -> Result<ClientRecord, Error> {
    let created_at = Timestamp::from_millisecond(number(item, "created_at")?);
    Ok(ClientRecord {
        client_id: parsed(item, "pk", ClientId::parse)?,
        name: string(item, "client_name")?.to_owned(),
        status: string(item, "client_status")?.to_owned(),
        created_at: created_at.map_err(|error| Error::corrupt("created_at", error))?,
        terms_version: number(item, "terms_version")?,
        key_ids: strings(item, "key_ids").to_vec(),
        actor_ref: ActorRef::from_stored(string(item, "actor_ref")?.to_owned()),
        client_ref: Reference::from_stored(string(item, "client_ref")?.to_owned()),
    })
}
