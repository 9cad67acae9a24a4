//! What a bundle was asked for: conditions on headers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Opening;
use crate::audit::Header;
use crate::time::text;

/// What opens each reference of a filter.
pub type Openings = BTreeMap<String, Opening>;

/// The conditions: the time, and for each list that is not empty, one of its values. All must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The first time, included.
    #[serde(with = "text")]
    pub from: Timestamp,
    /// The end, excluded.
    #[serde(with = "text")]
    pub to: Timestamp,
    /// Names of events.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub event: BTreeSet<String>,
    /// Names of outcomes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub outcome: BTreeSet<String>,
    /// Keyed references of actors.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub actor_ref: BTreeSet<String>,
    /// Commitments to clients.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub client_ref: BTreeSet<String>,
    /// Commitments to tickers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub subject_ref: BTreeSet<String>,
    /// Request ids.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub request_id: BTreeSet<String>,
}

impl Filter {
    /// The filter that matches every entry of a time.
    #[must_use]
    pub fn of_time(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from,
            to,
            event: BTreeSet::new(),
            outcome: BTreeSet::new(),
            actor_ref: BTreeSet::new(),
            client_ref: BTreeSet::new(),
            subject_ref: BTreeSet::new(),
            request_id: BTreeSet::new(),
        }
    }

    /// Whether a header meets every condition. One whose time cannot be read meets none.
    #[must_use]
    pub fn matches(&self, header: &Header) -> bool {
        let one_of = |set: &BTreeSet<String>, value: Option<&str>| {
            set.is_empty() || value.is_some_and(|value| set.contains(value))
        };
        header.time.parse::<Timestamp>().is_ok_and(|time| self.from <= time && time < self.to)
            && one_of(&self.event, Some(&header.event))
            && one_of(&self.outcome, Some(&header.outcome))
            && one_of(&self.actor_ref, Some(&header.actor_ref))
            && one_of(&self.client_ref, header.client_ref.as_deref())
            && one_of(&self.subject_ref, header.subject_ref.as_deref())
            && one_of(&self.request_id, Some(&header.request_id))
    }

    /// The references that a bundle with this filter must open.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.client_ref.iter().chain(&self.subject_ref).map(String::as_str)
    }
}
