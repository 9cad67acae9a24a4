//! `EventBridge` in the process: one bus that keeps what is put on it.

use std::sync::{Arc, Mutex};

use aws_sdk_eventbridge::Client;
use serde_json::{Value, json};

use crate::service::{Control, Network, Protocol, Refused, Service, client, text, unknown};

/// An event as it reached the default bus.
#[derive(Clone, Debug, PartialEq)]
pub struct PutEvent {
    /// Who sent it.
    pub source: String,
    /// What it is about.
    pub detail_type: String,
    /// What it says.
    pub detail: Value,
}

/// An `EventBridge`. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct EventBridge {
    bus: Arc<Bus>,
    control: Control,
}

impl EventBridge {
    /// One to which nothing was sent.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it, which does not retry.
    pub fn client(&self) -> Client {
        self.client_on(&self.control)
    }

    /// A client of a second process, with faults of its own.
    pub fn client_on(&self, control: &Control) -> Client {
        client!(aws_sdk_eventbridge, Network::new(&self.bus, control))
    }

    /// Its calls by action (`PutEvents`), and their faults.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Takes no event of the next `calls` calls, and says so with status 200, as `EventBridge` does.
    pub fn turn_away(&self, calls: usize) {
        self.bus.0.lock().unwrap().turned_away = calls;
    }

    /// What was sent, oldest first.
    pub fn events(&self) -> Vec<PutEvent> {
        self.bus.0.lock().unwrap().events.clone()
    }
}

#[derive(Debug, Default)]
struct Bus(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    events: Vec<PutEvent>,
    turned_away: usize,
}

impl Service for Bus {
    const PROTOCOL: Protocol = Protocol::Json;

    fn call(&self, action: &str, input: &Value) -> Result<Value, Refused> {
        if action != "PutEvents" {
            return unknown(action);
        }
        let mut state = self.0.lock().unwrap();
        let entries = input["Entries"].as_array().cloned().unwrap_or_default();
        if state.turned_away > 0 {
            state.turned_away -= 1;
            let refused: Vec<_> = entries.iter().map(|_| json!({"ErrorCode": "ThrottlingException"})).collect();
            return Ok(json!({"FailedEntryCount": refused.len(), "Entries": refused}));
        }
        let mut answers = Vec::new();
        for entry in &entries {
            let detail = serde_json::from_str(text(entry, "Detail")?);
            let detail = detail.map_err(|_| Refused::new("MalformedDetail", "Detail is malformed."))?;
            let (source, detail_type) = (text(entry, "Source")?.to_owned(), text(entry, "DetailType")?.to_owned());
            state.events.push(PutEvent { source, detail_type, detail });
            answers.push(json!({"EventId": format!("{:08}-0000-4000-8000-000000000000", state.events.len())}));
        }
        Ok(json!({"FailedEntryCount": 0, "Entries": answers}))
    }
}
