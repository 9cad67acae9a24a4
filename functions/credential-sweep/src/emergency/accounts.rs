//! Service accounts: the credential revoked, and another one put into Secrets Manager and installed.

use engine_aws::Error;
use engine_aws::change::Change;
use engine_aws::clock::random_bytes;
use engine_aws::rotations::{Unit, UnitName};
use engine_aws::secrets::{CURRENT, PENDING};
use engine_core::access::service_account::{ServiceAccountCredential, ServiceAccountState};
use engine_core::access::{KeyHash, ServiceAccountName};
use engine_core::hex;
use zeroize::Zeroizing;

use super::walk::{PAGE, tried};
use super::{Attempt, Targets};

/// What is said of an account that has ended: nothing authenticates as it.
const DISABLED: &str = "the account is disabled";
/// What is said of one whose secret somebody deleted.
const NO_SECRET: &str = "the account has no secret in Secrets Manager";

impl Attempt {
    /// A page of the accounts.
    pub(super) async fn all_accounts(&self, after: Option<&str>) -> Result<Targets, Error> {
        let page = self.parts().people.service_accounts(PAGE, after).await?;
        let names: Vec<_> = page.items.into_iter().map(|held| UnitName::Account(held.value.name)).collect();
        Ok(Targets { holding: names.clone(), names, next: page.next })
    }

    /// Revokes the account's credential.
    pub(super) async fn revoke_account(&self, name: &UnitName, account: &ServiceAccountName) -> Result<Unit, Error> {
        let (parts, because) = (self.parts(), self.because());
        tried(|again| async move {
            if again && let Some(unit) = parts.rotations.unit(self.id(), name).await? {
                return Ok(unit);
            }
            self.end_pending(account).await?;
            let now = self.now();
            let revoked = parts.people.revoke_credential(account, because, self.author(), now).await?;
            // Read after it was judged: where it changed in between, the change is lost.
            let held = parts.people.service_account(account).await?;
            let held = held.ok_or_else(|| Error::NotFound(format!("service account {account}")))?;
            let itself = || account.to_string();
            let mut unit = Unit::new(name.clone(), [].into(), [].into(), now);
            let mut change = revoked.change;
            if held.value.state == ServiceAccountState::Active {
                let had_one = held.hashes.current.is_some() || held.hashes.pending.is_some();
                unit.revoked.extend(had_one.then(itself));
                unit.owed.insert(itself(), 0);
            } else {
                change = Change::default();
                unit.note = Some(DISABLED.to_owned());
            }
            parts.rotations.revoked(&mut change, self.id(), &unit)?;
            change.commit(&parts.dynamodb).await?;
            Ok(unit)
        })
        .await
    }

    /// Ends a rotation of the account's secret that is under way: its value may be in the same hands as the current one. What is
    /// not there any more needs no end.
    async fn end_pending(&self, account: &ServiceAccountName) -> Result<(), Error> {
        let (parts, secret) = (self.parts(), self.secret(account));
        let described = match parts.secrets.describe(&secret).await {
            Err(Error::NotFound(_)) => return Ok(()),
            described => described?,
        };
        match described.version_at(PENDING) {
            Some(pending) if described.version_at(CURRENT) != Some(pending) => {
                parts.secrets.move_stage(&secret, PENDING, Some(pending), None).await
            }
            _ => Ok(()),
        }
    }

    /// Gives the account another credential.
    pub(super) async fn issue_account(&self, account: &ServiceAccountName, unit: &Unit) -> Result<Unit, Error> {
        let (parts, because) = (self.parts(), self.because());
        tried(|again| async move {
            if again && let Some(unit) = self.issued_meanwhile(&unit.name).await? {
                return Ok(unit);
            }
            let held = parts.people.service_account(account).await?;
            if held.is_none_or(|held| held.value.state != ServiceAccountState::Active) {
                return self.commit_issued(Change::default(), unit, (0, Some(DISABLED))).await;
            }
            let hash = match self.put_credential(account).await {
                Ok(hash) => hash,
                Err(Error::NotFound(_)) => {
                    return self.commit_issued(Change::default(), unit, (0, Some(NO_SECRET))).await;
                }
                Err(error) => return Err(error),
            };
            let now = self.now();
            let installed = parts.people.install_credential(account, &hash, because, self.author(), now).await?;
            // Looked at after the account was read, whose version the change is conditioned on: another rotation of the same
            // account may have put its own credential there meanwhile.
            self.gives_out(account).await?;
            self.commit_issued(installed.change, unit, (1, None)).await
        })
        .await
    }

    /// Puts another credential into the account's secret, as the version that everybody reads. The version's name follows from
    /// rotation and account, so that whoever does it again finds what is there.
    async fn put_credential(&self, account: &ServiceAccountName) -> Result<KeyHash, Error> {
        let parts = self.parts();
        let (secret, version) = (self.secret(account), self.version(account));
        let described = parts.secrets.describe(&secret).await?;
        let there = parts.secrets.value_of_version(&secret, &version).await?;
        let document = match there {
            Some(document) => {
                let current = described.version_at(CURRENT);
                if current != Some(version.as_str()) {
                    parts.secrets.move_stage(&secret, CURRENT, current, Some(&version)).await?;
                }
                document
            }
            None => self.put_new(account, &secret, &version).await?,
        };
        let read = ServiceAccountCredential::from_document(&document, &parts.environment);
        let credential = read.map_err(|error| Error::corrupt("secret", error))?;
        if credential.name() == account {
            Ok(credential.hash())
        } else {
            Err(Error::corrupt("secret", "it holds the credential of another service account"))
        }
    }

    /// The name of the account's secret.
    fn secret(&self, account: &ServiceAccountName) -> String {
        format!("{}{account}", self.parts().service_account_prefix)
    }

    fn version(&self, account: &ServiceAccountName) -> String {
        hex::sha256(format!("{}\n{account}", self.id()).as_bytes())
    }

    /// A conflict where Secrets Manager gives out another version than this rotation's.
    async fn gives_out(&self, account: &ServiceAccountName) -> Result<(), Error> {
        let described = self.parts().secrets.describe(&self.secret(account)).await?;
        if described.version_at(CURRENT) == Some(self.version(account).as_str()) {
            Ok(())
        } else {
            Err(Error::Conflict(format!("the secret of service account {account} was written by another worker")))
        }
    }

    async fn put_new(
        &self,
        account: &ServiceAccountName,
        secret: &str,
        version: &str,
    ) -> Result<Zeroizing<String>, Error> {
        let parts = self.parts();
        let random = Zeroizing::new(random_bytes()?);
        let made = ServiceAccountCredential::generate(account, &parts.environment, random_bytes()?, &random);
        let document = made.map_err(|error| Error::corrupt("environment", error))?.document();
        if parts.secrets.put_current(secret, version, &document).await? {
            return Ok(document);
        }
        // Another worker was first, with another one.
        Err(Error::Conflict(format!("the secret of service account {account} was written by another worker")))
    }
}
