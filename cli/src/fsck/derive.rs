//! The log from its first entry to the newest checkpoint: every hash computed again, every signature verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_aws::sealed_log::{LogReader, StoredCheckpoint};
use engine_core::audit::{EntryId, Event, Header, Outcome};
use engine_core::hex;
use engine_core::merkle::{
    BODIES, BUNDLE, ENTRIES, Edge, Hash, KeyPurpose, KeyRegister, StoredBody, TileId, bundle_path, bundle_width,
    encode_tile, leaf_hash,
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::Value;

use super::audit_table::Comparison;
use super::report::Report;
use super::{Lost, Parts};
use crate::error::Error;

/// Derives the log and hands every entry on to be compared.
pub(super) async fn derive(parts: &Parts, report: &mut Report, table: &mut Comparison<'_>) -> Result<(), Error> {
    let reader = parts.reader();
    let register = register(&reader, report).await?;
    let Some(newest) = found(reader.newest_checkpoint().await, "the newest checkpoint", report)?.flatten() else {
        report.differs("there is no signed checkpoint");
        return Ok(());
    };
    report.origin = register.origin().map(str::to_owned).or(Some(newest.checkpoint.origin.clone()));
    let size = newest.checkpoint.size;
    report.entries = size;
    let bar = progress(size);
    let mut derivation =
        Derivation { parts, reader, register, size, edge: Edge::empty(), next: None, last_time: None, proven: 0 };
    for bundle in 0..size.div_ceil(BUNDLE) {
        let Some(headers) = derivation.headers(bundle, report).await? else {
            report.differs(format_args!("what follows entry {} of {size} cannot be derived", derivation.edge.size()));
            table.prove(derivation.proven, report);
            return Ok(());
        };
        let entries = derivation.entries(bundle, &headers, report).await?;
        derivation.grow(&headers, report).await?;
        derivation.anchors(&entries, report).await?;
        table.compare(&entries, report).await?;
        bar.set_position(derivation.edge.size());
    }
    table.prove(derivation.proven, report);
    derivation.partials(report).await?;
    bar.finish_and_clear();
    newest_items(parts, &derivation.reader, &newest, report).await
}

/// An entry as it was sealed, as far as it can be read.
pub(super) struct Sealed {
    pub(super) place: Lost,
    pub(super) header: String,
    /// None where the body is missing or is not the one that the header names.
    pub(super) body: Option<String>,
    event: Header,
}

struct Derivation<'a> {
    parts: &'a Parts,
    reader: LogReader,
    register: KeyRegister,
    size: u64,
    edge: Edge,
    /// The next signed checkpoint, once it has been looked for.
    next: Option<StoredCheckpoint>,
    last_time: Option<Timestamp>,
    /// Size of the largest signed checkpoint whose root is that of the entries read: what is before it is what was sealed.
    proven: u64,
}

