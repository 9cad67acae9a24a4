//! The checks of what is signed: the archive's list, the manifest, every file's digest, the checkpoint.

use super::{Bundle, Manifest, Member, TimedKey, read};
use crate::evidence::{Completeness, FORMAT, manifest_note_text};
use crate::hex;
use crate::merkle::{Checkpoint, SignedNote, VerifierKey, open_checkpoint};
use crate::time::rfc3339;

/// The members, which must be known, in their order, none twice, none missing. The note's absence is judged later.
pub(super) fn members(names: &[String]) -> Result<Vec<Member>, String> {
    let mut members: Vec<Member> = Vec::with_capacity(names.len());
    for name in names {
        let member = Member::of(name).ok_or_else(|| format!("{name:?} is no file of a bundle"))?;
        match members.last().map(|last| last.cmp(&member)) {
            Some(std::cmp::Ordering::Equal) => return Err(format!("{name} is there twice")),
            Some(std::cmp::Ordering::Greater) if members.contains(&member) => {
                return Err(format!("{name} is there twice"));
            }
            Some(std::cmp::Ordering::Greater) => return Err(format!("{name} is out of order")),
            _ => members.push(member),
        }
    }
    match Member::ALWAYS.iter().find(|member| !members.contains(member)) {
        Some(missing) => Err(format!("{} is missing", missing.name())),
        None => Ok(members),
    }
}

/// What the names of the other keys of a log end in.
const SUFFIXES: [&str; 2] = ["/evidence", "/token"];

/// The one log that all keys are of. Were its name left to the manifest, the evidence key of one log could sign
/// checkpoints of a log that is called like that key.
pub(super) fn log_of(keys: &[TimedKey]) -> Result<&str, String> {
    let mut log = None;
    for key in keys {
        let name = key.key.name();
        let of = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        if of.is_empty() || SUFFIXES.iter().any(|suffix| of.ends_with(suffix)) {
            return Err(format!("{name} is the name of no key of a log"));
        }
        match log.replace(of) {
            Some(other) if other != of => return Err(format!("keys of two logs were given: {name} is not of {other}")),
            _ => (),
        }
    }
    log.ok_or_else(|| "no key was given".to_owned())
}

/// The manifest, which is of `log`, and its hex SHA-256.
pub(super) fn manifest(bundle: &impl Bundle, members: &[Member], log: &str) -> Result<(Manifest, String), String> {
    let text = read::text(bundle, &Member::Manifest)?;
    let manifest = Manifest::parse(&text).map_err(|error| error.to_string())?;
    if manifest.format != FORMAT {
        return Err(format!("the format is {:?}, not {FORMAT}", manifest.format));
    }
    if manifest.origin != log {
        return Err(format!("it is of the log {:?}, and the keys are of {log}", manifest.origin));
    }
    let listed = manifest.files.iter().map(|file| file.path.as_str());
    let others = members.iter().filter(|member| !matches!(member, Member::Manifest | Member::Note));
    if !listed.eq(others.map(Member::name)) {
        return Err("it does not list exactly the other files, in their order".to_owned());
    }
    let has = |member: &Member| members.contains(member);
    match (manifest.completeness, manifest.range) {
        (Completeness::Range, Some(range)) => {
            if !(has(&Member::RangeProof) && has(&Member::RangeHeaders)) {
                return Err("it claims a range, and the range's headers or proof are missing".to_owned());
            }
            if range.first > range.end || range.end > manifest.size {
                return Err("the range is none of this log".to_owned());
            }
        }
        (Completeness::Selected, None) => {
            if let Some(member) = members.iter().find(|member| member.is_of_range()) {
                return Err(format!("it calls itself a selection and has {}", member.name()));
            }
        }
        (Completeness::Range, None) => return Err("it claims a range and names none".to_owned()),
        (Completeness::Selected, Some(_)) => return Err("it calls itself a selection and names a range".to_owned()),
    }
    Ok((manifest, hex::sha256(text.as_bytes())))
}

/// The key that signed the manifest; none where it is not signed and need not be.
pub(super) fn signature<'a>(
    bundle: &impl Bundle,
    members: &[Member],
    manifest: &Manifest,
    manifest_sha256: &str,
    keys: &'a [TimedKey],
    unsigned: bool,
) -> Result<Option<&'a TimedKey>, String> {
    if !members.contains(&Member::Note) {
        return if unsigned {
            Ok(None)
        } else {
            Err("manifest.note is missing: nobody vouches for the manifest".to_owned())
        };
    }
    let note = SignedNote::parse(&read::text(bundle, &Member::Note)?).map_err(|error| error.to_string())?;
    let named = named(keys, &format!("{}/evidence", manifest.origin))?;
    let signer = note.verify(&plain(&named)).map_err(|error| error.to_string())?;
    if note.text() != manifest_note_text(manifest_sha256) {
        return Err("what is signed is not this manifest".to_owned());
    }
    Ok(named.into_iter().find(|key| key.key == signer))
}

/// Every file's digest and length.
pub(super) fn files(bundle: &impl Bundle, manifest: &Manifest) -> Result<(), String> {
    for file in &manifest.files {
        let member = Member::of(&file.path).ok_or_else(|| format!("{:?} is no file of a bundle", file.path))?;
        if read::digest(bundle, &member)? != (file.sha256.clone(), file.bytes) {
            return Err(format!("{} is not what the manifest says", file.path));
        }
    }
    Ok(())
}

/// The bundle's checkpoint.
pub(super) fn checkpoint(
    bundle: &impl Bundle,
    manifest: &Manifest,
    evidence_key: Option<&TimedKey>,
    keys: &[TimedKey],
) -> Result<Checkpoint, String> {
    let checkpoint = open(&read::text(bundle, &Member::Checkpoint)?, &manifest.origin, keys)?;
    if checkpoint.size != manifest.size {
        return Err(format!("it is of size {}, the manifest of {}", checkpoint.size, manifest.size));
    }
    if evidence_key.is_some_and(|key| key.is_over_at(checkpoint.time)) {
        return Err("the key that signed the manifest was no longer valid at the checkpoint's time".to_owned());
    }
    Ok(checkpoint)
}

/// Opens a checkpoint of the log `origin`, signed by a key of that name which was valid at the checkpoint's time.
pub(super) fn open(note: &str, origin: &str, keys: &[TimedKey]) -> Result<Checkpoint, String> {
    let named = named(keys, origin)?;
    let checkpoint = open_checkpoint(note, &plain(&named)).map_err(|error| error.to_string())?;
    if checkpoint.origin != origin {
        return Err(format!("it is of another log: {}", checkpoint.origin));
    }
    let valid: Vec<_> = named.into_iter().filter(|key| key.is_valid_at(checkpoint.time)).collect();
    open_checkpoint(note, &plain(&valid))
        .map_err(|_| format!("its key was not valid at its time, {}", rfc3339(checkpoint.time)))
}

fn named<'a>(keys: &'a [TimedKey], name: &str) -> Result<Vec<&'a TimedKey>, String> {
    let named: Vec<_> = keys.iter().filter(|key| key.key.name() == name).collect();
    if named.is_empty() { Err(format!("no key named {name} was given")) } else { Ok(named) }
}

fn plain(keys: &[&TimedKey]) -> Vec<VerifierKey> {
    keys.iter().map(|key| key.key.clone()).collect()
}
