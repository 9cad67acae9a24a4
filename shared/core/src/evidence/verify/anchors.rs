//! The checks of what references stand for: openings, and the entries of the log that fixed them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Bundle, Manifest, Member, header, read};
use crate::audit::{Event, Header, Outcome};
use crate::evidence::{Anchor, Opening, from_json};
use crate::hex;
use crate::merkle::{Checkpoint, leaf_hash, verify_inclusion};

/// Exactly the references of the filter are opened, each by what it is the digest of.
pub(super) fn openings(manifest: &Manifest) -> Result<(), String> {
    let asked: BTreeSet<&str> = manifest.filter.references().collect();
    let opened: BTreeSet<&str> = manifest.opened.keys().map(String::as_str).collect();
    if let Some(reference) = asked.symmetric_difference(&opened).next() {
        let problem =
            if asked.contains(reference) { "is asked for and not opened" } else { "is opened and not asked for" };
        return Err(format!("{reference} {problem}"));
    }
    match manifest.opened.iter().find(|(reference, opening)| !opening.opens(reference)) {
        Some((reference, opening)) => Err(format!("{reference} is not the reference of {:?}", opening.value)),
        None => Ok(()),
    }
}

/// A snapshot's list, and what must be in it.
struct Wanted<'a> {
    sha256: String,
    openings: Vec<&'a Opening>,
}

/// Every opened reference was fixed by an entry of the log.
pub(super) fn anchors(
    bundle: &impl Bundle,
    members: &[Member],
    manifest: &Manifest,
    checkpoint: &Checkpoint,
) -> Result<(), String> {
    let mut left: BTreeSet<&str> = manifest.opened.keys().map(String::as_str).collect();
    let mut lists: BTreeMap<String, Wanted<'_>> = BTreeMap::new();
    let mut lines = read::Lines::open(bundle, &Member::Anchors)?;
    while let Some(line) = lines.next()? {
        let anchor: Anchor = from_json(&line).map_err(|error| lines.at(&error.to_string()))?;
        let opening = manifest.opened.get(&anchor.reference).filter(|_| left.remove(anchor.reference.as_str()));
        let opening = opening.ok_or_else(|| lines.at("a reference that is not opened, or a second anchor of one"))?;
        let list = anchored(&anchor, opening, manifest, checkpoint).map_err(|problem| lines.at(&problem))?;
        if let Some((snapshot, sha256)) = list {
            let wanted =
                lists.entry(snapshot).or_insert_with(|| Wanted { sha256: sha256.clone(), openings: Vec::new() });
            if wanted.sha256 != sha256 {
                return Err(lines.at("two entries name different lists for one snapshot"));
            }
            wanted.openings.push(opening);
        }
    }
    if let Some(reference) = left.first() {
        return Err(format!("nothing anchors {reference}: what it opens to may be invented"));
    }
    let unasked = |member: &&Member| matches!(member, Member::References(snapshot) if !lists.contains_key(snapshot));
    if let Some(member) = members.iter().find(unasked) {
        return Err(format!("{} is here, and no anchor names it", member.name()));
    }
    lists.iter().try_for_each(|(snapshot, wanted)| in_list(bundle, manifest, snapshot, wanted))
}

/// Checks one anchor; the snapshot and the digest of its list, where it is that list which fixes the reference.
fn anchored(
    anchor: &Anchor,
    opening: &Opening,
    manifest: &Manifest,
    checkpoint: &Checkpoint,
) -> Result<Option<(String, String)>, String> {
    let leaf = leaf_hash(anchor.header.as_bytes());
    verify_inclusion(anchor.index, manifest.size, leaf, &anchor.proof, checkpoint.root)
        .map_err(|error| format!("the anchor is not in the log: {error}"))?;
    let header = header(&anchor.header)?;
    if header.body_sha256 != hex::sha256(anchor.body.as_bytes()) {
        return Err("the anchor's body is not the one that its header names".to_owned());
    }
    if header.outcome != Outcome::Success.as_str() {
        return Err("the anchor records something that was refused".to_owned());
    }
    let body: Value = serde_json::from_str(&anchor.body).map_err(|_| "the anchor's body is not JSON".to_owned())?;
    let details = &body["details"];
    if manifest.filter.client_ref.contains(&anchor.reference) {
        of_client(&anchor.reference, opening, &header, details)?;
    }
    if !manifest.filter.subject_ref.contains(&anchor.reference) {
        return Ok(None);
    }
    if header.event != Event::SnapshotImport.as_str() {
        return Err(format!("{} does not anchor a ticker", header.event));
    }
    match (details["snapshot_id"].as_str(), details["references_sha256"].as_str()) {
        (Some(snapshot), Some(sha256)) => Ok(Some((snapshot.to_owned(), sha256.to_owned()))),
        _ => Err("the import names no list of references".to_owned()),
    }
}

fn of_client(reference: &str, opening: &Opening, header: &Header, details: &Value) -> Result<(), String> {
    if header.event != Event::ClientCreate.as_str() {
        return Err(format!("{} does not anchor a client", header.event));
    }
    if header.client_ref.as_deref() != Some(reference) {
        return Err("the anchor is of another client".to_owned());
    }
    let fixed: Option<Opening> = serde_json::from_value(details["opening"].clone()).ok();
    if fixed.as_ref() != Some(opening) {
        return Err("what the reference opens to is not what the entry fixed".to_owned());
    }
    Ok(())
}

/// The list is the one whose digest the import recorded, and every opening that it must fix is in it.
fn in_list(bundle: &impl Bundle, manifest: &Manifest, snapshot: &str, wanted: &Wanted<'_>) -> Result<(), String> {
    let member = Member::References(snapshot.to_owned());
    let name = member.name();
    // A snapshot id comes from an entry's body: only one that is a member's name can be looked for.
    if Member::of(&name).as_ref() != Some(&member) {
        return Err(format!("{snapshot:?} is no snapshot id"));
    }
    // That the file has the manifest's digest was checked before.
    if manifest.file(&member).ok_or_else(|| format!("{name} is missing"))?.sha256 != wanted.sha256 {
        return Err(format!("{name} is not the list whose digest the import recorded"));
    }
    let mut missing: Vec<&Opening> = wanted.openings.clone();
    let mut lines = read::Lines::open(bundle, &member)?;
    while let Some(line) = lines.next()? {
        let listed: Opening = from_json(&line).map_err(|error| lines.at(&error.to_string()))?;
        missing.retain(|opening| **opening != listed);
    }
    match missing.first() {
        Some(opening) => Err(format!("{name} does not hold {:?} with the salt that opens it", opening.value)),
        None => Ok(()),
    }
}