impl Derivation<'_> {
    async fn headers(&self, bundle: u64, report: &mut Report) -> Result<Option<Arc<Vec<String>>>, Error> {
        let name = bundle_path(ENTRIES, bundle, bundle_width(bundle, self.size));
        found(self.reader.headers(bundle, self.size).await, &name, report)
    }

    /// The entries of a bundle. What of them cannot be read is a difference.
    async fn entries(&self, bundle: u64, headers: &[String], report: &mut Report) -> Result<Vec<Sealed>, Error> {
        let name = bundle_path(BODIES, bundle, bundle_width(bundle, self.size));
        let bodies = found(self.reader.bodies(bundle, self.size).await, &name, report)?;
        let mut entries = Vec::with_capacity(headers.len());
        for (place, (index, text)) in (bundle * BUNDLE..).zip(headers).enumerate() {
            let header: Option<Header> = serde_json::from_str(text).ok();
            let id = header.as_ref().and_then(|header| EntryId::parse(&header.id));
            let (Some(header), Some(id)) = (header, id) else {
                report.differs(format_args!("entry {index}: its header is none"));
                continue;
            };
            let body = match bodies.as_ref().and_then(|bodies| bodies.get(place)) {
                Some(StoredBody::Inline(body)) => Some(body.clone()),
                Some(StoredBody::Apart) => {
                    let entry = found(self.reader.entry(index, self.size).await, &format!("entry {index}"), report)?;
                    entry.map(|entry| entry.body().to_owned())
                }
                None => None,
            };
            let digest = body.as_ref().map(|body| hex::sha256(body.as_bytes()));
            let body = match digest {
                Some(digest) if digest != header.body_sha256 => {
                    report.differs(format_args!("entry {index}: its body is not the one that its header names"));
                    None
                }
                _ => body,
            };
            let place = Lost { index, id, size: self.size, leaf: leaf_hash(text.as_bytes()) };
            entries.push(Sealed { place, header: text.clone(), body, event: header });
        }
        Ok(entries)
    }

    /// Adds leaves to the tree; compares each tile that is full by them, and the root at each checkpoint.
    async fn grow(&mut self, headers: &[String], report: &mut Report) -> Result<(), Error> {
        for header in headers {
            for (tile, hashes) in self.edge.push(leaf_hash(header.as_bytes())) {
                self.tile(&tile, &hashes, report).await?;
            }
            self.checkpoint(report).await?;
        }
        Ok(())
    }

    async fn tile(&self, tile: &TileId, hashes: &[Hash], report: &mut Report) -> Result<(), Error> {
        let path = tile.path();
        report.tiles += 1;
        match self.parts.records.first(&path).await? {
            None => report.differs(format_args!("{path}: missing")),
            Some(bytes) if bytes != encode_tile(hashes) => {
                report.differs(format_args!("{path}: its hashes are not those of the entries"));
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn checkpoint(&mut self, report: &mut Report) -> Result<(), Error> {
        let size = self.edge.size();
        if self.next.is_none() {
            let next = self.reader.checkpoint_at_or_after(size).await;
            self.next = found(next, &format!("the checkpoint from {size} on"), report)?.flatten();
        }
        let Some(next) = self.next.take_if(|next| next.checkpoint.size <= size) else { return Ok(()) };
        report.checkpoints += 1;
        let name = format!("the checkpoint of {size}");
        let checkpoint = next.checkpoint;
        let same_root = checkpoint.root == self.edge.root();
        if !same_root {
            report.differs(format_args!("{name}: its root is not that of the entries"));
        }
        if self.register.origin().is_some_and(|origin| origin != checkpoint.origin) {
            report.differs(format_args!("{name}: it is of another log"));
        }
        match self.register.open_checkpoint(&next.note) {
            Ok(opened) if same_root && opened.size == size => self.proven = size,
            Ok(_) => {}
            Err(error) => report.differs(format_args!("{name}: {error}")),
        }
        if self.last_time.is_some_and(|last| last >= checkpoint.time) {
            report.differs(format_args!("{name}: it is not later than the one before it"));
        }
        self.last_time = Some(checkpoint.time);
        Ok(())
    }

    /// What anchors references says the same as the entries.
    async fn anchors(&self, entries: &[Sealed], report: &mut Report) -> Result<(), Error> {
        for entry in entries.iter().filter(|entry| entry.event.outcome == Outcome::Success.as_str()) {
            let index = entry.place.index;
            if let Some(client_ref) =
                entry.event.client_ref.as_ref().filter(|_| entry.event.event == Event::ClientCreate.as_str())
            {
                report.anchors += 1;
                let name = format!("anchors/clients/{client_ref}");
                match found(self.reader.client_anchor(client_ref).await, &name, report)? {
                    Some(Some(anchored)) if anchored != index => {
                        report.differs(format_args!("{name}: it is of entry {anchored}, not {index}"));
                    }
                    Some(None) => report.differs(format_args!("{name}: missing, of entry {index}")),
                    _ => {}
                }
            }
            if entry.event.event == Event::SnapshotImport.as_str() {
                self.references(entry, report).await?;
            }
        }
        Ok(())
    }

    async fn references(&self, entry: &Sealed, report: &mut Report) -> Result<(), Error> {
        let body: Value = entry.body.as_ref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        let details = &body["details"];
        let (Some(snapshot), Some(sha256)) = (details["snapshot_id"].as_str(), details["references_sha256"].as_str())
        else {
            return Ok(());
        };
        report.anchors += 1;
        let index = entry.place.index;
        let name = format!("anchors/snapshots/{index:016}");
        match found(self.reader.snapshot_anchor(index).await, &name, report)? {
            Some(None) => report.differs(format_args!("{name}: missing")),
            Some(Some(anchor)) if anchor.snapshot != snapshot => {
                report.differs(format_args!("{name}: it is of another snapshot than entry {index}"));
            }
            _ => {}
        }
        let name = format!("references/{snapshot}.jsonl");
        match self.reader.references(snapshot).await? {
            None => report.differs(format_args!("{name}: missing, of entry {index}")),
            Some(list) if hex::sha256(&list) != sha256 => {
                report.differs(format_args!("{name}: it is not the list that entry {index} records"));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// The partial tiles at the log's end, where they are there: whoever reads the log uses them.
    async fn partials(&self, report: &mut Report) -> Result<(), Error> {
        for (tile, hashes) in self.edge.partials() {
            let path = tile.path();
            if self.parts.work.get(&path).await?.is_some_and(|bytes| bytes != encode_tile(&hashes)) {
                report.differs(format_args!("{path}: its hashes are not those of the entries"));
            }
        }
        Ok(())
    }
}

async fn register(reader: &LogReader, report: &mut Report) -> Result<KeyRegister, Error> {
    let register = found(reader.register().await, "the key register", report)?.unwrap_or_default();
    report.keys = KeyPurpose::ALL.into_iter().map(|purpose| register.records(purpose).len()).sum();
    if register.origin().is_none() && report.differences.is_empty() {
        report.differs("the key register: it has no key of the log");
    }
    Ok(register)
}

/// What the log's table says of its end.
async fn newest_items(
    parts: &Parts,
    reader: &LogReader,
    newest: &StoredCheckpoint,
    report: &mut Report,
) -> Result<(), Error> {
    let table = parts.log();
    let head = table.head().await?;
    if head < newest.checkpoint.size {
        report.differs(format_args!("item head: {head} entries have an index, the log has {}", newest.checkpoint.size));
    }
    match table.newest().await? {
        None => report.differs("item newest: missing"),
        Some(item) => {
            // The table may be behind by what was signed last, or ahead of what was read first.
            let stored = reader.checkpoint(item.size).await?;
            if stored.is_none_or(|stored| stored.note != item.note) {
                report.differs(format_args!("item newest: it is no checkpoint of {} in the bucket", item.size));
            }
        }
    }
    Ok(())
}

/// What was read; `None` where it is missing or cannot be, which is a difference.
pub(super) fn found<T>(
    read: Result<T, engine_aws::Error>,
    name: &str,
    report: &mut Report,
) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error @ engine_aws::Error::Unavailable { .. }) => Err(error.into()),
        Err(error) => {
            report.differs(format_args!("{name}: {error}"));
            Ok(None)
        }
    }
}

fn progress(entries: u64) -> ProgressBar {
    let bar = ProgressBar::new(entries).with_message("entries");
    match ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The bundles' entries as maps by id, for who compares.
pub(super) fn by_id(entries: &[Sealed]) -> BTreeMap<EntryId, &Sealed> {
    entries.iter().map(|entry| (entry.place.id, entry)).collect()
}
