//! What fixes references: the entry that a client was created with, the list of tickers that an import recorded.

use std::collections::BTreeMap;

use engine_core::audit::{Commitment, Event, Outcome};
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
        let index = index.ok_or_else(|| missing("client", commitment.value(), log.size()))?;
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
    let reader = log.reader();
    let indices = reader.snapshot_anchors().await?;
    for index in indices.into_iter().rev().filter(|index| *index < log.size()) {
        let lacking = || ExportError::Missing(format!("there is no list of the snapshot that entry {index} imports"));
        let snapshot = reader.snapshot_anchor(index).await?.ok_or_else(lacking)?.snapshot;
        let list = reader.references(&snapshot).await?;
        let list = list.ok_or_else(|| ExportError::Missing(format!("object references/{snapshot}.jsonl")))?;
        let mut details = details(&log.entry(index).await?)?;
        let recorded = (details["snapshot_id"].take(), details["references_sha256"].take());
        if recorded != (Value::from(snapshot.as_str()), Value::from(hex::sha256(&list))) {
            let problem = format!("references/{snapshot}.jsonl is not the list whose digest entry {index} records");
            return Err(ExportError::Inconsistent(problem));
        }
        let unreadable = || ExportError::Inconsistent(format!("references/{snapshot}.jsonl cannot be read"));
        let list = String::from_utf8(list).map_err(|_| unreadable())?;
        for line in list.lines() {
            let opening: Opening = from_json(line).map_err(|_| unreadable())?;
            if opening.value == ticker {
                let commitment = Commitment::from_stored(opening.value, &opening.salt).ok_or_else(unreadable)?;
                return Ok(ListedTicker { commitment, index, snapshot, list });
            }
        }
    }
    Err(missing("ticker", ticker, log.size()))
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
