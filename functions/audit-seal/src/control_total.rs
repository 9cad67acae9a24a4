//! The total of a day: what the log holds of it, so that a loss shows in figures that were published before.

use std::collections::BTreeMap;

use engine_aws::sealed_log::CLOSES;
use engine_core::audit::{EntryId, Event, Header};
use engine_core::merkle::BUNDLE;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::fact::{Fact, taken};
use crate::sweep::{FIRST_SWEEP, MINUTE, minutes};
use crate::{AuditSeal, StepError};

/// How long after a day's end its total is made: by then its entries are sealed, or were reported as unsealed.
pub const AFTER_DAY: SignedDuration = CLOSES;

impl AuditSeal {
    /// Moves on the total of the oldest day that has none, once the clock and the sweep are past its end. First every minute
    /// of the day is swept once more, over several runs; then the total is counted from the sealed log. Answers the day
    /// whose total came into the log by this run.
    pub(crate) async fn control_total(&self, request_id: &str) -> Result<Option<String>, StepError> {
        let Some(newest) = self.sealer.table().newest().await? else { return Ok(None) };
        let Some(day) = self.day_due().await? else { return Ok(None) };
        let (end, now) = (start_of(next(day)?)?, self.clock.now());
        if now < end + AFTER_DAY || self.swept().await? < end {
            return Ok(None);
        }
        let Some(size) = self.sweep_day(day, request_id).await? else { return Ok(None) };
        if newest.size < size {
            return Ok(None);
        }
        let name = day.to_string();
        let id = self.fact_id(Event::ControlTotal, &name, end).await?;
        if self.is_told(id, &name, newest.size).await? {
            self.progress.set_newest_day(day).await?;
            return Ok(None);
        }
        let Some(total) = self.count(day, size).await? else { return Ok(None) };
        let time = self.progress.set_told(day, now).await?;
        let fact =
            Fact { event: Event::ControlTotal, name: &name, time, resource: format!("day:{day}"), details: total };
        let entry = self.record(Event::ControlTotal, &name, self.entry_of(id, fact)?).await?;
        // Its minute was swept already: what the stream loses of it, nothing else finds.
        self.sealer.sequence(vec![entry]).await?;
        self.progress.set_newest_day(day).await?;
        Ok(Some(name))
    }

    /// Whether the total with that id is in the log. One that is covered is read from there: it must be the total.
    async fn is_told(&self, id: EntryId, name: &str, size: u64) -> Result<bool, StepError> {
        let Some(index) = self.sealer.table().indices(&[id]).await?.remove(&id) else { return Ok(false) };
        let entry = if index < size {
            Some(self.sealer.reader().entry(index, size).await?)
        } else {
            self.audit.read_if_whole(id).await?
        };
        match entry {
            Some(entry) if !Self::is_about(&entry, Event::ControlTotal, name) => {
                Err(taken(id, Event::ControlTotal, name))
            }
            _ => Ok(true),
        }
    }

    /// The oldest day without a total: after the newest that has one, or that of the log's first entries. What is older
    /// than the first sweep goes back to is of no day that was ever complete.
    async fn day_due(&self) -> Result<Option<Date>, StepError> {
        if let Some(day) = self.progress.newest_day().await? {
            return Ok(Some(next(day)?));
        }
        let reader = self.sealer.reader();
        let Some(first) = reader.first_checkpoint_from(Timestamp::UNIX_EPOCH).await? else { return Ok(None) };
        let headers = reader.headers(0, first.checkpoint.size).await?;
        let ids = headers.iter().filter_map(|text| EntryId::parse(&serde_json::from_str::<Header>(text).ok()?.id));
        let oldest = ids.map(EntryId::time).min().unwrap_or(first.checkpoint.time);
        Ok(Some(day_of(oldest.max(first.checkpoint.time - FIRST_SWEEP))))
    }

