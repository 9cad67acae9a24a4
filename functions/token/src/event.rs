//! The two shapes of event, told apart by what no caller of the API can write: the members of the event itself.

use engine_http::gateway;
use lambda_http::Request;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

/// What the function is invoked for.
pub(crate) enum Invocation {
    /// A request to the API.
    Request(Box<Request>),
    /// The bootstrap administrator asks, whom IAM lets invoke the function.
    Bootstrap(BootstrapCall),
}

/// The bootstrap administrator's call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BootstrapCall {
    /// A code of the second factor, not yet judged.
    pub totp: Zeroizing<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Direct {
    bootstrap: BootstrapCall,
}

/// The event is of neither shape. It is not quoted: it may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Neither API Gateway's nor the bootstrap administrator's.
    #[error(r#"the event is neither API Gateway's nor {{"bootstrap": {{"totp": "<six digits>"}}}}"#)]
    Unknown,
    /// The answer has no JSON form.
    #[error("the answer cannot be written")]
    Answer,
}

impl Invocation {
    /// Reads an event.
    pub(crate) fn read(event: Value) -> Result<Self, EventError> {
        if event.get("bootstrap").is_some() {
            let direct: Direct = serde_json::from_value(event).map_err(|_| EventError::Unknown)?;
            return Ok(Self::Bootstrap(direct.bootstrap));
        }
        let request = gateway::request(event).map_err(|_| EventError::Unknown)?;
        Ok(Self::Request(Box::new(request)))
    }
}
