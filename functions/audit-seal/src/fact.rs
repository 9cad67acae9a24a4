//! Entries about facts that several runs may find: the same fact is the same entry, whoever makes it and when.

use engine_aws::Error;
use engine_aws::author::Author;
use engine_core::audit::{Actor, ActorType, Body, Draft, Entry, EntryId, Event, Outcome, SecretKey};
use engine_core::hex;
use jiff::Timestamp;
use serde_json::Value;

use crate::{AuditSeal, FUNCTION};

/// Something to record once.
#[derive(Clone, Debug)]
pub(crate) struct Fact<'a> {
    /// What happened.
    pub(crate) event: Event,
    /// What tells it from other facts of its kind.
    pub(crate) name: &'a str,
    /// The time in the entry's id.
    pub(crate) id_time: Timestamp,
    /// The time in the entry's header.
    pub(crate) time: Timestamp,
    /// What it is about.
    pub(crate) resource: String,
    /// The facts.
    pub(crate) details: Value,
}

/// The id of the entry about a fact.
pub(crate) fn fact_id(event: Event, name: &str, time: Timestamp) -> EntryId {
    EntryId::new(time, bytes(&hex::sha256(format!("{event}\n{name}").as_bytes())))
}

impl AuditSeal {
    /// The entry about a fact. What is random in other entries is derived here; the salt so that only who holds the actor
    /// key can tell it.
    pub(crate) fn entry_of(&self, fact: Fact<'_>) -> Result<Entry, Error> {
        let Author { actor, actor_ref, .. } = self.author("");
        let draft = Draft {
            id: fact_id(fact.event, fact.name, fact.id_time),
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
    /// under another actor key or of a longer log.
    pub(crate) async fn record(&self, entry: Entry) -> Result<Entry, Error> {
        match self.audit.append(&entry).await {
            Ok(()) => Ok(entry),
            Err(Error::Conflict(lost)) => self.audit.read(entry.id()).await?.ok_or(Error::Conflict(lost)),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn author(&self, request_id: &str) -> Author {
        Author {
            actor: Actor { kind: ActorType::System, id: FUNCTION.to_owned(), roles: vec!["system".to_owned()] },
            actor_ref: self.actor_key.actor_ref(ActorType::System, FUNCTION),
            request_id: request_id.to_owned(),
            function: FUNCTION,
            source_address: None,
        }
    }
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
        assert_eq!(fact_id(Event::AuditTamper, "1", time), fact_id(Event::AuditTamper, "1", time));
        for other in [fact_id(Event::AuditTamper, "2", time), fact_id(Event::ControlTotal, "1", time)] {
            assert_ne!(fact_id(Event::AuditTamper, "1", time), other);
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
}
