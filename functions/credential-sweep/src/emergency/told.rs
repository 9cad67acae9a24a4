//! What people are told of a rotation, one notice a client or account.

use engine_aws::Error;
use engine_aws::change::Change;
use engine_aws::rotations::{Unit, UnitName};
use engine_core::rotation::{CredentialKind, Notice, NoticeKind};
use jiff::Timestamp;

use super::Attempt;
use super::walk::tried;

/// Whether anything happened there that somebody must know of.
pub(super) fn concerns(unit: &Unit) -> bool {
    !unit.revoked.is_empty() || unit.issued.is_some_and(|issued| issued > 0)
}

impl Attempt {
    /// Makes the notice about a client or an account.
    pub(super) async fn notify(&self, unit: &Unit) -> Result<Unit, Error> {
        let parts = self.parts();
        tried(|again| async move {
            let now = self.now();
            if again && let Some(known) = self.notified_meanwhile(&unit.name).await? {
                return Ok(known);
            }
            let mut change = Change::default();
            parts.outbox.add(&mut change, &notice(self.id(), unit, now))?;
            parts.rotations.notified(&mut change, self.id(), &unit.name, now)?;
            change.commit(&parts.dynamodb).await?;
            Ok(Unit { notified_at: Some(now), ..unit.clone() })
        })
        .await
    }

    /// The row, where the notice about it was made.
    async fn notified_meanwhile(&self, name: &UnitName) -> Result<Option<Unit>, Error> {
        let unit = self.parts().rotations.unit(self.id(), name).await?;
        Ok(unit.filter(|unit| unit.notified_at.is_some()))
    }
}

/// The reason is the desk's: it may name what a client is not to know.
fn notice(rotation_id: &str, unit: &Unit, now: Timestamp) -> Notice {
    let (kind, credential, client_id, happened) = match &unit.name {
        UnitName::Client(client_id) => {
            let list = |ids: Vec<&str>| if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
            let ended = list(unit.revoked.iter().map(String::as_str).collect());
            let offered = if unit.issued.is_some_and(|issued| issued > 0) {
                list(unit.owed.keys().map(String::as_str).collect())
            } else {
                list(Vec::new())
            };
            let happened = format!(
                "These API keys ended and are refused from now on: {ended}.\n\
                 A successor is offered in the place of: {offered}.\n\
                 Ask the desk for a claim code for each: it is good for 24 hours and collects the successor."
            );
            (NoticeKind::KeyEmergencyRotated, client_id.to_string(), Some(client_id.clone()), happened)
        }
        UnitName::Account(name) => {
            let issued = if unit.issued.is_some_and(|issued| issued > 0) {
                "Another one is in its secret: read the secret again."
            } else {
                "No other one was put in its place: the account cannot authenticate."
            };
            let happened =
                format!("The credential of service account {name} ended and is refused from now on.\n{issued}");
            (NoticeKind::ServiceAccountEmergencyRotated, name.to_string(), None, happened)
        }
    };
    let credential_kind = Some(match &unit.name {
        UnitName::Client(_) => CredentialKind::ApiKey,
        UnitName::Account(_) => CredentialKind::ServiceAccount,
    });
    Notice {
        kind,
        credential_kind,
        credential,
        turn: rotation_id.to_owned(),
        client_id,
        due_at: None,
        text: format!("{happened}\nRotation: {rotation_id}."),
        made_at: now,
    }
}
