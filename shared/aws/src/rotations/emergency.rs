//! Emergency rotations: one item each, made in the transaction of the request, worked on under a lease, phase after phase; and
//! a row for each client or service account that it came to, written in the transaction of what was done there.
//!
//! The rows are the truth: what a row says was done is not done again, whoever goes on. The item's counts are sums of them, as
//! far as a worker told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use engine_core::access::{ClientId, KeyId, ServiceAccountName};
use engine_core::hex;
use engine_core::rotation::CredentialKind;
use jiff::{SignedDuration, Timestamp};

use crate::change::Change;
use crate::clock::random_bytes;
use crate::directory::Page;
use crate::item::{Item, absent, n, number, parsed, s, string, strings, time};
use crate::{Error, read};

/// How long a worker that says nothing keeps a rotation to itself.
pub const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// How long the row of a client or an account is kept. The audit log keeps what it says for good.
const ROWS_KEPT: SignedDuration = SignedDuration::from_hours(800 * 24);
/// Partition of the rotations.
const ROTATIONS: &str = "emergency";
/// Partition of the targets whose rotation is unfinished.
const OPEN: &str = "emergency#open";
/// Rows in a page at most.
const MOST: usize = 100;

/// What is to be rotated at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One API key, with a successor that was claimed with it and not confirmed.
    Key {
        /// Which.
        key_id: KeyId,
        /// Whose.
        client_id: ClientId,
    },
    /// All keys of one client.
    Client(ClientId),
    /// All API keys.
    AllKeys,
    /// The credential of one service account.
    Account(ServiceAccountName),
    /// The credentials of all service accounts.
    AllAccounts,
}

impl Target {
    /// The kind of credential.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::Key { .. } | Self::Client(_) | Self::AllKeys => CredentialKind::ApiKey,
            Self::Account(_) | Self::AllAccounts => CredentialKind::ServiceAccount,
        }
    }

    fn parse(name: &str) -> Result<Self, &'static str> {
        const NONE: &str = "not the target of a rotation";
        let client = |id: &str| ClientId::parse(id).map_err(|_| NONE);
        let parts: Vec<_> = name.split('#').collect();
        match parts[..] {
            ["api_key", "all"] => Ok(Self::AllKeys),
            ["api_key", "client", id] => Ok(Self::Client(client(id)?)),
            ["api_key", "key", id, key] => {
                Ok(Self::Key { client_id: client(id)?, key_id: KeyId::parse(key).map_err(|_| NONE)? })
            }
            ["service_account", "all"] => Ok(Self::AllAccounts),
            ["service_account", "account", name] => {
                ServiceAccountName::parse(name).map(Self::Account).map_err(|_| NONE)
            }
            _ => Err(NONE),
        }
    }
}

/// The target's name in the table; none of its parts holds a `#`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Key { key_id, client_id } => write!(f, "{kind}#key#{client_id}#{key_id}"),
            Self::Client(client_id) => write!(f, "{kind}#client#{client_id}"),
            Self::Account(name) => write!(f, "{kind}#account#{name}"),
            Self::AllKeys | Self::AllAccounts => write!(f, "{kind}#all"),
        }
    }
}

/// A rotation as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEmergency {
    /// Its id, a UUIDv7.
    pub id: String,
    /// What is rotated.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Id of the account that asked.
    pub requested_by: String,
    /// The request that asked.
    pub request_id: String,
    /// When.
    pub requested_at: Timestamp,
}

/// How far a rotation is. Each phase begins when the one before it is through with every client or account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nobody has begun.
    Pending,
    /// Credentials end.
    Revoking,
    /// What takes their place is offered or installed.
    Issuing,
    /// Notices are made.
    Notifying,
    /// It is recorded as complete.
    Done,
}

impl Phase {
    /// Every phase, in their order.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Revoking, Self::Issuing, Self::Notifying, Self::Done];

    /// The phase's name in answers and items.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Revoking => "REVOKING",
            Self::Issuing => "ISSUING",
            Self::Notifying => "NOTIFYING",
            Self::Done => "DONE",
        }
    }

    fn from_name(name: &str) -> Result<Self, &'static str> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == name).ok_or("not a phase")
    }
}

/// What a rotation did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Clients, or service accounts, that a credential was taken from.
    pub clients: u64,
    /// Credentials that were ended.
    pub revoked: u64,
    /// Successors that were offered, or credentials that were installed.
    pub issued: u64,
    /// Notices that were made.
    pub notified: u64,
}

