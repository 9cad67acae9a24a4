//! What is asked for, before and after names have become references.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use engine_core::audit::{CLIENT_KIND, Commitment};
use engine_core::evidence::{Opening, Openings};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ExportError;
use super::anchors::{ListedTicker, listed, missing};
use super::source::LogAt;

/// An export as it is asked for, its tree size fixed: it stands for the same bundle for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Size of the tree that everything is proved against: that of a signed checkpoint.
    pub size: u64,
    /// Earliest time of an entry; the beginning of time where absent.
    #[serde(default, with = "engine_core::time::text::option", skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Time before which an entry must be; the latest that the checkpoint allows where absent.
    #[serde(default, with = "engine_core::time::text::option", skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Names of events, any of which will do; all where empty. So for each list below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event: Vec<String>,
    /// Outcomes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcome: Vec<String>,
    /// Actors, as `<type>:<id>` or by reference, `k1:<64 hex digits>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actor: Vec<String>,
    /// Ids of clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client: Vec<String>,
    /// Tickers, in their stored form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticker: Vec<String>,
    /// Request ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_id: Vec<String>,
    /// Size of an older tree that this one must be shown to extend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistent_with: Option<u64>,
    /// Whether the annex of log lines is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_logs: bool,
}

/// Turns names into the references under which headers have them: all of them, for a name has another one under each version of
/// a key.
pub trait Resolver: Sync {
    /// The references of an actor, given as `<type>:<id>`.
    fn actors(
        &self,
        log: LogAt<'_>,
        kind: &str,
        id: &str,
    ) -> impl Future<Output = Result<BTreeSet<String>, ExportError>> + Send;

    /// What opens the references of a client; at least one.
    fn clients(&self, log: LogAt<'_>, id: &str) -> impl Future<Output = Result<Vec<Commitment>, ExportError>> + Send;

    /// What opens the references of a ticker, each in the newest list that has it, the newest first; at least one.
    fn tickers(
        &self,
        log: LogAt<'_>,
        ticker: &str,
    ) -> impl Future<Output = Result<Vec<ListedTicker>, ExportError>> + Send;

    /// What opens a reference of a client.
    fn client(&self, log: LogAt<'_>, id: &str) -> impl Future<Output = Result<Commitment, ExportError>> + Send {
        async move {
            let found = self.clients(log, id).await?.into_iter().next();
            found.ok_or_else(|| missing(CLIENT_KIND, id, log.size()))
        }
    }

    /// What opens the newest reference of a ticker.
    fn ticker(&self, log: LogAt<'_>, ticker: &str) -> impl Future<Output = Result<ListedTicker, ExportError>> + Send {
        listed(log, ticker)
    }
}

/// What the names of a request resolve to.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    pub(super) actors: BTreeSet<String>,
    /// By reference.
    pub(super) clients: BTreeMap<String, Commitment>,
    /// By reference.
    pub(super) tickers: BTreeMap<String, ListedTicker>,
}

impl Resolved {
    /// What opens each reference.
    pub(super) fn openings(&self) -> Openings {
        let tickers = self.tickers.iter().map(|(reference, ticker)| (reference, &ticker.commitment));
        let opened = self.clients.iter().chain(tickers);
        opened.map(|(reference, commitment)| (reference.clone(), Opening::from(commitment))).collect()
    }
}

/// Resolves every name of the request.
pub(super) async fn resolve(
    resolver: &impl Resolver,
    log: LogAt<'_>,
    request: &ExportRequest,
) -> Result<Resolved, ExportError> {
    let mut names = Resolved::default();
    for actor in &request.actor {
        match actor_of(actor) {
            Some(Actor::Reference) => _ = names.actors.insert(actor.clone()),
            Some(Actor::Name(kind, id)) => names.actors.extend(resolver.actors(log, kind, id).await?),
            None => return Err(ExportError::Invalid { field: "actor", problem: format!("{actor} is no actor") }),
        }
    }
    for id in &request.client {
        for commitment in resolver.clients(log, id).await? {
            names.clients.insert(commitment.reference().as_str().to_owned(), commitment);
        }
    }
    for ticker in &request.ticker {
        for found in resolver.tickers(log, ticker).await? {
            names.tickers.insert(found.commitment.reference().as_str().to_owned(), found);
        }
    }
    Ok(names)
}

/// How an actor is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor<'a> {
    /// By the reference that headers have.
    Reference,
    /// By type and id.
    Name(&'a str, &'a str),
}

/// Reads an actor; `None` for what is neither `<type>:<id>` nor a reference.
#[must_use]
pub fn actor_of(text: &str) -> Option<Actor<'_>> {
    let (kind, id) = text.split_once(':')?;
    let version =
        kind.strip_prefix('k').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    let hex = id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if version && hex {
        return Some(Actor::Reference);
    }
    (!kind.is_empty() && !id.is_empty()).then_some(Actor::Name(kind, id))
}
