//! What fixes references: the entry that a client was created with, the list of tickers that an import recorded.

use std::collections::BTreeMap;
use std::ops::Range;

use engine_core::audit::{CLIENT_KIND, Commitment, Event, Outcome, TICKER_KIND};
use engine_core::evidence::{Anchor, Opening, from_json};
use engine_core::hex;
use engine_core::merkle::Hash;
use serde_json::Value;

use super::ExportError;
use super::request::Resolved;
use super::source::{LogAt, LogEntry, read_header};

/// The anchors of every opened reference.
#[derive(Debug, Default)]
pub(super) struct Anchored {
    /// Clients before tickers, each by reference.
    pub(super) anchors: Vec<Anchor>,
    /// Lists by snapshot.
    pub(super) lists: BTreeMap<String, String>,
}

/// Finds the anchor of each reference. One that nothing anchors fails the export: what it opens to could be invented.
pub(super) async fn anchored(log: LogAt<'_>, resolved: &Resolved, root: Hash) -> Result<Anchored, ExportError> {
    let mut anchored = Anchored::default();
    for (reference, commitment) in &resolved.clients {
        let index = client_anchor(log, reference).await?;
        let index = index.ok_or_else(|| missing(CLIENT_KIND, commitment.value(), log.size()))?;
        let entry = log.entry(index).await?;
        if client_of(&entry)?.as_ref() != Some(commitment) {
            let problem = format!("entry {index} does not fix the reference of client {}", commitment.value());
            return Err(ExportError::Inconsistent(problem));
        }
        anchored.anchors.push(log.anchor(reference, index, root).await?);
    }
    for (reference, ticker) in &resolved.tickers {
        anchored.anchors.push(log.anchor(reference, ticker.index, root).await?);
        anchored.lists.entry(ticker.snapshot.clone()).or_insert_with(|| ticker.list.clone());
    }
    Ok(anchored)
}

/// The entry that anchors a client's reference, where the log of that size has it.
pub(super) async fn client_anchor(log: LogAt<'_>, reference: &str) -> Result<Option<u64>, ExportError> {
    // An anchor may be there before the checkpoint that covers its entry.
    Ok(log.reader().client_anchor(reference).await?.filter(|index| *index < log.size()))
}

/// The client whose reference an entry fixes.
pub(super) fn client_of(entry: &LogEntry) -> Result<Option<Commitment>, ExportError> {
    let header = read_header(entry.index, &entry.header)?;
    if header.event != Event::ClientCreate.as_str() || header.outcome != Outcome::Success.as_str() {
        return Ok(None);
    }
    let opening: Option<Opening> = serde_json::from_value(details(entry)?["opening"].take()).ok();
    let commitment = opening.and_then(|opening| Commitment::from_stored(opening.value, &opening.salt));
    Ok(commitment.filter(|commitment| header.client_ref.as_deref() == Some(commitment.reference().as_str())))
}

/// A ticker in the list that fixes its reference.
#[derive(Clone, Debug)]
pub struct ListedTicker {
    /// What opens its reference.
    pub commitment: Commitment,
    index: u64,
    snapshot: String,
    list: String,
}

/// The newest list of the log that has the ticker.
pub(super) async fn listed(log: LogAt<'_>, ticker: &str) -> Result<ListedTicker, ExportError> {
    let lists = Lists::of(log).await?;
    let found = lists.newest(ticker, 0..lists.indices.len()).await?;
    found.ok_or_else(|| missing(TICKER_KIND, ticker, log.size()))
}

/// Every reference of the ticker, each in the newest list that has it, the newest first.
pub(super) async fn listed_each(log: LogAt<'_>, ticker: &str) -> Result<Vec<ListedTicker>, ExportError> {
    let lists = Lists::of(log).await?;
    let mut each: Vec<ListedTicker> = Vec::new();
    for one_key in lists.by_key().await?.into_iter().rev() {
        let found = lists.newest(ticker, one_key).await?;
        each.extend(found.filter(|found| each.iter().all(|other| other.commitment != found.commitment)));
    }
    if each.is_empty() { Err(missing(TICKER_KIND, ticker, log.size())) } else { Ok(each) }
}

/// The lists of tickers of the log, in order.
struct Lists<'a> {
    log: LogAt<'a>,
    /// Of the entries that anchor them.
    indices: Vec<u64>,
}