/// Where a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which phase.
    pub phase: Phase,
    /// Behind which client, account or row of it; at the phase's beginning where there is none.
    pub after: Option<String>,
    /// What was done up to there.
    pub counts: Counts,
}

/// A rotation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyRotation {
    /// What was asked for, by whom and when.
    pub asked: NewEmergency,
    /// How far it is.
    pub place: Place,
    /// When somebody began.
    pub started_at: Option<Timestamp>,
    /// When everything was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When everything was issued.
    pub issued_at: Option<Timestamp>,
    /// When it was recorded as complete.
    pub completed_at: Option<Timestamp>,
    /// How often somebody began to work on it.
    pub attempts: u32,
    /// Why the last attempt that came to no end did not, for the log and for who operates the stack.
    pub hindrance: Option<String>,
}

/// The client or the account of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitName {
    /// A client.
    Client(ClientId),
    /// A service account.
    Account(ServiceAccountName),
}

impl UnitName {
    /// The client or account whose row has that sort key.
    pub fn parse(row: &str) -> Result<Self, &'static str> {
        const NONE: &str = "neither a client nor a service account";
        let (kind, name) = row.split_once('#').ok_or(NONE)?;
        match kind {
            "client" => ClientId::parse(name).map(Self::Client).map_err(|_| NONE),
            "account" => ServiceAccountName::parse(name).map(Self::Account).map_err(|_| NONE),
            _ => Err(NONE),
        }
    }
}

/// The row's sort key.
impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client_id) => write!(f, "client#{client_id}"),
            Self::Account(name) => write!(f, "account#{name}"),
        }
    }
}

/// What a rotation did at one client or account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Which.
    pub name: UnitName,
    /// Keys that were revoked. Of an account it is its one credential, where it had one.
    pub revoked: BTreeSet<String>,
    /// Those of them in whose place a successor is offered, with the days that it is to live. Of an account: 0 days, as its
    /// credential ends with the next rotation.
    pub owed: BTreeMap<String, u32>,
    /// When they were revoked.
    pub revoked_at: Timestamp,
    /// What was issued of what is owed, once that is done.
    pub issued: Option<u64>,
    /// When.
    pub issued_at: Option<Timestamp>,
    /// When a notice of it was made.
    pub notified_at: Option<Timestamp>,
    /// Why less was done than is owed.
    pub note: Option<String>,
}

impl Unit {
    /// A row that is to be written with the revocation.
    #[must_use]
    pub fn new(name: UnitName, revoked: BTreeSet<String>, owed: BTreeMap<String, u32>, now: Timestamp) -> Self {
        Self { name, revoked, owed, revoked_at: now, issued: None, issued_at: None, notified_at: None, note: None }
    }
}

/// The right to work on a rotation, until it runs out.
#[derive(Clone, Debug)]
pub struct Lease {
    id: String,
    holder: String,
}

/// What comes of wanting to work on a rotation.
#[derive(Clone, Debug)]
pub enum Claim {
    /// It is the caller's to carry on.
    Taken(Lease, Box<EmergencyRotation>),
    /// Another worker has it.
    Busy,
    /// It is complete.
    Done,
    /// There is no such rotation.
    Unknown,
}

/// The emergency rotations in the table `rotations`.
#[derive(Clone, Debug)]
pub struct EmergencyRotations {
    client: Client,
    table: String,
}

impl EmergencyRotations {
    /// The rotations in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Adds the rotation to the change that its request makes: lost where another one of the same target is unfinished.
    pub fn create(&self, change: &mut Change, new: &NewEmergency) -> Result<(), Error> {
        let mut item = key(ROTATIONS, &new.id);
        item.extend([
            ("target".to_owned(), s(new.target.to_string())),
            ("reason".to_owned(), s(&new.reason)),
            ("requested_by".to_owned(), s(&new.requested_by)),
            ("request_id".to_owned(), s(&new.request_id)),
            ("requested_at".to_owned(), n(new.requested_at.as_millisecond())),
            ("job_phase".to_owned(), s(Phase::Pending.as_str())),
            ("attempts".to_owned(), n(0)),
        ]);
        item.extend(counted(Counts::default()).map(|(name, _, count)| (name.to_owned(), count)));
        change.put_new(&self.table, item, format_args!("another rotation has the id {}", new.id))?;
        let mut open = key(OPEN, &new.target.to_string());
        open.insert("rotation_id".to_owned(), s(&new.id));
        change.put_new(&self.table, open, "an emergency rotation of the same is not complete yet: look at that one")
    }

