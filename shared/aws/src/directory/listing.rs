//! Lists, page by page. Rows name what there is, so that no list scans a table that requests are served from.

use engine_core::access::{ClientId, KeyId, KeyState};

use super::client_item::{self, ClientRecord};
use super::{Directory, client_key};
use crate::Error;
use crate::item::{Item, s, string};
use crate::key_item::KeyDetails;

/// Partition of the rows that name all clients; the sort key is the client's id.
const CLIENTS: &str = "#clients";
/// Partition of the rows that name all keys; the sort key is `<client id>#<key id>`, and no client id holds a `#`.
const KEYS: &str = "#keys";
/// Rows in a page at most.
const MOST: usize = 100;
/// Queries that one page takes at most, where a filter passes over many.
const MOST_QUERIES: usize = 5;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T, P> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page goes on; `None` at the end. A page with a next one may hold fewer items than asked for.
    pub next: Option<P>,
}

/// A place in the list of keys: after this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPosition {
    /// Whose key.
    pub client_id: ClientId,
    /// Which.
    pub key_id: KeyId,
}

/// Which keys, and from where on.
#[derive(Clone, Debug, Default)]
pub struct KeyQuery {
    /// Only those of this client.
    pub client_id: Option<ClientId>,
    /// Only those in this state.
    pub state: Option<KeyState>,
    /// Those after this place.
    pub after: Option<KeyPosition>,
}

impl Directory {
    /// A page of at most `limit` (1 to 100) keys, by client and then by key id.
    pub async fn keys(&self, query: &KeyQuery, limit: usize) -> Result<Page<KeyDetails, KeyPosition>, Error> {
        let limit = limit.clamp(1, MOST);
        let prefix = query.client_id.as_ref().map_or_else(String::new, |client_id| format!("{client_id}#"));
        let mut after = query.after.as_ref().map(|after| format!("{}#{}", after.client_id, after.key_id));
        let mut items: Vec<KeyDetails> = Vec::new();
        for _ in 0..MOST_QUERIES {
            // A filter passes over rows; without one each row is an item.
            let step = if query.state.is_some() { MOST } else { limit - items.len() };
            let rows = self.rows(KEYS, &prefix, after.as_deref(), step).await?;
            let mut positions = Vec::new();
            for row in &rows {
                positions.push(position(row).ok_or_else(|| Error::corrupt("key list", "a row without its ids"))?);
            }
            let mut held = self.all_held(positions.iter().map(|position| position.key_id.as_str())).await?;
            let last = positions.len();
            for (index, position) in positions.into_iter().enumerate() {
                let held = held.remove(position.key_id.as_str());
                let wanted = |state| query.state.is_none_or(|wanted| wanted == state);
                items.extend(held.map(|held| held.details).filter(|details| wanted(details.record.state)));
                if items.len() == limit {
                    let more = index + 1 < last || last == step;
                    return Ok(Page { items, next: more.then_some(position) });
                }
            }
            if rows.len() < step {
                return Ok(Page { items, next: None });
            }
            after = rows.last().cloned();
        }
        Ok(Page { items, next: after.as_deref().and_then(position) })
    }

    /// A page of at most `limit` (1 to 100) clients, by id.
    pub async fn clients(&self, after: Option<&ClientId>, limit: usize) -> Result<Page<ClientRecord, ClientId>, Error> {
        let limit = limit.clamp(1, MOST);
        let rows = self.rows(CLIENTS, "", after.map(ClientId::as_str), limit).await?;
        let keys = rows.iter().map(|id| client_key(id)).collect();
        let items = self.get_all(&self.tables.clients, keys).await?;
        let mut items = items.iter().map(client_item::read).collect::<Result<Vec<_>, _>>()?;
        items.sort_unstable_by(|one, other| one.client_id.cmp(&other.client_id));
        let last = rows.last().filter(|_| rows.len() == limit);
        Ok(Page { items, next: last.and_then(|id| ClientId::parse(id).ok()) })
    }

    /// Sort keys of a partition's rows that begin with `prefix`, after a place, at most `limit`. One query.
    async fn rows(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let query = self.client.query().table_name(&self.tables.clients).consistent_read(true);
        let query = query.expression_attribute_values(":list", s(partition));
        let query = if prefix.is_empty() {
            query.key_condition_expression("pk = :list")
        } else {
            query
                .key_condition_expression("pk = :list AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", s(prefix))
        };
        let start = after.map(|after| row(partition, after.to_owned()));
        let rows = query.set_exclusive_start_key(start).limit(i32::try_from(limit).unwrap_or(i32::MAX)).send().await;
        let rows = rows.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
        rows.items().iter().map(|item| string(item, "sk").map(str::to_owned)).collect()
    }
}

/// The row that names a client.
pub(super) fn client_row(client_id: &ClientId) -> Item {
    row(CLIENTS, client_id.to_string())
}

/// The row that names a key.
pub(super) fn key_row(client_id: &ClientId, key_id: &KeyId) -> Item {
    row(KEYS, format!("{client_id}#{key_id}"))
}

fn row(partition: &str, name: String) -> Item {
    Item::from([("pk".into(), s(partition)), ("sk".into(), s(name))])
}

fn position(row: &str) -> Option<KeyPosition> {
    let (client_id, key_id) = row.split_once('#')?;
    Some(KeyPosition { client_id: ClientId::parse(client_id).ok()?, key_id: KeyId::parse(key_id).ok()? })
}
