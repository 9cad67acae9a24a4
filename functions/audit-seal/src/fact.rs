//! Entries about facts that several runs may find: the same fact is the same entry, whoever makes it and when.

use engine_aws::Error;
use engine_aws::author::Author;
use engine_core::audit::{Body, Draft, Entry, EntryId, Event, Outcome, SecretKey};
use engine_core::hex;
use jiff::Timestamp;
use serde_json::Value;

use crate::{AuditSeal, FUNCTION, StepError};

/// Something to record once.
#[derive(Clone, Debug)]
pub(crate) struct Fact<'a> {
    /// What happened.
    pub(crate) event: Event,
    /// What tells it from other facts of its kind.
    pub(crate) name: &'a str,
    /// The time in the entry's header.
    pub(crate) time: Timestamp,
    /// What it is about.
    pub(crate) resource: String,
    /// The facts.
    pub(crate) details: Value,
}

/// An entry of something else has the id of one that was to be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another entry has the id {id} of the {event} of {name}")]
pub struct Taken {
    id: EntryId,
    event: Event,
    name: String,
}

/// The id of the entry about a fact that nobody can know before, so that nobody can take it.
pub(crate) fn open_id(event: Event, name: &str, time: Timestamp) -> EntryId {
    EntryId::new(time, bytes(&hex::sha256(format!("{event}\n{name}").as_bytes())))
}

/// The id of the entry about a fact that anybody can foresee: derived under `key`, and from other bytes than its salt.
fn secret_id(key: &SecretKey, event: Event, name: &str, time: Timestamp) -> EntryId {
    EntryId::new(time, bytes(key.commitment("entry_id", &format!("{event}\n{name}")).reference().as_str()))
}

impl AuditSeal {
    /// The id of the entry about a fact that can be foreseen. It is noted the first time, since it would be another under
    /// the next actor key.
    pub(crate) async fn fact_id(&self, event: Event, name: &str, time: Timestamp) -> Result<EntryId, Error> {
        let id = secret_id(&self.actor_key, event, name, time);
        self.progress.id_of(event, name, id).await
    }

    /// Whether an entry is about that fact.
    pub(crate) fn is_about(entry: &Entry, event: Event, name: &str) -> bool {
        let told = entry.read_header().filter(|header| header.function == FUNCTION);
        told.is_some_and(|header| header.event == event.as_str() && header.request_id == name)
    }

    /// The entry about a fact. What is random in other entries is derived here; the salt so that only who holds the actor
    /// key can tell it.
    pub(crate) fn entry_of(&self, id: EntryId, fact: Fact<'_>) -> Result<Entry, Error> {
        let Author { actor, actor_ref, .. } = self.author("");
        let draft = Draft {
            id,
            time: fact.time,
            event: fact.event,
            outcome: Outcome::Success,
            request_id: fact.name.to_owned(),
            function: FUNCTION,
            actor_ref,
            client_ref: None,
            subject_ref: None,
            body: Body {
                actor,
                source_address: None,
                resource: fact.resource,
                reason: None,
                details: fact.details,
                salt: salt(&self.actor_key, fact.event, fact.name),
            },
        };
        draft.finish().map_err(|error| Error::corrupt("audit entry", error))
    }

    /// Appends the entry about a fact and answers what the audit table has: another run's entry, if it was first and made
    /// under another actor key or of a longer log. [`Taken`] where that is about something else.
    pub(crate) async fn record(&self, event: Event, name: &str, entry: Entry) -> Result<Entry, StepError> {
        let id = entry.id();
        match self.audit.append(&entry).await {
            Ok(()) => Ok(entry),
            Err(Error::Conflict(lost)) => {
                let there = self.audit.read_if_whole(id).await?.ok_or(Error::Conflict(lost))?;
                if Self::is_about(&there, event, name) { Ok(there) } else { Err(taken(id, event, name)) }
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn author(&self, request_id: &str) -> Author {
        Author::system(FUNCTION, &self.actor_key, request_id)
    }
}

pub(crate) fn taken(id: EntryId, event: Event, name: &str) -> StepError {
    Taken { id, event, name: name.to_owned() }.into()
}

/// Bytes that only a holder of `key` can tell.
fn salt(key: &SecretKey, event: Event, name: &str) -> [u8; 16] {
    bytes(key.commitment(event.as_str(), name).reference().as_str())
}

/// The first bytes of hexadecimal text that has more.
fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let digit = |index: usize| {
        let digit = hex.as_bytes().get(index).and_then(|digit| char::from(*digit).to_digit(16));
        digit.and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0)
    };
    std::array::from_fn(|index| digit(2 * index) << 4 | digit(2 * index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_digest() {
        // SHA-256 of the empty text, FIPS 180-4.
        let digest = bytes::<32>(&hex::sha256(b""));
        assert_eq!((&digest[..4], digest[31]), (&[0xe3, 0xb0, 0xc4, 0x42][..], 0x55));
    }

    #[test]
    fn an_id_depends_on_the_fact_and_a_salt_on_the_key_as_well() {
        let time = Timestamp::UNIX_EPOCH;
        assert_eq!(open_id(Event::AuditTamper, "1", time), open_id(Event::AuditTamper, "1", time));
        for other in [open_id(Event::AuditTamper, "2", time), open_id(Event::ControlTotal, "1", time)] {
            assert_ne!(open_id(Event::AuditTamper, "1", time), other);
        }
        let key = |letter: &str| {
            SecretKey::from_document(&format!(r#"{{"current":"k1","k1":"{}"}}"#, letter.repeat(64))).unwrap()
        };
        let told = |letter, event, name| salt(&key(letter), event, name);
        assert_eq!(told("a", Event::AuditTamper, "1"), told("a", Event::AuditTamper, "1"));
        for other in [
            told("b", Event::AuditTamper, "1"),
            told("a", Event::ControlTotal, "1"),
            told("a", Event::AuditTamper, "2"),
        ] {
            assert_ne!(told("a", Event::AuditTamper, "1"), other);
        }
    }

    #[test]
    fn an_id_that_could_be_foreseen_is_told_by_the_key_alone() {
        let key = |letter: &str| {
            SecretKey::from_document(&format!(r#"{{"current":"k1","k1":"{}"}}"#, letter.repeat(64))).unwrap()
        };
        let (event, name, time) = (Event::ControlTotal, "2026-11-22", Timestamp::UNIX_EPOCH);
        let id = |letter| secret_id(&key(letter), event, name, time);
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        assert_ne!(id("a"), open_id(event, name, time));
        assert_ne!(id("a"), secret_id(&key("a"), event, "2026-11-23", time));
        let salt: [u8; 16] = salt(&key("a"), event, name);
        assert_ne!(id("a"), EntryId::new(time, *salt.first_chunk().unwrap()), "it tells nothing of the salt");
    }
}
