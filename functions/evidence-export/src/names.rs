//! What clients, tickers and actors are called in headers, under whichever version of a key.

use engine_aws::Error;
use engine_aws::evidence::{KeyResolver, actor_of};
use engine_aws::sealed_log::{LogReader, Search, SearchKey};
use engine_core::audit::{ActorType, Commitment, SecretKey};
use engine_core::evidence::Opening;

/// What a client's commitment is kept apart by from a ticker's.
const CLIENT: &str = "client";
/// What a ticker's commitment is kept apart by from a client's.
const TICKER: &str = "ticker";
/// Newest snapshots whose lists are looked at for a ticker.
const SNAPSHOTS: usize = 3;

/// A key and its older versions.
pub struct Versions {
    /// The one that names what is new.
    pub current: SecretKey,
    /// Those that named what is old.
    pub older: Vec<SecretKey>,
}

impl From<(SecretKey, Vec<SecretKey>)> for Versions {
    fn from((current, older): (SecretKey, Vec<SecretKey>)) -> Self {
        Self { current, older }
    }
}

impl Versions {
    fn all(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

/// Finds references.
pub(crate) struct Names {
    actor: Versions,
    /// Every version, the current one first.
    reference: Vec<SecretKey>,
    reader: LogReader,
    search: Search,
}

impl Names {
    /// Under these keys, in that log.
    pub(crate) fn new(actor: Versions, reference: Versions, reader: LogReader, search: Search) -> Self {
        let reference = std::iter::once(reference.current).chain(reference.older).collect();
        Self { actor, reference, reader, search }
    }

    /// What finds the references of an export, and what fixes them.
    pub(crate) fn resolver(&self) -> KeyResolver<'_> {
        KeyResolver { actor_key: self.actor_key(), reference_keys: &self.reference }
    }

    /// The key under which the actors of new entries are named.
    pub(crate) fn actor_key(&self) -> &SecretKey {
        &self.actor.current
    }

    /// The references of an actor that is given as `<type>:<id>` or by reference, under every version of the key.
    pub(crate) fn actors(&self, text: &str) -> Vec<String> {
        use engine_aws::evidence::Actor;
        match actor_of(text) {
            Some(Actor::Name(kind, id)) => self.named(kind, id),
            _ => vec![text.to_owned()],
        }
    }

    fn named(&self, kind: &str, id: &str) -> Vec<String> {
        let kind = ActorType::from_name(kind);
        let keys = self.actor.all();
        kind.map_or_else(Vec::new, |kind| keys.map(|key| key.actor_ref(kind, id).as_str().to_owned()).collect())
    }

    /// What opens a client's reference; `None` for a client that the log did not know at that size.
    pub(crate) async fn client(&self, id: &str, size: u64) -> Result<Option<Commitment>, Error> {
        for key in &self.reference {
            let commitment = key.commitment(CLIENT, id);
            let anchor = self.reader.client_anchor(commitment.reference().as_str()).await?;
            if anchor.is_some_and(|index| index < size) {
                return Ok(Some(commitment));
            }
        }
        Ok(None)
    }

    /// What opens a ticker's reference; `None` for one that the market did not have: that no recent snapshot lists, and that no
    /// entry concerns.
    pub(crate) async fn ticker(&self, ticker: &str, size: u64) -> Result<Option<Commitment>, Error> {
        for key in &self.reference {
            let commitment = key.commitment(TICKER, ticker);
            let row = SearchKey::Subject(commitment.reference().as_str().to_owned());
            if !self.search.page(&row, Some(size), 1).await?.is_empty() {
                return Ok(Some(commitment));
            }
        }
        let anchors = self.reader.snapshot_anchors().await?;
        for index in anchors.into_iter().rev().filter(|index| *index < size).take(SNAPSHOTS) {
            let Some(anchor) = self.reader.snapshot_anchor(index).await? else { continue };
            let list = self.reader.references(&anchor.snapshot).await?.unwrap_or_default();
            if let Some(commitment) = listed(&list, ticker) {
                return Ok(Some(commitment));
            }
        }
        Ok(None)
    }
}

/// What opens a ticker's reference, out of a snapshot's list.
fn listed(list: &[u8], ticker: &str) -> Option<Commitment> {
    let lines = list.split(|byte| *byte == b'\n');
    let openings = lines.filter_map(|line| serde_json::from_slice::<Opening>(line).ok());
    let opening = openings.into_iter().find(|opening| opening.value == ticker)?;
    Commitment::from_stored(opening.value, &opening.salt)
}

/// What is said of a client that the log does not know.
pub(crate) const UNKNOWN_CLIENT: &str = "is no client that the log knows";
/// What is said of a ticker that the market never had.
pub(crate) const UNKNOWN_TICKER: &str = "is no ticker that the market had";
