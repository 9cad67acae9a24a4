//! A client's API keys: revoked in one transaction, successors offered in another.

use engine_aws::Error;
use engine_aws::change::Change;
use engine_aws::directory::{ClientRecord, ClientStatus};
use engine_aws::rotations::{Target, Unit, UnitName};
use engine_core::access::{ClientId, KeyId};

use super::walk::{PAGE, tried};
use super::{Attempt, Targets};

impl Attempt {
    /// A page of the clients.
    pub(super) async fn all_clients(&self, after: Option<&str>) -> Result<Targets, Error> {
        let after = after.map(ClientId::parse).transpose().map_err(|error| Error::corrupt("place in a walk", error))?;
        let page = self.parts().directory.clients(after.as_ref(), PAGE).await?;
        let name = |client: &ClientRecord| UnitName::Client(client.client_id.clone());
        Ok(Targets {
            names: page.items.iter().map(name).collect(),
            // One without a key may have a code out that claims one.
            holding: page.items.iter().filter(|client| client.status != ClientStatus::Terminated).map(name).collect(),
            next: page.next.map(String::from),
        })
    }

    /// Revokes what the client holds.
    pub(super) async fn revoke_keys(&self, name: &UnitName, client_id: &ClientId) -> Result<Unit, Error> {
        let parts = self.parts();
        tried(|again| async move {
            if again && let Some(unit) = parts.rotations.unit(self.id(), name).await? {
                return Ok(unit);
            }
            let (only, now) = (self.only(), self.now());
            let ended =
                parts.directory.revoke_client_keys(client_id, only, self.occasion(), self.author(), now).await?;
            let (mut change, ended) = (ended.change, ended.value);
            let unit = Unit::new(name.clone(), ended.revoked, ended.owed, now);
            let unit = Unit { note: ended.note.map(str::to_owned), ..unit };
            parts.rotations.revoked(&mut change, self.id(), &unit)?;
            change.commit(&parts.dynamodb).await?;
            Ok(unit)
        })
        .await
    }

    /// Offers what the client is owed.
    pub(super) async fn offer_keys(&self, client_id: &ClientId, unit: &Unit) -> Result<Unit, Error> {
        let parts = self.parts();
        tried(|again| async move {
            if again && let Some(unit) = self.issued_meanwhile(&unit.name).await? {
                return Ok(unit);
            }
            let (owed, now) = (&unit.owed, self.now());
            let offered =
                parts.directory.offer_after_emergency(client_id, owed, self.occasion(), self.author(), now).await?;
            let (change, offered) = (offered.change, offered.value);
            self.commit_issued(change, unit, (offered.offered.len() as u64, offered.note)).await
        })
        .await
    }

    /// The row, where what it owes was issued.
    pub(super) async fn issued_meanwhile(&self, name: &UnitName) -> Result<Option<Unit>, Error> {
        let unit = self.parts().rotations.unit(self.id(), name).await?;
        Ok(unit.filter(|unit| unit.issued_at.is_some()))
    }

    /// Makes the change that issues, with the row that says so.
    pub(super) async fn commit_issued(
        &self,
        mut change: Change,
        unit: &Unit,
        (issued, note): (u64, Option<&str>),
    ) -> Result<Unit, Error> {
        let (parts, now) = (self.parts(), self.now());
        parts.rotations.issued(&mut change, self.id(), &unit.name, (issued, note), now)?;
        change.commit(&parts.dynamodb).await?;
        let note = note.map(str::to_owned).or_else(|| unit.note.clone());
        Ok(Unit { issued: Some(issued), issued_at: Some(now), note, ..unit.clone() })
    }

    fn only(&self) -> Option<&KeyId> {
        match &self.job().asked.target {
            Target::Key { key_id, .. } => Some(key_id),
            _ => None,
        }
    }
}
