//! From names to references: by the keys that they are made with, or by what the log itself says.

use engine_core::audit::{ActorType, Commitment, SecretKey};
use serde_json::Value;

use super::ExportError;
use super::anchors::{ListedTicker, client_anchor, client_of, listed, missing};
use super::request::Resolver;
use super::source::{LogAt, bundles, read_header};

/// What salts of clients are derived under.
const CLIENT: &str = "client";
/// What salts of tickers are derived under.
const TICKER: &str = "ticker";
/// Where the anchors of clients are.
const CLIENT_ANCHORS: &str = "anchors/clients/";

/// Makes references with the stack's keys, and looks in the log for what anchors them.
pub struct KeyResolver<'a> {
    /// The key of actors' references.
    pub actor_key: &'a SecretKey,
    /// The key of salts, every version of it.
    pub reference_keys: &'a [SecretKey],
}

impl Resolver for KeyResolver<'_> {
    async fn actor(&self, _: LogAt<'_>, kind: &str, id: &str) -> Result<String, ExportError> {
        let kind = ActorType::from_name(kind).ok_or_else(|| no_actor_type(kind))?;
        Ok(self.actor_key.actor_ref(kind, id).as_str().to_owned())
    }

    async fn client(&self, log: LogAt<'_>, id: &str) -> Result<Commitment, ExportError> {
        // A client's reference stays the one that it was created with, whichever version is the current one.
        for key in self.reference_keys {
            let commitment = key.commitment(CLIENT, id);
            if client_anchor(log, commitment.reference().as_str()).await?.is_some() {
                return Ok(commitment);
            }
        }
        Err(missing(CLIENT, id, log.size()))
    }

    async fn ticker(&self, log: LogAt<'_>, ticker: &str) -> Result<ListedTicker, ExportError> {
        let found = listed(log, ticker).await?;
        if self.reference_keys.iter().any(|key| key.commitment(TICKER, ticker) == found.commitment) {
            return Ok(found);
        }
        Err(ExportError::Inconsistent(format!("the reference of ticker {ticker} is not made with the stack's key")))
    }
}

/// Finds references in the log alone, without any secret.
pub struct LogResolver;

impl Resolver for LogResolver {
    async fn actor(&self, log: LogAt<'_>, kind: &str, id: &str) -> Result<String, ExportError> {
        ActorType::from_name(kind).ok_or_else(|| no_actor_type(kind))?;
        // Newest first: a person who is asked about has done something lately, more often than not.
        for bundle in bundles(0, log.size()).rev() {
            let (start, headers) = log.headers(bundle).await?;
            let indices: Vec<u64> = (start..).zip(headers.iter()).map(|(index, _)| index).collect();
            for entry in log.entries(bundle, &indices).await?.iter().rev() {
                let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
                if body["actor"]["type"] == kind && body["actor"]["id"] == id {
                    return Ok(read_header(entry.index, &entry.header)?.actor_ref);
                }
            }
        }
        Err(ExportError::Missing(format!("no entry of a log of {} is by {kind}:{id}", log.size())))
    }

    async fn client(&self, log: LogAt<'_>, id: &str) -> Result<Commitment, ExportError> {
        for key in log.reader().records().keys(CLIENT_ANCHORS).await? {
            let reference = key.trim_start_matches(CLIENT_ANCHORS);
            let Some(index) = client_anchor(log, reference).await? else { continue };
            let found = client_of(&log.entry(index).await?)?;
            if let Some(found) = found.filter(|found| found.value() == id) {
                return Ok(found);
            }
        }
        Err(missing(CLIENT, id, log.size()))
    }

    async fn ticker(&self, log: LogAt<'_>, ticker: &str) -> Result<ListedTicker, ExportError> {
        listed(log, ticker).await
    }
}

fn no_actor_type(kind: &str) -> ExportError {
    ExportError::Invalid { field: "actor", problem: format!("{kind} is no type of actor") }
}
