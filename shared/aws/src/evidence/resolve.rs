//! From names to references: by the keys that they are made with, or by what the log itself says.

use std::collections::BTreeSet;

use engine_core::audit::{ActorType, CLIENT_KIND, Commitment, SecretKey, TICKER_KIND};
use serde_json::Value;

use super::ExportError;
use super::ahead::{Ahead, Part};
use super::anchors::{ListedTicker, client_anchor, client_of, listed_each, missing};
use super::request::Resolver;
use super::source::{LogAt, bundles, read_header};

/// Where the anchors of clients are.
const CLIENT_ANCHORS: &str = "anchors/clients/";

/// Makes references with the stack's keys, and looks in the log for what anchors them.
pub struct KeyResolver<'a> {
    /// The key of actors' references, every version of it.
    pub actor_keys: Vec<&'a SecretKey>,
    /// The key of salts, every version of it.
    pub reference_keys: &'a [SecretKey],
}

impl Resolver for KeyResolver<'_> {
    async fn actors(&self, _: LogAt<'_>, kind: &str, id: &str) -> Result<BTreeSet<String>, ExportError> {
        let kind = ActorType::from_name(kind).ok_or_else(|| no_actor_type(kind))?;
        Ok(actor_refs(self.actor_keys.iter().copied(), kind, id).collect())
    }

    async fn clients(&self, log: LogAt<'_>, id: &str) -> Result<Vec<Commitment>, ExportError> {
        let mut found = Vec::new();
        // A client's reference stays the one that it was created with, whichever version is the current one.
        for key in self.reference_keys {
            let commitment = key.commitment(CLIENT_KIND, id);
            if client_anchor(log, commitment.reference().as_str()).await?.is_some() {
                found.push(commitment);
            }
        }
        if found.is_empty() { Err(missing(CLIENT_KIND, id, log.size())) } else { Ok(found) }
    }

    async fn tickers(&self, log: LogAt<'_>, ticker: &str) -> Result<Vec<ListedTicker>, ExportError> {
        let found = listed_each(log, ticker).await?;
        let by_key: Vec<_> = self.reference_keys.iter().map(|key| key.commitment(TICKER_KIND, ticker)).collect();
        if found.iter().all(|found| by_key.contains(&found.commitment)) {
            return Ok(found);
        }
        Err(ExportError::Inconsistent(format!("a reference of ticker {ticker} is not made with the stack's key")))
    }
}

/// The references of an actor, under each of the keys.
pub fn actor_refs<'a>(
    keys: impl Iterator<Item = &'a SecretKey>,
    kind: ActorType,
    id: &str,
) -> impl Iterator<Item = String> {
    keys.map(move |key| key.actor_ref(kind, id).as_str().to_owned())
}

/// Finds references in the log alone, without any secret.
pub struct LogResolver;

impl Resolver for LogResolver {
    async fn actors(&self, log: LogAt<'_>, kind: &str, id: &str) -> Result<BTreeSet<String>, ExportError> {
        ActorType::from_name(kind).ok_or_else(|| no_actor_type(kind))?;
        let mut found = BTreeSet::new();
        let mut ahead = Ahead::new(log, Part::HeadersAndBodies, bundles(0, log.size()));
        while let Some(bundle) = ahead.next().await? {
            let indices: Vec<u64> = (bundle.start..).zip(bundle.headers.iter()).map(|(index, _)| index).collect();
            for entry in log.entries_of(&bundle, &indices).await? {
                let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
                if body["actor"]["type"] == kind && body["actor"]["id"] == id {
                    found.insert(read_header(entry.index, &entry.header)?.actor_ref);
                }
            }
        }
        if found.is_empty() {
            return Err(ExportError::Missing(format!("no entry of a log of {} is by {kind}:{id}", log.size())));
        }
        Ok(found)
    }

    async fn clients(&self, log: LogAt<'_>, id: &str) -> Result<Vec<Commitment>, ExportError> {
        let mut clients = Vec::new();
        for key in log.reader().records().keys(CLIENT_ANCHORS).await? {
            let reference = key.trim_start_matches(CLIENT_ANCHORS);
            let Some(index) = client_anchor(log, reference).await? else { continue };
            let found = client_of(&log.entry(index).await?)?;
            clients.extend(found.filter(|found| found.value() == id && found.reference().as_str() == reference));
        }
        if clients.is_empty() { Err(missing(CLIENT_KIND, id, log.size())) } else { Ok(clients) }
    }

    async fn tickers(&self, log: LogAt<'_>, ticker: &str) -> Result<Vec<ListedTicker>, ExportError> {
        listed_each(log, ticker).await
    }
}

fn no_actor_type(kind: &str) -> ExportError {
    ExportError::Invalid { field: "actor", problem: format!("{kind} is no type of actor") }
}
