//! Bundles made in memory, the genuine way and every other: a log of forty minutes and a forger's tools, apart from the
//! product's code wherever it could err with it (tree, proofs, zip).

use std::collections::BTreeMap;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use engine_core::audit::{
    Actor, ActorType, Body, Commitment, Draft, Entry, EntryId, Event, Header, Outcome, Reference, SecretKey,
};
use engine_core::evidence::{
    Anchor, CSV_HEADER, Completeness, Consistency, EntryLine, FORMAT, FileDigest, Filter, Inclusion, Indices, LogEvent,
    Manifest, Member, Opening, ROTATIONS_HEADER, RangeProof, TimedKey, csv_row, manifest_note_text, readme,
    rotation_row, to_json, to_line,
};
use engine_core::hex;
use engine_core::merkle::{Checkpoint, Hash, VerifierKey, leaf_hash, node_hash, sign_line, tiling};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub(crate) const ORIGIN: &str = "borrow-rate-engine/111122223333/eu-west-1/test";
pub(crate) const SNAPSHOT: &str = "7c5a0d";
/// The entries that rotate a credential, each the other client's.
pub(crate) const ROTATING: [u64; 2] = [16, 33];
/// Entries in the log, one a minute.
pub(crate) const SIZE: u64 = 40;

/// The time `minutes` after the log began.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    let began: Timestamp = "2026-11-22T03:00:00.000Z".parse().unwrap();
    began + SignedDuration::from_mins(minutes)
}

pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    pub(crate) key: VerifierKey,
}

impl Signer {
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = VerifierKey::new(name, pair.public_key().as_ref().try_into().unwrap()).unwrap();
        Self { pair, key }
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        let signature: [u8; 64] = self.pair.sign(text.as_bytes()).as_ref().try_into().unwrap();
        format!("{text}\n{}", sign_line(self.key.name(), self.key.public_key(), &signature))
    }

    pub(crate) fn timed(&self) -> TimedKey {
        TimedKey { key: self.key.clone(), from: None, until: None }
    }
}

/// A log and the keys that sign for it.
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    pub(crate) signer: Signer,
    pub(crate) evidence: Signer,
    pub(crate) references: String,
    salts: SecretKey,
}

/// What a bundle is made of.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) filter: Filter,
    pub(crate) size: u64,
    pub(crate) range: Option<Indices>,
    pub(crate) indices: Vec<u64>,
    pub(crate) opened: BTreeMap<String, Opening>,
    pub(crate) log_events: bool,
    pub(crate) consistent_with: Option<u64>,
}

