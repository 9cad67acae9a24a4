//! Builds a bundle: the log bundle by bundle, several times over rather than held, so that memory does not grow with it.

use std::collections::{BTreeMap, BTreeSet};

use engine_core::evidence::{
    CSV_HEADER, Completeness, Consistency, EntryLine, FORMAT, Facts, Filter, Inclusion, Indices, LineError, LogEvent,
    MOST_RANGE, Manifest, Member, Openings, ROTATIONS_HEADER, RangeProof, csv_row, manifest_note_text, readme, rotates,
    rotation_row, to_json, to_line,
};
use engine_core::hex;
use engine_core::merkle::{RangeVerifier, SignedNote, leaf_hash, range_subtrees, verify_consistency};
use engine_core::time::rfc3339;
use jiff::Timestamp;

use super::ahead::{Ahead, Bundle, Part};
use super::anchors::{Anchored, anchored};
use super::logs::{LogSource, MOST_REQUESTS, MOST_TIME, Times};
use super::member::ZipSink;
use super::request::{ExportRequest, Resolver, resolve};
use super::sink::Sink;
use super::source::{Bounds, LogAt, bundles, numbers, read_header, within};
use super::{Built, ExportError, Progress};
use crate::Error;
use crate::kms::NoteSigner;
use crate::sealed_log::LogReader;

/// Builds the bundle that `request` stands for, into `sink`. The sink is finished, or on any failure aborted.
///
/// `logs` are where the annex comes from, where asked for. With a `signer` the manifest's note is signed and kept, unless
/// it is kept already; without one it is taken from where it is kept, and left out where it is not.
pub async fn build(
    reader: &LogReader,
    resolver: &impl Resolver,
    request: &ExportRequest,
    logs: Option<&LogSource>,
    signer: Option<&NoteSigner>,
    sink: &mut impl Sink,
    progress: impl FnMut(Progress) + Send,
) -> Result<Built, ExportError> {
    // Boxed, so that who waits for a bundle is not as large as what makes it.
    let built = Box::pin(write(reader, resolver, request, logs, signer, sink, progress)).await;
    match built {
        Ok(built) => match sink.finish().await {
            Ok(()) => Ok(built),
            Err(error) => {
                sink.abort().await;
                Err(error.into())
            }
        },
        Err(error) => {
            sink.abort().await;
            Err(error)
        }
    }
}

async fn write<S: Sink>(
    reader: &LogReader,
    resolver: &impl Resolver,
    request: &ExportRequest,
    logs: Option<&LogSource>,
    signer: Option<&NoteSigner>,
    sink: &mut S,
    progress: impl FnMut(Progress) + Send,
) -> Result<Built, ExportError> {
    let plan = Plan::make(LogAt::new(reader, request.size), resolver, request).await?;
    let mut writer =
        Writer { plan: &plan, zip: ZipSink::new(sink), steps: Steps { done: 0, total: 1, tell: progress } };
    let mut manifest = writer.manifest();
    let selection = writer.head().await?;
    writer.entries(&selection.indices).await?;
    writer.anchors().await?;
    if let Some(first) = request.consistent_with {
        writer.consistency(first).await?;
    }
    writer.table(&Member::Csv, CSV_HEADER, &selection.indices, |entry| csv_row(entry).map(Some)).await?;
    if !selection.rotating.is_empty() {
        writer.table(&Member::Rotations, ROTATIONS_HEADER, &selection.rotating, rotation_row).await?;
    }
    if request.include_logs {
        let logs = logs.ok_or_else(|| ExportError::Missing("there are no log groups to read".to_owned()))?;
        writer.log_events(logs, &selection.requests).await?;
    }
    manifest.matched = selection.indices.len() as u64;
    let Writer { mut zip, mut steps, .. } = writer;
    manifest.files = zip.files().to_vec();
    let text = line(manifest.text())?;
    let manifest_sha256 = hex::sha256(text.as_bytes());
    zip.put(&Member::Manifest.name(), text.as_bytes()).await?;
    if let Some(note) = note(reader, signer, &manifest_sha256).await? {
        zip.put(&Member::Note.name(), note.as_bytes()).await?;
    }
    let (sha256, bytes) = zip.finish().await?;
    steps.all();
    Ok(Built { sha256, bytes, matched: manifest.matched, completeness: manifest.completeness, manifest_sha256 })
}

