//! The keys that sign checkpoints and tokens, in the key register: who verifies later learns there which key was whose.

use engine_aws::Error;
use engine_aws::kms::{NoteSigner, public_key};
use engine_aws::sealed_log::SealError;
use engine_core::audit::Event;
use engine_core::merkle::{FIRST_ORDINAL, KeyPurpose, KeyRecord, KeyRegister, SignedNote};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::fact::Fact;
use crate::{AuditSeal, StepError};

/// Tries at a place in the register; each is lost only to another run, which has then registered the same key.
const TRIES: u32 = 3;

/// A key that cannot be registered. Nothing is signed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key was in force before and has been succeeded.
    #[error("the {0} key was succeeded by another, and keys do not come back")]
    Succeeded(KeyPurpose),
    /// The key is new and nobody is named who could vouch for it.
    #[error("the log key is new: LOG_KEY_PREDECESSOR must name the one that the register has")]
    NoPredecessor,
    /// The key that is named as the former one is not the one in the register.
    #[error("LOG_KEY_PREDECESSOR is not the log key that the register has")]
    OtherPredecessor,
    /// Other runs took the place each time.
    #[error("the {0} key's place in the register was taken by another key")]
    Overtaken(KeyPurpose),
}

impl AuditSeal {
    /// Makes sure, once a process, that the key which signs checkpoints is the newest of the register: a checkpoint by an
    /// unregistered key would verify for nobody.
    ///
    /// Answers from when it is valid.
    pub(crate) async fn log_key_registered(&self) -> Result<Timestamp, StepError> {
        self.log_key.get_or_try_init(|| self.register_log_key()).await.copied()
    }

    async fn register_log_key(&self) -> Result<Timestamp, StepError> {
        let signer = self.sealer.signer();
        let key = signer.verifier_key().await?.to_string();
        for _ in 0..TRIES {
            let register = self.register.read().await?;
            let Some(record) = self.next_record(&register, KeyPurpose::Log, &key, signer.key_arn()).await? else {
                return Ok(register.newest(KeyPurpose::Log).map_or(Timestamp::MIN, |newest| newest.from));
            };
            let mut note = signer.sign(&record.text()).await?;
            if let Some(former) = &record.predecessor {
                note = both(&self.former(former).await?.sign(&record.text()).await?, &note)?;
            }
            self.add(&record, &note).await?;
        }
        Err(KeyError::Overtaken(KeyPurpose::Log).into())
    }

    /// Registers the key that signs tokens, unless the register has it.
    async fn register_token_key(&self) -> Result<(), StepError> {
        let (_, spki) = public_key(&self.kms, &self.settings.token_key).await?;
        let key = KeyRecord::key_of_spki(&spki);
        for _ in 0..TRIES {
            let register = self.register.read().await?;
            let Some(record) = self.next_record(&register, KeyPurpose::Token, &key, &self.settings.token_key).await?
            else {
                return Ok(());
            };
            self.add(&record, &self.sealer.signer().sign(&record.text()).await?).await?;
        }
        Err(KeyError::Overtaken(KeyPurpose::Token).into())
    }

    /// Registers both keys and sees to it that each of their records has its entry.
    pub(crate) async fn register_keys(&self) -> Result<u64, StepError> {
        self.log_key_registered().await?;
        self.register_token_key().await?;
        let register = self.register.read().await?;
        let records = [KeyPurpose::Log, KeyPurpose::Token].map(|purpose| register.records(purpose)).concat();
        let mut ids = Vec::with_capacity(records.len());
        for record in &records {
            ids.push(self.fact_id(Event::KeyRegister, &record.path(), record.from).await?);
        }
        let missing = self.sealer.missing(&ids).await?;
        let mut entries = Vec::new();
        for (record, id) in records.iter().zip(ids) {
            if missing.contains(&id) {
                let path = record.path();
                let entry = self.entry_of(id, fact(record, &path))?;
                entries.push(self.record(Event::KeyRegister, &path, entry).await?);
            }
        }
        self.seal(entries).await
    }

    /// The record of a key that the register does not have yet; `None` where it is the newest of its purpose.
    async fn next_record(
        &self,
        register: &KeyRegister,
        purpose: KeyPurpose,
        key: &str,
        kms_key: &str,
    ) -> Result<Option<KeyRecord>, StepError> {
        let newest = register.newest(purpose);
        if newest.is_some_and(|newest| newest.key == key) {
            return Ok(None);
        }
        if register.records(purpose).iter().any(|record| record.key == key) {
            return Err(KeyError::Succeeded(purpose).into());
        }
        Ok(Some(KeyRecord {
            purpose,
            ordinal: newest.map_or(FIRST_ORDINAL, |newest| newest.ordinal + 1),
            name: purpose.key_name(self.sealer.origin()),
            key: key.to_owned(),
            kms_key: kms_key.to_owned(),
            from: self.valid_from(register, purpose).await?,
            predecessor: newest.map(|newest| newest.key.clone()),
        }))
    }

    /// From when a new key is valid: from now on, and after all that the one before it has signed. A clock that went back
    /// does not take the former key's checkpoints from it.
    async fn valid_from(&self, register: &KeyRegister, purpose: KeyPurpose) -> Result<Timestamp, StepError> {
        let millisecond = SignedDuration::from_millis(1);
        let now = Timestamp::from_millisecond(self.clock.now().as_millisecond())?;
        let former = register.newest(purpose).map(|former| former.from + millisecond);
        let signed = match purpose {
            KeyPurpose::Log => self.sealer.table().newest().await?.map(|newest| newest.time + millisecond),
            // Its record is signed by the log key of that time.
            _ => register.newest(KeyPurpose::Log).map(|log| log.from),
        };
        Ok([former, signed].into_iter().flatten().fold(now, Timestamp::max))
    }

    /// The signer of the log key that the register has.
    async fn former(&self, registered: &str) -> Result<NoteSigner, StepError> {
        let arn = self.settings.log_key_predecessor.as_ref().ok_or(KeyError::NoPredecessor)?;
        let former = NoteSigner::new(self.kms.clone(), arn, self.sealer.origin());
        if former.verifier_key().await?.to_string() == registered {
            Ok(former)
        } else {
            Err(KeyError::OtherPredecessor.into())
        }
    }

    /// Adds a record. Another run that was first is no error: what it did shows when the register is read again.
    async fn add(&self, record: &KeyRecord, note: &SignedNote) -> Result<(), StepError> {
        match self.register.add(record, note).await {
            Ok(_) | Err(Error::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The note with the signatures of both, which are notes of one text.
fn both(first: &SignedNote, second: &SignedNote) -> Result<SignedNote, SealError> {
    let wrong = |cause: &dyn std::fmt::Display| Error::corrupt("key record", cause);
    let lines = second.to_string();
    let lines = lines.strip_prefix(&format!("{}\n", first.text())).ok_or_else(|| wrong(&"two texts"))?;
    Ok(SignedNote::parse(&format!("{first}{lines}")).map_err(|error| wrong(&error))?)
}

fn fact<'a>(record: &KeyRecord, path: &'a str) -> Fact<'a> {
    Fact {
        event: Event::KeyRegister,
        name: path,
        time: record.from,
        resource: path.to_owned(),
        details: json!({
            "purpose": record.purpose.as_str(),
            "ordinal": record.ordinal,
            "name": record.name,
            "key": record.key,
            "kms_key": record.kms_key,
            "predecessor": record.predecessor,
        }),
    }
}
