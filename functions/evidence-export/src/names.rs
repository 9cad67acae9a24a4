//! What clients, tickers and actors are called in headers, under whichever version of a key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_aws::Error;
use engine_aws::evidence::{ExportError, KeyResolver, LogAt, Resolver, actor_of, actor_refs};
use engine_aws::sealed_log::{LogReader, Search, SearchKey};
use engine_core::audit::{ActorType, Commitment, SecretKey, TICKER_KIND};
use engine_core::evidence::Opening;
use tokio::time::timeout;

/// Newest lists of tickers that are looked at, and kept.
const LISTS: usize = 3;
/// How long a request looks through the older lists, of which a log of years has thousands.
const LOOKING: Duration = Duration::from_secs(10);

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
    lists: Lists,
}

impl Names {
    /// Under these keys, in that log.
    pub(crate) fn new(actor: Versions, reference: Versions, reader: LogReader, search: Search) -> Self {
        let reference = std::iter::once(reference.current).chain(reference.older).collect();
        Self { actor, reference, reader, search, lists: Lists::default() }
    }

    /// What finds the references of an export, and what fixes them.
    pub(crate) fn resolver(&self) -> KeyResolver<'_> {
        KeyResolver { actor_keys: self.actor.all().collect(), reference_keys: &self.reference }
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
        ActorType::from_name(kind).map_or_else(Vec::new, |kind| actor_refs(self.actor.all(), kind, id).collect())
    }

    /// What opens a client's reference; `None` for a client that the log did not know at that size.
    pub(crate) async fn client(&self, id: &str, size: u64) -> Result<Option<Commitment>, ExportError> {
        known(self.resolver().client(LogAt::new(&self.reader, size), id).await)
    }

    /// What opens each ticker's reference; `None` for one that no entry is about and none of the newest lists has.
    pub(crate) async fn tickers(&self, tickers: &[String], size: u64) -> Result<Vec<Option<Commitment>>, Error> {
        let (mut lists, mut found) = (None, Vec::with_capacity(tickers.len()));
        for ticker in tickers {
            if let Some(commitment) = self.with_entries(ticker, size).await? {
                found.push(Some(commitment));
                continue;
            }
            if lists.is_none() {
                lists = Some(self.newest_lists(size).await?);
            }
            found.push(lists.iter().flatten().find_map(|list| list.get(ticker)).cloned());
        }
        Ok(found)
    }

    /// What opens each ticker's reference, as an export will find it; `None` for one that it will not find. What cannot be told in
    /// time is taken to be there: the export says where it is not.
    pub(crate) async fn listed_tickers(
        &self,
        tickers: &[String],
        size: u64,
    ) -> Result<Vec<Option<Commitment>>, ExportError> {
        if tickers.is_empty() {
            return Ok(Vec::new());
        }
        let lists = self.newest_lists(size).await?;
        let listed = |ticker: &String| lists.iter().find_map(|list| list.get(ticker)).cloned();
        let mut found: Vec<_> = tickers.iter().map(listed).collect();
        let older = async {
            for (ticker, found) in tickers.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                let listed = self.resolver().ticker(LogAt::new(&self.reader, size), ticker).await;
                *found = known(listed.map(|listed| listed.commitment))?;
                if found.is_none() {
                    break;
                }
            }
            Ok::<(), ExportError>(())
        };
        match timeout(LOOKING, older).await {
            Ok(looked) => looked?,
            Err(_) => {
                for (ticker, found) in tickers.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                    *found = self.reference.first().map(|key| key.commitment(TICKER_KIND, ticker));
                }
            }
        }
        Ok(found)
    }

    /// What opens the reference of a ticker that entries are about.
    async fn with_entries(&self, ticker: &str, size: u64) -> Result<Option<Commitment>, Error> {
        for key in &self.reference {
            let commitment = key.commitment(TICKER_KIND, ticker);
            let row = SearchKey::Subject(commitment.reference().as_str().to_owned());
            if !self.search.page(&row, Some(size), 1).await?.is_empty() {
                return Ok(Some(commitment));
            }
        }
        Ok(None)
    }

    /// The newest lists of tickers of the log of that size, the newest first.
    async fn newest_lists(&self, size: u64) -> Result<Vec<Arc<List>>, Error> {
        let anchors = self.reader.snapshot_anchors().await?;
        let mut lists = Vec::with_capacity(LISTS);
        for index in anchors.into_iter().rev().filter(|index| *index < size).take(LISTS) {
            let list = match self.lists.get(index) {
                Some(list) => Some(list),
                None => self.read_list(index).await?,
            };
            lists.extend(list);
        }
        Ok(lists)
    }

    async fn read_list(&self, index: u64) -> Result<Option<Arc<List>>, Error> {
        let Some(anchor) = self.reader.snapshot_anchor(index).await? else { return Ok(None) };
        let Some(bytes) = self.reader.references(&anchor.snapshot).await? else { return Ok(None) };
        let list = Arc::new(list(&bytes));
        self.lists.keep(index, &list);
        Ok(Some(list))
    }
}

/// What a name stands for, where the log has it.
fn known<T>(found: Result<T, ExportError>) -> Result<Option<T>, ExportError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(ExportError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What opens the reference of each ticker of a snapshot.
type List = HashMap<String, Commitment>;

fn list(bytes: &[u8]) -> List {
    let lines = bytes.split(|byte| *byte == b'\n');
    let openings = lines.filter_map(|line| serde_json::from_slice::<Opening>(line).ok());
    openings
        .filter_map(|Opening { value, salt }| {
            let commitment = Commitment::from_stored(value, &salt)?;
            Some((commitment.value().to_owned(), commitment))
        })
        .collect()
}

/// The lists that were read last, by the index of the entry that fixes each: it is the same list for ever.
#[derive(Default)]
struct Lists(Mutex<VecDeque<(u64, Arc<List>)>>);

impl Lists {
    fn get(&self, index: u64) -> Option<Arc<List>> {
        // Whoever panicked with the lock held left at worst one list less.
        let lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.iter().find(|(of, _)| *of == index).map(|(_, list)| Arc::clone(list))
    }

    fn keep(&self, index: u64, list: &Arc<List>) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|(of, _)| *of != index);
        lists.push_front((index, Arc::clone(list)));
        lists.truncate(LISTS);
    }
}

/// What is said of a client that the log does not know.
pub(crate) const UNKNOWN_CLIENT: &str = "is no client that the log knows";
/// What is said to a search of a ticker that it does not know.
pub(crate) const UNKNOWN_TICKER: &str =
    "is no ticker that an entry is about, or that one of the three newest lists of the market has";
/// What is said to a request for a bundle of a ticker that it cannot prove anything of.
pub(crate) const NOT_LISTED: &str = "is in no list of the market that the log has";