/// A bundle's files before they are sealed.
#[derive(Clone)]
pub(crate) struct Pack {
    pub(crate) members: BTreeMap<Member, Vec<u8>>,
    pub(crate) manifest: Manifest,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self::of(ORIGIN, 1, SIZE)
    }

    /// A log whose entries' bodies differ from those of a log with another `variant`.
    pub(crate) fn of(origin: &str, variant: u8, size: u64) -> Self {
        let salts = SecretKey::from_document(&format!(r#"{{"current":"k1","k1":"{}"}}"#, "s".repeat(64))).unwrap();
        let references: String = ["AAPL", "MSFT", "=cmd"]
            .iter()
            .map(|ticker| to_line(&salts.commitment("ticker", ticker).opening()).unwrap())
            .collect();
        let mut log = Self {
            entries: Vec::new(),
            signer: Signer::new(origin, 11),
            evidence: Signer::new(&format!("{origin}/evidence"), 22),
            references,
            salts,
        };
        log.entries = (0..size).map(|index| log.entry(index, variant)).collect();
        log
    }

    /// The same log, in whose snapshot's list stand more openings.
    #[allow(dead_code)] // the command line's tests share this file
    pub(crate) fn with_openings(mut self, more: &[Commitment]) -> Self {
        self.references.extend(more.iter().map(|commitment| to_line(&commitment.opening()).unwrap()));
        self.entries = (0..self.entries.len() as u64).map(|index| self.entry(index, 1)).collect();
        self
    }

    pub(crate) fn actor(&self, client: &str) -> String {
        self.salts.actor_ref(ActorType::Client, client).as_str().to_owned()
    }

    pub(crate) fn client(&self, client: &str) -> Commitment {
        self.salts.commitment("client", client)
    }

    pub(crate) fn ticker(&self, ticker: &str) -> Commitment {
        self.salts.commitment("ticker", ticker)
    }

    fn entry(&self, index: u64, variant: u8) -> Entry {
        let time = minute(i64::try_from(index).unwrap());
        let client = if index.is_multiple_of(3) { "acme" } else { "=zeta" };
        let mut draft = Draft {
            id: EntryId::new(time, [variant; 10]),
            time,
            event: Event::QuoteCreate,
            outcome: if index % 5 == 4 { Outcome::Refused } else { Outcome::Success },
            request_id: format!("request-{index}"),
            function: "pricing",
            actor_ref: self.salts.actor_ref(ActorType::Client, client),
            client_ref: Some(self.client(client).reference()),
            subject_ref: Some(self.ticker(if index.is_multiple_of(2) { "AAPL" } else { "MSFT" }).reference()),
            body: Body {
                actor: Actor { kind: ActorType::Client, id: client.to_owned(), roles: vec!["client".to_owned()] },
                source_address: Some("192.0.2.1".to_owned()),
                resource: "/api/v1/calculate-locate".to_owned(),
                reason: (index == 12).then(|| "said \"so\",\nthen left".to_owned()),
                details: json!({ "position": index }),
                salt: [variant; 16],
            },
        };
        let client_of = |place| match place {
            2 => Some("acme"),
            5 => Some("=zeta"),
            _ => None,
        };
        if let Some(client) = client_of(index) {
            draft.event = Event::ClientCreate;
            draft.outcome = Outcome::Success;
            draft.client_ref = Some(self.client(client).reference());
            draft.subject_ref = None;
            draft.body.details = json!({ "client_id": client, "opening": self.client(client).opening() });
        }
        if index == 7 {
            draft.event = Event::SnapshotImport;
            draft.outcome = Outcome::Success;
            (draft.client_ref, draft.subject_ref) = (None, None);
            let digest = hex::sha256(self.references.as_bytes());
            draft.body.details = json!({ "snapshot_id": SNAPSHOT, "references_sha256": digest });
        }
        if ROTATING.contains(&index) {
            draft.event = Event::ApiKeyRotate;
            draft.subject_ref = None;
            "api_key:=key".clone_into(&mut draft.body.resource);
            draft.body.reason = Some("said \"so\",\nthen left".to_owned());
            draft.body.details = json!({ "expires_at": "2026-12-06T03:00:00.000Z" });
        }
        draft.finish().unwrap()
    }

    pub(crate) fn keys(&self) -> Vec<TimedKey> {
        vec![self.signer.timed(), self.evidence.timed()]
    }

    fn leaves(&self, range: std::ops::Range<u64>) -> Vec<Hash> {
        range.map(|index| leaf_hash(self.entries[usize::try_from(index).unwrap()].header().as_bytes())).collect()
    }

    /// Root of the first `size` entries, by the definition of RFC 6962 section 2.1.
    pub(crate) fn root(&self, size: u64) -> Hash {
        tree(&self.leaves(0..size))
    }

    /// The checkpoint of `size`, half a minute after its last entry.
    pub(crate) fn checkpoint(&self, size: u64) -> Checkpoint {
        let time = minute(i64::try_from(size).unwrap()) - SignedDuration::from_secs(30);
        Checkpoint { origin: self.signer.key.name().to_owned(), size, root: self.root(size), time }
    }

    pub(crate) fn signed_checkpoint(&self, size: u64) -> String {
        self.signer.sign(&self.checkpoint(size).text())
    }

    /// The bundle of `from` to before `to`, asked for at the whole log's size: what `narrow` leaves of the filter is
    /// matched against every entry of the range that an honest exporter would take.
    pub(crate) fn shape(&self, from: i64, to: i64, narrow: impl FnOnce(&mut Filter)) -> Shape {
        let size = self.entries.len() as u64;
        let mut filter = Filter::of_time(minute(from), minute(to));
        narrow(&mut filter);
        let sizes = || 1..=size;
        let first = sizes().rev().find(|size| self.checkpoint(*size).time <= filter.from).unwrap_or(0);
        let settled = filter.to + SignedDuration::from_mins(5);
        let end = sizes().find(|size| self.checkpoint(*size).time >= settled).unwrap_or(size);
        let names = ["acme", "=zeta"].map(|client| self.client(client));
        let tickers = ["AAPL", "MSFT"].map(|ticker| self.ticker(ticker));
        let opened = names
            .iter()
            .chain(&tickers)
            .filter(|name| filter.references().any(|reference| reference == name.reference().as_str()))
            .map(|name| (name.reference().to_string(), Opening::from(name)))
            .collect();
        let mut shape = Shape {
            filter,
            size,
            range: Some(Indices { first, end }),
            indices: Vec::new(),
            opened,
            log_events: false,
            consistent_with: None,
        };
        shape.indices = self.matched(&shape);
        shape
    }

    /// The indices that a shape's filter matches in its range, or in the log.
    pub(crate) fn matched(&self, shape: &Shape) -> Vec<u64> {
        let range = shape.range.unwrap_or(Indices { first: 0, end: shape.size });
        (range.first..range.end)
            .filter(|index| {
                let entry = &self.entries[usize::try_from(*index).unwrap()];
                shape.filter.matches(&entry.read_header().unwrap())
            })
            .collect()
    }

    pub(crate) fn line(&self, index: u64) -> EntryLine {
        let entry = &self.entries[usize::try_from(index).unwrap()];
        EntryLine { index, header: entry.header().to_owned(), body: entry.body().to_owned() }
    }

    pub(crate) fn proof(&self, index: u64, size: u64) -> Vec<Hash> {
        path(usize::try_from(index).unwrap(), &self.leaves(0..size))
    }

    fn anchor(&self, reference: &str, size: u64) -> Anchor {
        let kind = |header: &Header| header.client_ref.as_deref() == Some(reference) && header.event == "client.create";
        let index = self.entries.iter().position(|entry| kind(&entry.read_header().unwrap())).unwrap_or(7) as u64;
        let EntryLine { header, body, .. } = self.line(index);
        Anchor { reference: reference.to_owned(), index, header, body, proof: self.proof(index, size) }
    }

    /// The files of a bundle, as the shape has it: whether it is true is the shape's affair.
    pub(crate) fn pack(&self, shape: &Shape) -> Pack {
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            origin: self.signer.key.name().to_owned(),
            size: shape.size,
            completeness: if shape.range.is_some() { Completeness::Range } else { Completeness::Selected },
            range: shape.range,
            filter: shape.filter.clone(),
            opened: shape.opened.clone(),
            matched: shape.indices.len() as u64,
            files: Vec::new(),
        };
        let mut pack = Pack { members: BTreeMap::new(), manifest };
        pack.put(Member::Checkpoint, self.signed_checkpoint(shape.size));
        if let Some(range) = shape.range {
            self.put_range(&mut pack, range, shape.size);
        }
        let inclusion = |index: &u64| Inclusion { index: *index, proof: self.proof(*index, shape.size) };
        pack.put_entries(&shape.indices.iter().map(|index| self.line(*index)).collect::<Vec<_>>());
        pack.put(Member::Inclusion, lines(&shape.indices.iter().map(inclusion).collect::<Vec<_>>()));
        let references = shape.filter.references();
        let anchors: Vec<_> = references.map(|reference| self.anchor(reference, shape.size)).collect();
        pack.put(Member::Anchors, lines(&anchors));
        if !shape.filter.subject_ref.is_empty() {
            pack.put(Member::References(SNAPSHOT.to_owned()), self.references.clone());
        }
        if let Some(first) = shape.consistent_with {
            let proof = consistency(usize::try_from(first).unwrap(), &self.leaves(0..shape.size), true);
            pack.put(Member::Consistency, to_json(&Consistency { first, size: shape.size, proof }).unwrap());
        }
        if shape.log_events {
            let event = LogEvent {
                group: "/aws/lambda/pricing".to_owned(),
                stream: "1".to_owned(),
                time: "2026-11-22T03:10:00.000Z".to_owned(),
                message: "{\"level\":\"INFO\"}".to_owned(),
            };
            pack.put(Member::LogEvents, to_line(&event).unwrap());
        }
        pack
    }

    pub(crate) fn put_range(&self, pack: &mut Pack, range: Indices, size: u64) {
        pack.manifest.range = Some(range);
        let Indices { first, end } = range;
        let roots = |range| -> Vec<Hash> {
            let root = |tile: engine_core::merkle::Subtree| tree(&self.leaves(tile.start..tile.end().unwrap()));
            tiling(range).into_iter().map(root).collect()
        };
        let proof = RangeProof { first, end, size, left: roots(0..first), right: roots(end..size) };
        pack.put(Member::RangeProof, to_json(&proof).unwrap());
        let header = |index| format!("{}\n", self.line(index).header);
        pack.put(Member::RangeHeaders, (first..end).map(header).collect::<String>());
        if first > 0 {
            pack.put(Member::CheckpointFirst, self.signed_checkpoint(first));
        }
        if end < size {
            pack.put(Member::CheckpointEnd, self.signed_checkpoint(end));
        }
    }

    /// Packs and seals.
    pub(crate) fn bundle(&self, shape: &Shape) -> Vec<u8> {
        self.pack(shape).seal(Some(&self.evidence))
    }
}

