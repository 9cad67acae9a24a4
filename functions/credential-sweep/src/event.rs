//! The two shapes of event, told apart by what only the table's stream sends.

use engine_http::stream::{self, Text};
use serde::Deserialize;
use serde_json::Value;

/// Partition of emergency rotations in the table `rotations`.
const EMERGENCY: &str = "emergency";

/// What the function is invoked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Invocation {
    /// One run of the sweep.
    Sweep,
    /// Ids of emergency rotations that were asked for.
    Emergencies(Vec<String>),
}

/// The event is not one of the stream's, though it holds records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event holds records that are not those of the table's stream")]
pub struct EventError;

#[derive(Deserialize)]
struct Keys {
    pk: Text,
    sk: Text,
}

impl Invocation {
    /// Reads an event. Whatever is not the stream's makes a run. Of the stream's records only those of new emergency rotations
    /// count.
    pub(crate) fn read(event: Value) -> Result<Self, EventError> {
        if !stream::has_records(&event) {
            return Ok(Self::Sweep);
        }
        let new: Vec<Keys> = stream::inserted(event).map_err(|_| EventError)?;
        let asked = new.into_iter().filter(|keys| keys.pk.text == EMERGENCY);
        Ok(Self::Emergencies(asked.map(|keys| keys.sk.text).collect()))
    }
}