    /// Sweeps the next minutes of `day` again. Once all are swept, how long the log was by then.
    async fn sweep_day(&self, day: Date, request_id: &str) -> Result<Option<u64>, StepError> {
        let progress = self.progress.of_day(day).await?;
        if progress.size.is_some() {
            return Ok(progress.size);
        }
        let (start, end) = (start_of(day)?, start_of(next(day)?)?);
        let from = progress.minute.unwrap_or(start);
        let mut swept = from;
        for minute in minutes(from, end) {
            self.sweep_minute(minute, request_id).await?;
            swept = minute + MINUTE;
            self.progress.set_minute(day, swept).await?;
        }
        if swept < end {
            return Ok(None);
        }
        let head = self.sealer.table().head().await?;
        Ok(Some(self.progress.set_size(day, head).await?))
    }

    /// Counts the entries of `day`, which are all among the first `size`, up to the first checkpoint that covers these: the
    /// same for every run, since it follows from `size`.
    async fn count(&self, day: Date, size: u64) -> Result<Option<Value>, StepError> {
        let reader = self.sealer.reader();
        let start = start_of(day)?;
        let Some(until) = reader.checkpoint_at_or_after(size).await? else { return Ok(None) };
        let until = until.checkpoint;
        let from = reader.last_checkpoint_before(start).await?.map_or(0, |before| before.checkpoint.size);
        let mut total = Total::default();
        for bundle in from / BUNDLE..until.size.div_ceil(BUNDLE) {
            let headers = reader.headers(bundle, until.size).await?;
            for (index, text) in (bundle * BUNDLE..).zip(headers.iter()).filter(|(index, _)| *index >= from) {
                let (header, time) = read(text)?;
                if day_of(time) == day {
                    let entry = reader.entry(index, until.size).await?;
                    total.add(index, &header, &serde_json::from_str(entry.body())?);
                }
            }
        }
        Ok(Some(total.details(day, until.size)))
    }
}

/// What a day comes to.
#[derive(Debug, Default)]
struct Total {
    entries: u64,
    first: Option<u64>,
    last: Option<u64>,
    by_event: BTreeMap<String, u64>,
    last_seq: BTreeMap<String, u64>,
    files: Vec<Value>,
}

impl Total {
    /// Adds the entry at `index`. Entries come in the order of their indices.
    fn add(&mut self, index: u64, header: &Header, body: &Value) {
        self.entries += 1;
        self.first.get_or_insert(index);
        self.last = Some(index);
        *self.by_event.entry(header.event.clone()).or_default() += 1;
        let details = &body["details"];
        if let (Some(key), Some(seq)) = (details["key_id"].as_str(), details["key_seq"].as_u64()) {
            let last = self.last_seq.entry(key.to_owned()).or_default();
            *last = seq.max(*last);
        }
        if header.event == Event::SnapshotImport.as_str() {
            self.files.push(json!({
                "index": index,
                "import_id": details["import_id"],
                "source": details["source"],
                "object": details["object"],
                "object_version": details["object_version"],
                "file_sha256": details["file_sha256"],
                "snapshot_id": details["snapshot_id"],
            }));
        }
    }

    fn details(self, day: Date, tree_size: u64) -> Value {
        json!({
            "day": day.to_string(),
            "tree_size": tree_size,
            "first_index": self.first,
            "last_index": self.last,
            "entries": self.entries,
            "by_event": self.by_event,
            "last_seq": self.last_seq,
            "files": self.files,
        })
    }
}

/// When a day (UTC) begins.
fn start_of(day: Date) -> Result<Timestamp, StepError> {
    Ok(day.to_zoned(TimeZone::UTC)?.timestamp())
}

/// The day (UTC) that holds `time`.
fn day_of(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

fn next(day: Date) -> Result<Date, StepError> {
    Ok(day.tomorrow()?)
}

/// A header and its time.
fn read(text: &str) -> Result<(Header, Timestamp), StepError> {
    let header: Header = serde_json::from_str(text)?;
    let time = header.time.parse()?;
    Ok((header, time))
}