/// A list that has the digest that its entry records.
struct List {
    index: u64,
    snapshot: String,
    text: String,
}

impl<'a> Lists<'a> {
    async fn of(log: LogAt<'a>) -> Result<Self, ExportError> {
        let mut indices = log.reader().snapshot_anchors().await?;
        indices.retain(|index| *index < log.size());
        Ok(Self { log, indices })
    }

    async fn read(&self, place: usize) -> Result<List, ExportError> {
        let (reader, index) = (self.log.reader(), self.indices[place]);
        let lacking = || ExportError::Missing(format!("there is no list of the snapshot that entry {index} imports"));
        let snapshot = reader.snapshot_anchor(index).await?.ok_or_else(lacking)?.snapshot;
        let list = reader.references(&snapshot).await?;
        let list = list.ok_or_else(|| ExportError::Missing(format!("object references/{snapshot}.jsonl")))?;
        let mut details = details(&self.log.entry(index).await?)?;
        let recorded = (details["snapshot_id"].take(), details["references_sha256"].take());
        if recorded != (Value::from(snapshot.as_str()), Value::from(hex::sha256(&list))) {
            let problem = format!("references/{snapshot}.jsonl is not the list whose digest entry {index} records");
            return Err(ExportError::Inconsistent(problem));
        }
        let text = String::from_utf8(list).map_err(|_| unreadable(&snapshot))?;
        Ok(List { index, snapshot, text })
    }

    /// The newest of these lists that has the ticker.
    async fn newest(&self, ticker: &str, places: Range<usize>) -> Result<Option<ListedTicker>, ExportError> {
        for place in places.rev() {
            let List { index, snapshot, text } = self.read(place).await?;
            for line in text.lines() {
                let opening: Opening = from_json(line).map_err(|_| unreadable(&snapshot))?;
                if opening.value == ticker {
                    let commitment = Commitment::from_stored(opening.value, &opening.salt);
                    let commitment = commitment.ok_or_else(|| unreadable(&snapshot))?;
                    return Ok(Some(ListedTicker { commitment, index, snapshot, list: text }));
                }
            }
        }
        Ok(None)
    }

    /// The lists in runs that were made with one key each, oldest first. A key that was replaced is not used again, so where the
    /// first and the last list of a run are of one key, so are those between; else the run is halved.
    async fn by_key(&self) -> Result<Vec<Range<usize>>, ExportError> {
        let (mut runs, mut halves) = (Vec::new(), Vec::from_iter(Some(0..self.indices.len())));
        while let Some(run) = halves.pop() {
            if run.len() < 2 || self.of_one_key(run.start, run.end - 1).await? {
                runs.extend((!run.is_empty()).then_some(run));
            } else {
                let middle = run.start + run.len() / 2;
                halves.extend([middle..run.end, run.start..middle]);
            }
        }
        Ok(runs)
    }

    /// Whether two lists have tickers in common, each with the same salt.
    async fn of_one_key(&self, first: usize, last: usize) -> Result<bool, ExportError> {
        let (first, last) = (self.read(first).await?, self.read(last).await?);
        let (first, last) = (salts(&first)?, salts(&last)?);
        let mut common = first.iter().filter_map(|(value, salt)| Some((salt, last.get(value)?))).peekable();
        Ok(common.peek().is_some() && common.all(|(salt, other)| salt == other))
    }
}

fn salts(list: &List) -> Result<BTreeMap<String, String>, ExportError> {
    let opening = |line| from_json::<Opening>(line).map_err(|_| unreadable(&list.snapshot));
    list.text.lines().map(|line| opening(line).map(|Opening { value, salt }| (value, salt))).collect()
}

fn unreadable(snapshot: &str) -> ExportError {
    ExportError::Inconsistent(format!("references/{snapshot}.jsonl cannot be read"))
}

/// The details of an entry's body.
fn details(entry: &LogEntry) -> Result<Value, ExportError> {
    let body: Result<Value, _> = serde_json::from_str(&entry.body);
    let mut body = body.map_err(|error| {
        ExportError::Inconsistent(format!("the body of entry {} is not JSON: {error}", entry.index))
    })?;
    Ok(body["details"].take())
}

/// What is said of a name that nothing in the log fixes.
pub(super) fn missing(what: &str, name: &str, size: u64) -> ExportError {
    ExportError::Missing(format!("no entry of a log of {size} fixes the reference of {what} {name}"))
}
