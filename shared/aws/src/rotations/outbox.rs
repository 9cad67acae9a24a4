//! Notices, each written in the transaction of what it tells and told afterwards. A notice has one identity, so that two who
//! find the same thing due make one notice, and one that was told is never made again.

use aws_sdk_dynamodb::Client;
use engine_core::access::ClientId;
use engine_core::rotation::{CredentialKind, Notice, NoticeKind};
use jiff::{SignedDuration, Timestamp};

use crate::change::Change;
use crate::item::{Item, absent, n, parsed, s, string, time};
use crate::{Error, read, transact};

/// Partition of notices that wait to be told.
const WAITING: &str = "notices";
/// Partition of those that were.
const TOLD: &str = "notices#told";
/// How long it is known that a notice was told: over any turn of a credential.
const KEPT: SignedDuration = SignedDuration::from_hours(800 * 24);
/// How long a publisher has a notice to itself. Shorter than Lambda waits before it tries an invocation again, so that a notice
/// whose publisher was cut off is published again while the topic still knows it.
pub const CLAIM: SignedDuration = SignedDuration::from_secs(45);

/// The notices in the table `rotations`.
#[derive(Clone, Debug)]
pub struct Outbox {
    client: Client,
    table: String,
}

/// A notice that waits to be told.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The notice.
    pub notice: Notice,
    /// Its id.
    pub id: String,
}

impl Outbox {
    /// The notices in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Adds a notice to the change that it tells of. The change is lost where the notice was made before: two writes.
    pub fn add(&self, change: &mut Change, notice: &Notice) -> Result<(), Error> {
        let id = notice.id();
        let lost = format!("notice {id} was made already");
        let mut item = key(WAITING, &id);
        item.extend([
            ("kind".to_owned(), s(notice.kind.as_str())),
            ("credential".to_owned(), s(&notice.credential)),
            ("turn".to_owned(), s(&notice.turn)),
            ("notice_text".to_owned(), s(&notice.text)),
            ("made_at".to_owned(), n(notice.made_at.as_millisecond())),
        ]);
        item.extend(notice.credential_kind.map(|kind| ("credential_kind".to_owned(), s(kind.as_str()))));
        item.extend(notice.client_id.as_ref().map(|id| ("client_id".to_owned(), s(id.as_str()))));
        item.extend(notice.due_at.map(|due| ("due_at".to_owned(), n(due.as_millisecond()))));
        change.check(&self.table, key(TOLD, &id), transact::ABSENT, [], &lost)?;
        change.put_new(&self.table, item, &lost)
    }

    /// Whether that notice was made, told or not. Only spares a change that would be lost.
    pub async fn has(&self, id: &str) -> Result<bool, Error> {
        let keys = vec![key(WAITING, id), key(TOLD, id)];
        Ok(!read::get_all(&self.client, &self.table, keys).await?.is_empty())
    }

    /// At most `limit` notices that wait, after the one with that id, in the order of their ids.
    pub async fn waiting(&self, limit: i32, after: Option<&str>) -> Result<Vec<Waiting>, Error> {
        let got = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :waiting")
            .expression_attribute_values(":waiting", s(WAITING))
            .consistent_read(true)
            .limit(limit)
            .set_exclusive_start_key(after.map(|id| key(WAITING, id)))
            .send()
            .await;
        let got = got.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
        got.items().iter().map(waiting).collect()
    }

    /// Takes a notice that waits, to publish it. False where another publisher has it, or has told it.
    pub async fn claim(&self, waiting: &Waiting, now: Timestamp) -> Result<bool, Error> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(WAITING, &waiting.id)))
            .update_expression("SET claimed_until = :until")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(claimed_until) OR claimed_until <= :now)",
            )
            .expression_attribute_values(":until", n((now + CLAIM).as_millisecond()))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .send()
            .await;
        transact::updated(updated)
    }

    /// Notes that a notice was told: it waits no longer, and is not made again. False where that was known.
    pub async fn told(&self, waiting: &Waiting, now: Timestamp) -> Result<bool, Error> {
        let mut change = Change::default();
        let gone = format!("notice {} was told by another", waiting.id);
        change.delete(&self.table, key(WAITING, &waiting.id), "attribute_exists(pk)", &gone)?;
        let mut item = key(TOLD, &waiting.id);
        item.insert("told_at".to_owned(), n(now.as_millisecond()));
        item.insert("expires".to_owned(), n((now + KEPT).as_second()));
        change.put_new(&self.table, item, &gone)?;
        match change.commit(&self.client).await {
            Ok(()) => Ok(true),
            Err(Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn key(pk: &str, sk: &str) -> Item {
    Item::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))])
}

fn waiting(item: &Item) -> Result<Waiting, Error> {
    let notice = Notice {
        kind: NoticeKind::from_name(string(item, "kind")?).ok_or_else(|| absent("kind"))?,
        credential_kind: item
            .contains_key("credential_kind")
            .then(|| parsed(item, "credential_kind", |name| CredentialKind::from_name(name).ok_or("not a kind")))
            .transpose()?,
        credential: string(item, "credential")?.to_owned(),
        turn: string(item, "turn")?.to_owned(),
        client_id: item.contains_key("client_id").then(|| parsed(item, "client_id", ClientId::parse)).transpose()?,
        due_at: item.contains_key("due_at").then(|| time(item, "due_at")).transpose()?,
        text: string(item, "notice_text")?.to_owned(),
        made_at: time(item, "made_at")?,
    };
    Ok(Waiting { notice, id: string(item, "sk")?.to_owned() })
}
