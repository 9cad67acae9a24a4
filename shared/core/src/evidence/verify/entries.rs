//! The checks of the entries: header and body, proof, tables.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Bundle, Manifest, Member, header, read};
use crate::audit::Header;
use crate::evidence::{CSV_HEADER, EntryLine, Inclusion, LineError, ROTATIONS_HEADER, csv, from_json, rotations};
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
    /// Whether the list of rotations is what the entries give, and whether there is one.
    pub(super) rotations: Result<bool, String>,
    /// Who is behind the actor references of the filter, as far as an entry says it.
    pub(super) actors: Vec<String>,
}

/// Reads entries, proofs and tables side by side.
pub(super) fn read(bundle: &impl Bundle, members: &[Member], manifest: &Manifest, checkpoint: &Checkpoint) -> Seen {
    let mut proofs = Proofs::open(bundle, manifest, checkpoint);
    let mut table = Table::open(bundle, &Member::Csv, CSV_HEADER);
    let mut rotations = Rotations::open(bundle, members);
    let mut actors = Actors::of(manifest);
    let entries = each_entry(bundle, manifest, |entry, header| {
        proofs.take(entry);
        table.take(entry.index, csv::row(entry.index, header, &entry.body).map(Some));
        rotations.take(entry, header);
        actors.take(entry, header);
    });
    Seen {
        entries,
        inclusion: proofs.finish(),
        csv: table.finish(),
        rotations: rotations.finish(),
        actors: actors.finish(),
    }
}

fn each_entry(
    bundle: &impl Bundle,
    manifest: &Manifest,
    mut then: impl FnMut(&EntryLine, &Header),
) -> Result<(), String> {
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
        then(&entry, &header);
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
    fn open(bundle: &'a impl Bundle, member: &Member, first_row: &str) -> Self {
        Self(read::Comparison::open(bundle, member).and_then(|mut table| {
            table.expect(first_row)?;
            Ok(table)
        }))
    }

    /// Compares the row that an entry gives, where it gives one.
    fn take(&mut self, index: u64, row: Result<Option<String>, LineError>) {
        let Ok(table) = &mut self.0 else { return };
        let row = row.map_err(|error| format!("index {index}: {error}"));
        if let Err(problem) = row.and_then(|row| row.map_or(Ok(()), |row| table.expect(&row))) {
            self.0 = Err(problem);
        }
    }

    fn finish(self) -> Result<(), String> {
        self.0?.end()
    }
}

/// The list of rotations, which is there where an entry rotates and nowhere else.
struct Rotations<'a> {
    table: Option<Table<'a>>,
    /// The first entry that rotates.
    first: Option<u64>,
}

impl<'a> Rotations<'a> {
    fn open(bundle: &'a impl Bundle, members: &[Member]) -> Self {
        let there = members.contains(&Member::Rotations);
        Self { table: there.then(|| Table::open(bundle, &Member::Rotations, ROTATIONS_HEADER)), first: None }
    }

    fn take(&mut self, entry: &EntryLine, header: &Header) {
        if !rotations::rotates(&header.event) {
            return;
        }
        self.first.get_or_insert(entry.index);
        if let Some(table) = &mut self.table {
            table.take(entry.index, rotations::row(entry.index, header, &entry.body));
        }
    }

    fn finish(self) -> Result<bool, String> {
        match (self.table, self.first) {
            (Some(table), Some(_)) => table.finish().map(|()| true),
            (None, None) => Ok(false),
            (None, Some(index)) => Err(format!("it is missing, and index {index} rotates a credential")),
            (Some(_), None) => Err("it is there, and no entry rotates a credential".to_owned()),
        }
    }
}

/// What of a body names its actor.
#[derive(Deserialize)]
struct Named {
    actor: Actor,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Actor {
    r#type: String,
    id: String,
}

/// Who is behind the actor references of the filter: no anchor proves it, but a body may say it. The first entry that
/// names an actor is kept, and the first that names another.
struct Actors<'a>(BTreeMap<&'a str, Vec<(Actor, u64)>>);

impl<'a> Actors<'a> {
    /// Most actors that are told of one reference.
    const MOST: usize = 2;

    fn of(manifest: &'a Manifest) -> Self {
        Self(manifest.filter.actor_ref.iter().map(|reference| (reference.as_str(), Vec::new())).collect())
    }

    fn take(&mut self, entry: &EntryLine, header: &Header) {
        let Some(named) = self.0.get_mut(header.actor_ref.as_str()).filter(|named| named.len() < Self::MOST) else {
            return;
        };
        let Ok(Named { actor }) = serde_json::from_str(&entry.body) else { return };
        if named.iter().all(|(other, _)| *other != actor) {
            named.push((actor, entry.index));
        }
    }

    fn finish(self) -> Vec<String> {
        let words = |(reference, named): (&str, Vec<(Actor, u64)>)| {
            let one = |(actor, index): &(Actor, u64)| format!("{} {} in index {index}", actor.r#type, actor.id);
            match named.as_slice() {
                [] => format!("{reference}: no entry here says who that is"),
                named => format!("{reference}: {}", named.iter().map(one).collect::<Vec<_>>().join(", and ")),
            }
        };
        self.0.into_iter().map(words).collect()
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
