//! A client's contacts: who is told of a claim, once they have proved to be reached.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use engine_core::access::{ClientId, CodeKind, KeyId, OneTimeCode};
use engine_core::audit::Event;
use engine_core::field::FieldError;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::client_item::ClientRecord;
use super::clients::{act, not_terminated};
use super::contact_item::{self, CONTACT_PREFIX, Contact, ContactState, HeldContact, contact_key};
use super::keys::unfit_environment;
use super::{Directory, DirectoryError, changed, client_key};
use crate::Error;
use crate::author::{Act, Author};
use crate::change::{Change, Prepared};
use crate::clock::random_bytes;
use crate::item::{n, s};

/// Contacts that a client may have: a claim tells them all.
const MAX_CONTACTS: usize = 10;
/// How long a verification code is good.
pub const CODE_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// Codes that may be presented for one contact.
const MOST_TRIES: u32 = 5;
/// Longest name, in characters.
const MAX_NAME: usize = 200;

/// A contact as asked for, its address sealed for its client and its id.
#[derive(Clone, Debug)]
pub struct NewContact {
    /// The id that it was sealed for.
    pub id: KeyId,
    /// Who it is, 1 to 200 characters.
    pub name: String,
    /// The sealed address.
    pub sealed: Vec<u8>,
    /// What may be shown of the address.
    pub hint: String,
}

/// A contact just added.
pub struct AddedContact {
    /// The contact.
    pub contact: Contact,
    /// What verifies it: the only place where the code can be read.
    pub code: OneTimeCode,
    /// The contacts that were verified before it, who are to be told of it.
    pub others: Vec<Contact>,
}

/// A contact just removed.
#[derive(Clone, Debug)]
pub struct RemovedContact {
    /// What is left of the contact.
    pub contact: Contact,
    /// What could be shown of its address.
    pub hint: String,
    /// The contacts that were verified before, itself among them if it was: they are to be told of it.
    pub told: Vec<Contact>,
}

