//! The annex of a bundle: what the functions logged about the requests of its entries, out of CloudWatch Logs.

use std::collections::{BTreeMap, HashSet};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::Error;

/// How long before an entry the first line about its request may be, and how long after it the last.
pub const AROUND: SignedDuration = SignedDuration::from_mins(10);
/// Longest time asked for of which the lines are given whatever the number of requests.
pub const MOST_TIME: SignedDuration = SignedDuration::from_hours(24);
/// Most requests of which the lines are given whatever the time asked for.
pub const MOST_REQUESTS: usize = 1000;
/// Most bytes of lines in one bundle: they are sorted in memory.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Most pages that are read of everything logged in a time: CloudWatch gives some five a second, so seven minutes.
pub const MOST_PAGES: usize = 2000;
/// Request ids in one call: a filter pattern has at most 1,024 characters, and an id with its marks takes 40.
const IDS_A_CALL: usize = 25;

/// When a request's entries were made, first and last.
pub type Times = (Timestamp, Timestamp);

/// A line of a log about one of the requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLine {
    /// When it was logged, in milliseconds since the epoch.
    pub timestamp: i64,
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
    /// The id that CloudWatch gave it.
    pub event_id: String,
    /// The line as it was logged.
    pub message: String,
}

/// Why there are no lines.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// A group that cannot be read.
    #[error("log group {group} cannot be read: {cause}")]
    Group {
        /// The group's name.
        group: String,
        /// Why.
        cause: Error,
    },
    /// More than one bundle takes.
    #[error("the log lines are more than {} MiB: narrow the range, or leave the logs out", MOST_BYTES >> 20)]
    TooMuch,
    /// More was logged meanwhile than is looked through for the lines of more than [`MOST_REQUESTS`] requests.
    #[error(
        "there are more than {MOST_REQUESTS} requests, and too much was logged meanwhile to look through: narrow the range, or leave the logs out"
    )]
    TooBusy,
    /// CloudWatch did not answer, or not so often. A later try may succeed.
    #[error(transparent)]
    Unavailable(Error),
}

/// The log groups of the stack.
#[derive(Clone, Debug)]
pub struct LogSource {
    client: Client,
    groups: Vec<String>,
    most_pages: usize,
}

impl LogSource {
    /// The groups of these names. The client should repeat throttled calls: CloudWatch takes a few a second.
    #[must_use]
    pub fn new(client: Client, mut groups: Vec<String>) -> Self {
        groups.sort();
        groups.dedup();
        Self { client, groups, most_pages: MOST_PAGES }
    }

    /// With another bound than [`MOST_PAGES`].
    #[must_use]
    pub fn with_most_pages(self, most_pages: usize) -> Self {
        Self { most_pages, ..self }
    }

    /// The lines whose `request_id` is one of `requests`, sorted by time, group, stream and id.
    pub async fn lines(&self, requests: &BTreeMap<String, Times>) -> Result<Vec<LogLine>, LogsError> {
        let (mut lines, mut read) = (Vec::new(), Read::default());
        for query in queries(requests) {
            for group in &self.groups {
                self.ask(group, &query, &mut lines, &mut read).await?;
            }
        }
        lines.sort();
        // An event that CloudWatch gives on two pages is one event.
        lines.dedup();
        Ok(lines)
    }

    async fn ask(
        &self,
        group: &str,
        query: &Query<'_>,
        lines: &mut Vec<LogLine>,
        read: &mut Read,
    ) -> Result<(), LogsError> {
        let mut pages = self
            .client
            .filter_log_events()
            .log_group_name(group)
            .start_time(query.start.as_millisecond())
            .end_time(query.end.as_millisecond())
            .set_filter_pattern(query.pattern.clone())
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(group, &error))?;
            // A question by ids is about a short time, and CloudWatch does the looking.
            read.pages += usize::from(query.pattern.is_none());
            if read.pages > self.most_pages {
                return Err(LogsError::TooBusy);
            }
            for event in page.events.unwrap_or_default() {
                let (Some(timestamp), Some(message)) = (event.timestamp, event.message) else { continue };
                // The pattern finds the id anywhere in the line; the line belongs to the request that it names as its own.
                let Some(id) = request_id(&message) else { continue };
                if !query.ids.contains(id.as_str()) {
                    continue;
                }
                read.bytes += message.len();
                if read.bytes > MOST_BYTES {
                    return Err(LogsError::TooMuch);
                }
                lines.push(LogLine {
                    timestamp,
                    group: group.to_owned(),
                    stream: event.log_stream_name.unwrap_or_default(),
                    event_id: event.event_id.unwrap_or_default(),
                    message,
                });
            }
        }
        Ok(())
    }
}