impl Pack {
    pub(crate) fn put(&mut self, member: Member, content: impl Into<Vec<u8>>) {
        self.members.insert(member, content.into());
    }

    /// Puts entries and their tables.
    pub(crate) fn put_entries(&mut self, entries: &[EntryLine]) {
        self.put(Member::Entries, lines(entries));
        let mut csv = CSV_HEADER.to_owned();
        csv.extend(entries.iter().map(|entry| csv_row(entry).unwrap()));
        self.put(Member::Csv, csv);
        let rotations: String = entries.iter().filter_map(|entry| rotation_row(entry).unwrap()).collect();
        self.members.remove(&Member::Rotations);
        if !rotations.is_empty() {
            self.put(Member::Rotations, format!("{ROTATIONS_HEADER}{rotations}"));
        }
    }

    /// The files in order, with text for the auditor, digests and signature made anew: what whoever has the evidence key
    /// can do.
    pub(crate) fn sealed(&self, signer: Option<&Signer>) -> Vec<(String, Vec<u8>)> {
        let Self { mut members, mut manifest } = self.clone();
        let digest = |member: &Member, content: &Vec<u8>| FileDigest {
            path: member.name().into_owned(),
            sha256: hex::sha256(content),
            bytes: content.len() as u64,
        };
        let digests = |members: &BTreeMap<Member, Vec<u8>>| -> Vec<FileDigest> {
            members.iter().map(|(member, content)| digest(member, content)).collect()
        };
        // Whether there are operational logs is told from the list of files.
        manifest.files = digests(&members);
        members.entry(Member::Readme).or_insert_with(|| readme(&manifest.facts()).into_bytes());
        manifest.files = digests(&members);
        let text = manifest.text().unwrap();
        if let Some(signer) = signer {
            let note = signer.sign(&manifest_note_text(&hex::sha256(text.as_bytes())));
            members.insert(Member::Note, note.into_bytes());
        }
        members.insert(Member::Manifest, text.into_bytes());
        members.into_iter().map(|(member, content)| (member.name().into_owned(), content)).collect()
    }

