//! The two shapes of event, told apart by what no caller of the API can write: the members of the event itself.

use engine_http::gateway;
use engine_http::stream::{self, Text};
use lambda_http::Request;
use serde::Deserialize;
use serde_json::Value;

/// What the function is invoked for.
pub(crate) enum Invocation {
    /// A request to the API.
    Request(Box<Request>),
    /// Ids of exports that were asked for.
    Exports(Vec<String>),
}

/// Why an invocation came to nothing. The event is not quoted: it may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Neither API Gateway's nor the stream's.
    #[error("the event is neither API Gateway's nor the stream's of the table of exports")]
    Unknown,
    /// The answer has no JSON form.
    #[error("the answer cannot be written")]
    Answer,
    /// An export did not come to its end here: the stream is to bring it again.
    #[error("export {id} is not at its end: {why}")]
    Unfinished {
        /// The export.
        id: String,
        /// Why not, for the log.
        why: String,
    },
}

#[derive(Deserialize)]
struct Keys {
    pk: Text,
}

impl Invocation {
    /// Reads an event. Of the stream's records only those of new items count: what becomes of one is this function's own doing.
    pub(crate) fn read(event: Value) -> Result<Self, EventError> {
        if stream::has_records(&event) {
            let new: Vec<Keys> = stream::inserted(event).map_err(|_| EventError::Unknown)?;
            return Ok(Self::Exports(new.into_iter().map(|keys| keys.pk.text).collect()));
        }
        let request = gateway::request(event).map_err(|_| EventError::Unknown)?;
        Ok(Self::Request(Box::new(request)))
    }
}
