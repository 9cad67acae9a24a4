//! What is known of credentials that are kept elsewhere than in the tables: one row each, with the facts of its last rotation.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::rotation::CredentialKind;
use jiff::Timestamp;

use crate::change::Change;
use crate::directory::Page;
use crate::item::{Item, absent, n, parsed, s, string, time};
use crate::{Error, read, transact};

/// Why a secret counts as rotated that Secrets Manager rotated.
pub const BY_SECRETS_MANAGER: &str = "rotation by Secrets Manager";
/// Partition of the rows.
const REGISTER: &str = "register";
/// Rows in a page at most.
const MOST: usize = 100;
/// Sets every fact of a row; `next_due_at` is set or removed besides.
const SET: &str = "SET kind = :kind, credential = :credential, last_rotated_at = :at, rotated_by = :by, \
                   because = :because, observed_at = :observed";

/// The rows in the table `rotations`.
#[derive(Clone, Debug)]
pub struct RegisterStore {
    client: Client,
    table: String,
}

/// What is known of one credential. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterRow {
    /// Its kind: a secret, a signing key, a KMS key or a certificate. The others are kept in tables of their own.
    pub kind: CredentialKind,
    /// Its name, which tells it from others of the kind.
    pub credential: String,
    /// When it rotated last; when it was made where it never did.
    pub last_rotated_at: Timestamp,
    /// Who rotated it.
    pub rotated_by: String,
    /// Why.
    pub because: String,
    /// When it is due; nothing where it rotates on compromise alone.
    pub next_due_at: Option<Timestamp>,
    /// When these facts were found.
    pub observed_at: Timestamp,
}

impl RegisterStore {
    /// The rows in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Adds that a secret's version `version` became the current one, with the facts of that rotation. The change is lost,
    /// and with it the entry of the rotation, where that was recorded before.
    pub fn rotated(&self, change: &mut Change, row: &RegisterRow, version: &str) -> Result<(), Error> {
        let (expression, values) = update(row, ", secret_version = :version");
        let values = values.into_iter().chain([(":version", s(version))]);
        let condition = "attribute_not_exists(secret_version) OR secret_version <> :version";
        let lost = format!("the rotation of {} {} was recorded already", row.kind, row.credential);
        change.update(&self.table, key(row.kind, &row.credential), &expression, condition, values, lost)
    }

    /// Writes what was observed of a credential. False where a later rotation of it is known, which stays.
    pub async fn observe(&self, row: &RegisterRow) -> Result<bool, Error> {
        let (expression, values) = update(row, "");
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(row.kind, &row.credential)))
            .update_expression(expression)
            .condition_expression("attribute_not_exists(last_rotated_at) OR last_rotated_at <= :at")
            .set_expression_attribute_values(Some(values))
            .send()
            .await;
        transact::updated(updated)
    }

    /// The row of one credential, as of everything written before.
    pub async fn row(&self, kind: CredentialKind, credential: &str) -> Result<Option<RegisterRow>, Error> {
        let item = read::get(&self.client, &self.table, key(kind, credential)).await?;
        item.as_ref().map(row).transpose()
    }

    /// The version of a secret whose rotation was recorded last.
    pub async fn recorded_version(&self, kind: CredentialKind, credential: &str) -> Result<Option<String>, Error> {
        let item = read::get(&self.client, &self.table, key(kind, credential)).await?;
        let Some(item) = item.filter(|item| item.contains_key("secret_version")) else { return Ok(None) };
        string(&item, "secret_version").map(|version| Some(version.to_owned()))
    }

    /// A page of at most `limit` (1 to 100) rows, of one kind or of all, by kind and name, after that place.
    pub async fn rows(
        &self,
        kind: Option<CredentialKind>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<RegisterRow, String>, Error> {
        let prefix = kind.map(|kind| format!("{kind}#"));
        let condition = if prefix.is_some() { "pk = :register AND begins_with(sk, :prefix)" } else { "pk = :register" };
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression(condition)
            .expression_attribute_values(":register", s(REGISTER))
            .consistent_read(true)
            .limit(i32::try_from(limit.clamp(1, MOST)).unwrap_or(1))
            .set_exclusive_start_key(after.map(at));
        if let Some(prefix) = prefix {
            query = query.expression_attribute_values(":prefix", s(prefix));
        }
        let got = query.send().await.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
        let next = got.last_evaluated_key.as_ref().map(|key| string(key, "sk").map(str::to_owned)).transpose()?;
        let items = got.items.unwrap_or_default().iter().map(row).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }
}

fn key(kind: CredentialKind, credential: &str) -> Item {
    at(&format!("{kind}#{credential}"))
}

fn at(sk: &str) -> Item {
    Item::from([("pk".to_owned(), s(REGISTER)), ("sk".to_owned(), s(sk))])
}

/// The expression that sets a row's facts, with `more` to set, and its values.
fn update(row: &RegisterRow, more: &str) -> (String, Vec<(&'static str, AttributeValue)>) {
    let mut values = vec![
        (":kind", s(row.kind.as_str())),
        (":credential", s(&row.credential)),
        (":at", n(row.last_rotated_at.as_millisecond())),
        (":by", s(&row.rotated_by)),
        (":because", s(&row.because)),
        (":observed", n(row.observed_at.as_millisecond())),
    ];
    let due = match row.next_due_at {
        Some(due) => {
            values.push((":due", n(due.as_millisecond())));
            ", next_due_at = :due"
        }
        None => " REMOVE next_due_at",
    };
    (format!("{SET}{more}{due}"), values)
}

fn row(item: &Item) -> Result<RegisterRow, Error> {
    Ok(RegisterRow {
        kind: parsed(item, "kind", |name| CredentialKind::from_name(name).ok_or_else(|| absent("kind")))?,
        credential: string(item, "credential")?.to_owned(),
        last_rotated_at: time(item, "last_rotated_at")?,
        rotated_by: string(item, "rotated_by")?.to_owned(),
        because: string(item, "because")?.to_owned(),
        next_due_at: item.contains_key("next_due_at").then(|| time(item, "next_due_at")).transpose()?,
        observed_at: time(item, "observed_at")?,
    })
}