/// The note over a manifest: the one that was kept first, so that the same request gives the same bytes after the key was
/// replaced too.
async fn note(
    reader: &LogReader,
    signer: Option<&NoteSigner>,
    manifest_sha256: &str,
) -> Result<Option<String>, ExportError> {
    let (key, text) = (format!("notes/{manifest_sha256}"), manifest_note_text(manifest_sha256));
    if let Some(kept) = reader.records().first(&key).await? {
        return read_note(&key, &text, kept).map(Some);
    }
    let Some(signer) = signer else { return Ok(None) };
    let note = signer.sign(&text).await?.to_string();
    match reader.records().put_once(&key, note.as_bytes()).await {
        Ok(_) => Ok(Some(note)),
        // Another worker signed it meanwhile, with the key before or after this one.
        Err(Error::Conflict(_)) => {
            let kept = reader.records().first(&key).await?;
            kept.map(|kept| read_note(&key, &text, kept)).transpose()
        }
        Err(error) => Err(error.into()),
    }
}

fn read_note(key: &str, text: &str, kept: Vec<u8>) -> Result<String, ExportError> {
    let other = || ExportError::Inconsistent(format!("object {key} is not a note over that manifest"));
    let note = String::from_utf8(kept).map_err(|_| other())?;
    let signed = SignedNote::parse(&note).map_err(|_| other())?;
    if signed.text() == text { Ok(note) } else { Err(other()) }
}

/// What is known before the first byte is written.
struct Plan<'a> {
    log: LogAt<'a>,
    bounds: Bounds,
    completeness: Completeness,
    filter: Filter,
    opened: Openings,
    anchored: Anchored,
    include_logs: bool,
    /// Requests that the annex takes at most.
    most_requests: usize,
}

impl<'a> Plan<'a> {
    async fn make(log: LogAt<'a>, resolver: &impl Resolver, request: &ExportRequest) -> Result<Self, ExportError> {
        let at = log.checkpoint().await?;
        let from = request.from.unwrap_or(Timestamp::UNIX_EPOCH);
        let to = request.to.unwrap_or_else(|| Manifest::latest_to(at.checkpoint.time));
        for (field, time) in [("from", from), ("to", to)] {
            // The manifest has times to the millisecond, as headers have.
            if time.as_nanosecond().rem_euclid(1_000_000) != 0 {
                return Err(ExportError::Invalid { field, problem: "must be a time to the millisecond".to_owned() });
            }
        }
        if from >= to {
            let problem = format!("must be later than {}", rfc3339(from));
            return Err(ExportError::Invalid { field: "to", problem });
        }
        let bounds = log.bounds(at, from, to).await?;
        let names = resolve(resolver, log, request).await?;
        let set = |values: &[String]| values.iter().cloned().collect::<BTreeSet<_>>();
        let filter = Filter {
            from,
            to,
            event: set(&request.event),
            outcome: set(&request.outcome),
            actor_ref: names.actors.clone(),
            client_ref: names.clients.keys().cloned().collect(),
            subject_ref: names.tickers.keys().cloned().collect(),
            request_id: set(&request.request_id),
        };
        let opened = names.openings();
        let anchored = anchored(log, &names, bounds.checkpoint().root).await?;
        let too_long = bounds.end_index() - bounds.first_index() > MOST_RANGE;
        let completeness = if too_long { Completeness::Selected } else { Completeness::Range };
        let short = to.duration_since(from) <= MOST_TIME;
        let most_requests = if short { usize::MAX } else { MOST_REQUESTS };
        let include_logs = request.include_logs;
        Ok(Self { log, bounds, completeness, filter, opened, anchored, include_logs, most_requests })
    }

    fn indices(&self) -> Indices {
        Indices { first: self.bounds.first_index(), end: self.bounds.end_index() }
    }

    /// The range that is carried whole.
    fn range(&self) -> Option<Indices> {
        (self.completeness == Completeness::Range).then(|| self.indices())
    }
}

/// What of the range matches.
#[derive(Default)]
struct Selection {
    indices: Vec<u64>,
    /// Those of them whose event rotates a credential.
    rotating: Vec<u64>,
    /// Kept for the annex alone.
    requests: BTreeMap<String, Times>,
}

struct Steps<F> {
    done: u64,
    total: u64,
    tell: F,
}

impl<F: FnMut(Progress)> Steps<F> {
    fn step(&mut self) {
        self.done += 1;
        (self.tell)(Progress { done: self.done, total: self.total.max(self.done) });
    }

    fn all(&mut self) {
        self.total = self.done;
        self.step();
    }
}

struct Writer<'a, 'b, S, F> {
    plan: &'a Plan<'a>,
    zip: ZipSink<'b, S>,
    steps: Steps<F>,
}

impl<S: Sink, F: FnMut(Progress) + Send> Writer<'_, '_, S, F> {
    /// The manifest as far as it is known before the entries are read.
    fn manifest(&self) -> Manifest {
        let plan = self.plan;
        Manifest {
            format: FORMAT.to_owned(),
            origin: plan.bounds.checkpoint().origin.clone(),
            size: plan.log.size(),
            completeness: plan.completeness,
            range: plan.range(),
            filter: plan.filter.clone(),
            opened: plan.opened.clone(),
            matched: 0,
            files: Vec::new(),
        }
    }

