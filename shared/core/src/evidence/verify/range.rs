//! The checks of the range: its headers are the log's, signed checkpoints bound it, and the filter run again over it finds
//! exactly the entries shown.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Bundle, Manifest, Member, TimedKey, header, read, sealed};
use crate::evidence::{Indices, RangeProof, SETTLING_SECONDS, from_json};
use crate::merkle::{Checkpoint, Frontier, Hash, leaf_hash, tiling};
use crate::time::rfc3339;

/// What one pass over the range found.
pub(super) struct Seen {
    /// Root of the tree of the range's first index.
    pub(super) first_root: Hash,
    /// Root of the tree of the range's end.
    pub(super) end_root: Hash,
    /// Root of the older tree, where the range's material gives it.
    pub(super) older_root: Option<Hash>,
    /// Whether the entries are exactly those that the filter matches.
    pub(super) completeness: Result<(), String>,
}

/// A tree that grows over the range; it notes the root of one older size on its way.
struct Tree {
    frontier: Frontier,
    older_size: Option<u64>,
    older_root: Option<Hash>,
}

impl Tree {
    fn note(&mut self) {
        if self.older_size == Some(self.frontier.size()) {
            self.older_root = Some(self.frontier.root());
        }
    }

    fn push_tiles(&mut self, range: std::ops::Range<u64>, hashes: &[Hash]) -> Result<(), String> {
        let tiles = tiling(range);
        if tiles.len() != hashes.len() {
            return Err("range/proof.json has not exactly the roots that tile the rest of the log".to_owned());
        }
        for (tile, hash) in tiles.into_iter().zip(hashes) {
            self.frontier.push_subtree(tile, *hash).map_err(|error| error.to_string())?;
            self.note();
        }
        Ok(())
    }
}

/// Rebuilds the log's root from the range's headers and proof, and runs the filter again on the way.
pub(super) fn read(
    bundle: &impl Bundle,
    manifest: &Manifest,
    indices: Indices,
    checkpoint: &Checkpoint,
    older_size: Option<u64>,
) -> Result<Seen, String> {
    let proof: RangeProof =
        from_json(&read::text(bundle, &Member::RangeProof)?).map_err(|error| format!("range/proof.json: {error}"))?;
    if (proof.first, proof.end, proof.size) != (indices.first, indices.end, manifest.size) {
        return Err("range/proof.json is of another range or size than the manifest".to_owned());
    }
    let mut tree = Tree { frontier: Frontier::new(), older_size, older_root: None };
    tree.note();
    tree.push_tiles(0..indices.first, &proof.left)?;
    let first_root = tree.frontier.root();

    let mut again = Again::open(bundle, manifest)?;
    let mut lines = read::Lines::open(bundle, &Member::RangeHeaders)?;
    for index in indices.first..indices.end {
        let line = lines.next()?.ok_or("range/headers.jsonl ends before the range")?;
        tree.frontier.push(leaf_hash(line.as_bytes()));
        tree.note();
        again.take(index, &line);
    }
    if lines.next()?.is_some() {
        return Err("range/headers.jsonl goes on after the range".to_owned());
    }
    let end_root = tree.frontier.root();
    tree.push_tiles(indices.end..manifest.size, &proof.right)?;
    if tree.frontier.root() != checkpoint.root {
        return Err("headers and roots do not give the checkpoint's root".to_owned());
    }
    Ok(Seen { first_root, end_root, older_root: tree.older_root, completeness: again.finish() })
}

/// The filter, run again, beside the entries that are shown.
struct Again<'a> {
    manifest: &'a Manifest,
    shown: read::Lines<'a>,
    next: Option<u64>,
    matched: u64,
    problem: Option<String>,
}

#[derive(Deserialize)]
struct Index {
    index: u64,
}

impl<'a> Again<'a> {
    fn open(bundle: &'a impl Bundle, manifest: &'a Manifest) -> Result<Self, String> {
        let shown = read::Lines::open(bundle, &Member::Entries)?;
        let mut again = Self { manifest, shown, next: None, matched: 0, problem: None };
        again.advance();
        Ok(again)
    }

