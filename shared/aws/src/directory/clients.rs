//! Clients and their terms.

use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::{ClientId, ClientTerms, read_terms};
use engine_core::audit::{ActorType, CLIENT_KIND, Commitment, Event, Outcome};
use engine_core::field::{FieldError, Fields};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::client_item::{self, ClientRecord, ClientStatus};
use super::{Directory, DirectoryError, changed, client_key, key_key, listing};
use crate::author::{Act, Author};
use crate::change::{Change, Prepared};
use crate::item::{n, s};
use crate::{Error, terms};

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

/// The request for approval with which terms are proposed.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// The request's id.
    pub request_id: &'a str,
    /// Why.
    pub justification: &'a str,
}

impl Proposal<'_> {
    fn details(self, terms: &ClientTerms) -> Map<String, Value> {
        // Their version is given to them when they are added.
        let mut proposed = json!(terms);
        if let Value::Object(members) = &mut proposed {
            members.remove("version");
        }
        Map::from_iter([("request_id".to_owned(), json!(self.request_id)), ("proposed_terms".to_owned(), proposed)])
    }
}

impl Directory {
    /// Creates an active client with its first terms. Its entry anchors the commitment to the client's id.
    pub fn create_client(
        &self,
        new: &NewClient,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<(ClientRecord, ClientTerms)>, DirectoryError> {
        let (client_id, terms) = read_new(new, now)?;
        let (record, commitment) = self.new_client(client_id, new, ClientStatus::Active, now);
        let record = ClientRecord { terms_version: terms.version, ..record };
        let mut change = self.put_client(&record)?;
        let terms_item = terms::write_item(&record.client_id, &terms)?;
        change.put_new(&self.tables.clients, terms_item, exists_already(&record.client_id))?;
        let mut details = creation(&record, &commitment);
        details.insert("terms".to_owned(), json!(terms));
        change.record(&self.audit, &author.entry(act(Event::ClientCreate, &record, details), now)?)?;
        Ok(Prepared { change, value: (record, terms) })
    }

    /// Creates a client whose first terms wait for a second person: it may not hold keys until they are added.
    pub fn propose_client(
        &self,
        new: &NewClient,
        proposal: Proposal<'_>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<(ClientRecord, ClientTerms)>, DirectoryError> {
        let (client_id, terms) = read_new(new, now)?;
        let (record, commitment) = self.new_client(client_id, new, ClientStatus::Pending, now);
        let mut change = self.put_client(&record)?;
        let mut details = creation(&record, &commitment);
        details.extend(proposal.details(&terms));
        let act = Act { reason: Some(proposal.justification.to_owned()), ..act(Event::ClientCreate, &record, details) };
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: (record, terms) })
    }

    /// Records that terms were proposed for a client. They wait for a second person, and for [`Directory::add_terms`].
    pub async fn propose_terms(
        &self,
        client_id: &ClientId,
        fields: &Fields,
        proposal: Proposal<'_>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<ClientTerms>, DirectoryError> {
        let client = self.client(client_id).await?;
        not_terminated(&client)?;
        let terms = read_terms(fields, client.terms_version + 1, now).map_err(DirectoryError::Invalid)?;
        let mut change = Change::default();
        let values = [(":terminated", s(ClientStatus::Terminated.as_str()))];
        let (key, lost) = (client_key(client_id.as_str()), changed(client_id));
        change.check(&self.tables.clients, key, "client_status <> :terminated", values, lost)?;
        let act = act(Event::ClientTermsPropose, &client, proposal.details(&terms));
        change
            .record(&self.audit, &author.entry(Act { reason: Some(proposal.justification.to_owned()), ..act }, now)?)?;
        Ok(Prepared { change, value: terms })
    }

    fn new_client(
        &self,
        client_id: ClientId,
        new: &NewClient,
        status: ClientStatus,
        now: Timestamp,
    ) -> (ClientRecord, Commitment) {
        let commitment = self.reference_key.commitment(CLIENT_KIND, client_id.as_str());
        let record = ClientRecord {
            name: new.name.clone(),
            status,
            created_at: now,
            terminated_at: None,
            terms_version: 0,
            key_ids: Vec::new(),
            actor_ref: self.actor_key.actor_ref(ActorType::Client, client_id.as_str()),
            client_ref: commitment.reference(),
            codes_void_until: None,
            version: 1,
            client_id,
        };
        (record, commitment)
    }

    fn put_client(&self, record: &ClientRecord) -> Result<Change, Error> {
        let mut change = Change::default();
        change.put_new(&self.tables.clients, client_item::write(record), exists_already(&record.client_id))?;
        let row = listing::client_row(&record.client_id);
        change.put_new(&self.tables.clients, row, exists_already(&record.client_id))?;
        Ok(change)
    }

    /// Adds terms to a client, the first of which make it active. Its keys learn the new version in the same transaction, so
    /// that the next quote uses it. `more` goes into the entry's details: who asked, who agreed.
    pub async fn add_terms(
        &self,
        client_id: &ClientId,
        fields: &Fields,
        more: Map<String, Value>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<ClientTerms>, DirectoryError> {
        let client = self.client(client_id).await?;
        not_terminated(&client)?;
        let terms = read_terms(fields, client.terms_version + 1, now).map_err(DirectoryError::Invalid)?;
        let next = ClientRecord { version: client.version + 1, ..client.clone() };
        let mut details = more;
        details.insert("terms".to_owned(), json!(terms));
        let mut change = Change::default();
        change.put_new(&self.tables.clients, terms::write_item(client_id, &terms)?, changed(client_id))?;
        let new_version = || (":new", n(terms.version));
        let values = [new_version(), (":active", s(ClientStatus::Active.as_str()))];
        self.change_client(&mut change, &client, "SET terms_version = :new, client_status = :active", values)?;
        for key_id in &client.key_ids {
            let (key, set) = (key_key(key_id), "SET terms_version = :new");
            let lost = changed(client_id);
            change.update(&self.tables.keys, key, set, "attribute_exists(pk)", [new_version()], lost)?;
        }
        change.record(&self.audit, &author.entry(act(Event::ClientTermsAdd, &next, details), now)?)?;
        Ok(Prepared { change, value: terms })
    }

    /// Ends the relationship: every key of the client that was not revoked is, in the same transaction. Final.
    pub async fn terminate_client(
        &self,
        client_id: &ClientId,
        reason: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<ClientRecord>, Error> {
        let client = self.client(client_id).await?;
        not_terminated(&client)?;
        let mut change = Change::default();
        let values = [(":terminated", s(ClientStatus::Terminated.as_str())), (":now", n(now.as_millisecond()))];
        let set = "SET client_status = :terminated, terminated_at = :now REMOVE key_ids";
        self.change_client(&mut change, &client, set, values)?;
        let mut versions = Map::new();
        for (id, held) in self.all_held(client.key_ids.iter().map(String::as_str)).await? {
            let next = self.add_revocation(&mut change, &held, now)?;
            versions.insert(id, json!(next.details.version));
        }
        let value = ClientRecord {
            status: ClientStatus::Terminated,
            terminated_at: Some(now),
            key_ids: Vec::new(),
            version: client.version + 1,
            ..client
        };
        let details = Map::from_iter([("versions".to_owned(), Value::Object(versions))]);
        let act = Act { reason: Some(reason.to_owned()), ..act(Event::ClientTerminate, &value, details) };
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value })
    }

    /// Adds a change of a client's own item, lost unless the client and the set of its keys are as they were read.
    fn change_client(
        &self,
        change: &mut Change,
        read: &ClientRecord,
        expression: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<(), Error> {
        let expression = expression.replacen("SET ", "SET version = :next, ", 1);
        let mut values: Vec<_> = values.into_iter().collect();
        values.extend([(":read", n(read.version)), (":next", n(read.version + 1))]);
        let same_keys = if read.key_ids.is_empty() {
            "attribute_not_exists(key_ids)"
        } else {
            values.push((":keys", AttributeValue::Ss(read.key_ids.clone())));
            "key_ids = :keys"
        };
        let condition = format!("version = :read AND {same_keys}");
        let key = client_key(read.client_id.as_str());
        change.update(&self.tables.clients, key, &expression, &condition, values, changed(&read.client_id))
    }

    /// The client with that id.
    pub async fn client(&self, client_id: &ClientId) -> Result<ClientRecord, Error> {
        let item = self.get(&self.tables.clients, client_key(client_id.as_str())).await?;
        client_item::read(&item.ok_or_else(|| Error::NotFound(format!("client {client_id}")))?)
    }

    /// All terms of a client, oldest version first.
    pub async fn terms(&self, client_id: &ClientId) -> Result<Vec<ClientTerms>, Error> {
        self.terms.read(client_id).await
    }
}

/// What was done to a client, whose next version `client` is.
pub(super) fn act(event: Event, client: &ClientRecord, more: Map<String, Value>) -> Act {
    let mut details = more;
    details.insert("client_id".to_owned(), json!(client.client_id));
    details.insert("version".to_owned(), json!(client.version));
    Act {
        event,
        outcome: Outcome::Success,
        resource: format!("client:{}", client.client_id),
        reason: None,
        client_ref: Some(client.client_ref.clone()),
        subject_ref: None,
        details: Value::Object(details),
    }
}

fn creation(record: &ClientRecord, commitment: &Commitment) -> Map<String, Value> {
    Map::from_iter([
        ("name".to_owned(), json!(record.name)),
        ("status".to_owned(), json!(record.status.as_str())),
        ("opening".to_owned(), commitment.opening()),
        ("client_actor_ref".to_owned(), json!(record.actor_ref)),
    ])
}

pub(super) fn not_terminated(client: &ClientRecord) -> Result<(), Error> {
    if client.status == ClientStatus::Terminated {
        return Err(Error::Conflict(format!("client {} is {}", client.client_id, client.status)));
    }
    Ok(())
}

fn exists_already(client_id: &ClientId) -> String {
    format!("client {client_id} exists already")
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
