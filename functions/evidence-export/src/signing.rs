//! The key of manifests: what signs them, and its place in the key register.

use engine_aws::Error;
use engine_aws::audit_log::AuditLog;
use engine_aws::author::{Act, Author};
use engine_aws::kms::NoteSigner;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::RegisterStore;
use engine_core::audit::{EntryId, Event, Outcome};
use engine_core::merkle::{FIRST_ORDINAL, KeyPurpose, KeyRecord, KeyRegister, SignedNote};
use engine_core::time::rfc3339;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

/// Tries at a place in the register; each is lost only to another process.
const TRIES: u32 = 3;

/// What the register has of the key.
enum Next {
    /// Its record.
    Known(KeyRecord),
    /// Nothing: this record is to be added, signed.
    Missing(KeyRecord, SignedNote),
}

/// Signs manifests, once the register knows the key.
pub(crate) struct Signing {
    signer: NoteSigner,
    predecessor: Option<NoteSigner>,
    register: RegisterStore,
    registered: OnceCell<()>,
}

impl Signing {
    /// With `signer`, which came after `predecessor` where there was another key before.
    pub(crate) fn new(signer: NoteSigner, predecessor: Option<NoteSigner>, records: RecordsBucket) -> Self {
        Self { signer, predecessor, register: RegisterStore::new(records), registered: OnceCell::new() }
    }

    /// The signer. Its key is in the register: it is entered at the first call where it is not.
    pub(crate) async fn signer(&self, audit: &AuditLog, author: &Author, now: Timestamp) -> Result<&NoteSigner, Error> {
        self.registered.get_or_try_init(|| self.enter(audit, author, now)).await?;
        Ok(&self.signer)
    }

    async fn enter(&self, audit: &AuditLog, author: &Author, now: Timestamp) -> Result<(), Error> {
        let record = self.registered(now).await?;
        // One entry a record, whoever finds that it is missing: the id follows from the record alone.
        let digest = Sha256::digest(format!("{}\n{}", Event::KeyRegister, record.path()).as_bytes());
        let random = digest.first_chunk().ok_or_else(|| Error::corrupt("digest", "it is too short"))?;
        let id = EntryId::new(record.from, *random);
        match audit.append(&author.entry_with_id(id, entry(&record), record.from)?).await {
            Ok(()) | Err(Error::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The key's record in the register, where it is put if it is missing.
    async fn registered(&self, now: Timestamp) -> Result<KeyRecord, Error> {
        for _ in 0..TRIES {
            let register = self.register.read().await?;
            let (record, note) = match self.next(&register, now).await? {
                Next::Known(record) => return Ok(record),
                Next::Missing(record, note) => (record, note),
            };
            match self.register.add(&record, &note).await {
                Ok(_) => return Ok(record),
                // Another process was first; what it put there shows when the register is read again.
                Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Conflict("the evidence key's place in the register was taken each time".to_owned()))
    }

    /// What the register has of the key, or is to have.
    async fn next(&self, register: &KeyRegister, now: Timestamp) -> Result<Next, Error> {
        if register.origin().is_none() {
            let cause = "the log's own key is not in the register yet".to_owned();
            return Err(Error::Unavailable { operation: "register:read", cause });
        }
        let key = self.signer.verifier_key().await?.to_string();
        let newest = register.newest(KeyPurpose::Evidence);
        if let Some(newest) = newest.filter(|newest| newest.key == key) {
            return Ok(Next::Known(newest.clone()));
        }
        if register.records(KeyPurpose::Evidence).iter().any(|record| record.key == key) {
            return Err(Error::corrupt(
                "key register",
                "the evidence key was succeeded by another, and keys do not come back",
            ));
        }
        let now = Timestamp::from_millisecond(now.as_millisecond()).map_err(|error| Error::corrupt("time", error))?;
        let record = KeyRecord {
            purpose: KeyPurpose::Evidence,
            ordinal: newest.map_or(FIRST_ORDINAL, |newest| newest.ordinal + 1),
            name: self.signer.name().to_owned(),
            key,
            kms_key: self.signer.key_arn().to_owned(),
            from: newest.map_or(now, |newest| now.max(newest.from + SignedDuration::from_millis(1))),
            predecessor: newest.map(|newest| newest.key.clone()),
        };
        let own = self.signer.sign(&record.text()).await?;
        let Some(newest) = newest else { return Ok(Next::Missing(record, own)) };
        let former = self.vouching(newest).await?.sign(&record.text()).await?;
        let lines = own.to_string();
        let lines = lines.strip_prefix(&format!("{}\n", own.text())).unwrap_or_default();
        let both = SignedNote::parse(&format!("{former}{lines}"));
        Ok(Next::Missing(record, both.map_err(|error| Error::corrupt("key record", error))?))
    }

    /// The key before this one, which must be the register's newest.
    async fn vouching(&self, newest: &KeyRecord) -> Result<&NoteSigner, Error> {
        let unvouched = || Error::corrupt("key register", "no predecessor is there to vouch for the evidence key");
        let predecessor = self.predecessor.as_ref().ok_or_else(unvouched)?;
        let same = newest.key == predecessor.verifier_key().await?.to_string();
        same.then_some(predecessor).ok_or_else(unvouched)
    }
}

fn entry(record: &KeyRecord) -> Act {
    Act {
        event: Event::KeyRegister,
        outcome: Outcome::Success,
        resource: record.path(),
        reason: None,
        client_ref: None,
        subject_ref: None,
        details: json!({
            "purpose": record.purpose.as_str(),
            "ordinal": record.ordinal,
            "name": record.name,
            "key": record.key,
            "kms_key": record.kms_key,
            "from": rfc3339(record.from),
            "predecessor": record.predecessor,
        }),
    }
}