impl Directory {
    /// Adds a contact to a client that was not terminated; at most 10. The code of `environment` that verifies it must be
    /// sent to its address, and is good for 24 hours.
    pub async fn add_contact(
        &self,
        client_id: &ClientId,
        new: NewContact,
        environment: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<AddedContact>, DirectoryError> {
        let printable = !new.name.trim().is_empty() && !new.name.chars().any(char::is_control);
        if !printable || new.name.chars().count() > MAX_NAME {
            let message = "must be 1 to 200 characters, none of them control characters";
            return Err(DirectoryError::Invalid(vec![FieldError::new("name", message)]));
        }
        let client = self.client(client_id).await?;
        not_terminated(&client)?;
        // Read after the client, whose version the change is conditioned on: no contact comes or goes in between.
        let mut others = self.contacts(client_id).await?;
        if others.len() >= MAX_CONTACTS {
            let full = format!("client {client_id} has {MAX_CONTACTS} contacts: remove one first");
            return Err(Error::Conflict(full).into());
        }
        others.retain(|contact| contact.state == ContactState::Verified);
        let secret = Zeroizing::new(random_bytes()?);
        let code = OneTimeCode::generate(CodeKind::ContactVerification, environment, new.id.clone(), &secret);
        let code = code.map_err(unfit_environment)?;
        let contact = Contact {
            id: new.id,
            name: new.name,
            hint: new.hint,
            sealed: new.sealed,
            state: ContactState::Unverified,
            created_at: now,
            verified_at: None,
            version: 1,
        };
        let mut change = Change::default();
        let item = contact_item::write(client_id.as_str(), &contact, code.hash(), now + CODE_LIFE);
        change.put_new(&self.tables.clients, item, format_args!("contact {} exists already", contact.id))?;
        let act = self.touch(&mut change, Event::ClientContactAdd, &client, &contact)?;
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: AddedContact { contact, code, others } })
    }

    /// Verifies a contact with the code that was sent to it. The try counts before it is judged, five in all.
    pub async fn verify_contact(
        &self,
        client_id: &ClientId,
        contact_id: &KeyId,
        code: &OneTimeCode,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Contact>, DirectoryError> {
        let client = self.client(client_id).await?;
        self.held_contact(client_id, contact_id, ContactState::Unverified).await?;
        let held = self.count_try(client_id, contact_id).await?;
        let good = held.code_hash == Some(code.hash()) && held.code_expires_at.is_some_and(|end| now < end);
        if !good {
            let message = "is not the code that was sent, or is no longer good";
            return Err(DirectoryError::Invalid(vec![FieldError::new("code", message)]));
        }
        let read = held.contact;
        let verified =
            Contact { state: ContactState::Verified, verified_at: Some(now), version: read.version + 1, ..read };
        let mut change = Change::default();
        let set =
            "SET contact_state = :verified, verified_at = :now, version = :next REMOVE code_hash, code_expires_at";
        let values = [
            (":verified", s(ContactState::Verified.as_str())),
            (":now", n(now.as_millisecond())),
            (":next", n(verified.version)),
            (":read", n(verified.version - 1)),
        ];
        let (key, lost) = (contact_key(client_id.as_str(), contact_id), contact_changed(contact_id));
        change.update(&self.tables.clients, key, set, "version = :read", values, lost)?;
        let act = self.touch(&mut change, Event::ClientContactVerify, &client, &verified)?;
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: verified })
    }

    /// Removes a contact and erases its name and address.
    pub async fn remove_contact(
        &self,
        client_id: &ClientId,
        contact_id: &KeyId,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<RemovedContact>, Error> {
        let client = self.client(client_id).await?;
        let mut told = self.contacts(client_id).await?;
        told.retain(|contact| contact.state == ContactState::Verified);
        let item = self.get(&self.tables.clients, contact_key(client_id.as_str(), contact_id)).await?;
        let read = contact_item::read(&item.ok_or_else(|| not_found(contact_id))?)?.contact;
        if read.state == ContactState::Removed {
            return Err(Error::Conflict(format!("contact {contact_id} is removed already")));
        }
        let hint = read.hint.clone();
        let removed = Contact {
            name: String::new(),
            hint: String::new(),
            sealed: Vec::new(),
            state: ContactState::Removed,
            version: read.version + 1,
            ..read
        };
        let mut change = Change::default();
        let set = "SET contact_state = :removed, removed_at = :now, version = :next \
                   REMOVE contact_name, hint, sealed, code_hash, code_expires_at";
        let values = [
            (":removed", s(ContactState::Removed.as_str())),
            (":now", n(now.as_millisecond())),
            (":next", n(removed.version)),
            (":read", n(read.version)),
        ];
        let (key, lost) = (contact_key(client_id.as_str(), contact_id), contact_changed(contact_id));
        change.update(&self.tables.clients, key, set, "version = :read", values, lost)?;
        let act = self.touch(&mut change, Event::ClientContactRemove, &client, &removed)?;
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: RemovedContact { contact: removed, hint, told } })
    }

    /// The contacts of a client that were not removed, in the order of their ids.
    pub async fn contacts(&self, client_id: &ClientId) -> Result<Vec<Contact>, Error> {
        let mut items = self
            .client
            .query()
            .table_name(&self.tables.clients)
            .key_condition_expression("pk = :client AND begins_with(sk, :contact)")
            .expression_attribute_values(":client", s(client_id.as_str()))
            .expression_attribute_values(":contact", s(CONTACT_PREFIX))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut contacts = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
            contacts.push(contact_item::read(&item)?.contact);
        }
        contacts.retain(|contact| contact.state != ContactState::Removed);
        Ok(contacts)
    }

    /// The contacts that a claim tells; [`Error::Conflict`] where there is none.
    pub(super) async fn verified_contacts(&self, client_id: &ClientId) -> Result<Vec<Contact>, Error> {
        let mut contacts = self.contacts(client_id).await?;
        contacts.retain(|contact| contact.state == ContactState::Verified);
        if contacts.is_empty() {
            let nobody = "the client has no verified contact: a successor cannot be claimed until it has one";
            return Err(Error::Conflict(nobody.to_owned()));
        }
        Ok(contacts)
    }

    /// Adds the condition that these contacts are still verified.
    pub(super) fn check_contacts(
        &self,
        change: &mut Change,
        client_id: &ClientId,
        contacts: &[Contact],
    ) -> Result<(), Error> {
        for contact in contacts {
            let key = contact_key(client_id.as_str(), &contact.id);
            let values = [(":verified", s(ContactState::Verified.as_str()))];
            let lost = contact_changed(&contact.id);
            change.check(&self.tables.clients, key, "contact_state = :verified", values, lost)?;
        }
        Ok(())
    }

    /// Adds that the client has changed with its contact, and gives what is recorded of it: no name, no address.
    fn touch(&self, change: &mut Change, event: Event, client: &ClientRecord, contact: &Contact) -> Result<Act, Error> {
        let key = client_key(client.client_id.as_str());
        let values = [(":read", n(client.version)), (":next", n(client.version + 1))];
        let lost = changed(&client.client_id);
        change.update(&self.tables.clients, key, "SET version = :next", "version = :read", values, lost)?;
        let details = Map::from_iter([
            ("contact_id".to_owned(), json!(contact.id.as_str())),
            ("contact_state".to_owned(), Value::from(contact.state.as_str())),
            ("contact_version".to_owned(), json!(contact.version)),
        ]);
        Ok(act(event, &ClientRecord { version: client.version + 1, ..client.clone() }, details))
    }

    async fn held_contact(
        &self,
        client_id: &ClientId,
        contact_id: &KeyId,
        expected: ContactState,
    ) -> Result<HeldContact, Error> {
        let item = self.get(&self.tables.clients, contact_key(client_id.as_str(), contact_id)).await?;
        let held = contact_item::read(&item.ok_or_else(|| not_found(contact_id))?)?;
        if held.contact.state != expected {
            return Err(Error::Conflict(format!("contact {contact_id} is {}", held.contact.state)));
        }
        Ok(held)
    }

    /// Takes one of a contact's tries; the contact as it is then.
    async fn count_try(&self, client_id: &ClientId, contact_id: &KeyId) -> Result<HeldContact, Error> {
        let counted = self
            .client
            .update_item()
            .table_name(&self.tables.clients)
            .set_key(Some(contact_key(client_id.as_str(), contact_id)))
            .update_expression("ADD tries :one")
            .condition_expression("contact_state = :unverified AND tries < :most")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":unverified", s(ContactState::Unverified.as_str()))
            .expression_attribute_values(":most", n(MOST_TRIES))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match counted {
            Ok(counted) => contact_item::read(&counted.attributes.unwrap_or_default()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Err(Error::Conflict(format!(
                    "contact {contact_id} takes no more codes: remove it and add it again"
                ))),
                _ => Err(Error::unavailable("dynamodb:UpdateItem", &error)),
            },
        }
    }
}

fn not_found(contact_id: &KeyId) -> Error {
    Error::NotFound(format!("contact {contact_id}"))
}

fn contact_changed(contact_id: &KeyId) -> String {
    format!("contact {contact_id} was changed meanwhile: try again")
}
