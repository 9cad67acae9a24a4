//! What the auditor asked for, to be compared with what a bundle says it was asked for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Filter, LineError, Manifest, Openings};
use crate::time::{rfc3339, text::option};

/// A filter as the auditor writes it: as in `manifest.json`, and clients and tickers in clear if wanted. What is not
/// named must not be a condition of the bundle. An absent `from` is the beginning, an absent `to` the latest that the
/// bundle's checkpoint allows, as in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectation {
    /// The first time, included.
    #[serde(with = "option")]
    pub from: Option<Timestamp>,
    /// The end, excluded.
    #[serde(with = "option")]
    pub to: Option<Timestamp>,
    /// Names of events.
    pub event: BTreeSet<String>,
    /// Names of outcomes.
    pub outcome: BTreeSet<String>,
    /// Keyed references of actors.
    pub actor_ref: BTreeSet<String>,
    /// Commitments to clients.
    pub client_ref: BTreeSet<String>,
    /// Commitments to tickers.
    pub subject_ref: BTreeSet<String>,
    /// Request ids.
    pub request_id: BTreeSet<String>,
    /// Clients by id, compared with what the bundle opens.
    pub client: BTreeSet<String>,
    /// Tickers, compared with what the bundle opens.
    pub ticker: BTreeSet<String>,
}

impl Expectation {
    /// Reads the JSON object.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        serde_json::from_str(text).map_err(LineError::json)
    }

    /// The first difference from a bundle's filter, in words; `None` where it is what was asked for.
    pub(super) fn difference(&self, filter: &Filter, opened: &Openings, checkpoint_time: Timestamp) -> Option<String> {
        let from = self.from.unwrap_or(Timestamp::UNIX_EPOCH);
        let to = self.to.unwrap_or_else(|| Manifest::latest_to(checkpoint_time));
        for (what, asked, has) in [("from", from, filter.from), ("to", to, filter.to)] {
            if asked != has {
                return Some(format!("{what} is {}, not {}", rfc3339(has), rfc3339(asked)));
            }
        }
        let clear = |references: &BTreeSet<String>| -> BTreeSet<String> {
            let value = |reference| opened.get(reference).map_or(String::new(), |opening| opening.value.clone());
            references.iter().map(value).collect()
        };
        // A reference that is expected in clear need not be expected as a digest too.
        let digests = |asked: &BTreeSet<String>, in_clear: &BTreeSet<String>, has: &BTreeSet<String>| {
            if asked.is_empty() && !in_clear.is_empty() { has.clone() } else { asked.clone() }
        };
        let names = |in_clear: &BTreeSet<String>, has: &BTreeSet<String>| {
            if in_clear.is_empty() { clear(has) } else { in_clear.clone() }
        };
        [
            ("event", self.event.clone(), filter.event.clone()),
            ("outcome", self.outcome.clone(), filter.outcome.clone()),
            ("actor_ref", self.actor_ref.clone(), filter.actor_ref.clone()),
            ("request_id", self.request_id.clone(), filter.request_id.clone()),
            ("client_ref", digests(&self.client_ref, &self.client, &filter.client_ref), filter.client_ref.clone()),
            ("subject_ref", digests(&self.subject_ref, &self.ticker, &filter.subject_ref), filter.subject_ref.clone()),
            ("client", names(&self.client, &filter.client_ref), clear(&filter.client_ref)),
            ("ticker", names(&self.ticker, &filter.subject_ref), clear(&filter.subject_ref)),
        ]
        .into_iter()
        .find(|(_, asked, has)| asked != has)
        .map(|(what, asked, has)| format!("{what} is {}, not {}", list(&has), list(&asked)))
    }
}

fn list(values: &BTreeSet<String>) -> String {
    if values.is_empty() { "any".to_owned() } else { values.iter().cloned().collect::<Vec<_>>().join(" or ") }
}
