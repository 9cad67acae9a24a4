//! DynamoDB against the log: the items of every sealed entry, its index, and items of the audit table that are no entry's.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::audit_log::Place;
use engine_core::audit::EntryId;
use engine_core::evidence::SETTLING_SECONDS;
use jiff::{SignedDuration, Timestamp};

use super::derive::{Sealed, by_id};
use super::report::Report;
use super::{Lost, Parts};
use crate::error::Error;

/// Compares as the log is derived.
pub(super) struct Comparison<'a> {
    parts: &'a Parts,
    /// Items that are not what the log has, and how.
    differing: Vec<(Lost, &'static str)>,
    /// Those of them that a checkpoint proves the log to be right about.
    lost: Vec<Lost>,
    sealed: HashSet<EntryId>,
    /// Items of those entries that have more than one.
    pieces: HashMap<EntryId, usize>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(parts: &'a Parts) -> Self {
        Self { parts, differing: Vec::new(), lost: Vec::new(), sealed: HashSet::new(), pieces: HashMap::new() }
    }

    /// Compares one bundle's entries.
    pub(super) async fn compare(&mut self, entries: &[Sealed], report: &mut Report) -> Result<(), Error> {
        for entry in entries {
            if !self.sealed.insert(entry.place.id) {
                report.differs(format_args!("entry {}: the log has {} twice", entry.place.index, entry.place.id));
            }
        }
        let by_id = by_id(entries);
        let ids: Vec<EntryId> = by_id.keys().copied().collect();
        let indices = self.parts.log().indices(&ids).await?;
        let mut stored: HashMap<_, _> = self.parts.audit().read_all(&ids).await?.into_iter().collect();
        for (id, entry) in by_id {
            let index = entry.place.index;
            match indices.get(&id) {
                Some(found) if *found == index => {}
                Some(found) => report.differs(format_args!("item entry#{id}: its index is {found}, not {index}")),
                None => report.differs(format_args!("item entry#{id}: missing, of entry {index}")),
            }
            report.audit_entries += 1;
            let Some(body) = &entry.body else { continue };
            let problem = match stored.remove(&id) {
                None => "missing",
                Some(Some(found)) if found.header() == entry.header && found.body() == body => {
                    let chunks = self.parts.audit().transact_items(&found)?.len();
                    if chunks > 1 {
                        self.pieces.insert(id, chunks);
                    }
                    continue;
                }
                Some(_) => "written over",
            };
            self.differing.push((entry.place, problem));
        }
        Ok(())
    }

    /// Tells of the items that differ, once it is known up to which size a signed checkpoint proves the entries. Behind that it
    /// may be the log that was written over.
    pub(super) fn prove(&mut self, proven: u64, report: &mut Report) {
        for (place, problem) in &self.differing {
            let Lost { index, id, .. } = *place;
            let item = format!("audit item {id} in {}", id.partition());
            if index < proven {
                report.differs(format_args!("{item}: {problem}, entry {index}"));
                self.lost.push(*place);
            } else {
                report
                    .differs(format_args!("{item}: not what the log has as entry {index}, which no checkpoint proves"));
            }
        }
    }

    /// Looks through the audit table for what is not in the log.
    pub(super) async fn finish(&mut self, report: &mut Report, now: Timestamp) -> Result<(), Error> {
        let settled = now.checked_sub(SignedDuration::from_secs(SETTLING_SECONDS)).unwrap_or(Timestamp::MIN);
        let mut pages = self
            .parts
            .dynamodb
            .scan()
            .table_name(&self.parts.audit_table)
            .projection_expression("pk, sk")
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut late = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| Error::aws("dynamodb:Scan", &error))?;
            let text =
                |name| item.get(name).and_then(|value: &AttributeValue| value.as_s().ok()).map_or("", String::as_str);
            let (pk, sk) = (text("pk"), text("sk"));
            match Place::of(pk, sk) {
                Place::Entry(id) if self.sealed.contains(&id) => {}
                Place::Entry(id) if id.time() >= settled => report.unsealed += 1,
                Place::Entry(id) => late.push(id),
                Place::Piece(id) => {
                    let ordinal = sk.rsplit('#').next().and_then(|ordinal| ordinal.parse::<usize>().ok());
                    let pieces = self.pieces.get(&id).copied().unwrap_or(1);
                    let lost = self.differing.iter().any(|(lost, _)| lost.id == id);
                    if self.sealed.contains(&id) && !lost && ordinal.is_none_or(|ordinal| ordinal >= pieces) {
                        report.differs(format_args!("audit item {sk} in {pk}: it is no part of its entry"));
                    }
                }
                Place::Foreign => report.differs(format_args!("audit item {sk} in {pk}: it is no entry")),
            }
        }
        self.judge_late(late, report).await
    }

    /// Of entries that are not under the newest checkpoint, those that have an index come with the next one.
    async fn judge_late(&self, late: Vec<EntryId>, report: &mut Report) -> Result<(), Error> {
        for ids in late.chunks(100) {
            let indices = self.parts.log().indices(ids).await?;
            for id in ids {
                match indices.get(id) {
                    Some(index) if *index >= report.entries => report.unsealed += 1,
                    _ => report.differs(format_args!("audit item {id} in {}: it was never sealed", id.partition())),
                }
            }
        }
        Ok(())
    }

    pub(super) fn into_lost(self) -> Vec<Lost> {
        self.lost
    }
}
