//! The credential of a service account: current and next both authenticate from `setSecret` until `finishSecret` returns.

use engine_aws::Error;
use engine_aws::clock::random_bytes;
use engine_aws::people::{NextCredential, ServiceAccountHeld};
use engine_aws::rotations::BY_SECRETS_MANAGER;
use engine_aws::secrets::{CURRENT, PENDING};
use engine_core::access::ServiceAccountName;
use engine_core::access::service_account::{ServiceAccountCredential, ServiceAccountState};
use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::event::Step;
use crate::{DRAIN, Rotation, RotationError, Turn};

/// Times that a record is read and written that others change meanwhile.
const ATTEMPTS: usize = 4;

/// An answer with a token, which is not looked at.
#[derive(Deserialize)]
struct Issued {
    #[serde(rename = "access_token")]
    _token: IgnoredAny,
}

impl Rotation {
    /// Makes the next credential, of an account that may have one.
    pub(crate) async fn create_account(&self, turn: &Turn<'_>, name: &ServiceAccountName) -> Result<(), RotationError> {
        self.rotatable(name).await?;
        self.current(turn).await?;
        if self.made(turn).await?.is_some() {
            return Ok(());
        }
        let secret = Zeroizing::new(random_bytes()?);
        let next = ServiceAccountCredential::generate(name, &self.settings.environment, random_bytes()?, &secret);
        let next = next.map_err(|error| turn.unfit(PENDING, format!("cannot be made: {error}")))?;
        self.put(turn, &next.document()).await
    }

    /// Lets both credentials authenticate.
    pub(crate) async fn set_account(&self, turn: &Turn<'_>, name: &ServiceAccountName) -> Result<(), RotationError> {
        let next = self.credential(turn, name, PENDING, &self.next(turn).await?)?.hash();
        for attempt in 1.. {
            // Read anew each time: what changed the account may have changed the secret.
            let current = self.credential(turn, name, CURRENT, &self.current(turn).await?)?.hash();
            let next = NextCredential { current: &current, pending: &next, secret_version: turn.version };
            let staged = self.people.stage_credential(name, next, &turn.author, self.clock.now()).await?;
            let Some(staged) = staged else { break };
            // Looked at after the account was read, whose version the change is conditioned on: an emergency takes the label off
            // before it changes the account, and what was pending then must not come back.
            self.still_pending(turn).await?;
            match staged.commit(&self.dynamodb).await {
                Err(Error::Conflict(_)) if attempt < ATTEMPTS => {}
                committed => return Ok(committed?),
            }
        }
        Ok(())
    }

    /// Gets a token with the next credential. Where there is none, Secrets Manager only asks whether a rotation could succeed:
    /// then with the current one.
    pub(crate) async fn test_account(&self, turn: &Turn<'_>, name: &ServiceAccountName) -> Result<(), RotationError> {
        let (label, value) = match self.made(turn).await? {
            Some(value) => (PENDING, value),
            None => (CURRENT, self.current(turn).await?),
        };
        let credential = self.credential(turn, name, label, &value)?;
        // Neither holds what a form would have to escape.
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            credential.name(),
            credential.expose()
        );
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
        let answer = self.https.send("POST", &self.settings.token_url(), &headers, form.into_bytes()).await?;
        if answer.status == 200 && serde_json::from_slice::<Issued>(&answer.body).is_ok() {
            return Ok(());
        }
        Err(RotationError::Refused { secret: turn.secret.name.clone(), status: answer.status })
    }

    /// Gives out the next credential, and ends the one before.
    pub(crate) async fn finish_account(&self, turn: &Turn<'_>, name: &ServiceAccountName) -> Result<(), RotationError> {
        let next = self.credential(turn, name, PENDING, &self.next(turn).await?)?.hash();
        // Nothing is given out that would not authenticate.
        if !self.rotatable(name).await?.hashes.admit(&next) {
            return Err(turn.not_ready(Step::Set));
        }
        self.make_current(turn).await?;
        self.complete_account(turn, name).await
    }

    /// Ends the credential before the one that Secrets Manager gives out.
    pub(crate) async fn complete_account(
        &self,
        turn: &Turn<'_>,
        name: &ServiceAccountName,
    ) -> Result<(), RotationError> {
        self.no_longer_pending(turn).await?;
        let given_out = self.credential(turn, name, CURRENT, &self.next(turn).await?)?.hash();
        if self.rotatable(name).await?.hashes.is_current(&given_out) {
            return Ok(());
        }
        (self.pause)(DRAIN).await;
        for attempt in 1.. {
            let (why, now) = ((turn.version, BY_SECRETS_MANAGER), self.clock.now());
            let promoted = self.people.promote_credential(name, &given_out, why, &turn.author, now).await?;
            let Some(promoted) = promoted else { break };
            match promoted.commit(&self.dynamodb).await {
                Err(Error::Conflict(_)) if attempt < ATTEMPTS => {}
                committed => return Ok(committed?),
            }
        }
        Ok(())
    }

    /// The account, where it may have another credential: it is active, and its credential was not revoked.
    async fn rotatable(&self, name: &ServiceAccountName) -> Result<ServiceAccountHeld, RotationError> {
        let held = self.people.service_account(name).await?;
        let held = held.ok_or_else(|| Error::NotFound(format!("service account {name}")))?;
        match (held.value.state, held.hashes.current) {
            (ServiceAccountState::Active, Some(_)) => Ok(held),
            (ServiceAccountState::Active, None) => {
                Err(Error::Conflict(format!("the credential of service account {name} is revoked")).into())
            }
            (state, _) => Err(Error::Conflict(format!("service account {name} is {}", state.as_str())).into()),
        }
    }

    /// The credential in a value of the secret, which must be the account's.
    fn credential(
        &self,
        turn: &Turn<'_>,
        name: &ServiceAccountName,
        label: &'static str,
        value: &str,
    ) -> Result<ServiceAccountCredential, RotationError> {
        let read = ServiceAccountCredential::from_document(value, &self.settings.environment);
        let read = read.map_err(|error| turn.unfit(label, format!("is {error}")))?;
        if read.name() == name { Ok(read) } else { Err(turn.unfit(label, "is of another service account")) }
    }
}
