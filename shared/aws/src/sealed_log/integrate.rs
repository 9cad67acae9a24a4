//! Integrating: what was sequenced since the newest checkpoint becomes tiles, bundles, anchors, search rows, and a
//! checkpoint over them.
//!
//! All of it follows from the batches, so two that do it at once write the same, and one that is killed anywhere leaves
//! nothing that the next does not complete. Only the newest checkpoint is decided between them, by the table: it becomes
//! that there before it is locked away, so that locked checkpoints grow in size and time alike, and the bucket is never
//! ahead of the table.
//!
//! A checkpoint's time promises two things, by which a range of time is bounded: every entry of a time up to [`CLOSES`]
//! before it is under it, and none of a later time than its own is.

use engine_core::audit::{Event, Header, Outcome};
use engine_core::evidence::SETTLING_SECONDS;
use engine_core::merkle::{BUNDLE, Checkpoint, Edge, SignedNote, StoredBody, open_checkpoint};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::task::JoinSet;

use super::batch::{self, Sealed, join};
use super::growth::{self, Growth};
use super::read::{ClientAnchor, LogReader, SnapshotAnchor};
use super::table::{MOST_WRITTEN, Moved, Newest, Reached, SequencedBatch};
use super::{SealError, Sealer, names, search, sequence};
use crate::Error;
use crate::item::Item;

/// How long before a checkpoint's time everything is under it.
pub const CLOSES: SignedDuration = SignedDuration::from_secs(SETTLING_SECONDS);
/// The time between two checkpoints, at least: what is integrated meanwhile waits for the next.
pub const MIN_CHECKPOINT_INTERVAL: SignedDuration = SignedDuration::from_secs(5);
/// How far ahead of the clock the newest checkpoint may be, for clocks that differ.
pub const MOST_AHEAD: SignedDuration = SignedDuration::from_mins(1);
/// Entries, but for the last batch of them, after which it is noted how far the log has come: a run that takes longer than
/// a function may is not begun again from its start.
pub const MOST_INTEGRATED: u64 = 32_768;
/// Writes of search rows at once.
const WRITES_AT_ONCE: usize = 8;

/// How far the log was moved on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrated {
    /// Entries under the newest checkpoint before.
    pub from: u64,
    /// Entries under the newest checkpoint after.
    pub to: u64,
    /// The checkpoint, where this call signed it.
    pub checkpoint: Option<Checkpoint>,
}

impl Integrated {
    const fn nothing(size: u64) -> Self {
        Self { from: size, to: size, checkpoint: None }
    }
}

impl Sealer {
    /// Moves the log on to what was sequenced, under a checkpoint of the time `now` or, where the sweep is behind, of the
    /// latest time at which it closes what was swept. Does nothing where nothing was sequenced, or where the newest
    /// checkpoint was signed less than [`MIN_CHECKPOINT_INTERVAL`] ago; signs nothing that would promise too much.
    ///
    /// In a log that was never swept all is taken to be sequenced.
    ///
    /// Never signs over a contradiction: [`SealError::Forked`].
    pub async fn integrate(&self, now: Timestamp) -> Result<Integrated, SealError> {
        self.integrate_under(now, Timestamp::MIN).await
    }

