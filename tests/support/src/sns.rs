//! SNS in the process: a topic, and a FIFO topic, that keep what is published to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_sns::Client;
use engine_aws::clock::{SharedClock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::service::{Control, Network, Protocol, Refused, Service, client, text, unknown};

/// The ARN of the topic.
pub const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:123456789012:notices";
/// The ARN of the FIFO topic.
pub const FIFO_TOPIC_ARN: &str = "arn:aws:sns:us-east-1:123456789012:lifecycle.fifo";
/// How long a FIFO topic knows the id of a message that it took (SNS, "Message deduplication for FIFO topics").
const KNOWN: SignedDuration = SignedDuration::from_mins(5);

/// A message as it reached the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The message.
    pub message: String,
    /// The values of its attributes, by name.
    pub attributes: BTreeMap<String, String>,
    /// The group that it is in order with, on a FIFO topic.
    pub group: Option<String>,
}

impl Published {
    /// The message as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.message).expect("a JSON message")
    }
}

/// An SNS with the topics [`TOPIC_ARN`] and [`FIFO_TOPIC_ARN`]. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Sns {
    topics: Arc<Topics>,
    control: Control,
}

impl Sns {
    /// One to which nothing was published.
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose FIFO topic forgets by that clock.
    pub fn at(clock: SharedClock) -> Self {
        Self { topics: Arc::new(Topics { clock: Time(clock), ..Topics::default() }), control: Control::default() }
    }

    /// A client of it, which does not retry.
    pub fn client(&self) -> Client {
        self.client_on(&self.control)
    }

    /// A client of a second process, with faults of its own.
    pub fn client_on(&self, control: &Control) -> Client {
        client!(aws_sdk_sns, Network::new(&self.topics, control))
    }

    /// Its calls by action (`Publish`), and their faults.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// What was published, oldest first; what a FIFO topic knew already was not.
    pub fn published(&self) -> Vec<Published> {
        self.topics.state.lock().unwrap().messages.clone()
    }
}

#[derive(Debug, Default)]
struct Topics {
    clock: Time,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Published>,
    /// Until when a FIFO topic drops messages with that id, and the id of the one that it took.
    known: BTreeMap<String, (Timestamp, String)>,
}

struct Time(SharedClock);

impl Default for Time {
    fn default() -> Self {
        Self(Arc::new(SystemClock))
    }
}

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl Service for Topics {
    const PROTOCOL: Protocol = Protocol::Query;

    fn call(&self, action: &str, input: &Value) -> Result<Value, Refused> {
        if action != "Publish" {
            return unknown(action);
        }
        let (group, once) = match text(input, "TopicArn")? {
            TOPIC_ARN => (None, None),
            FIFO_TOPIC_ARN => (Some(text(input, "MessageGroupId")?), Some(text(input, "MessageDeduplicationId")?)),
            _ => return Err(Refused::new("NotFound", "Topic does not exist")),
        };
        let (mut state, now) = (self.state.lock().unwrap(), self.clock.0.now());
        if let Some((_, taken)) = once.and_then(|once| state.known.get(once)).filter(|(until, _)| now < *until) {
            return Ok(json!({ "MessageId": taken }));
        }
        let id = format!("{:08}-0000-4000-8000-000000000000", state.messages.len() + 1);
        if let Some(once) = once {
            state.known.insert(once.to_owned(), (now + KNOWN, id.clone()));
        }
        state.messages.push(Published {
            message: text(input, "Message")?.to_owned(),
            attributes: attributes(input),
            group: group.map(str::to_owned),
        });
        Ok(json!({ "MessageId": id }))
    }
}

fn attributes(input: &Value) -> BTreeMap<String, String> {
    let field = |number: usize, name: &str| input[format!("MessageAttributes.entry.{number}.{name}")].as_str();
    let pair = |number| Some((field(number, "Name")?.to_owned(), field(number, "Value.StringValue")?.to_owned()));
    (1..).map_while(pair).collect()
}
