//! The guard table: attempts at second factors, failures by address and actor, refusals of a window, requests already
//! answered.
//!
//! An item is a JSON `state` with a `version`, and every change of it is conditioned on the version that was read. `expires`
//! only tidies up: nothing is true or false because an item is gone.

mod failures;
mod once;
mod refusals;
mod step_up;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::item::{Item, n, number, s, string};
use crate::transact::{self, ABSENT};

pub use failures::Failing;
pub use once::Once;
pub use refusals::{GRACE, nobody};
pub use step_up::Counted;

/// Times that a state is read anew that something else changed between its read and its write.
const ATTEMPTS: u32 = 8;

/// Counts, locks and remembers, for all processes together.
#[derive(Clone, Debug)]
pub struct Guard {
    client: Client,
    table: String,
}

/// A state as it was read.
struct Held<T> {
    state: T,
    /// 0 where there was no item.
    version: u64,
}

impl Guard {
    /// The guard over `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn item(&self, id: &str) -> Result<Option<Item>, Error> {
        let got = self.client.get_item().table_name(&self.table).key("pk", s(id)).consistent_read(true).send().await;
        got.map(|got| got.item).map_err(|error| Error::unavailable("dynamodb:GetItem", &error))
    }

    async fn held<T: Default + DeserializeOwned>(&self, id: &str) -> Result<Held<T>, Error> {
        let Some(item) = self.item(id).await? else { return Ok(Held { state: T::default(), version: 0 }) };
        let state = serde_json::from_str(string(&item, "state")?).map_err(|error| Error::corrupt("guard", error))?;
        Ok(Held { state, version: number(&item, "version")? })
    }

    /// Puts the state after `read` in its place; `false` where something else did meanwhile.
    async fn replace<T: Serialize>(
        &self,
        id: &str,
        read: u64,
        state: &T,
        keep: SignedDuration,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let text = serde_json::to_string(state).map_err(|error| Error::corrupt("guard", error))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", s(id))
            .item("state", s(text))
            .item("version", n(read + 1))
            .item("expires", n(expires(now, keep)));
        let put = match read {
            0 => put.condition_expression(ABSENT),
            read => put.condition_expression("version = :read").expression_attribute_values(":read", n(read)),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::unavailable("dynamodb:PutItem", &error)),
            },
        }
    }

    /// Changes a state once, however many others change it meanwhile. `change` judges a state and says what comes next;
    /// where it says nothing, nothing is written.
    async fn change<T, U>(
        &self,
        id: &str,
        keep: SignedDuration,
        now: Timestamp,
        change: impl Fn(&T) -> (Option<T>, U),
    ) -> Result<U, Error>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        for retry in 0..ATTEMPTS {
            let held = self.held(id).await?;
            let (next, told) = change(&held.state);
            let Some(next) = next else { return Ok(told) };
            if self.replace(id, held.version, &next, keep, now).await? {
                return Ok(told);
            }
            transact::pause(retry / 2).await;
        }
        Err(Error::Conflict(format!("the guard's item {id} did not settle")))
    }
}

/// When an item may go, in seconds since the epoch.
fn expires(now: Timestamp, keep: SignedDuration) -> i64 {
    now.as_second().saturating_add(keep.as_secs())
}
