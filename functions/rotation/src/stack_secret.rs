//! Secrets of the stack itself: the bootstrap administrator's second factor, and versioned keys of references.

use engine_aws::Error;
use engine_aws::author::Act;
use engine_aws::change::Change;
use engine_aws::clock::random_bytes;
use engine_aws::rotations::{BY_SECRETS_MANAGER, RegisterRow};
use engine_aws::secrets::{CURRENT, PENDING};
use engine_core::access::totp::{TotpSecret, matching_step, step_at};
use engine_core::audit::{ActorType, CLIENT_KIND, Event, Outcome, SecretKey};
use engine_core::hex;
use engine_core::rotation::CredentialKind;
use engine_core::time::rfc3339;
use serde_json::json;
use zeroize::Zeroizing;

use crate::target::StackSecret;
use crate::{FUNCTION, Rotation, RotationError, Turn};

/// The label of the version that was current before.
const PREVIOUS: &str = "AWSPREVIOUS";

impl Rotation {
    /// Makes the next value.
    pub(crate) async fn create_secret(&self, turn: &Turn<'_>, secret: StackSecret) -> Result<(), RotationError> {
        let current = self.current(turn).await?;
        if self.made(turn).await?.is_some() {
            return Ok(());
        }
        let next = match secret {
            StackSecret::BootstrapTotp => {
                let bytes = Zeroizing::new(random_bytes::<20>()?);
                let made =
                    TotpSecret::from_bytes(&*bytes).map_err(|error| turn.unfit(PENDING, format!("is {error}")))?;
                made.to_base32()
            }
            StackSecret::ActorKey | StackSecret::ReferenceKey => {
                let key = Zeroizing::new(hex::encode(&*Zeroizing::new(random_bytes::<32>()?)));
                let next = SecretKey::next_document(&current, &key);
                next.map_err(|error| turn.unfit(CURRENT, format!("has no next version: {error}")))?
            }
        };
        self.put(turn, &next).await
    }

    /// Uses the next value. Where there is none, Secrets Manager only asks whether a rotation could succeed: then the current one.
    pub(crate) async fn test_secret(&self, turn: &Turn<'_>, secret: StackSecret) -> Result<(), RotationError> {
        let current = self.current(turn).await?;
        match self.made(turn).await? {
            Some(next) => self.succeeds(turn, secret, &current, &next),
            None => self.works(turn, secret, CURRENT, &current),
        }
    }

    /// Gives out the next value.
    pub(crate) async fn finish_secret(&self, turn: &Turn<'_>, secret: StackSecret) -> Result<(), RotationError> {
        let next = self.next(turn).await?;
        // The current value may have been changed by hand since: no version of a key is lost by that.
        self.succeeds(turn, secret, &self.current(turn).await?, &next)?;
        self.make_current(turn).await?;
        self.record(turn, secret).await
    }

    /// Records a rotation whose end was cut off.
    pub(crate) async fn complete_secret(&self, turn: &Turn<'_>, secret: StackSecret) -> Result<(), RotationError> {
        // A secret that has had one value was not rotated.
        if turn.secret.version_at(PREVIOUS).is_none() {
            return Ok(());
        }
        self.record(turn, secret).await
    }

    async fn record(&self, turn: &Turn<'_>, secret: StackSecret) -> Result<(), RotationError> {
        self.no_longer_pending(turn).await?;
        let (kind, name, now) = (CredentialKind::Secret, secret.as_str(), self.clock.now());
        if self.register.recorded_version(kind, name).await?.as_deref() == Some(turn.version) {
            return Ok(());
        }
        let row = RegisterRow {
            kind,
            credential: name.to_owned(),
            last_rotated_at: now,
            rotated_by: FUNCTION.to_owned(),
            because: BY_SECRETS_MANAGER.to_owned(),
            next_due_at: match secret {
                StackSecret::BootstrapTotp => Some(now + kind.schedule().every),
                // What was made under an old version must stay openable, so these rotate on compromise alone.
                StackSecret::ActorKey | StackSecret::ReferenceKey => None,
            },
            observed_at: now,
        };
        let mut change = Change::default();
        self.register.rotated(&mut change, &row, turn.version)?;
        let act = Act {
            event: Event::SecretRotate,
            outcome: Outcome::Success,
            resource: format!("secret:{name}"),
            reason: None,
            client_ref: None,
            subject_ref: None,
            details: json!({
                "secret": turn.secret.name,
                "secret_version": turn.version,
                "because": BY_SECRETS_MANAGER,
                "next_due_at": row.next_due_at.map(rfc3339),
            }),
        };
        change.record(&self.audit, &turn.author.entry(act, now)?)?;
        match change.commit(&self.dynamodb).await {
            // Another run of the step was faster.
            Err(Error::Conflict(_)) => Ok(()),
            committed => Ok(committed?),
        }
    }

    /// Whether a value does what it is for, and takes nothing away that the current one does.
    fn succeeds(&self, turn: &Turn<'_>, secret: StackSecret, current: &str, next: &str) -> Result<(), RotationError> {
        self.works(turn, secret, PENDING, next)?;
        let keeps = match secret {
            StackSecret::BootstrapTotp => true,
            // A rotation that is only tried is handed the current value.
            StackSecret::ActorKey | StackSecret::ReferenceKey => current == next || SecretKey::succeeds(current, next),
        };
        if keeps { Ok(()) } else { Err(turn.unfit(PENDING, "does not keep every version of the current one")) }
    }

    /// Whether a value does what it is for.
    fn works(
        &self,
        turn: &Turn<'_>,
        secret: StackSecret,
        label: &'static str,
        value: &str,
    ) -> Result<(), RotationError> {
        let works = match secret {
            StackSecret::BootstrapTotp => {
                let factor = TotpSecret::from_base32(value);
                let factor = factor.map_err(|error| turn.unfit(label, format!("is {error}")))?;
                let now = self.clock.now();
                matching_step(&factor, &factor.code_at(step_at(now)), now).is_some()
            }
            StackSecret::ActorKey | StackSecret::ReferenceKey => {
                let key = SecretKey::from_document(value);
                let key = key.map_err(|error| turn.unfit(label, format!("cannot be used: {error}")))?;
                let reference = key.actor_ref(ActorType::System, FUNCTION);
                let commitment = key.commitment(CLIENT_KIND, FUNCTION).reference();
                !reference.as_str().is_empty() && !commitment.as_str().is_empty()
            }
        };
        if works { Ok(()) } else { Err(turn.unfit(label, "does not do what it is for")) }
    }
}