    /// What comes before the entries; finds which they are.
    async fn head(&mut self) -> Result<Selection, ExportError> {
        let plan = self.plan;
        let Indices { first, end } = plan.indices();
        self.steps.total = bundles(first, end).count() as u64 + 1;
        let facts = Facts {
            origin: &plan.bounds.checkpoint().origin,
            size: plan.log.size(),
            range: plan.range(),
            filter: &plan.filter,
            opened: &plan.opened,
            log_events: plan.include_logs,
        };
        self.zip.put(&Member::Readme.name(), readme(&facts).as_bytes()).await?;
        self.zip.put(&Member::Checkpoint.name(), plan.bounds.at.note.as_bytes()).await?;
        let selection = if plan.range().is_some() {
            self.range().await?
        } else {
            let mut selection = Selection::default();
            let mut ahead = Ahead::new(plan.log, Part::Headers, bundles(first, end));
            while let Some(Bundle { start, headers, .. }) = ahead.next().await? {
                for (index, header) in (start..).zip(headers.iter()).filter(|(index, _)| (first..end).contains(index)) {
                    select(&mut selection, plan, index, header)?;
                }
                self.steps.step();
            }
            selection
        };
        // Three times over those that have an entry: the entries, their proofs, and the table. Then those that rotate.
        self.steps.total += 3 * numbers(&selection.indices).count() as u64;
        self.steps.total += numbers(&selection.rotating).count() as u64;
        Ok(selection)
    }

    /// The files under `range/`. What they hold has been checked against the checkpoints when they are written.
    async fn range(&mut self) -> Result<Selection, ExportError> {
        let plan = self.plan;
        let (bounds, log, Indices { first, end }) = (&plan.bounds, plan.log, plan.indices());
        for (member, found) in [(Member::CheckpointFirst, &bounds.first), (Member::CheckpointEnd, &bounds.end)] {
            if let Some(found) = found {
                self.zip.put(&member.name(), found.note.as_bytes()).await?;
            }
        }
        let wrong =
            |what: &dyn std::fmt::Display| ExportError::Inconsistent(format!("entries {first} to {end}: {what}"));
        let (before, after) =
            range_subtrees(first, end, log.size()).ok_or_else(|| wrong(&"their checkpoints are not in order"))?;
        let (left, right) = (log.nodes(&before).await?, log.nodes(&after).await?);
        let mut verifier = RangeVerifier::new(first, end, log.size(), &left, &right).map_err(|error| wrong(&error))?;
        let proof = RangeProof { first, end, size: log.size(), left, right };
        self.zip.put(&Member::RangeProof.name(), line(to_json(&proof))?.as_bytes()).await?;
        let root =
            |found: &Option<crate::sealed_log::StoredCheckpoint>| found.as_ref().map(|found| found.checkpoint.root);
        if root(&bounds.first).is_some_and(|root| root != verifier.root()) {
            return Err(wrong(&"the first checkpoint has another root"));
        }
        let mut selection = Selection::default();
        self.zip.start(&Member::RangeHeaders.name())?;
        let mut ahead = Ahead::new(log, Part::Headers, bundles(first, end));
        while let Some(Bundle { start, headers, .. }) = ahead.next().await? {
            for (index, header) in (start..).zip(headers.iter()).filter(|(index, _)| (first..end).contains(index)) {
                if header.contains('\n') {
                    return Err(wrong(&format_args!("header {index} is not one line")));
                }
                verifier.push(leaf_hash(header.as_bytes())).map_err(|error| wrong(&error))?;
                self.zip.write(format!("{header}\n").as_bytes()).await?;
                select(&mut selection, plan, index, header)?;
            }
            self.steps.step();
        }
        if root(&bounds.end).is_some_and(|root| root != verifier.root()) {
            return Err(wrong(&"the checkpoint after them has another root"));
        }
        verifier.finish(bounds.checkpoint().root).map_err(|error| wrong(&error))?;
        Ok(selection)
    }

