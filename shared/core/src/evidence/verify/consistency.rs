//! The check against an older checkpoint: a log only ever grows.

use super::{Bundle, Manifest, Member, read};
use crate::evidence::{Consistency, from_json};
use crate::merkle::{Checkpoint, Hash, verify_consistency};

/// Whether the bundle's tree extends the older one; `None` where there is nothing to say.
pub(super) fn check(
    bundle: &impl Bundle,
    members: &[Member],
    manifest: &Manifest,
    checkpoint: &Checkpoint,
    older: Option<Result<Checkpoint, String>>,
    older_root: Option<Hash>,
) -> Result<Option<String>, String> {
    let proof = members.contains(&Member::Consistency).then(|| proof(bundle, manifest)).transpose()?;
    let Some(older) = older else {
        let unused =
            |proof: Consistency| format!("a proof from size {}, for which no checkpoint was given", proof.first);
        return Ok(proof.map(unused));
    };
    let older = older.map_err(|problem| format!("the older checkpoint: {problem}"))?;
    if older.size > manifest.size {
        return Err(format!("the log was rolled back: it had {} entries, and now {}", older.size, manifest.size));
    }
    let size = older.size;
    let extends = format!("the log extends the checkpoint of size {size}");
    let rewritten = || format!("the log was rewritten: its first {size} entries are not those of the older checkpoint");
    if size == manifest.size {
        return if older.root == checkpoint.root { Ok(Some(extends)) } else { Err(rewritten()) };
    }
    if size == 0 {
        return Ok(Some(extends));
    }
    if older.time > checkpoint.time {
        return Err("the log was rolled back: the older checkpoint has fewer entries and a later time".to_owned());
    }
    if let Some(root) = older_root {
        return if root == older.root { Ok(Some(extends)) } else { Err(rewritten()) };
    }
    let Some(proof) = proof.filter(|proof| proof.first == size) else {
        return Err(format!("not comparable: export with consistent_with {size}"));
    };
    verify_consistency(size, manifest.size, older.root, checkpoint.root, &proof.proof)
        .map_err(|error| format!("{}: {error}", rewritten()))?;
    Ok(Some(extends))
}

fn proof(bundle: &impl Bundle, manifest: &Manifest) -> Result<Consistency, String> {
    let text = read::text(bundle, &Member::Consistency)?;
    let proof: Consistency = from_json(&text).map_err(|error| format!("consistency.json: {error}"))?;
    if proof.size == manifest.size {
        Ok(proof)
    } else {
        Err(format!("consistency.json is to size {}, not {}", proof.size, manifest.size))
    }
}