    /// The rotation with that id.
    pub async fn read(&self, id: &str) -> Result<Option<EmergencyRotation>, Error> {
        read::get(&self.client, &self.table, key(ROTATIONS, id)).await?.as_ref().map(rotation).transpose()
    }

    /// The ids of the rotations that are not complete, at most 100.
    pub async fn unfinished(&self) -> Result<Vec<String>, Error> {
        let page = self.rows(OPEN, None, MOST).await?;
        page.items.iter().map(|item| string(item, "rotation_id").map(str::to_owned)).collect()
    }

    /// Takes a rotation to carry it on, where nobody else does. Nothing is ever given up: credentials that were to end must.
    pub async fn claim(&self, id: &str, now: Timestamp) -> Result<Claim, Error> {
        let holder = hex::encode(&random_bytes::<16>()?);
        let claimed = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(ROTATIONS, id)))
            .update_expression(
                "SET lease_holder = :holder, lease_until = :until, started_at = if_not_exists(started_at, :now) \
                 ADD attempts :one",
            )
            .condition_expression(
                "attribute_exists(pk) AND job_phase <> :done AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            )
            .expression_attribute_values(":holder", s(&holder))
            .expression_attribute_values(":until", until(now))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":done", s(Phase::Done.as_str()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match claimed {
            Ok(claimed) => {
                let item =
                    claimed.attributes.ok_or_else(|| Error::corrupt("rotation", "it came back without itself"))?;
                Ok(Claim::Taken(Lease { id: id.to_owned(), holder }, Box::new(rotation(&item)?)))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                    Some(item) if string(item, "job_phase").is_ok_and(|phase| phase == Phase::Done.as_str()) => {
                        Ok(Claim::Done)
                    }
                    Some(item) if !item.is_empty() => Ok(Claim::Busy),
                    _ => Ok(Claim::Unknown),
                },
                _ => Err(Error::unavailable("dynamodb:UpdateItem", &error)),
            },
        }
    }

    /// Tells how far the rotation is, and keeps the lease. [`Error::Conflict`] where it has run out: it may be another's by now.
    pub async fn save(&self, lease: &Lease, place: &Place, now: Timestamp) -> Result<(), Error> {
        let mut change = Change::default();
        self.place(&mut change, lease, place, now)?;
        change.commit(&self.client).await
    }

    /// Ends the rotation, in the change that records it. Another one of the same target may be asked for.
    pub fn done(
        &self,
        change: &mut Change,
        lease: &Lease,
        job: &EmergencyRotation,
        counts: Counts,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.place(change, lease, &Place { phase: Phase::Done, after: None, counts }, now)?;
        let lost = format_args!("rotation {} was completed by another", lease.id);
        change.delete(&self.table, key(OPEN, &job.asked.target.to_string()), "attribute_exists(pk)", lost)
    }

    /// Gives the lease back, so that the next attempt need not wait for its end, and says what hindered this one.
    pub async fn release(&self, lease: &Lease, hindrance: &str, now: Timestamp) -> Result<(), Error> {
        let mut change = Change::default();
        let values = [(":why", s(hindrance))];
        self.update(&mut change, lease, now, "SET hindrance = :why REMOVE lease_until, lease_holder", values)?;
        change.commit(&self.client).await
    }

    fn place(&self, change: &mut Change, lease: &Lease, place: &Place, now: Timestamp) -> Result<(), Error> {
        let mut values = vec![(":phase", s(place.phase.as_str()))];
        let mut set = vec!["job_phase = :phase".to_owned()];
        let mut remove = Vec::new();
        for (name, placeholder, count) in counted(place.counts) {
            set.push(format!("{name} = {placeholder}"));
            values.push((placeholder, count));
        }
        let reached = match place.phase {
            Phase::Pending | Phase::Revoking => None,
            Phase::Issuing => Some("revoked_at"),
            Phase::Notifying => Some("issued_at"),
            Phase::Done => Some("completed_at"),
        };
        set.extend(reached.map(|name| format!("{name} = if_not_exists({name}, :now)")));
        match &place.after {
            Some(after) => {
                set.push("walked_to = :after".to_owned());
                values.push((":after", s(after)));
            }
            None => remove.push("walked_to"),
        }
        if place.phase == Phase::Done {
            remove.extend(["lease_until", "lease_holder", "hindrance"]);
        } else {
            set.push("lease_until = :until".to_owned());
            values.push((":until", until(now)));
        }
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        let set = format!("SET {}{remove}", set.join(", "));
        self.update(change, lease, now, &set, values)
    }

    fn update(
        &self,
        change: &mut Change,
        lease: &Lease,
        now: Timestamp,
        set: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<(), Error> {
        let held = [(":holder", s(&lease.holder)), (":now", n(now.as_millisecond()))];
        let lost = format_args!("the lease of rotation {} has run out", lease.id).to_string();
        let values = values.into_iter().chain(held);
        let place = key(ROTATIONS, &lease.id);
        change.update(&self.table, place, set, "lease_holder = :holder AND lease_until >= :now", values, lost)
    }

    /// Adds the row of a client or an account to the change that revokes there: lost where there is one.
    pub fn revoked(&self, change: &mut Change, id: &str, unit: &Unit) -> Result<(), Error> {
        let mut item = key(&rows_of(id), &unit.name.to_string());
        item.insert("revoked_at".to_owned(), n(unit.revoked_at.as_millisecond()));
        item.insert("expires".to_owned(), n((unit.revoked_at + ROWS_KEPT).as_second()));
        if !unit.revoked.is_empty() {
            item.insert("revoked_ids".to_owned(), AttributeValue::Ss(unit.revoked.iter().cloned().collect()));
        }
        let owed = unit.owed.iter().map(|(id, days)| (id.clone(), n(days))).collect();
        item.insert("owed".to_owned(), AttributeValue::M(owed));
        item.extend(unit.note.as_ref().map(|note| ("note".to_owned(), s(note))));
        change.put_new(&self.table, item, done_by_another(&unit.name))
    }

    /// Adds to the change that issues at a client or an account how much was issued: lost where that was done.
    pub fn issued(
        &self,
        change: &mut Change,
        id: &str,
        name: &UnitName,
        (issued, note): (u64, Option<&str>),
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut set = "SET issued = :issued, issued_at = :now".to_owned();
        let mut values = vec![(":issued", n(issued)), (":now", n(now.as_millisecond()))];
        if let Some(note) = note {
            set.push_str(", note = :note");
            values.push((":note", s(note)));
        }
        let condition = "attribute_exists(pk) AND attribute_not_exists(issued_at)";
        change.update(&self.table, key(&rows_of(id), &name.to_string()), &set, condition, values, done_by_another(name))
    }

    /// Adds to the change that makes a notice that it was made: lost where that was done.
    pub fn notified(&self, change: &mut Change, id: &str, name: &UnitName, now: Timestamp) -> Result<(), Error> {
        let condition = "attribute_exists(pk) AND attribute_not_exists(notified_at)";
        let values = [(":now", n(now.as_millisecond()))];
        let place = key(&rows_of(id), &name.to_string());
        change.update(&self.table, place, "SET notified_at = :now", condition, values, done_by_another(name))
    }

    /// The row of a client or an account; `None` where the rotation did not come to it yet.
    pub async fn unit(&self, id: &str, name: &UnitName) -> Result<Option<Unit>, Error> {
        let item = read::get(&self.client, &self.table, key(&rows_of(id), &name.to_string())).await?;
        item.as_ref().map(unit).transpose()
    }

    /// The rows that there are of these, at most 100.
    pub async fn units_of(&self, id: &str, names: &[UnitName]) -> Result<HashMap<UnitName, Unit>, Error> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = names.iter().map(|name| key(&rows_of(id), &name.to_string())).collect();
        let items = read::get_all(&self.client, &self.table, keys).await?;
        items.iter().map(|item| unit(item).map(|unit| (unit.name.clone(), unit))).collect()
    }

    /// A page of at most `limit` (1 to 100) rows, by name.
    pub async fn units(&self, id: &str, after: Option<&str>, limit: usize) -> Result<Page<Unit, String>, Error> {
        let page = self.rows(&rows_of(id), after, limit).await?;
        Ok(Page { items: page.items.iter().map(unit).collect::<Result<_, _>>()?, next: page.next })
    }

    async fn rows(&self, partition: &str, after: Option<&str>, limit: usize) -> Result<Page<Item, String>, Error> {
        let got = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :partition")
            .expression_attribute_values(":partition", s(partition))
            .consistent_read(true)
            .limit(i32::try_from(limit.clamp(1, MOST)).unwrap_or(1))
            .set_exclusive_start_key(after.map(|sk| key(partition, sk)))
            .send()
            .await;
        let got = got.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
        let next = got.last_evaluated_key().map(|key| string(key, "sk").map(str::to_owned)).transpose()?;
        Ok(Page { items: got.items.unwrap_or_default(), next })
    }
}

