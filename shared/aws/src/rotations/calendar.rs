//! The rotation register as one list: of every credential what it is, when it rotated last, by whom and why, and when it is
//! due next, whatever keeps it.

use std::fmt;

use engine_core::access::service_account::{CredentialHashes, ServiceAccountState};
use engine_core::access::{ClientId, KeyId, KeyState, PersonId, ServiceAccountName};
use engine_core::rotation::CredentialKind;
use jiff::Timestamp;

use super::register::{RegisterRow, RegisterStore};
use crate::Error;
use crate::directory::{Directory, KeyDetails, KeyPosition, KeyQuery};
use crate::people::{People, Person, ServiceAccountHeld};

/// Rows in a page at most, and credentials that one step reads.
const MOST: usize = 100;
/// Steps that one page takes at most, where few credentials are shown of many read.
const MOST_STEPS: usize = 12;
/// Longest name that a place in the list may have: that of a sort key of the table.
const LONGEST_NAME: usize = 1000;

/// Reads the register from where each kind of credential is kept.
#[derive(Clone, Copy)]
pub struct Calendar<'a> {
    /// API keys.
    pub directory: &'a Directory,
    /// Service accounts and second factors.
    pub people: &'a People,
    /// All others.
    pub register: &'a RegisterStore,
}

/// A credential that is in use. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarRow {
    /// Its kind.
    pub kind: CredentialKind,
    /// Its id or name.
    pub credential: String,
    /// Whose it is, where it is a client's.
    pub client_id: Option<ClientId>,
    /// The person who answers for it, where one does.
    pub owner: Option<PersonId>,
    /// Where it stands; one of [`CalendarRow::STATES`].
    pub state: &'static str,
    /// When it rotated last; when it was made where it never did.
    pub last_rotated_at: Timestamp,
    /// Who rotated it, where that is known.
    pub rotated_by: Option<String>,
    /// Why, where that is known.
    pub because: Option<String>,
    /// When it is due; nothing where no date makes it due.
    pub next_due_at: Option<Timestamp>,
}

/// A place in the list: after a credential of a kind, or before the first of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarPlace {
    kind: CredentialKind,
    /// The credential's place among those of its kind.
    after: Option<String>,
}

/// Which rows, and from where on.
#[derive(Clone, Debug, Default)]
pub struct CalendarQuery {
    /// Only those of this kind; all kinds, one after the other, where there is none.
    pub kind: Option<CredentialKind>,
    /// Only those that are overdue.
    pub overdue: bool,
    /// Those after this place.
    pub after: Option<CalendarPlace>,
}

/// A page of the register. One with a next page may hold fewer rows than asked for.
pub type CalendarPage = crate::directory::Page<CalendarRow, CalendarPlace>;

impl CalendarRow {
    /// Every state: those of keys that are in use, of service accounts' credentials, of second factors, and of the others,
    /// which are `ACTIVE`.
    pub const STATES: [&'static str; 7] = ["ACTIVE", "CLAIMED", "FROZEN", "ROTATING", "REVOKED", "ISSUED", "ENROLLED"];

    /// Whether it should have rotated by `now`.
    #[must_use]
    pub fn overdue_at(&self, now: Timestamp) -> bool {
        self.next_due_at.is_some_and(|due| due <= now)
    }
}

impl CalendarPlace {
    /// The kind that the list goes on with.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        self.kind
    }

    /// Reads a place as it is displayed; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, after) = text.split_once('#').map_or((text, None), |(kind, after)| (kind, Some(after)));
        let kind = CredentialKind::from_name(kind)?;
        let is_place = |after: &str| match kind {
            CredentialKind::ApiKey => key_place(after).is_some(),
            CredentialKind::ServiceAccount => ServiceAccountName::parse(after).is_ok(),
            CredentialKind::Totp => PersonId::parse(after).is_ok(),
            _ => (1..=LONGEST_NAME).contains(&after.len()),
        };
        after.is_none_or(is_place).then(|| Self { kind, after: after.map(str::to_owned) })
    }

    const fn before(kind: CredentialKind) -> Self {
        Self { kind, after: None }
    }
}

