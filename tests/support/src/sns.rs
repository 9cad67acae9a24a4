//! SNS in the process: one topic that keeps what is published to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_sns::Client;
use serde_json::{Value, json};

use crate::service::{Control, Network, Protocol, Refused, Service, client, text, unknown};

/// The ARN of the topic.
pub const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:123456789012:notices";

/// A message as it reached the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The message.
    pub message: String,
    /// The values of its attributes, by name.
    pub attributes: BTreeMap<String, String>,
}

impl Published {
    /// The message as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.message).expect("a JSON message")
    }
}

/// An SNS with the topic [`TOPIC_ARN`]. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Sns {
    topic: Arc<Topic>,
    control: Control,
}

impl Sns {
    /// One to which nothing was published.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it, which does not retry.
    pub fn client(&self) -> Client {
        client!(aws_sdk_sns, Network::new(&self.topic, &self.control))
    }

    /// Its calls by action (`Publish`), and their faults.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// What was published, oldest first.
    pub fn published(&self) -> Vec<Published> {
        self.topic.0.lock().unwrap().clone()
    }
}

#[derive(Debug, Default)]
struct Topic(Mutex<Vec<Published>>);

impl Service for Topic {
    const PROTOCOL: Protocol = Protocol::Query;

    fn call(&self, action: &str, input: &Value) -> Result<Value, Refused> {
        if action != "Publish" {
            return unknown(action);
        }
        if text(input, "TopicArn")? != TOPIC_ARN {
            return Err(Refused::new("NotFound", "Topic does not exist"));
        }
        let published = Published { message: text(input, "Message")?.to_owned(), attributes: attributes(input) };
        let mut messages = self.0.lock().unwrap();
        messages.push(published);
        Ok(json!({"MessageId": format!("{:08}-0000-4000-8000-000000000000", messages.len())}))
    }
}

fn attributes(input: &Value) -> BTreeMap<String, String> {
    let field = |number: usize, name: &str| input[format!("MessageAttributes.entry.{number}.{name}")].as_str();
    let pair = |number| Some((field(number, "Name")?.to_owned(), field(number, "Value.StringValue")?.to_owned()));
    (1..).map_while(pair).collect()
}
