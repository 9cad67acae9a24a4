//! The checks of the entries: header and body, proof, table.

use super::{Bundle, Manifest, Member, header, read};
use crate::evidence::{CSV_HEADER, EntryLine, Inclusion, csv_row, from_json};
use crate::hex;
use crate::merkle::{Checkpoint, leaf_hash, verify_inclusion};

/// What one pass over the entries found.
pub(super) struct Seen {
    /// Whether headers and bodies belong together, in order, matched by the filter.
    pub(super) entries: Result<(), String>,
    /// Whether each is in the log.
    pub(super) inclusion: Result<(), String>,
    /// Whether the table is what the entries give.
    pub(super) csv: Result<(), String>,
}

/// Reads entries, proofs and table side by side.
pub(super) fn read(bundle: &impl Bundle, manifest: &Manifest, checkpoint: &Checkpoint) -> Seen {
    let mut proofs = Proofs::open(bundle, manifest, checkpoint);
    let mut table = Table::open(bundle);
    let entries = each_entry(bundle, manifest, |entry| {
        proofs.take(entry);
        table.take(entry);
    });
    Seen { entries, inclusion: proofs.finish(), csv: table.finish() }
}

fn each_entry(bundle: &impl Bundle, manifest: &Manifest, mut then: impl FnMut(&EntryLine)) -> Result<(), String> {
    let mut lines = read::Lines::open(bundle, &Member::Entries)?;
    let (mut last, mut count) = (None, 0_u64);
    while let Some(line) = lines.next()? {
        let entry: EntryLine = from_json(&line).map_err(|error| lines.at(&error.to_string()))?;
        if last.is_some_and(|last| last >= entry.index) {
            return Err(lines.at("out of order, or there twice"));
        }
        let header = header(&entry.header).map_err(|problem| lines.at(&problem))?;
        if header.body_sha256 != hex::sha256(entry.body.as_bytes()) {
            return Err(lines.at("the body is not the one that the header names"));
        }
        if !manifest.filter.matches(&header) {
            return Err(lines.at("does not meet the conditions"));
        }
        then(&entry);
        last = Some(entry.index);
        count += 1;
    }
    if count == manifest.matched {
        Ok(())
    } else {
        Err(format!("{count} entries are shown, the manifest says {}", manifest.matched))
    }
}

struct Proofs<'a> {
    lines: Result<read::Lines<'a>, String>,
    manifest: &'a Manifest,
    checkpoint: &'a Checkpoint,
}

impl<'a> Proofs<'a> {
    fn open(bundle: &'a impl Bundle, manifest: &'a Manifest, checkpoint: &'a Checkpoint) -> Self {
        Self { lines: read::Lines::open(bundle, &Member::Inclusion), manifest, checkpoint }
    }

    fn take(&mut self, entry: &EntryLine) {
        let Ok(lines) = &mut self.lines else { return };
        if let Err(problem) = proved(lines, entry, self.manifest, self.checkpoint) {
            self.lines = Err(problem);
        }
    }

    fn finish(self) -> Result<(), String> {
        let mut lines = self.lines?;
        match lines.next()? {
            None => Ok(()),
            Some(_) => Err(lines.at("a proof of no entry")),
        }
    }
}

fn proved(
    lines: &mut read::Lines<'_>,
    entry: &EntryLine,
    manifest: &Manifest,
    checkpoint: &Checkpoint,
) -> Result<(), String> {
    let line = lines.next()?.ok_or_else(|| format!("inclusion.jsonl has no proof of index {}", entry.index))?;
    let inclusion: Inclusion = from_json(&line).map_err(|error| lines.at(&error.to_string()))?;
    if inclusion.index != entry.index {
        return Err(lines.at(&format!("a proof of index {}, not of {}", inclusion.index, entry.index)));
    }
    let leaf = leaf_hash(entry.header.as_bytes());
    verify_inclusion(entry.index, manifest.size, leaf, &inclusion.proof, checkpoint.root)
        .map_err(|error| lines.at(&format!("index {} is not proved to be in the log: {error}", entry.index)))
}

struct Table<'a>(Result<read::Comparison<'a>, String>);

impl<'a> Table<'a> {
    fn open(bundle: &'a impl Bundle) -> Self {
        Self(read::Comparison::open(bundle, &Member::Csv).and_then(|mut table| {
            table.expect(CSV_HEADER)?;
            Ok(table)
        }))
    }

    fn take(&mut self, entry: &EntryLine) {
        let Ok(table) = &mut self.0 else { return };
        let row = csv_row(entry).map_err(|error| format!("index {}: {error}", entry.index));
        if let Err(problem) = row.and_then(|row| table.expect(&row)) {
            self.0 = Err(problem);
        }
    }

    fn finish(self) -> Result<(), String> {
        self.0?.end()
    }
}

/// The lines of the annex, each a JSON object.
pub(super) fn log_events(bundle: &impl Bundle) -> Result<u64, String> {
    let mut lines = read::Lines::open(bundle, &Member::LogEvents)?;
    let mut count = 0;
    while let Some(line) = lines.next()? {
        let object = serde_json::from_str::<serde_json::Value>(&line).is_ok_and(|value| value.is_object());
        if !object {
            return Err(lines.at("not a JSON object"));
        }
        count += 1;
    }
    Ok(count)
}
