use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::{Guard, expires};
use crate::Error;
use crate::change::Change;
use crate::item::{Item, n, number, s, string};

/// How long a repeat is answered from the record.
const KEEP: SignedDuration = SignedDuration::from_hours(24);

/// A request that was carried out, and what a repeat of it is told. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Method and path, and a digest of the query where there is one.
    pub route: String,
    /// Hex SHA-256 of the body, the second factor's code left out.
    pub body_sha256: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// The answer, JSON text.
    pub answer: String,
}

impl Guard {
    /// What was carried out under that digest of caller and key within 24 hours.
    pub async fn once(&self, digest: &str, now: Timestamp) -> Result<Option<Once>, Error> {
        let Some(item) = self.item(&id(digest)).await? else { return Ok(None) };
        if number::<i64>(&item, "expires")? <= now.as_second() {
            return Ok(None);
        }
        Ok(Some(Once {
            route: string(&item, "route")?.to_owned(),
            body_sha256: string(&item, "body_sha256")?.to_owned(),
            status: number(&item, "status")?,
            answer: string(&item, "answer")?.to_owned(),
        }))
    }

    /// Adds the record to the change that it is of: [`Error::Conflict`] when another request with this digest was first.
    pub fn remember(&self, change: &mut Change, digest: &str, once: &Once, now: Timestamp) -> Result<(), Error> {
        let item = Item::from([
            ("pk".into(), s(id(digest))),
            ("route".into(), s(&once.route)),
            ("body_sha256".into(), s(&once.body_sha256)),
            ("status".into(), n(once.status)),
            ("answer".into(), s(&once.answer)),
            ("expires".into(), n(expires(now, KEEP))),
        ]);
        // What is past its time may still be there.
        let free = "attribute_not_exists(pk) OR expires <= :now";
        let now: [(&'static str, AttributeValue); 1] = [(":now", n(now.as_second()))];
        change.put(&self.table, item, free, now, "a request with this idempotency key was carried out meanwhile")
    }
}

fn id(digest: &str) -> String {
    format!("once#{digest}")
}