fn key(pk: &str, sk: &str) -> Item {
    Item::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))])
}

fn rows_of(id: &str) -> String {
    format!("{ROTATIONS}#{id}")
}

fn until(now: Timestamp) -> AttributeValue {
    n((now + LEASE).as_millisecond())
}

fn done_by_another(name: &UnitName) -> String {
    format!("{name} was seen to by another worker")
}

fn counted(counts: Counts) -> [(&'static str, &'static str, AttributeValue); 4] {
    [
        ("clients_seen", ":clients_seen", n(counts.clients)),
        ("revoked_count", ":revoked_count", n(counts.revoked)),
        ("issued_count", ":issued_count", n(counts.issued)),
        ("notified_count", ":notified_count", n(counts.notified)),
    ]
}

fn rotation(item: &Item) -> Result<EmergencyRotation, Error> {
    let at = |name: &'static str| item.contains_key(name).then(|| time(item, name)).transpose();
    let text = |name: &'static str| item.contains_key(name).then(|| string(item, name).map(str::to_owned)).transpose();
    let asked = NewEmergency {
        id: string(item, "sk")?.to_owned(),
        target: parsed(item, "target", Target::parse)?,
        reason: string(item, "reason")?.to_owned(),
        requested_by: string(item, "requested_by")?.to_owned(),
        request_id: string(item, "request_id")?.to_owned(),
        requested_at: time(item, "requested_at")?,
    };
    let counts = Counts {
        clients: number(item, "clients_seen")?,
        revoked: number(item, "revoked_count")?,
        issued: number(item, "issued_count")?,
        notified: number(item, "notified_count")?,
    };
    let phase = parsed(item, "job_phase", Phase::from_name)?;
    Ok(EmergencyRotation {
        asked,
        place: Place { phase, after: text("walked_to")?, counts },
        started_at: at("started_at")?,
        revoked_at: at("revoked_at")?,
        issued_at: at("issued_at")?,
        completed_at: at("completed_at")?,
        attempts: number(item, "attempts")?,
        hindrance: text("hindrance")?,
    })
}