    /// As [`Sealer::integrate`], with a key that is valid from `valid_from` on: no checkpoint is of a time before that.
    pub async fn integrate_under(&self, now: Timestamp, valid_from: Timestamp) -> Result<Integrated, SealError> {
        let newest = self.table.newest().await?;
        let size = newest.as_ref().map_or(0, |newest| newest.size);
        if let Some(newest) = &newest {
            let ahead = newest.time.max(newest.signed).duration_since(now);
            if ahead > MOST_AHEAD {
                let cause = format!("it is of {}, and it is {now}", newest.time);
                return Err(SealError::forked("the newest checkpoint's time", cause));
            }
            if now.duration_since(newest.signed) < MIN_CHECKPOINT_INTERVAL {
                return Ok(Integrated::nothing(size));
            }
        }
        if let Some(ahead) = self.settle(newest.as_ref()).await? {
            return Ok(Integrated::nothing(ahead));
        }
        // Before the head: what was swept by then is below it.
        let swept = self.table.swept().await?;
        let head = self.table.head().await?;
        let reached = self.start(newest.as_ref()).await?;
        let known = reached.as_ref().map_or(0, |reached| reached.size);
        if head < known {
            return Err(SealError::forked("the log's head", format_args!("it is {head} with {known} integrated")));
        }
        let time = swept.map_or(now, |swept| now.min(swept + CLOSES));
        let time = Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time);
        if head == size || time < valid_from || newest.as_ref().is_some_and(|newest| time <= newest.time) {
            return Ok(Integrated::nothing(size));
        }
        let mut latest = reached.as_ref().map_or(Timestamp::MIN, |reached| reached.latest);
        let log = self.grown(reached.as_ref(), head, &mut latest).await?;
        // Entries of a later time than that of the clock are of a wrong one, and hold nothing up.
        if latest.min(now) > time && time < now {
            self.table.set_reached(&so_far(&log, latest)).await?;
            return Ok(Integrated::nothing(size));
        }
        self.publish(size, &log, time, now).await
    }

    /// From where the log is moved on.
    async fn start(&self, newest: Option<&Newest>) -> Result<Option<Reached>, SealError> {
        let signed = newest.map(|newest| Reached {
            size: newest.size,
            root: newest.root,
            bodies: newest.bodies.clone(),
            latest: newest.time,
        });
        let size = signed.as_ref().map_or(0, |signed| signed.size);
        let reached = self.table.reached().await?.filter(|reached| reached.size > size);
        Ok(reached.or(signed))
    }

    /// The log of `head` entries, out of what it has reached and what was sequenced since. Takes note of the latest time of
    /// an entry.
    async fn grown(&self, from: Option<&Reached>, head: u64, latest: &mut Timestamp) -> Result<Growth, SealError> {
        let reader = self.reader();
        let mut log = self.resume(&reader, from).await?;
        while log.size() < head {
            for batch in self.batches(log.size(), head).await? {
                self.append(&reader, &mut log, &batch, latest).await?;
            }
            for (key, bytes) in log.partials()? {
                self.work.put(&key, bytes).await?;
            }
            if log.size() < head {
                self.table.set_reached(&so_far(&log, *latest)).await?;
            }
        }
        Ok(log)
    }

    /// Locks the newest checkpoint away, if whoever signed it did not get to. Answers the size of a newer checkpoint where
    /// others have gone on since it was read.
    async fn settle(&self, newest: Option<&Newest>) -> Result<Option<u64>, SealError> {
        let size = newest.map_or(0, |newest| newest.size);
        let key = names::checkpoint(size);
        let (keys, _) = self.records.keys_from(names::CHECKPOINTS, &key).await?;
        let locked = keys.iter().filter_map(|key| names::number(names::CHECKPOINTS, key)).max();
        if let Some(locked) = locked.filter(|locked| *locked > size) {
            let ahead = self.table.newest().await?.map_or(0, |newest| newest.size);
            if ahead >= locked {
                return Ok(Some(ahead));
            }
            let cause = format!("the table knows no checkpoint beyond {ahead}");
            return Err(SealError::forked(names::checkpoint(locked), cause));
        }
        let Some(newest) = newest else { return Ok(None) };
        let item = Checkpoint { origin: self.origin.clone(), size, root: newest.root, time: newest.time };
        let note = SignedNote::parse(&newest.note).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
        if note.as_ref() != Some(&item) {
            return Err(SealError::forked("the newest checkpoint's item", "its note says something else"));
        }
        if locked.is_none() {
            self.check_note(&newest.note).await?;
            self.lock(&key, newest.note.as_bytes()).await?;
        } else if self.records.first(&key).await?.as_deref() != Some(newest.note.as_bytes()) {
            return Err(SealError::forked(key, "its first version is not the table's newest checkpoint"));
        }
        Ok(None)
    }

    /// A note that is yet to be locked away must be the log's: signed by its key, or by the one before that.
    async fn check_note(&self, note: &str) -> Result<(), SealError> {
        if open_checkpoint(note, &[self.signer.verifier_key().await?]).is_ok() {
            return Ok(());
        }
        let opened = self.reader().register().await?.open_checkpoint(note);
        opened.map(|_| ()).map_err(|error| SealError::forked("the newest checkpoint's item", error))
    }

    /// What was sequenced from `size` on, without a gap, as much of it as is integrated in one go.
    async fn batches(&self, size: u64, head: u64) -> Result<Vec<SequencedBatch>, SealError> {
        let batches = self.table.batches(size, head.min(size + MOST_INTEGRATED)).await?;
        let mut next = size;
        for batch in &batches {
            if batch.start != next || batch.count == 0 || batch.end() > head {
                return Err(SealError::forked(
                    format!("the batch of {next}"),
                    "the batches do not join up to the head",
                ));
            }
            next = batch.end();
        }
        if next == size || (next < head && next < size + MOST_INTEGRATED) {
            return Err(SealError::forked(
                format!("the batch of {next}"),
                "it is not there, and the head is beyond it",
            ));
        }
        Ok(batches)
    }

    /// The log as far as it has come: from the working copies or, where they are gone or of another tree, from
    /// what cannot be altered.
    async fn resume(&self, reader: &LogReader, reached: Option<&Reached>) -> Result<Growth, SealError> {
        let Some(reached) = reached else { return Ok(Growth::empty()) };
        let fits = |log: &Growth| log.root() == reached.root && log.last_bodies() == reached.bodies;
        match self.working_copy(reader, reached.size).await {
            Ok(Some(log)) if fits(&log) => return Ok(log),
            Ok(_) | Err(SealError::Store(Error::NotFound(_) | Error::Corrupt { .. })) => {}
            Err(error) => return Err(error),
        }
        let log = self.rebuilt(reader, reached.size).await?;
        log.filter(fits).ok_or_else(|| {
            let cause = format!("what is stored has not the root {} that was noted, or other bodies", reached.root);
            SealError::forked(format!("the log of {}", reached.size), cause)
        })
    }

    async fn working_copy(&self, reader: &LogReader, size: u64) -> Result<Option<Growth>, SealError> {
        let mut above = Vec::new();
        for id in Edge::tiles(size).into_iter().filter(|id| id.level > 0) {
            above.push(reader.tile(id).await?.to_vec());
        }
        let last = if size.is_multiple_of(BUNDLE) { Some(Vec::new()) } else { bundle(reader, size).await? };
        Ok(last.and_then(|last| Growth::resume(size, last, above)))
    }

    async fn rebuilt(&self, reader: &LogReader, size: u64) -> Result<Option<Growth>, SealError> {
        let mut above = Vec::new();
        for id in Edge::tiles(size).into_iter().filter(|id| id.level > 0) {
            above.push(reader.rebuilt(id).await?);
        }
        let first = size - size % BUNDLE;
        let mut last = Vec::new();
        // The bundle may begin inside a batch.
        for batch in self.table.batches(first.saturating_sub(sequence::MOST_BATCHED as u64), size).await? {
            if batch.end() <= first {
                continue;
            }
            let skipped = usize::try_from(first.saturating_sub(batch.start)).unwrap_or(usize::MAX);
            last.extend(self.load(reader, &batch).await?.into_iter().skip(skipped));
        }
        Ok(Growth::resume(size, last, above))
    }

    /// The entries of a batch: from its object, or from bundles where these came to be before the object went.
    async fn load(&self, reader: &LogReader, batch: &SequencedBatch) -> Result<Vec<Sealed>, SealError> {
        let key = &batch.object;
        let entries = match self.work.get(key).await? {
            Some(bytes) => batch::decode(batch.start, key, &bytes)?,
            None => match bundles(reader, batch).await {
                // The digest in the name covers all of it, so it tells whether this is the same.
                Ok(entries) if batch::encode(batch.start, &entries)?.0 == *key => entries,
                Ok(_) => return Err(SealError::missing(key, "the bundles hold something else in its place")),
                Err(SealError::Store(error @ (Error::NotFound(_) | Error::Corrupt { .. }))) => {
                    return Err(SealError::missing(key, format_args!("nor is it in bundles: {error}")));
                }
                Err(error) => return Err(error),
            },
        };
        if entries.len() as u64 == batch.count {
            Ok(entries)
        } else {
            Err(SealError::forked(key, format_args!("it holds {} entries of {}", entries.len(), batch.count)))
        }
    }

    async fn append(
        &self,
        reader: &LogReader,
        log: &mut Growth,
        batch: &SequencedBatch,
        latest: &mut Timestamp,
    ) -> Result<(), SealError> {
        let mut rows = Vec::new();
        for sealed in self.load(reader, batch).await? {
            let index = log.size();
            let wrong = || SealError::forked(&batch.object, format_args!("entry {index} does not match its digest"));
            let header = growth::header(&sealed).ok_or_else(wrong)?;
            *latest = header.time.parse().map_or(*latest, |time: Timestamp| time.max(*latest));
            self.anchor(reader, index, &header, &sealed.body).await?;
            rows.extend(search::rows(index, &sealed.header, &header));
            for (key, bytes) in log.push(sealed)? {
                self.lock(&key, &bytes).await?;
            }
        }
        self.write_rows(rows).await
    }

    async fn write_rows(&self, mut rows: Vec<Item>) -> Result<(), SealError> {
        let mut writes = JoinSet::new();
        while !rows.is_empty() || !writes.is_empty() {
            while !rows.is_empty() && writes.len() < WRITES_AT_ONCE {
                let (table, items) = (self.table.clone(), rows.split_off(rows.len().saturating_sub(MOST_WRITTEN)));
                writes.spawn(async move { table.write(items).await });
            }
            if let Some(written) = writes.join_next().await {
                written.unwrap_or_else(|error| {
                    Err(Error::Unavailable { operation: "dynamodb:BatchWriteItem", cause: error.to_string() })
                })?;
            }
        }
        Ok(())
    }

    /// Notes where a reference is first opened, so that it is found without reading the log.
    async fn anchor(
        &self,
        reader: &LogReader,
        index: u64,
        header: &Header,
        body: &StoredBody,
    ) -> Result<(), SealError> {
        let done = |event: Event| header.event == event.as_str() && header.outcome == Outcome::Success.as_str();
        if done(Event::ClientCreate)
            && let Some(client_ref) = &header.client_ref
        {
            return self.anchor_client(reader, client_ref, index).await;
        }
        if done(Event::SnapshotImport) {
            let body = match body {
                StoredBody::Inline(body) => body.clone(),
                StoredBody::Apart => reader.body_apart(&header.body_sha256).await?,
            };
            if let Some(snapshot) = anchored_snapshot(&body) {
                let anchor = json(&SnapshotAnchor { index, snapshot })?;
                return self.lock(&names::snapshot_anchor(index), &anchor).await;
            }
        }
        Ok(())
    }

    async fn anchor_client(&self, reader: &LogReader, client_ref: &str, index: u64) -> Result<(), SealError> {
        let locked = self.lock(&names::client_anchor(client_ref), &json(&ClientAnchor { index })?).await;
        let Err(SealError::Forked { what, cause }) = locked else { return locked };
        // A client that was created once more is anchored where it was first.
        match reader.client_anchor(client_ref).await? {
            Some(first) if first < index => Ok(()),
            _ => Err(SealError::Forked { what, cause }),
        }
    }

    /// Signs for the log as it is and makes that the newest checkpoint, if nobody was faster.
    async fn publish(
        &self,
        from: u64,
        log: &Growth,
        time: Timestamp,
        signed: Timestamp,
    ) -> Result<Integrated, SealError> {
        let checkpoint = Checkpoint { origin: self.origin.clone(), size: log.size(), root: log.root(), time };
        let note = self.signer.sign(&checkpoint.text()).await?.to_string();
        let (size, root) = (checkpoint.size, checkpoint.root);
        let newest = Newest { size, root, time, signed, note, bodies: log.last_bodies() };
        if self.table.advance(&newest).await? == Moved::Lost {
            let winner = self.table.newest().await?;
            let (size, root) = winner.map_or((0, None), |winner| (winner.size, Some(winner.root)));
            if size == newest.size && root != Some(newest.root) {
                return Err(SealError::forked(names::checkpoint(size), "another sealer signed another root"));
            }
            return Ok(Integrated { from, to: size, checkpoint: None });
        }
        self.lock(&names::checkpoint(newest.size), newest.note.as_bytes()).await?;
        Ok(Integrated { from, to: newest.size, checkpoint: Some(checkpoint) })
    }
}

