//! Service accounts: disabled when nobody uses them, told to rotate, and told of when they did not.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::RotationRulesType;
use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::change::Change;
use engine_aws::clock::random_bytes;
use engine_aws::people::ServiceAccountHeld;
use engine_core::access::service_account::ServiceAccountState;
use engine_core::hex;
use engine_core::rotation::{CredentialKind, Notice, NoticeKind};
use engine_core::time::rfc3339;
use jiff::SignedDuration;

use crate::due::{Finding, committed};
use crate::tally::Tally;
use crate::{CredentialSweep, PAGE, report};

/// Days between two rotations.
const DAYS: i64 = CredentialKind::ServiceAccount.schedule().every.as_hours() / 24;
/// How long after its time Secrets Manager may begin a rotation, and be at it.
const GRACE: SignedDuration = SignedDuration::from_hours(24);
/// Why an account is disabled.
const IDLE: &str = "not used for 90 days";

impl CredentialSweep {
    /// Looks at every active service account.
    pub(crate) async fn sweep_service_accounts(&self, author: &Author, tally: &mut Tally) {
        let mut after = None;
        loop {
            let page = match self.people.service_accounts(PAGE, after.as_deref()).await {
                Ok(page) => page,
                Err(error) => return tally.fail("service accounts", error),
            };
            for held in page.items.iter().filter(|held| held.value.state == ServiceAccountState::Active) {
                self.sweep_service_account(held, author, tally).await;
            }
            after = page.next;
            if after.is_none() {
                return;
            }
        }
    }

    async fn sweep_service_account(&self, held: &ServiceAccountHeld, author: &Author, tally: &mut Tally) {
        let name = &held.value.name;
        if !held.value.usable_at(held.last_used_at, self.clock.now()) {
            match self.disable_idle(held, author).await {
                Ok(disabled) => tally.done.accounts_disabled += usize::from(disabled),
                Err(error) => tally.fail(format!("service account {name}, which is idle"), error),
            }
            return;
        }
        match self.schedule_rotation(held).await {
            Ok(put) => tally.done.schedules_put += usize::from(put),
            Err(error) => tally.fail(format!("rotation schedule of service account {name}"), error),
        }
        match self.tell_overdue(held, author).await {
            Ok(told) => tally.done.found_due += usize::from(told),
            Err(error) => tally.fail(format!("service account {name}, whose rotation is overdue"), error),
        }
    }

    /// Disables an account that nobody uses. It is refused as idle already, so no use can come in between.
    async fn disable_idle(&self, held: &ServiceAccountHeld, author: &Author) -> Result<bool, Error> {
        let (name, now) = (&held.value.name, self.clock.now());
        let mut change = match self.people.disable_service_account(name, IDLE, author, now).await {
            Ok(prepared) => prepared.change,
            Err(Error::Conflict(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let used = held.last_used_at.map_or_else(|| "never".to_owned(), rfc3339);
        let notice = Notice {
            kind: NoticeKind::ServiceAccountDisabledIdle,
            credential_kind: Some(CredentialKind::ServiceAccount),
            credential: name.to_string(),
            // An account is disabled for good, and its name never used again.
            turn: "disabled".to_owned(),
            client_id: None,
            due_at: None,
            text: format!(
                "Service account {name} was used last: {used}. It is disabled and stays so.\n\
                 Whoever needs it asks for another one."
            ),
            made_at: now,
        };
        self.outbox.add(&mut change, &notice)?;
        committed(change.commit(&self.dynamodb).await)
    }

    /// Tells the account's secret to rotate, where it does not or does otherwise. True where that was so.
    async fn schedule_rotation(&self, held: &ServiceAccountHeld) -> Result<bool, Error> {
        let Some(function) = &self.settings.rotation_function else { return Ok(false) };
        let secret = format!("{}{}", self.settings.service_account_prefix, held.value.name);
        let described = self.describe_secret(&secret).await?;
        if rotates(&described, function) {
            return Ok(false);
        }
        let told = self
            .secrets
            .rotate_secret()
            .secret_id(&secret)
            .client_request_token(hex::encode(&random_bytes::<32>()?))
            .rotation_lambda_arn(function)
            .rotation_rules(RotationRulesType::builder().automatically_after_days(DAYS).build())
            .rotate_immediately(false)
            .send()
            .await;
        told.map_err(|error| Error::unavailable("secretsmanager:RotateSecret", &error))?;
        report::scheduled(&secret);
        Ok(true)
    }

    /// Tells of an account whose credential is older than it may be.
    async fn tell_overdue(&self, held: &ServiceAccountHeld, author: &Author) -> Result<bool, Error> {
        let kind = CredentialKind::ServiceAccount;
        let name = &held.value.name;
        let rotated_at = held.rotated.as_ref().map_or(held.value.created_at, |rotated| rotated.at);
        let due_at = rotated_at + kind.schedule().every;
        if self.clock.now() < due_at + GRACE {
            return Ok(false);
        }
        let due = Finding {
            kind: NoticeKind::ServiceAccountOverdue,
            credential_kind: Some(kind),
            credential: name.to_string(),
            resource: format!("service_account:{name}"),
            turn: rfc3339(rotated_at),
            due_at: Some(due_at),
            text: format!(
                "The credential of service account {name} rotated last at {} and should have by {}.\n\
                 Look at the log of the rotation function, and at what its secret says of its last rotation.",
                rfc3339(rotated_at),
                rfc3339(due_at),
            ),
        };
        self.tell_due(&due, Change::default(), author).await
    }
}

/// Whether a secret rotates by that function, as often as it must.
fn rotates(described: &DescribeSecretOutput, function: &str) -> bool {
    let days = described.rotation_rules.as_ref().and_then(|rules| rules.automatically_after_days);
    described.rotation_enabled == Some(true)
        && described.rotation_lambda_arn.as_deref() == Some(function)
        && days == Some(DAYS)
}