    pub(crate) fn seal(&self, signer: Option<&Signer>) -> Vec<u8> {
        zip(&self.sealed(signer))
    }
}

/// Records, a line each.
pub(crate) fn lines<T: serde::Serialize>(records: &[T]) -> String {
    records.iter().map(|record| to_line(record).unwrap()).collect()
}

/// A zip of stored files with data descriptors, as an archiver writes one that cannot seek.
pub(crate) fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut zip, mut list) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut crc = crc32(content).to_le_bytes().to_vec();
        let (length, name_length) = (u32::try_from(content.len()).unwrap(), u16::try_from(name.len()).unwrap());
        crc.extend([length.to_le_bytes(), length.to_le_bytes()].concat());
        let offset = u32::try_from(zip.len()).unwrap();
        list.extend(b"PK\x01\x02\x0a\x03\x0a\0\x08\0\0\0\0\0\x21\0");
        list.extend(&crc);
        list.extend(name_length.to_le_bytes());
        list.extend([0; 8]);
        list.extend((0o100_644_u32 << 16).to_le_bytes());
        list.extend(offset.to_le_bytes());
        list.extend(name.as_bytes());
        zip.extend(b"PK\x03\x04\x0a\0\x08\0\0\0\0\0\x21\0\0\0\0\0\0\0\0\0\0\0\0\0");
        zip.extend(name_length.to_le_bytes());
        zip.extend([0; 2]);
        zip.extend(name.as_bytes());
        zip.extend(content);
        zip.extend(b"PK\x07\x08");
        zip.extend(&crc);
    }
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let (length, offset) = (u32::try_from(list.len()).unwrap(), u32::try_from(zip.len()).unwrap());
    zip.extend(list);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([count, count].concat());
    zip.extend([length.to_le_bytes(), offset.to_le_bytes()].concat());
    zip.extend([0; 2]);
    zip
}

/// CRC-32 of the zip format, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// Where RFC 6962 splits a tree: the largest power of two below its size.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

/// RFC 6962 section 2.1: the Merkle tree hash.
fn tree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => engine_core::merkle::empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&tree(left), &tree(right))
        }
    }
}

/// RFC 6962 section 2.1.1: the audit path.
fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, other) =
        if index < left.len() { (path(index, left), right) } else { (path(index - left.len(), right), left) };
    path.push(tree(other));
    path
}

/// RFC 6962 section 2.1.2: the consistency proof.
fn consistency(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![tree(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, other) = if old <= left.len() {
        (consistency(old, left, whole), right)
    } else {
        (consistency(old - left.len(), right, false), left)
    };
    proof.push(tree(other));
    proof
}

/// A reference's text.
pub(crate) fn text(reference: &Reference) -> String {
    reference.to_string()
}