/// How much was read.
#[derive(Default)]
struct Read {
    /// Bytes of lines that are kept.
    bytes: usize,
    /// Pages of everything that was logged.
    pages: usize,
}

/// What a failed call means: a refusal, which another try meets too, or a service that may answer later.
fn failed(group: &str, error: &SdkError<FilterLogEventsError>) -> LogsError {
    let cause = Error::unavailable("logs:FilterLogEvents", error);
    let refused = ["AccessDeniedException", "ResourceNotFoundException", "InvalidParameterException"];
    match (error.code(), cause) {
        (Some(code), cause) if refused.contains(&code) => LogsError::Group { group: group.to_owned(), cause },
        (_, Error::Unavailable { operation, cause }) => {
            LogsError::Unavailable(Error::Unavailable { operation, cause: format!("log group {group}: {cause}") })
        }
        (_, cause) => LogsError::Unavailable(cause),
    }
}

/// One question to each group.
struct Query<'a> {
    ids: HashSet<&'a str>,
    start: Timestamp,
    end: Timestamp,
    pattern: Option<String>,
}

/// The questions that find every line: by id where the ids are few, else everything logged meanwhile.
fn queries(requests: &BTreeMap<String, Times>) -> Vec<Query<'_>> {
    let mut by_time: Vec<(&str, Times)> = requests.iter().map(|(id, times)| (id.as_str(), *times)).collect();
    // Neighbours in time are asked for together, so that each question is about a short time.
    by_time.sort_by_key(|(id, (first, last))| (*first, *last, *id));
    let few = by_time.len() <= MOST_REQUESTS;
    let a_call = if few { IDS_A_CALL } else { by_time.len() };
    by_time
        .chunks(a_call.max(1))
        .map(|ids| {
            let first = ids.iter().map(|(_, (first, _))| *first).min().unwrap_or_default();
            let last = ids.iter().map(|(_, (_, last))| *last).max().unwrap_or_default();
            let terms: Vec<String> = ids.iter().map(|(id, _)| format!("?\"{id}\"")).collect();
            let plain = ids.iter().all(|(id, _)| !id.contains(['"', '\\']));
            Query {
                ids: ids.iter().map(|(id, _)| *id).collect(),
                start: first.checked_sub(AROUND).unwrap_or(Timestamp::MIN),
                end: last.checked_add(AROUND).unwrap_or(Timestamp::MAX),
                pattern: (few && plain).then(|| terms.join(" ")),
            }
        })
        .collect()
}

fn request_id(message: &str) -> Option<String> {
    let mut line: Value = serde_json::from_str(message).ok()?;
    match line.get_mut("request_id")?.take() {
        Value::String(id) => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn few_requests_are_asked_for_by_id_in_short_times_many_all_at_once() {
        let requests = |count: i64| -> BTreeMap<String, Times> {
            let at = |n: i64| time("2026-11-25T00:00:00Z") + SignedDuration::from_mins(n);
            (0..count).map(|n| (format!("00000000-0000-7000-8000-{n:012}"), (at(n), at(n)))).collect()
        };
        let few = requests(60);
        let asked = queries(&few);
        assert_eq!(asked.iter().map(|query| query.ids.len()).collect::<Vec<_>>(), [25, 25, 10]);
        for query in &asked {
            let pattern = query.pattern.as_ref().unwrap();
            assert!(pattern.len() <= 1024, "{}", pattern.len());
            assert!(query.ids.iter().all(|id| pattern.contains(&format!("?\"{id}\""))));
        }
        assert_eq!(asked[1].start, time("2026-11-25T00:15:00Z"));
        assert_eq!(asked[1].end, time("2026-11-25T00:59:00Z"));
        let many = requests(1001);
        let asked = queries(&many);
        assert_eq!((asked.len(), asked[0].ids.len(), asked[0].pattern.as_deref()), (1, 1001, None));
        assert!(queries(&BTreeMap::new()).is_empty());
    }

    #[test]
    fn a_line_belongs_to_the_request_that_it_names_as_its_own() {
        assert_eq!(request_id(r#"{"request_id":"a","details":{"other":"b"}}"#).as_deref(), Some("a"));
        for other in [r#"{"details":{"request_id":"a"}}"#, "START RequestId: a", r#"{"request_id":1}"#] {
            assert_eq!(request_id(other), None, "{other}");
        }
    }
}