fn so_far(log: &Growth, latest: Timestamp) -> Reached {
    Reached { size: log.size(), root: log.root(), bodies: log.last_bodies(), latest }
}

/// The entries of the last bundle of a log of `size`; `None` where headers and bodies do not go together.
async fn bundle(reader: &LogReader, size: u64) -> Result<Option<Vec<Sealed>>, SealError> {
    let index = (size - 1) / BUNDLE;
    let (headers, bodies) = (reader.headers(index, size).await?, reader.bodies(index, size).await?);
    Ok(join(headers.to_vec(), bodies.to_vec()))
}

/// The entries of a batch from the bundles that cover it.
async fn bundles(reader: &LogReader, batch: &SequencedBatch) -> Result<Vec<Sealed>, SealError> {
    let full = BUNDLE;
    let first = batch.start / full;
    let mut entries = Vec::new();
    for index in first..batch.end().div_ceil(full) {
        let size = batch.end().min((index + 1) * full);
        entries.extend(bundle(reader, size).await?.unwrap_or_default());
    }
    let skipped = usize::try_from(batch.start - first * full).unwrap_or(usize::MAX);
    Ok(entries.split_off(skipped.min(entries.len())))
}

/// The snapshot that an import put in force, where its entry names the list of its references.
fn anchored_snapshot(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let details = body.get("details")?;
    details.get("references_sha256")?.as_str()?;
    details.get("snapshot_id")?.as_str().map(str::to_owned)
}

fn json(anchor: &impl serde::Serialize) -> Result<Vec<u8>, SealError> {
    serde_json::to_vec(anchor).map_err(|error| Error::corrupt("anchor", error).into())
}