    /// The entries that match, and in a file of its own the proof of each.
    async fn entries(&mut self, indices: &[u64]) -> Result<(), ExportError> {
        let log = self.plan.log;
        self.zip.start(&Member::Entries.name())?;
        let mut ahead = Ahead::new(log, Part::HeadersAndBodies, numbers(indices));
        while let Some(bundle) = ahead.next().await? {
            for entry in log.entries_of(&bundle, within(indices, &bundle)).await? {
                let entry = EntryLine { index: entry.index, header: entry.header, body: entry.body };
                self.zip.write(line(to_line(&entry))?.as_bytes()).await?;
            }
            self.steps.step();
        }
        self.zip.start(&Member::Inclusion.name())?;
        let mut ahead = Ahead::new(log, Part::Headers, numbers(indices));
        while let Some(bundle) = ahead.next().await? {
            let root = self.plan.bounds.checkpoint().root;
            for (index, proof) in log.proofs(&bundle, within(indices, &bundle), root).await? {
                self.zip.write(line(to_line(&Inclusion { index, proof }))?.as_bytes()).await?;
            }
            self.steps.step();
        }
        Ok(())
    }

    /// What fixed the opened references.
    async fn anchors(&mut self) -> Result<(), ExportError> {
        let Anchored { anchors, lists } = &self.plan.anchored;
        self.zip.start(&Member::Anchors.name())?;
        for anchor in anchors {
            self.zip.write(line(to_line(anchor))?.as_bytes()).await?;
        }
        for (snapshot, list) in lists {
            self.zip.put(&Member::References(snapshot.clone()).name(), list.as_bytes()).await?;
        }
        Ok(())
    }

    /// That the tree extends the older one of size `first`.
    async fn consistency(&mut self, first: u64) -> Result<(), ExportError> {
        let log = self.plan.log;
        let size = log.size();
        if first == 0 || first > size {
            let problem = format!("must be the size of a checkpoint between 1 and {size}");
            return Err(ExportError::Invalid { field: "consistent_with", problem });
        }
        let proof = log.reader().consistency_proof(first, size).await?;
        if let Some(older) = log.reader().checkpoint(first).await? {
            verify_consistency(first, size, older.checkpoint.root, self.plan.bounds.checkpoint().root, &proof)
                .map_err(|error| {
                    ExportError::Inconsistent(format!("the log does not extend that of {first}: {error}"))
                })?;
        }
        let text = line(to_json(&Consistency { first, size, proof }))?;
        Ok(self.zip.put(&Member::Consistency.name(), text.as_bytes()).await?)
    }

    /// A table of the entries at `indices`, with the row that each gives.
    async fn table(
        &mut self,
        member: &Member,
        first_row: &str,
        indices: &[u64],
        row: impl Fn(&EntryLine) -> Result<Option<String>, LineError> + Send,
    ) -> Result<(), ExportError> {
        self.zip.start(&member.name())?;
        self.zip.write(first_row.as_bytes()).await?;
        let log = self.plan.log;
        let mut ahead = Ahead::new(log, Part::HeadersAndBodies, numbers(indices));
        while let Some(bundle) = ahead.next().await? {
            for entry in log.entries_of(&bundle, within(indices, &bundle)).await? {
                let entry = EntryLine { index: entry.index, header: entry.header, body: entry.body };
                if let Some(row) = row(&entry).map_err(|error| ExportError::Inconsistent(error.to_string()))? {
                    self.zip.write(row.as_bytes()).await?;
                }
            }
            self.steps.step();
        }
        Ok(())
    }

    async fn log_events(&mut self, logs: &LogSource, requests: &BTreeMap<String, Times>) -> Result<(), ExportError> {
        self.zip.start(&Member::LogEvents.name())?;
        for event in logs.lines(requests).await? {
            let time =
                Timestamp::from_millisecond(event.timestamp).map_err(|error| Error::corrupt("log event", error))?;
            let event =
                LogEvent { group: event.group, stream: event.stream, time: rfc3339(time), message: event.message };
            self.zip.write(line(to_line(&event))?.as_bytes()).await?;
        }
        Ok(())
    }
}

fn select(selection: &mut Selection, plan: &Plan<'_>, index: u64, text: &str) -> Result<(), ExportError> {
    let header = read_header(index, text)?;
    if !plan.filter.matches(&header) {
        return Ok(());
    }
    selection.indices.push(index);
    if rotates(&header.event) {
        selection.rotating.push(index);
    }
    if plan.include_logs
        && let Ok(time) = header.time.parse::<Timestamp>()
    {
        let (first, last) = selection.requests.entry(header.request_id).or_insert((time, time));
        (*first, *last) = ((*first).min(time), (*last).max(time));
        if selection.requests.len() > plan.most_requests {
            let problem = format!(
                "the range is longer than a day and has more than {MOST_REQUESTS} requests: narrow it, or leave the logs out"
            );
            return Err(ExportError::Invalid { field: "include_logs", problem });
        }
    }
    Ok(())
}

fn line(text: Result<String, LineError>) -> Result<String, ExportError> {
    text.map_err(|error| ExportError::Inconsistent(error.to_string()))
}