    fn advance(&mut self) {
        let next = self.shown.next().and_then(|line| {
            let index = |line: String| serde_json::from_str::<Index>(&line).map(|line| line.index);
            line.map(index).transpose().map_err(|error| self.shown.at(&error.to_string()))
        });
        match next {
            Ok(next) => self.next = next,
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// Takes the next header of the range. After the first problem nothing more is looked for.
    fn take(&mut self, index: u64, text: &str) {
        if self.problem.is_some() {
            return;
        }
        let matches = match header(text) {
            Ok(header) => self.manifest.filter.matches(&header),
            Err(problem) => {
                self.problem = Some(format!("index {index}: {problem}"));
                return;
            }
        };
        let here = self.next.map(|next| next.cmp(&index));
        self.problem = match (matches, here) {
            (_, Some(Ordering::Less)) => Some(self.shown.at("out of order, there twice, or not of the range")),
            (true, Some(Ordering::Equal)) => {
                self.matched += 1;
                self.advance();
                return;
            }
            (true, _) => Some(format!("index {index} meets the conditions and is not in entries.jsonl")),
            (false, Some(Ordering::Equal)) => Some(format!("index {index} is shown and does not meet the conditions")),
            (false, _) => None,
        };
    }

    fn finish(self) -> Result<(), String> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if self.next.is_some() {
            return Err(self.shown.at("out of order, there twice, or not of the range"));
        }
        if self.matched != self.manifest.matched {
            return Err(format!("{} entries match, the manifest says {}", self.matched, self.manifest.matched));
        }
        Ok(())
    }
}

/// Whatever lies before the range was sealed before the time asked for.
pub(super) fn start(
    bundle: &impl Bundle,
    members: &[Member],
    manifest: &Manifest,
    indices: Indices,
    first_root: Hash,
    keys: &[TimedKey],
) -> Result<String, String> {
    let there = members.contains(&Member::CheckpointFirst);
    match (indices.first, there) {
        (0, false) => return Ok("the range begins with the log".to_owned()),
        (0, true) => return Err("range/checkpoint-first is here, and the range begins with the log".to_owned()),
        (_, false) => {
            return Err("range/checkpoint-first is missing: nothing shows that nothing was left out before".to_owned());
        }
        (_, true) => (),
    }
    let first = bounding(bundle, &Member::CheckpointFirst, indices.first, first_root, manifest, keys)?;
    let (time, from) = (rfc3339(first.time), rfc3339(manifest.filter.from));
    if first.time > manifest.filter.from {
        return Err(format!("range/checkpoint-first is of {time}, after the time asked for begins, {from}"));
    }
    Ok(format!("index {} is after a checkpoint of {time}", indices.first))
}

/// Whatever lies after the range was sealed well after the time asked for.
pub(super) fn end(
    bundle: &impl Bundle,
    members: &[Member],
    manifest: &Manifest,
    indices: Indices,
    end_root: Hash,
    own: &Checkpoint,
    keys: &[TimedKey],
) -> Result<String, String> {
    let there = members.contains(&Member::CheckpointEnd);
    let (name, time) = match (indices.end == manifest.size, there) {
        (true, false) => ("checkpoint", own.time),
        (true, true) => return Err("range/checkpoint-end is here, and the range ends with the log".to_owned()),
        (false, false) => {
            return Err("range/checkpoint-end is missing: nothing shows that nothing was left out after".to_owned());
        }
        (false, true) => {
            let end = bounding(bundle, &Member::CheckpointEnd, indices.end, end_root, manifest, keys)?;
            ("range/checkpoint-end", end.time)
        }
    };
    let settled = manifest.filter.to.checked_add(SignedDuration::from_secs(SETTLING_SECONDS)).unwrap_or(Timestamp::MAX);
    if time < settled {
        return Err(format!("{name} is of {}, before {}: entries may be missing", rfc3339(time), rfc3339(settled)));
    }
    Ok(format!("index {} is at a checkpoint of {}", indices.end, rfc3339(time)))
}

fn bounding(
    bundle: &impl Bundle,
    member: &Member,
    size: u64,
    root: Hash,
    manifest: &Manifest,
    keys: &[TimedKey],
) -> Result<Checkpoint, String> {
    let name = member.name();
    let checkpoint = sealed::open(&read::text(bundle, member)?, &manifest.origin, keys)
        .map_err(|problem| format!("{name}: {problem}"))?;
    if checkpoint.size != size {
        return Err(format!("{name} is of size {}, not {size}", checkpoint.size));
    }
    if checkpoint.root != root {
        return Err(format!("{name} is not of this tree: its root differs"));
    }
    Ok(checkpoint)
}
