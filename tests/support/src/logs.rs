//! CloudWatch Logs in the process: groups with their retention, and searches through their events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_cloudwatchlogs::Client;
use engine_core::hex;
use serde_json::{Value, json};

use crate::service::{Control, Network, Protocol, Refused, Service, client, text, unknown};

/// The days for which CloudWatch keeps events; it takes no others.
pub const RETENTIONS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// Most characters of a filter pattern.
const PATTERN_LIMIT: usize = 1024;
/// Most groups on a page, and how many without a limit.
const GROUPS_A_PAGE: usize = 50;
/// Events looked through for one page, unless a test says otherwise.
const EVENTS_A_PAGE: usize = 100;
const GROUP_PREFIX: &str = "arn:aws:logs:us-east-1:123456789012:log-group:";

/// A CloudWatch Logs with the groups that a test makes. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    groups: Arc<Groups>,
    control: Control,
}

impl Logs {
    /// One without groups.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it, which does not retry.
    pub fn client(&self) -> Client {
        self.client_on(&self.control)
    }

    /// A client of a second process, with faults of its own.
    pub fn client_on(&self, control: &Control) -> Client {
        client!(aws_sdk_cloudwatchlogs, Network::new(&self.groups, control))
    }

    /// The calls of [`Logs::client`] by action (`FilterLogEvents` …), and their faults.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Makes a group that keeps its events for ever, under no key, if there is none of that name.
    pub fn group(&self, name: &str) {
        self.groups.make(name, |_| ());
    }

    /// Sets for how many days a group keeps its events, without a call; `None` is for ever.
    pub fn set_retention(&self, group: &str, days: Option<i64>) {
        self.groups.make(group, |group| group.retention = days);
    }

    /// For how many days a group keeps its events.
    pub fn retention(&self, group: &str) -> Option<i64> {
        self.groups.state.lock().unwrap().get(group).expect("a group").retention
    }

    /// Sets the key that a group is under, without a call.
    pub fn set_kms_key(&self, group: &str, key: Option<&str>) {
        self.groups.make(group, |group| group.kms_key = key.map(str::to_owned));
    }

    /// Logs an event at `at`, in milliseconds since the epoch.
    pub fn log(&self, group: &str, stream: &str, at: i64, message: &str) {
        self.groups.make(group, |group| {
            let id = format!("{:056}", group.events.len());
            let event = Event { id, stream: stream.to_owned(), at, message: message.to_owned() };
            // Streams are read interleaved, by time.
            let place = group.events.partition_point(|other| other.at <= at);
            group.events.insert(place, event);
        });
    }

    /// Removes a group with its events.
    pub fn remove_group(&self, name: &str) {
        self.groups.state.lock().unwrap().remove(name);
    }

    /// Looks through at most `events` events for one page, whatever the limit asked for. A page has only those that match:
    /// pages may be empty while others follow.
    pub fn set_page(&self, events: usize) {
        *self.groups.page.lock().unwrap() = events;
    }
}

#[derive(Clone, Debug)]
struct Event {
    id: String,
    stream: String,
    /// Milliseconds since the epoch.
    at: i64,
    message: String,
}

#[derive(Debug, Default)]
struct Group {
    retention: Option<i64>,
    kms_key: Option<String>,
    /// In the order of their times.
    events: Vec<Event>,
}

/// The groups by name.
#[derive(Debug)]
struct Groups {
    state: Mutex<BTreeMap<String, Group>>,
    page: Mutex<usize>,
}

impl Default for Groups {
    fn default() -> Self {
        Self { state: Mutex::default(), page: Mutex::new(EVENTS_A_PAGE) }
    }
}

impl Service for Groups {
    const PROTOCOL: Protocol = Protocol::Json;

    fn call(&self, action: &str, input: &Value) -> Result<Value, Refused> {
        match action {
            "DescribeLogGroups" => self.describe(input),
            "PutRetentionPolicy" => self.put_retention(input),
            "FilterLogEvents" => self.filter(input),
            _ => unknown(action),
        }
    }
}

impl Groups {
    fn make(&self, name: &str, act: impl FnOnce(&mut Group)) {
        act(self.state.lock().unwrap().entry(name.to_owned()).or_default());
    }

