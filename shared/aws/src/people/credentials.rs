//! The credential of a service account: the next one staged beside it, put in its place, installed at once, or revoked.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::service_account::{CredentialHashes, ServiceAccountState};
use engine_core::access::{KeyHash, ServiceAccount, ServiceAccountName};
use engine_core::audit::Event;
use engine_core::rotation::CredentialKind;
use engine_core::time::rfc3339;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::service_accounts::{ServiceAccountHeld, describe, resource};
use super::table::{SERVICE_ACCOUNTS, changed};
use super::{People, act};
use crate::Error;
use crate::author::Author;
use crate::change::{Change, Prepared};
use crate::item::{n, s};

/// Why a credential counts as rotated that a rotation put in place and did not live to note.
const COMPLETED: &str = "completed by the rotation after it";

/// What rotation knows of the credential that it moves to.
#[derive(Clone, Copy, Debug)]
pub struct NextCredential<'a> {
    /// The hash of the one that Secrets Manager gives out, which must be one of those kept.
    pub current: &'a KeyHash,
    /// The hash of the one that it is about to give out.
    pub pending: &'a KeyHash,
    /// The version of the secret that holds it.
    pub secret_version: &'a str,
}

impl People {
    /// Lets the next credential of an active account authenticate beside the one that Secrets Manager gives out. `None` where
    /// it does already. Where what is given out is what an earlier rotation staged and was cut off from finishing, that
    /// rotation is finished by it.
    pub async fn stage_credential(
        &self,
        name: &ServiceAccountName,
        next: NextCredential<'_>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Option<Prepared<()>>, Error> {
        let read = self.active_service_account(name).await?;
        let current = read.hashes.current.ok_or_else(|| revoked(name))?;
        if !read.hashes.admit(next.current) {
            return Err(not_kept(name));
        }
        let finishes = current != *next.current;
        if !finishes && read.hashes.pending == Some(*next.pending) {
            return Ok(None);
        }
        let facts = [("secret_version", json!(next.secret_version)), ("finishes_the_one_before", json!(finishes))];
        let written = Written {
            event: Event::ServiceAccountCredentialStage,
            hashes: CredentialHashes { current: Some(*next.current), pending: Some(*next.pending) },
            rotated_because: finishes.then_some(COMPLETED),
            reason: None,
        };
        self.write_credential(&read, written, &facts, author, now).await.map(Some)
    }

    /// Puts the staged credential in the place of the current one, which authenticates nothing from then on. `None` where that
    /// was done. A conflict where another one is staged.
    pub async fn promote_credential(
        &self,
        name: &ServiceAccountName,
        staged: &KeyHash,
        (secret_version, because): (&str, &str),
        author: &Author,
        now: Timestamp,
    ) -> Result<Option<Prepared<()>>, Error> {
        let read = self.active_service_account(name).await?;
        if read.hashes.current == Some(*staged) {
            return Ok(None);
        }
        if read.hashes.pending != Some(*staged) {
            return Err(not_kept(name));
        }
        let written = Written {
            event: Event::ServiceAccountCredentialRotate,
            hashes: CredentialHashes { current: Some(*staged), pending: None },
            rotated_because: Some(because),
            reason: Some(because),
        };
        let facts = [("secret_version", json!(secret_version))];
        self.write_credential(&read, written, &facts, author, now).await.map(Some)
    }

