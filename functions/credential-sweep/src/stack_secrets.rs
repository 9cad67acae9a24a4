//! Secrets of the stack itself.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::change::Change;
use engine_aws::rotations::{BY_SECRETS_MANAGER, RegisterRow};
use engine_aws::secrets::CURRENT;
use engine_core::rotation::{CredentialKind, NoticeKind};
use engine_core::time::rfc3339;

use crate::CredentialSweep;
use crate::due::{Finding, timestamp};
use crate::settings::Named;
use crate::tally::Tally;

/// The one of them that has a date: the second factor that the stack starts with. What was made under an older version of the
/// others must stay openable, so they rotate on compromise alone.
const BOOTSTRAP_TOTP: &str = "bootstrap-totp";

impl CredentialSweep {
    /// Tells of a secret that did not rotate in time, and puts all into the register.
    pub(crate) async fn sweep_stack_secrets(&self, author: &Author, tally: &mut Tally) {
        for secret in &self.settings.stack_secrets {
            match self.stack_secret(secret, author).await {
                Ok(told) => tally.done.found_due += usize::from(told),
                Err(error) => tally.fail(format!("secret {}", secret.name), error),
            }
        }
    }

    async fn stack_secret(&self, secret: &Named, author: &Author) -> Result<bool, Error> {
        let (kind, now) = (CredentialKind::Secret, self.clock.now());
        let observed = self.observed(secret).await?;
        let last = observed.last_rotated_at;
        let due_at = self.has_a_date(secret).await?.then(|| last + kind.schedule().every);
        let row = RegisterRow { next_due_at: due_at, observed_at: now, ..observed };
        self.register.observe(&row).await?;
        let Some(due_at) = due_at.filter(|due_at| *due_at <= now) else { return Ok(false) };
        let due = Finding {
            kind: NoticeKind::SecretOverdue,
            credential_kind: Some(kind),
            credential: secret.name.clone(),
            resource: format!("secret:{}", secret.name),
            turn: rfc3339(last),
            due_at: Some(due_at),
            text: format!(
                "Secret {} rotated last at {} and should have by {}.\n\
                 Look at the log of the rotation function, and rotate it by hand.",
                secret.name,
                rfc3339(last),
                rfc3339(due_at),
            ),
        };
        self.tell_due(&due, Change::default(), author).await
    }

    /// The second factor that the stack starts with is of no more use once that path is closed.
    async fn has_a_date(&self, secret: &Named) -> Result<bool, Error> {
        Ok(secret.name == BOOTSTRAP_TOTP && self.people.administrators().await?.value.bootstrap_open())
    }

    /// What is known of a secret. Where the rotation of its current version was recorded, that is known better than Secrets
    /// Manager says it.
    async fn observed(&self, secret: &Named) -> Result<RegisterRow, Error> {
        let (kind, name) = (CredentialKind::Secret, &secret.name);
        let described = self.describe_secret(&secret.arn).await?;
        let recorded = self.register.recorded_version(kind, name).await?;
        if recorded.is_some()
            && recorded == current_version(&described)
            && let Some(row) = self.register.row(kind, name).await?
        {
            return Ok(row);
        }
        let rotated = described.last_rotated_date.as_ref();
        let changed = described.last_changed_date.as_ref().or(described.created_date.as_ref());
        Ok(RegisterRow {
            kind,
            credential: name.clone(),
            last_rotated_at: timestamp("last change of a secret", rotated.or(changed))?,
            rotated_by: if rotated.is_some() { "aws-secretsmanager" } else { "deployment" }.to_owned(),
            because: if rotated.is_some() { BY_SECRETS_MANAGER } else { "created" }.to_owned(),
            next_due_at: None,
            observed_at: self.clock.now(),
        })
    }

    /// A secret without its value.
    pub(crate) async fn describe_secret(&self, id: &str) -> Result<DescribeSecretOutput, Error> {
        let described = self.secrets.describe_secret().secret_id(id).send().await;
        described.map_err(|error| Error::unavailable("secretsmanager:DescribeSecret", &error))
    }
}

fn current_version(described: &DescribeSecretOutput) -> Option<String> {
    let mut versions = described.version_ids_to_stages.iter().flatten();
    versions.find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT)).map(|(version, _)| version.clone())
}