fn unit(item: &Item) -> Result<Unit, Error> {
    let at = |name: &'static str| item.contains_key(name).then(|| time(item, name)).transpose();
    let owed = item.get("owed").and_then(|value| value.as_m().ok()).ok_or_else(|| absent("owed"))?;
    let days = |value: &AttributeValue| value.as_n().ok().and_then(|days| days.parse().ok());
    let owed = owed.iter().map(|(id, value)| Ok((id.clone(), days(value).ok_or_else(|| absent("owed"))?)));
    Ok(Unit {
        name: parsed(item, "sk", UnitName::parse)?,
        revoked: strings(item, "revoked_ids").iter().cloned().collect(),
        owed: owed.collect::<Result<_, Error>>()?,
        revoked_at: time(item, "revoked_at")?,
        issued: item.contains_key("issued").then(|| number(item, "issued")).transpose()?,
        issued_at: at("issued_at")?,
        notified_at: at("notified_at")?,
        note: item.contains_key("note").then(|| string(item, "note").map(str::to_owned)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_lead_back_from_their_names() {
        let client_id = ClientId::parse("demo").unwrap();
        let account = ServiceAccountName::parse("svc-a-b").unwrap();
        for (target, name) in [
            (Target::AllKeys, "api_key#all"),
            (Target::Client(client_id.clone()), "api_key#client#demo"),
            (Target::Key { client_id, key_id: KeyId::parse("AAAAAAAAAAAA").unwrap() }, "api_key#key#demo#AAAAAAAAAAAA"),
            (Target::AllAccounts, "service_account#all"),
            (Target::Account(account), "service_account#account#svc-a-b"),
        ] {
            assert_eq!(target.to_string(), name);
            assert_eq!(Target::parse(name), Ok(target));
        }
        for other in ["", "api_key", "api_key#client#", "api_key#key#demo", "service_account#client#demo", "totp#all"] {
            assert!(Target::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn phases_and_rows_lead_back_from_their_names() {
        for phase in Phase::ALL {
            assert_eq!(Phase::from_name(phase.as_str()), Ok(phase));
        }
        for name in ["client#demo", "account#svc-a-b"] {
            assert_eq!(UnitName::parse(name).unwrap().to_string(), name);
        }
        assert!(UnitName::parse("demo").is_err() && UnitName::parse("key#AAAAAAAAAAAA").is_err());
    }
}