    /// Ends the credential of a service account at once: neither the current nor a staged one authenticates. The account stays
    /// what it is. Where it has none, the change only demands that this be so still, and records nothing.
    pub async fn revoke_credential(
        &self,
        name: &ServiceAccountName,
        reason: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<()>, Error> {
        let held = self.service_account(name).await?;
        let read = held.ok_or_else(|| Error::NotFound(format!("service account {name}")))?;
        if read.hashes.current.is_none() && read.hashes.pending.is_none() {
            return self.as_it_is(&read);
        }
        let written = Written {
            event: Event::ServiceAccountCredentialRevoke,
            hashes: CredentialHashes::NONE,
            rotated_because: None,
            reason: Some(reason),
        };
        self.write_credential(&read, written, &[], author, now).await
    }

    /// Makes `hash` that of the only credential of an active account, whatever it had. Where it is, the change only demands
    /// that this be so still, and records nothing.
    pub async fn install_credential(
        &self,
        name: &ServiceAccountName,
        hash: &KeyHash,
        because: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<ServiceAccount>, Error> {
        let read = self.active_service_account(name).await?;
        let account = read.value.clone();
        if read.hashes.current == Some(*hash) && read.hashes.pending.is_none() {
            return self.as_it_is(&read).map(|prepared| prepared.map(|()| account));
        }
        let written = Written {
            event: Event::ServiceAccountCredentialRotate,
            hashes: CredentialHashes { current: Some(*hash), pending: None },
            rotated_because: Some(because),
            reason: Some(because),
        };
        let prepared = self.write_credential(&read, written, &[], author, now).await?;
        Ok(prepared.map(|()| account))
    }

    /// The change that leaves an account as it was read, and is lost where it is not so any more.
    fn as_it_is(&self, read: &ServiceAccountHeld) -> Result<Prepared<()>, Error> {
        let name = &read.value.name;
        let mut change = Change::default();
        let lost = changed(&what(name));
        self.unchanged(&mut change, (SERVICE_ACCOUNTS, name.as_str()), read.version, &lost)?;
        Ok(Prepared { change, value: () })
    }

    async fn write_credential(
        &self,
        read: &ServiceAccountHeld,
        written: Written<'_>,
        facts: &[(&str, Value)],
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<()>, Error> {
        let (account, next) = (&read.value, read.version + 1);
        let mut change = Change::default();
        self.act_as(&mut change, author).await?;
        let (expression, mut values) = written.update(author, now);
        values.extend([(":next", n(next)), (":read", n(read.version))]);
        let place = super::table::key(SERVICE_ACCOUNTS, account.name.as_str());
        let lost = changed(&what(&account.name));
        change.update(&self.table, place, &expression, "version = :read", values, lost)?;
        let mut details = describe(account, next);
        details.extend(facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        if written.event == Event::ServiceAccountCredentialRotate {
            let due = now + CredentialKind::ServiceAccount.schedule().every;
            details.insert("next_due_at".to_owned(), json!(rfc3339(due)));
        }
        if account.state != ServiceAccountState::Active {
            details.insert("state".to_owned(), json!(account.state.as_str()));
        }
        let act = act(written.event, resource(&account.name), written.reason, details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: () })
    }
}

/// What is written of a credential.
struct Written<'a> {
    event: Event,
    hashes: CredentialHashes,
    /// Why there is another current one; nothing where there is not.
    rotated_because: Option<&'a str>,
    reason: Option<&'a str>,
}

impl Written<'_> {
    /// The update of the item: hashes that there are set, the others removed.
    fn update(&self, author: &Author, now: Timestamp) -> (String, Vec<(&'static str, AttributeValue)>) {
        let mut values = Vec::new();
        let (mut set, mut remove) = ("SET version = :next".to_owned(), Vec::new());
        let CredentialHashes { current, pending } = &self.hashes;
        for (attribute, value, hash) in [("current_hash", ":current", current), ("pending_hash", ":pending", pending)] {
            match hash {
                Some(hash) => {
                    set = format!("{set}, {attribute} = {value}");
                    values.push((value, AttributeValue::B(Blob::new(hash.as_bytes()))));
                }
                None => remove.push(attribute),
            }
        }
        if let Some(because) = self.rotated_because {
            set.push_str(", rotated_at = :at, rotated_by = :by, rotated_because = :because");
            let by = s(&author.actor.id);
            values.extend([(":at", n(now.as_millisecond())), (":by", by), (":because", s(because))]);
        }
        if !remove.is_empty() {
            set = format!("{set} REMOVE {}", remove.join(", "));
        }
        (set, values)
    }
}

fn what(name: &ServiceAccountName) -> String {
    format!("service account {name}")
}

fn revoked(name: &ServiceAccountName) -> Error {
    Error::Conflict(format!(
        "the credential of service account {name} is revoked: an emergency rotation gives it another"
    ))
}

fn not_kept(name: &ServiceAccountName) -> Error {
    Error::Conflict(format!("service account {name} has another credential than its secret says"))
}
