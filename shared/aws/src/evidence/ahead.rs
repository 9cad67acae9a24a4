//! The log's bundles one after the other, the next few on their way while one is used: how long the store takes to answer is
//! waited for once, not for each.

use std::collections::VecDeque;
use std::sync::Arc;

use engine_core::merkle::{BUNDLE, StoredBody};
use tokio::task::JoinHandle;

use super::source::LogAt;
use crate::Error;
use crate::sealed_log::LogReader;

/// Bundles on their way at most: of headers some 200 KiB each, of bodies at most 4 MiB.
const AHEAD: usize = 8;

/// One bundle of the log.
pub(super) struct Bundle {
    /// The index of its first entry.
    pub(super) start: u64,
    /// Its number.
    pub(super) number: u64,
    /// Its headers.
    pub(super) headers: Arc<Vec<String>>,
    /// Its bodies, the long ones apart; none where they were not asked for.
    pub(super) bodies: Arc<Vec<StoredBody>>,
}

/// What of a bundle is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Headers,
    HeadersAndBodies,
}

/// Reads bundles in the order of `numbers`.
pub(super) struct Ahead<I> {
    reader: LogReader,
    size: u64,
    part: Part,
    numbers: I,
    reading: VecDeque<Reading>,
}

/// A bundle on its way, which nobody waits for once this is gone.
struct Reading(JoinHandle<Result<Bundle, Error>>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<I: Iterator<Item = u64>> Ahead<I> {
    pub(super) fn new(log: LogAt<'_>, part: Part, numbers: I) -> Self {
        Self { reader: log.reader().clone(), size: log.size(), part, numbers, reading: VecDeque::new() }
    }

    /// The next bundle; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Bundle>, Error> {
        while self.reading.len() < AHEAD {
            let Some(number) = self.numbers.next() else { break };
            let (reader, size, part) = (self.reader.clone(), self.size, self.part);
            self.reading.push_back(Reading(tokio::spawn(async move { read(&reader, part, number, size).await })));
        }
        let Some(mut first) = self.reading.pop_front() else { return Ok(None) };
        match (&mut first.0).await {
            Ok(bundle) => bundle.map(Some),
            Err(error) => Err(Error::Unavailable { operation: "reading ahead", cause: error.to_string() }),
        }
    }
}

/// Reads one bundle.
pub(super) async fn read(reader: &LogReader, part: Part, number: u64, size: u64) -> Result<Bundle, Error> {
    let headers = reader.headers(number, size).await?;
    let bodies = match part {
        Part::Headers => Arc::default(),
        Part::HeadersAndBodies => reader.bodies(number, size).await?,
    };
    Ok(Bundle { start: number * BUNDLE, number, headers, bodies })
}
