//! Keys of KMS: those that sign need a successor before a year is over, the symmetric ones must rotate by themselves.

use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::change::Change;
use engine_aws::rotations::RegisterRow;
use engine_core::rotation::{CredentialKind, NoticeKind};
use engine_core::time::rfc3339;
use jiff::{SignedDuration, Timestamp};

use crate::CredentialSweep;
use crate::due::{Finding, timestamp};
use crate::settings::Named;
use crate::tally::Tally;

/// Who rotates symmetric keys.
const KMS: &str = "aws-kms";
/// Who makes keys that sign: who deploys the stack.
const DEPLOYMENT: &str = "deployment";
/// Days between two rotations, where KMS does not say.
const YEAR: i32 = 365;

impl CredentialSweep {
    /// Tells of signing keys that need a successor, and puts all into the register.
    pub(crate) async fn sweep_signing_keys(&self, author: &Author, tally: &mut Tally) {
        for key in &self.settings.signing_keys {
            match self.sweep_signing_key(key, author).await {
                Ok(told) => tally.done.found_due += usize::from(told),
                Err(error) => tally.fail(format!("signing key {}", key.name), error),
            }
        }
    }

    async fn sweep_signing_key(&self, key: &Named, author: &Author) -> Result<bool, Error> {
        let kind = CredentialKind::SigningKey;
        let (created_at, now, schedule) = (self.created_at(&key.arn).await?, self.clock.now(), kind.schedule());
        let due_at = created_at + schedule.every;
        let row = RegisterRow {
            kind,
            credential: key.name.clone(),
            last_rotated_at: created_at,
            rotated_by: DEPLOYMENT.to_owned(),
            because: "created".to_owned(),
            next_due_at: Some(due_at),
            observed_at: now,
        };
        self.register.observe(&row).await?;
        if now < due_at - schedule.notice.unwrap_or_default() {
            return Ok(false);
        }
        let due = Finding {
            kind: NoticeKind::SigningKeyDue,
            credential_kind: Some(kind),
            credential: key.name.clone(),
            resource: format!("signing_key:{}", key.name),
            turn: key_id(&key.arn).to_owned(),
            due_at: Some(due_at),
            text: format!(
                "Signing key {} was made at {} and is to have a successor by {}.\n\
                 Make one, point the alias at it, and keep the old one: what it signed still verifies.",
                key.name,
                rfc3339(created_at),
                rfc3339(due_at),
            ),
        };
        self.tell_due(&due, Change::default(), author).await
    }

    /// Tells of symmetric keys that do not rotate, once a month, and puts all into the register.
    pub(crate) async fn sweep_kms_keys(&self, author: &Author, tally: &mut Tally) {
        for key in &self.settings.kms_keys {
            match self.sweep_kms_key(key, author).await {
                Ok(told) => tally.done.found_due += usize::from(told),
                Err(error) => tally.fail(format!("KMS key {}", key.name), error),
            }
        }
    }

    async fn sweep_kms_key(&self, key: &Named, author: &Author) -> Result<bool, Error> {
        let (kind, now) = (CredentialKind::KmsKey, self.clock.now());
        let created_at = self.created_at(&key.arn).await?;
        let status = self.kms.get_key_rotation_status().key_id(&key.arn).send().await;
        let status = status.map_err(|error| Error::unavailable("kms:GetKeyRotationStatus", &error))?;
        let period = status.rotation_period_in_days.unwrap_or(YEAR);
        let period = SignedDuration::from_hours(24 * i64::from(period));
        let next = status.next_rotation_date.as_ref();
        let next = next.map(|next| timestamp("next rotation of a KMS key", Some(next))).transpose()?;
        // KMS says when the next one is; the last one was a period before, unless there was none.
        let last = next.map_or(created_at, |next| (next - period).max(created_at));
        let row = RegisterRow {
            kind,
            credential: key.name.clone(),
            last_rotated_at: last,
            rotated_by: if last > created_at { KMS } else { DEPLOYMENT }.to_owned(),
            because: if last > created_at { "rotation by KMS" } else { "created" }.to_owned(),
            next_due_at: Some(next.unwrap_or(last + period)),
            observed_at: now,
        };
        self.register.observe(&row).await?;
        if status.key_rotation_enabled {
            return Ok(false);
        }
        let due = Finding {
            kind: NoticeKind::KmsKeyNotRotating,
            credential_kind: Some(kind),
            credential: key.name.clone(),
            resource: format!("kms_key:{}", key.name),
            turn: now.strftime("%Y-%m").to_string(),
            due_at: None,
            text: format!(
                "KMS key {} does not rotate by itself.\nSomebody turned it off: turn it on again, and find out who and why.",
                key.name
            ),
        };
        self.tell_due(&due, Change::default(), author).await
    }

    async fn created_at(&self, arn: &str) -> Result<Timestamp, Error> {
        let described = self.kms.describe_key().key_id(arn).send().await;
        let described = described.map_err(|error| Error::unavailable("kms:DescribeKey", &error))?;
        timestamp("creation of a KMS key", described.key_metadata.and_then(|key| key.creation_date).as_ref())
    }
}

fn key_id(arn: &str) -> &str {
    arn.rsplit_once("key/").map_or(arn, |(_, id)| id)
}