    fn describe(&self, input: &Value) -> Result<Value, Refused> {
        only(input, &["logGroupNamePrefix", "limit", "nextToken"])?;
        let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
        let from = input["nextToken"].as_str().unwrap_or_default();
        let limit = limit(input, GROUPS_A_PAGE)?;
        let state = self.state.lock().unwrap();
        let mut found = state.range(prefix.max(from).to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        let groups: Vec<_> = found.by_ref().take(limit).map(|(name, group)| group.describe(name)).collect();
        let mut answer = json!({ "logGroups": groups });
        if let Some((next, _)) = found.next() {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    fn put_retention(&self, input: &Value) -> Result<Value, Refused> {
        let name = text(input, "logGroupName")?;
        let days = input["retentionInDays"].as_i64().filter(|days| RETENTIONS.contains(days));
        let days = days.ok_or_else(|| invalid(format!("retentionInDays is none of {RETENTIONS:?}")))?;
        let mut state = self.state.lock().unwrap();
        state.get_mut(name).ok_or_else(missing)?.retention = Some(days);
        Ok(json!({}))
    }

    fn filter(&self, input: &Value) -> Result<Value, Refused> {
        only(input, &["logGroupName", "startTime", "endTime", "filterPattern", "limit", "nextToken"])?;
        let name = text(input, "logGroupName")?;
        let pattern = Pattern::read(input["filterPattern"].as_str().unwrap_or_default())?;
        let start = input["startTime"].as_i64().unwrap_or(0);
        let end = input["endTime"].as_i64().unwrap_or(i64::MAX);
        let page = limit(input, 10_000)?.min(*self.page.lock().unwrap());
        let from = match input["nextToken"].as_str() {
            Some(token) => place(input, token)?,
            None => 0,
        };
        let state = self.state.lock().unwrap();
        let group = state.get(name).ok_or_else(missing)?;
        let within: Vec<_> = group.events.iter().filter(|event| (start..=end).contains(&event.at)).collect();
        let looked_through = within.iter().skip(from).take(page);
        let matching: Vec<_> =
            looked_through.filter(|event| pattern.matches(&event.message)).map(|event| event.show()).collect();
        let mut answer = json!({ "events": matching, "searchedLogStreams": [] });
        if from + page < within.len() {
            answer["nextToken"] = json!(token(input, from + page));
        }
        Ok(answer)
    }
}

impl Group {
    fn describe(&self, name: &str) -> Value {
        let stored: usize = self.events.iter().map(|event| event.message.len()).sum();
        let mut group = json!({
            "logGroupName": name,
            "creationTime": 0,
            "metricFilterCount": 0,
            "arn": format!("{GROUP_PREFIX}{name}:*"),
            "logGroupArn": format!("{GROUP_PREFIX}{name}"),
            "storedBytes": stored,
            "logGroupClass": "STANDARD",
        });
        if let Some(days) = self.retention {
            group["retentionInDays"] = json!(days);
        }
        if let Some(key) = &self.kms_key {
            group["kmsKeyId"] = json!(key);
        }
        group
    }
}

impl Event {
    fn show(&self) -> Value {
        json!({
            "eventId": self.id,
            "logStreamName": self.stream,
            "timestamp": self.at,
            "ingestionTime": self.at,
            "message": self.message,
        })
    }
}

/// What a message must have in it.
#[derive(Debug, PartialEq)]
enum Pattern {
    /// Every one of these; all messages where there are none.
    All(Vec<String>),
    /// One of these at least.
    Any(Vec<String>),
}

impl Pattern {
    /// Reads terms, quoted or not: `"a" "b"`, or `?"a" ?"b"`.
    fn read(text: &str) -> Result<Self, Refused> {
        if text.chars().count() > PATTERN_LIMIT {
            return Err(invalid(format!("filterPattern is longer than {PATTERN_LIMIT} characters")));
        }
        let (mut all, mut any) = (Vec::new(), Vec::new());
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (terms, term) = match rest.strip_prefix('?') {
                Some(term) => (&mut any, term),
                None => (&mut all, rest),
            };
            let (term, after) = match term.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').filter(|(term, _)| !term.is_empty()),
                None => Some(term.split_once(' ').unwrap_or((term, ""))).filter(|(term, _)| is_bare(term)),
            }
            .ok_or_else(|| invalid(format!("Invalid filter pattern: {rest}")))?;
            terms.push(term.to_owned());
            rest = after.trim_start();
        }
        match (all.is_empty(), any.is_empty()) {
            // CloudWatch leaves the `?` terms out of such a pattern, without a word.
            (false, false) => Err(invalid("a pattern has terms of both kinds")),
            (true, false) => Ok(Self::Any(any)),
            _ => Ok(Self::All(all)),
        }
    }

    fn matches(&self, message: &str) -> bool {
        match self {
            Self::All(terms) => terms.iter().all(|term| message.contains(term)),
            Self::Any(terms) => terms.iter().any(|term| message.contains(term)),
        }
    }
}

/// Whether CloudWatch takes a term without quotes; the double knows no patterns but terms.
fn is_bare(term: &str) -> bool {
    !term.is_empty() && term.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// Holds the caller to the members that the double knows: one that it passed over would be a filter that does nothing.
fn only(input: &Value, known: &[&str]) -> Result<(), Refused> {
    let stranger = input.as_object().into_iter().flatten().find(|(name, _)| !known.contains(&name.as_str()));
    stranger.map_or(Ok(()), |(name, _)| Err(invalid(format!("this double lacks {name}"))))
}

fn limit(input: &Value, most: usize) -> Result<usize, Refused> {
    if input["limit"].is_null() {
        return Ok(most);
    }
    let limit = input["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok());
    limit.filter(|limit| (1..=most).contains(limit)).ok_or_else(|| invalid("limit"))
}

/// A token for going on from `place`, good for the same search only.
fn token(input: &Value, place: usize) -> String {
    let mut search = input.clone();
    search.as_object_mut().expect("an object").remove("nextToken");
    let search = hex::encode(digest(&SHA256, search.to_string().as_bytes()).as_ref());
    format!("{search}/{place}")
}

fn place(input: &Value, token_given: &str) -> Result<usize, Refused> {
    let place = token_given.rsplit('/').next().and_then(|place| place.parse().ok());
    let place = place.filter(|place| token(input, *place) == token_given);
    place.ok_or_else(|| invalid("The specified nextToken is invalid."))
}

fn invalid(message: impl Into<String>) -> Refused {
    Refused::new("InvalidParameterException", message)
}

fn missing() -> Refused {
    Refused::new("ResourceNotFoundException", "The specified log group does not exist.")
}