impl fmt::Display for CalendarPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.after {
            Some(after) => write!(f, "{}#{after}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

/// Credentials that were read, each with its place among those of its kind, and the row of those in use; and the place
/// after which there are more.
struct Step {
    read: Vec<(String, Option<CalendarRow>)>,
    next: Option<String>,
}

impl Calendar<'_> {
    /// A page of at most `limit` (1 to 100) rows, kind after kind in the order of [`CredentialKind::ALL`], overdue or not as
    /// of `now`.
    pub async fn page(&self, query: &CalendarQuery, limit: usize, now: Timestamp) -> Result<CalendarPage, Error> {
        let limit = limit.clamp(1, MOST);
        let start = || CalendarPlace::before(query.kind.unwrap_or(CredentialKind::ALL[0]));
        let mut place = Some(query.after.clone().unwrap_or_else(start));
        let mut items = Vec::new();
        for _ in 0..MOST_STEPS {
            let Some(CalendarPlace { kind, after }) = place.take() else { break };
            let Step { read, next } = self.step(kind, after.as_deref()).await?;
            let within = |after| CalendarPlace { kind, after: Some(after) };
            let following = || following(kind).filter(|_| query.kind.is_none()).map(CalendarPlace::before);
            place = next.map(within).or_else(following);
            let count = read.len();
            for (index, (after, row)) in read.into_iter().enumerate() {
                items.extend(row.filter(|row| !query.overdue || row.overdue_at(now)));
                if items.len() == limit {
                    let next = if index + 1 < count { Some(within(after)) } else { place };
                    return Ok(CalendarPage { items, next });
                }
            }
        }
        Ok(CalendarPage { items, next: place })
    }

    async fn step(&self, kind: CredentialKind, after: Option<&str>) -> Result<Step, Error> {
        match kind {
            CredentialKind::ApiKey => self.keys(after).await,
            CredentialKind::ServiceAccount => {
                let page = self.people.service_accounts(MOST, after).await?;
                let read = page.items.iter().map(|held| (held.value.name.to_string(), of_account(held)));
                Ok(Step { read: read.collect(), next: page.next })
            }
            CredentialKind::Totp => {
                let page = self.people.persons(MOST, after).await?;
                let read = page.items.iter().map(|person| (person.value.id.to_string(), of_factor(&person.value)));
                Ok(Step { read: read.collect(), next: page.next })
            }
            kind => {
                let after = after.map(|after| format!("{kind}#{after}"));
                let page = self.register.rows(Some(kind), MOST, after.as_deref()).await?;
                let name = |sk: String| sk.split_once('#').map_or_else(String::new, |(_, name)| name.to_owned());
                let read = page.items.into_iter().map(|row| (row.credential.clone(), Some(of_register(row))));
                Ok(Step { read: read.collect(), next: page.next.map(name) })
            }
        }
    }

    async fn keys(&self, after: Option<&str>) -> Result<Step, Error> {
        let query = KeyQuery { after: after.and_then(key_place), ..KeyQuery::default() };
        let page = self.directory.keys(&query, MOST).await?;
        let place = |client_id: &ClientId, key_id: &KeyId| format!("{client_id}#{key_id}");
        let read = page.items.into_iter().map(|key| (place(&key.record.client_id, &key.record.id), of_key(key)));
        Ok(Step { read: read.collect(), next: page.next.map(|next| place(&next.client_id, &next.key_id)) })
    }
}

/// The kind after that one.
fn following(kind: CredentialKind) -> Option<CredentialKind> {
    CredentialKind::ALL.into_iter().skip_while(|other| *other != kind).nth(1)
}

fn key_place(text: &str) -> Option<KeyPosition> {
    let (client_id, key_id) = text.split_once('#')?;
    Some(KeyPosition { client_id: ClientId::parse(client_id).ok()?, key_id: KeyId::parse(key_id).ok()? })
}

/// A key that has not ended. One past its end that nobody has ended yet is overdue.
fn of_key(key: KeyDetails) -> Option<CalendarRow> {
    let record = key.record;
    matches!(record.state, KeyState::Claimed | KeyState::Active | KeyState::Frozen).then(|| CalendarRow {
        kind: CredentialKind::ApiKey,
        credential: record.id.to_string(),
        client_id: Some(record.client_id),
        owner: None,
        state: record.state.as_str(),
        last_rotated_at: record.created_at,
        rotated_by: key.issued_by,
        because: key.issued_because,
        next_due_at: Some(record.expires_at),
    })
}

/// An account that is not disabled. One whose credential was revoked is to get another.
fn of_account(held: &ServiceAccountHeld) -> Option<CalendarRow> {
    let account = &held.value;
    let kind = CredentialKind::ServiceAccount;
    let rotated = held.rotated.as_ref();
    let last_rotated_at = rotated.map_or(account.created_at, |rotated| rotated.at);
    (account.state == ServiceAccountState::Active).then(|| CalendarRow {
        kind,
        credential: account.name.to_string(),
        client_id: None,
        owner: Some(account.owner.clone()),
        state: match &held.hashes {
            CredentialHashes { pending: Some(_), .. } => "ROTATING",
            CredentialHashes { current: Some(_), .. } => "ACTIVE",
            CredentialHashes { current: None, .. } => "REVOKED",
        },
        last_rotated_at,
        rotated_by: rotated.map(|rotated| rotated.by.clone()),
        because: rotated.map(|rotated| rotated.because.clone()),
        next_due_at: Some(last_rotated_at + kind.schedule().every),
    })
}

/// The factor that a person enrolled: nobody else rotates it.
fn of_factor(person: &Person) -> Option<CalendarRow> {
    let (kind, factor) = (CredentialKind::Totp, person.enrolled.as_ref()?);
    let last_rotated_at = factor.enrolled_at.unwrap_or(factor.issued_at);
    Some(CalendarRow {
        kind,
        credential: person.id.to_string(),
        client_id: None,
        owner: Some(person.id.clone()),
        state: person.factor_state().as_str(),
        last_rotated_at,
        rotated_by: Some(person.id.to_string()),
        because: Some("enrolled".to_owned()),
        next_due_at: Some(last_rotated_at + kind.schedule().every),
    })
}

fn of_register(row: RegisterRow) -> CalendarRow {
    CalendarRow {
        kind: row.kind,
        credential: row.credential,
        client_id: None,
        owner: None,
        state: "ACTIVE",
        last_rotated_at: row.last_rotated_at,
        rotated_by: Some(row.rotated_by),
        because: Some(row.because),
        next_due_at: row.next_due_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_leads_back_from_its_text_and_no_other_text_is_one() {
        for text in [
            "api_key",
            "api_key#acme#0Ab1Cd2Ef3Gh",
            "service_account#svc-a-b",
            "totp#p.one",
            "secret#bootstrap-totp",
            "kms_key#a#b",
            "certificate",
        ] {
            assert_eq!(CalendarPlace::parse(text).unwrap().to_string(), text);
        }
        let long = format!("secret#{}", "x".repeat(LONGEST_NAME + 1));
        for text in ["", "#", "password", "api_key#acme", "api_key#", "service_account#a", "totp#", "secret#", &long] {
            assert_eq!(CalendarPlace::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_kind_comes_once() {
        let kinds: Vec<_> = std::iter::successors(Some(CredentialKind::ALL[0]), |kind| following(*kind)).collect();
        assert_eq!(kinds, CredentialKind::ALL);
    }
}
