//! Values of the secret that is rotated, and its labels.

use engine_aws::Error;
use engine_aws::secrets::{CURRENT, PENDING};
use zeroize::Zeroizing;

use crate::event::Step;
use crate::{Rotation, RotationError, Turn};

impl Rotation {
    /// The value that everybody reads.
    pub(crate) async fn current(&self, turn: &Turn<'_>) -> Result<Zeroizing<String>, RotationError> {
        let value = self.secrets.value_at_stage(&turn.secret.arn, CURRENT).await?;
        value.ok_or_else(|| RotationError::NoCurrent(turn.secret.name.clone()))
    }

    /// The value of the version that the rotation makes; `None` before `createSecret`.
    pub(crate) async fn made(&self, turn: &Turn<'_>) -> Result<Option<Zeroizing<String>>, RotationError> {
        Ok(self.secrets.value_of_version(&turn.secret.arn, turn.version).await?)
    }

    /// The same, where it must be there.
    pub(crate) async fn next(&self, turn: &Turn<'_>) -> Result<Zeroizing<String>, RotationError> {
        self.made(turn).await?.ok_or_else(|| turn.not_ready(Step::Create))
    }

    /// Puts the value that the rotation moves to. Where another run of the step was faster, its value stays.
    pub(crate) async fn put(&self, turn: &Turn<'_>, value: &str) -> Result<(), RotationError> {
        self.secrets.put_pending(&turn.secret.arn, turn.version, turn.rotation_token, value).await?;
        Ok(())
    }

    /// Makes the version that the rotation made the current one, whoever does it.
    pub(crate) async fn make_current(&self, turn: &Turn<'_>) -> Result<(), RotationError> {
        let Turn { secret, version, .. } = turn;
        let current = secret.version_at(CURRENT).ok_or_else(|| RotationError::NoCurrent(secret.name.clone()))?;
        match self.secrets.move_stage(&secret.arn, CURRENT, Some(current), Some(version)).await {
            Err(lost @ Error::Conflict(_)) => {
                let by_another = self.secrets.describe(&secret.arn).await?.version_at(CURRENT) == Some(version);
                if by_another { Ok(()) } else { Err(lost.into()) }
            }
            moved => Ok(moved?),
        }
    }

    /// Whether the version that the rotation makes is the pending one still.
    pub(crate) async fn still_pending(&self, turn: &Turn<'_>) -> Result<(), RotationError> {
        let pending = self.secrets.describe(&turn.secret.arn).await?.version_at(PENDING) == Some(turn.version);
        if pending { Ok(()) } else { Err(turn.not_ready(Step::Create)) }
    }

    /// Takes the pending label off the version that the rotation made, if it is there: no rotation is under way any more.
    pub(crate) async fn no_longer_pending(&self, turn: &Turn<'_>) -> Result<(), RotationError> {
        let Turn { secret, version, .. } = turn;
        if secret.version_at(PENDING) != Some(version) {
            return Ok(());
        }
        match self.secrets.move_stage(&secret.arn, PENDING, Some(version), None).await {
            // Another run of the step has taken it off, or the next rotation has it.
            Err(Error::Conflict(_)) => Ok(()),
            removed => Ok(removed?),
        }
    }
}

impl Turn<'_> {
    pub(crate) fn not_ready(&self, before: Step) -> RotationError {
        RotationError::NotReady {
            secret: self.secret.name.clone(),
            version: self.version.to_owned(),
            step: before.as_str(),
        }
    }

    /// What is said of a value that cannot be used; `why` does not quote it.
    pub(crate) fn unfit(&self, label: &'static str, why: impl Into<String>) -> RotationError {
        RotationError::Value { secret: self.secret.name.clone(), label, why: why.into() }
    }
}
