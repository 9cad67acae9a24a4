//! The tamper table: what a forger may try, with the evidence key too, and the check that names it.

use engine_core::audit::{Entry, Header};
use engine_core::evidence::{
    Anchor, CheckName, Completeness, EntryLine, Expectation, Inclusion, Indices, Member, Opening, Options,
    ROTATIONS_HEADER, RangeProof, TimedKey, Verdict, from_json, to_json,
};
use engine_core::hex;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use serde_json::Value;

use crate::evidence_bundle::{Log, ORIGIN, Pack, SIZE, SNAPSHOT, Shape, Signer, lines, minute, text, zip};
use crate::evidence_verify::{check, of_client};

/// The check that fails.
fn failure(log: &Log, bundle: &[u8]) -> Option<CheckName> {
    check(bundle, &log.keys(), &Options::default()).failure().map(|(name, _)| name)
}

/// The check that fails after the forger signed what was changed with the evidence key.
fn resealed(log: &Log, pack: &Pack) -> Option<CheckName> {
    failure(log, &pack.seal(Some(&log.evidence)))
}

fn content(pack: &Pack, member: &Member) -> String {
    String::from_utf8(pack.members[member].clone()).unwrap()
}

fn records<T: serde::Serialize + serde::de::DeserializeOwned>(pack: &Pack, member: &Member) -> Vec<T> {
    content(pack, member).lines().map(|line| from_json(line).unwrap()).collect()
}

fn everything(log: &Log) -> Shape {
    Shape { log_events: true, consistent_with: Some(3), ..of_client(log) }
}

#[test]
fn one_byte_of_any_file_is_noticed() {
    let log = Log::new();
    let members = log.pack(&everything(&log)).sealed(Some(&log.evidence));
    assert_eq!(members.len(), 15);
    for (place, (name, content)) in members.iter().enumerate() {
        for at in [0, content.len() / 2, content.len() - 1] {
            let mut changed = members.clone();
            changed[place].1[at] ^= 1;
            let failed = failure(&log, &zip(&changed)).unwrap();
            let expected: &[CheckName] = match name.as_str() {
                "manifest.json" => &[CheckName::Manifest, CheckName::ManifestSignature],
                "manifest.note" => &[CheckName::ManifestSignature],
                _ => &[CheckName::Files],
            };
            assert!(expected.contains(&failed), "{name} byte {at}: {failed}");
        }
    }
}

#[test]
fn an_added_a_missing_and_a_misplaced_file_are_noticed() {
    let log = Log::new();
    let members = log.pack(&everything(&log)).sealed(Some(&log.evidence));
    for place in 0..members.len() {
        let mut without = members.clone();
        let (name, _) = without.remove(place);
        let failed = failure(&log, &zip(&without)).unwrap();
        let expected = match name.as_str() {
            "manifest.note" => CheckName::ManifestSignature,
            _ if Member::ALWAYS.contains(&Member::of(&name).unwrap()) => CheckName::Archive,
            _ => CheckName::Manifest,
        };
        assert_eq!(failed, expected, "{name}");
        let mut twice = members.clone();
        twice.insert(place, members[place].clone());
        assert_eq!(failure(&log, &zip(&twice)), Some(CheckName::Archive), "{name}");
        if place > 0 {
            let mut swapped = members.clone();
            swapped.swap(place - 1, place);
            assert_eq!(failure(&log, &zip(&swapped)), Some(CheckName::Archive), "{name}");
        }
    }
    for name in ["extra.txt", "../checkpoint", "references-other.jsonl"] {
        let mut more = members.clone();
        more.insert(9, (name.to_owned(), Vec::new()));
        assert!(failure(&log, &zip(&more)).unwrap() <= CheckName::Manifest, "{name}");
    }
}

#[test]
fn dropping_reordering_or_repeating_an_entry_is_named_by_completeness() {
    let log = Log::new();
    let shape = log.shape(10, 20, |_| ());
    for (change, name) in [
        ((|entries| drop(entries.remove(3))) as fn(&mut Vec<EntryLine>), "drop"),
        (|entries| drop(entries.remove(0)), "drop the first"),
        (|entries| drop(entries.pop()), "drop the last"),
        (|entries| entries.swap(3, 4), "reorder"),
        (|entries| entries.insert(3, entries[3].clone()), "repeat"),
        (|entries| entries.push(entries[0].clone()), "repeat at the end"),
    ] {
        let mut pack = log.pack(&shape);
        let mut entries = records(&pack, &Member::Entries);
        change(&mut entries);
        pack.put_entries(&entries);
        pack.manifest.matched = entries.len() as u64;
        assert_eq!(resealed(&log, &pack), Some(CheckName::Completeness), "{name}");
        // Without the evidence key it does not get as far.
        let mut unsealed = log.pack(&shape).sealed(Some(&log.evidence));
        unsealed.iter_mut().find(|(name, _)| name == "entries.jsonl").unwrap().1 = lines(&entries).into_bytes();
        assert_eq!(failure(&log, &zip(&unsealed)), Some(CheckName::Files), "{name}");
    }
}

#[test]
fn a_selection_is_in_order_once_and_of_its_filter_too() {
    let log = Log::new();
    let shape = Shape { range: None, ..of_client(&log) };
    for (indices, name) in [(vec![18, 12], "reorder"), (vec![12, 12, 18], "repeat"), (vec![12, 13, 18], "foreign")] {
        let shape = Shape { indices, ..shape.clone() };
        assert_eq!(failure(&log, &log.bundle(&shape)), Some(CheckName::Entries), "{name}");
    }
    let mut pack = log.pack(&shape);
    pack.manifest.matched = 3;
    assert_eq!(resealed(&log, &pack), Some(CheckName::Entries), "count");
}

#[test]
fn an_altered_entry_with_its_digest_put_right_is_not_in_the_log() {
    let log = Log::new();
    for shape in [of_client(&log), Shape { range: None, ..of_client(&log) }] {
        let mut pack = log.pack(&shape);
        let mut entries: Vec<EntryLine> = records(&pack, &Member::Entries);
        let altered = entries[0].body.replace("192.0.2.1", "192.0.2.2");
        assert_ne!(altered, entries[0].body);
        entries[0].body.clone_from(&altered);
        pack.put_entries(&entries);
        assert_eq!(resealed(&log, &pack), Some(CheckName::Entries), "the body alone");
        let header: Header = serde_json::from_str(&entries[0].header).unwrap();
        let header = Header { body_sha256: hex::sha256(altered.as_bytes()), ..header };
        entries[0].header = to_json(&header).unwrap();
        pack.put_entries(&entries);
        assert_eq!(resealed(&log, &pack), Some(CheckName::Inclusion), "with its digest");
        // Put into the range's headers as well, it is no longer the log that was signed.
        if shape.range.is_some() {
            let headers = content(&pack, &Member::RangeHeaders).replace(&log.line(12).header, &entries[0].header);
            pack.put(Member::RangeHeaders, headers);
            assert_eq!(resealed(&log, &pack), Some(CheckName::RangeProof), "and in the range");
        }
    }
}

#[test]
fn an_entry_dropped_with_its_proof_and_resealed_is_missed() {
    let log = Log::new();
    for shape in [of_client(&log), log.shape(10, 20, |_| ())] {
        for dropped in &shape.indices {
            let indices = shape.indices.iter().copied().filter(|index| index != dropped).collect();
            let bundle = log.bundle(&Shape { indices, ..shape.clone() });
            let report = check(&bundle, &log.keys(), &Options::default());
            let why = format!("index {dropped} meets the conditions and is not in entries.jsonl");
            assert_eq!(report.failure(), Some((CheckName::Completeness, why.as_str())));
        }
    }
}

#[test]
fn an_entry_that_was_not_asked_for_is_named() {
    let log = Log::new();
    let shape = of_client(&log);
    let shape = Shape { indices: vec![12, 13, 18], ..shape };
    assert_eq!(failure(&log, &log.bundle(&shape)), Some(CheckName::Completeness));
    let outside = Shape { indices: vec![9, 12, 18], ..shape.clone() };
    assert_eq!(failure(&log, &log.bundle(&outside)), Some(CheckName::Completeness));
    let outside = Shape { indices: vec![12, 18, 30], ..shape };
    assert_eq!(failure(&log, &log.bundle(&outside)), Some(CheckName::Completeness));
}

#[test]
fn a_narrowed_range_is_named() {
    let log = Log::new();
    let shape = log.shape(10, 20, |_| ());
    assert_eq!(shape.range, Some(Indices { first: 10, end: 26 }));
    let narrowed = |range| {
        let mut shape = Shape { range: Some(range), ..shape.clone() };
        shape.indices = log.matched(&shape);
        shape
    };
    // A later beginning needs a signed checkpoint before the time asked for, and the log signed none there.
    let late = narrowed(Indices { first: 12, end: 26 });
    assert_eq!(failure(&log, &log.bundle(&late)), Some(CheckName::RangeStart));
    let mut pack = log.pack(&late);
    pack.put(Member::CheckpointFirst, log.signed_checkpoint(10));
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeStart), "another size");
    pack.members.remove(&Member::CheckpointFirst);
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeStart), "none");
    let early = narrowed(Indices { first: 10, end: 18 });
    assert_eq!(failure(&log, &log.bundle(&early)), Some(CheckName::RangeEnd));
    let mut pack = log.pack(&early);
    pack.put(Member::CheckpointEnd, log.signed_checkpoint(26));
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeEnd), "another size");
    pack.members.remove(&Member::CheckpointEnd);
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeEnd), "none");
    // Narrowed by word alone, or with headers left out, it does not give the log's root.
    let mut pack = log.pack(&shape);
    pack.manifest.range = Some(Indices { first: 10, end: 25 });
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeProof), "by word");
    let mut pack = log.pack(&shape);
    let headers = content(&pack, &Member::RangeHeaders);
    pack.put(Member::RangeHeaders, headers.split_inclusive('\n').skip(1).collect::<String>());
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeProof), "a header less");
    pack.put(Member::RangeHeaders, format!("{headers}{}\n", log.line(26).header));
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeProof), "a header more");
}

#[test]
fn a_range_from_the_middle_that_claims_the_beginning_is_named() {
    let log = Log::new();
    let shape = log.shape(-60, 20, |_| ());
    assert_eq!(shape.range.unwrap().first, 0);
    let mut narrowed = Shape { range: Some(Indices { first: 8, end: 26 }), ..shape };
    narrowed.indices = log.matched(&narrowed);
    let mut pack = log.pack(&narrowed);
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeStart));
    pack.members.remove(&Member::CheckpointFirst);
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeStart));
}

#[test]
fn a_narrowed_time_and_an_added_condition_are_named_by_what_was_expected() {
    let log = Log::new();
    let asked =
        r#"{"from":"2026-11-22T03:10:00.000Z","to":"2026-11-22T03:20:00.000Z","client":["acme"],"ticker":["AAPL"]}"#;
    let expected = Expectation::parse(asked).unwrap();
    let run = |shape: &Shape| {
        let report = check(&log.bundle(shape), &log.keys(), &Options { expect: Some(&expected), ..Options::default() });
        (report.failure().map(|(name, _)| name), report.filter.join("\n"))
    };
    let shape = of_client(&log);
    assert_eq!(run(&shape).0, None);
    let narrowed = log.shape(13, 20, |filter| {
        filter.client_ref.clone_from(&shape.filter.client_ref);
        filter.subject_ref.clone_from(&shape.filter.subject_ref);
    });
    assert_eq!(run(&narrowed).0, Some(CheckName::Filter));
    let mut conditioned = shape.clone();
    conditioned.filter.outcome.insert("refused".to_owned());
    conditioned.indices = log.matched(&conditioned);
    let (failed, words) = run(&conditioned);
    assert_eq!(failed, Some(CheckName::Filter));
    assert!(words.contains("\noutcome: refused\n"), "without an expectation the auditor reads it: {words}");
    assert_eq!(failure(&log, &log.bundle(&conditioned)), None, "it is a true answer to another question");
}

#[test]
fn a_wrong_reference_does_not_open() {
    let log = Log::new();
    let (acme, zeta) = (text(&log.client("acme").reference()), text(&log.client("=zeta").reference()));
    let change = |change: &dyn Fn(&mut Shape)| {
        let mut shape = of_client(&log);
        change(&mut shape);
        shape.indices = log.matched(&shape);
        failure(&log, &log.bundle(&shape))
    };
    // The entries of one client under the name of another.
    let wrong_value = change(&|shape| shape.opened.get_mut(&acme).unwrap().value = "zeta".to_owned());
    assert_eq!(wrong_value, Some(CheckName::Openings));
    let other = Opening::from(&log.client("=zeta"));
    let wrong_opening = change(&|shape| drop(shape.opened.insert(acme.clone(), other.clone())));
    assert_eq!(wrong_opening, Some(CheckName::Openings));
    let not_opened = change(&|shape| drop(shape.opened.remove(&acme)));
    assert_eq!(not_opened, Some(CheckName::Openings));
    let opened_more = change(&|shape| drop(shape.opened.insert(zeta.clone(), other.clone())));
    assert_eq!(opened_more, Some(CheckName::Openings));
}

#[test]
fn a_right_value_under_an_invented_salt_is_not_anchored() {
    let log = Log::new();
    for client in [true, false] {
        let value = if client { "acme" } else { "AAPL" };
        let salt = "AAAAAAAAAAAAAAAAAAAAAA==".to_owned();
        let invented = hex::sha256(&[&[0; 16], value.as_bytes()].concat());
        let mut shape = of_client(&log);
        let lists = [&mut shape.filter.client_ref, &mut shape.filter.subject_ref];
        let list = lists.into_iter().nth(usize::from(!client)).unwrap();
        let right = list.pop_first().unwrap();
        list.insert(invented.clone());
        shape.opened.remove(&right);
        shape.opened.insert(invented.clone(), Opening { value: value.to_owned(), salt });
        // Nothing refers to it, so that a client's or ticker's whole history would seem to be absent.
        shape.indices = log.matched(&shape);
        assert!(shape.indices.is_empty());
        let mut pack = log.pack(&shape);
        let mut anchors: Vec<Anchor> = records(&pack, &Member::Anchors);
        let anchor = anchors.iter().position(|anchor| anchor.reference == invented).unwrap();
        if client {
            anchors[anchor] = Anchor { index: 2, proof: log.proof(2, SIZE), ..anchors[anchor].clone() };
            EntryLine { header: anchors[anchor].header, body: anchors[anchor].body, .. } = log.line(2);
            pack.put(Member::Anchors, lines(&anchors));
        }
        assert_eq!(resealed(&log, &pack), Some(CheckName::Anchors), "{value} with an anchor");
        anchors.remove(anchor);
        pack.put(Member::Anchors, lines(&anchors));
        assert_eq!(resealed(&log, &pack), Some(CheckName::Anchors), "{value} with none");
        // A list with the invented salt in it is not the one that the import recorded.
        if !client {
            let mut pack = log.pack(&shape);
            let list = log.references.replacen(&log.ticker("AAPL").salt(), "AAAAAAAAAAAAAAAAAAAAAA==", 1);
            pack.put(Member::References(SNAPSHOT.to_owned()), list);
            assert_eq!(resealed(&log, &pack), Some(CheckName::Anchors));
        }
    }
}

#[test]
fn an_anchor_is_of_the_log_of_its_kind_and_whole() {
    let log = Log::new();
    let genuine = log.pack(&of_client(&log));
    let anchors: Vec<Anchor> = records(&genuine, &Member::Anchors);
    let run = |change: &dyn Fn(&mut Vec<Anchor>)| {
        let (mut pack, mut anchors) = (genuine.clone(), anchors.clone());
        change(&mut anchors);
        pack.put(Member::Anchors, lines(&anchors));
        resealed(&log, &pack)
    };
    let failed = Some(CheckName::Anchors);
    assert_eq!(run(&|_| ()), None);
    assert_eq!(run(&|anchors| anchors[0].index += 1), failed, "another place");
    assert_eq!(run(&|anchors| anchors[0].proof.truncate(3)), failed, "a proof too short");
    assert_eq!(run(&|anchors| anchors[0].body.push(' ')), failed, "another body");
    assert_eq!(run(&|anchors| anchors.push(anchors[0].clone())), failed, "twice");
    assert_eq!(run(&|anchors| drop(anchors.remove(1))), failed, "none of the ticker");
    let quote = log.line(12);
    let of_quote = |anchor: &mut Anchor| {
        (anchor.index, anchor.header, anchor.body) = (12, quote.header.clone(), quote.body.clone());
        anchor.proof = log.proof(12, SIZE);
    };
    assert_eq!(run(&|anchors| of_quote(&mut anchors[0])), failed, "a quote anchors no client");
    assert_eq!(run(&|anchors| of_quote(&mut anchors[1])), failed, "a quote anchors no ticker");
    let mut pack = genuine.clone();
    pack.members.remove(&Member::References(SNAPSHOT.to_owned()));
    assert_eq!(resealed(&log, &pack), failed, "without the list");
    pack.put(Member::References("other".to_owned()), log.references.clone());
    assert_eq!(resealed(&log, &pack), failed, "under another name");
}

#[test]
fn a_range_called_a_selection_says_so_and_a_selection_is_no_range() {
    let log = Log::new();
    let ranged = of_client(&log);
    let mut pack = log.pack(&ranged);
    pack.manifest.completeness = Completeness::Selected;
    assert_eq!(resealed(&log, &pack), Some(CheckName::Manifest), "with the range named");
    pack.manifest.range = None;
    assert_eq!(resealed(&log, &pack), Some(CheckName::Manifest), "with the range's files");
    pack.members.retain(|member, _| !member.is_of_range());
    let report = check(&pack.seal(Some(&log.evidence)), &log.keys(), &Options::default());
    assert_eq!(report.verdict, Verdict::SelectionOnly, "and then it proves nothing about what is absent");

    let mut pack = log.pack(&Shape { range: None, indices: vec![12], ..ranged.clone() });
    pack.manifest.completeness = Completeness::Range;
    assert_eq!(resealed(&log, &pack), Some(CheckName::Manifest), "without a range");
    pack.manifest.range = ranged.range;
    assert_eq!(resealed(&log, &pack), Some(CheckName::Manifest), "without the range's files");
    log.put_range(&mut pack, ranged.range.unwrap(), SIZE);
    assert_eq!(resealed(&log, &pack), Some(CheckName::Completeness), "with them");
}

#[test]
fn a_list_of_rotations_that_differs_is_missing_or_should_not_be_there_is_named() {
    let log = Log::new();
    let genuine = log.pack(&log.shape(10, 20, |_| ()));
    let listed = content(&genuine, &Member::Rotations);
    let run = |pack: &Pack| {
        let report = check(&pack.seal(Some(&log.evidence)), &log.keys(), &Options::default());
        report.failure().map(|(name, why)| (name, why.to_owned()))
    };
    assert_eq!(run(&genuine), None);
    for (changed, name) in [
        (listed.replacen("api_key.rotate", "api_key.revoke", 1), "another event"),
        (listed.replacen("2026-12-06", "2027-12-06", 1), "another end"),
        (listed.replacen("\"'=key\"", "=key", 1), "a cell that runs"),
        (listed.lines().next().unwrap().to_owned() + "\r\n", "a row less"),
        (listed.clone() + "\r\n", "a row more"),
        (String::new(), "empty"),
    ] {
        assert_ne!(changed, listed, "{name}");
        let mut pack = genuine.clone();
        pack.put(Member::Rotations, changed);
        assert_eq!(run(&pack).unwrap().0, CheckName::Rotations, "{name}");
    }
    let mut without = genuine.clone();
    without.members.remove(&Member::Rotations);
    let why = "it is missing, and index 16 rotates a credential".to_owned();
    assert_eq!(run(&without), Some((CheckName::Rotations, why)));
    for content in [listed.as_str(), ROTATIONS_HEADER, ""] {
        let mut pack = log.pack(&of_client(&log));
        pack.put(Member::Rotations, content);
        let why = "it is there, and no entry rotates a credential".to_owned();
        assert_eq!(run(&pack), Some((CheckName::Rotations, why)), "{content:?}");
    }
}

#[test]
fn another_logs_checkpoint_is_refused() {
    let log = Log::new();
    let other = Log::of("borrow-rate-engine/444455556666/eu-west-1/test", 2, SIZE);
    let mut pack = log.pack(&of_client(&log));
    pack.put(Member::Checkpoint, other.signed_checkpoint(SIZE));
    let bundle = pack.seal(Some(&log.evidence));
    assert_eq!(failure(&log, &bundle), Some(CheckName::Checkpoint));
    let both: Vec<_> = log.keys().into_iter().chain(other.keys()).collect();
    let report = check(&bundle, &both, &Options::default());
    assert_eq!(report.failure().unwrap().0, CheckName::Keys, "keys of two logs say nothing of one");
    let mut chosen = pack.clone();
    chosen.manifest.origin = other.signer.key.name().to_owned();
    assert_eq!(resealed(&log, &chosen), Some(CheckName::Manifest), "nor does the manifest choose the log");
    // The same log's, of another size or of a history that never was.
    pack.put(Member::Checkpoint, log.signed_checkpoint(SIZE - 1));
    assert_eq!(resealed(&log, &pack), Some(CheckName::Checkpoint));
    pack.put(Member::Checkpoint, Log::of(ORIGIN, 2, SIZE).signed_checkpoint(SIZE));
    assert_eq!(resealed(&log, &pack), Some(CheckName::Anchors));
}

#[test]
fn a_checkpoint_signed_by_the_evidence_key_is_refused() {
    let log = Log::new();
    let text = log.checkpoint(SIZE).text();
    let under_the_logs_name = Signer::new(ORIGIN, 22);
    for note in [log.evidence.sign(&text), under_the_logs_name.sign(&text)] {
        let mut pack = log.pack(&of_client(&log));
        pack.put(Member::Checkpoint, note);
        assert_eq!(resealed(&log, &pack), Some(CheckName::Checkpoint));
    }
    for member in [Member::CheckpointFirst, Member::CheckpointEnd] {
        let mut pack = log.pack(&of_client(&log));
        let (size, failed) =
            if member == Member::CheckpointFirst { (10, CheckName::RangeStart) } else { (26, CheckName::RangeEnd) };
        pack.put(member, log.evidence.sign(&log.checkpoint(size).text()));
        assert_eq!(resealed(&log, &pack), Some(failed));
    }
    // Nor does the log's key sign manifests.
    let pack = log.pack(&of_client(&log));
    assert_eq!(failure(&log, &pack.seal(Some(&log.signer))), Some(CheckName::ManifestSignature));
}

#[test]
fn a_log_that_is_called_like_the_evidence_key_is_no_log() {
    let log = Log::new();
    for suffix in ["evidence", "token"] {
        let name = format!("{ORIGIN}/{suffix}");
        let mut forged = Log::of(&name, 2, SIZE);
        forged.signer = Signer::new(&name, 22);
        forged.evidence = Signer::new(&format!("{name}/evidence"), 22);
        let bundle = forged.pack(&of_client(&forged)).seal(None);
        let run = |bundle: &[u8], keys: &[TimedKey], unsigned| {
            let report = check(bundle, keys, &Options { unsigned, ..Options::default() });
            assert_eq!(report.verdict, Verdict::Failed);
            report.failure().map(|(name, _)| name)
        };
        let key = forged.signer.timed();
        assert_eq!(run(&bundle, std::slice::from_ref(&key), true), Some(CheckName::Manifest), "{suffix} alone");
        assert_eq!(run(&bundle, &[log.signer.timed(), key], true), Some(CheckName::Manifest), "beside the log's");
        let signed = forged.bundle(&of_client(&forged));
        assert_eq!(run(&signed, &forged.keys(), false), Some(CheckName::Keys), "with a key of its own");
        assert_eq!(run(&signed, &forged.keys(), true), Some(CheckName::Keys));
    }
}

#[test]
fn the_keys_given_are_of_one_log_and_the_stray_is_named() {
    let log = Log::new();
    let bundle = log.bundle(&of_client(&log));
    let run = |more: &[&str]| {
        let more = more.iter().map(|name| Signer::new(name, 33).timed());
        let keys: Vec<_> = log.keys().into_iter().chain(more).collect();
        let report = check(&bundle, &keys, &Options::default());
        report.failure().map(|(name, why)| (name, why.to_owned()))
    };
    assert_eq!(run(&[ORIGIN, &format!("{ORIGIN}/evidence"), &format!("{ORIGIN}/token")]), None, "replaced keys");
    for stray in ["other", "other/evidence", &format!("{ORIGIN}/other"), &format!("{ORIGIN}/")] {
        let why = format!("keys of two logs were given: {stray} is not of {ORIGIN}");
        assert_eq!(run(&[stray]), Some((CheckName::Keys, why)));
    }
    for wrong in ["/evidence", &format!("{ORIGIN}/evidence/evidence"), &format!("{ORIGIN}/token/evidence")] {
        assert_eq!(run(&[wrong]), Some((CheckName::Keys, format!("{wrong} is the name of no key of a log"))));
    }
}

#[test]
fn a_filter_that_asks_for_no_time_is_refused() {
    let log = Log::new();
    for to in [20, 10] {
        let mut shape = log.shape(20, 20, |_| ());
        shape.filter.to = minute(to);
        assert_eq!(failure(&log, &log.bundle(&shape)), Some(CheckName::Filter), "from 20 to {to}");
    }
    let mut shape = log.shape(10, 20, |_| ());
    shape.filter.from = "-000001-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(failure(&log, &log.bundle(&shape)), Some(CheckName::Filter), "a year that other readers do not know");
}

#[test]
fn a_sealed_header_whose_time_readers_could_take_differently_is_refused() {
    for (time, failed) in [
        ("2026-11-22T03:12:00.000Z", None),
        ("2000-01-01T00:00:00.000Z", None),
        ("9999-12-30T00:00:00.000Z", None),
        ("1999-12-31T23:59:59.999Z", Some(CheckName::Completeness)),
        ("-002026-11-22T03:12:00.000Z", Some(CheckName::Completeness)),
        ("2026-11-22T03:12:00Z", Some(CheckName::Completeness)),
        ("2026-11-22T03:12:00.000000Z", Some(CheckName::Completeness)),
        ("2026-11-22t03:12:00.000z", Some(CheckName::Completeness)),
        ("2026-11-22T03:11:60.000Z", Some(CheckName::Completeness)),
        ("2026-11-22T03:12:00.00\u{660}Z", Some(CheckName::Completeness)),
        ("", Some(CheckName::Completeness)),
    ] {
        let mut log = Log::new();
        let entry = &log.entries[12];
        let header = Header { time: time.to_owned(), ..entry.read_header().unwrap() };
        let sealed = Entry::from_stored(entry.id(), to_json(&header).unwrap(), entry.body().to_owned()).unwrap();
        log.entries[12] = sealed;
        let bundle = log.bundle(&log.shape(10, 20, |_| ()));
        assert_eq!(failure(&log, &bundle), failed, "{time:?}");
    }
}

#[test]
fn a_signed_note_over_another_text_is_no_manifests_signature() {
    let log = Log::new();
    let pack = log.pack(&of_client(&log));
    let other = log.pack(&log.shape(10, 20, |_| ())).sealed(Some(&log.evidence));
    let mut members = pack.sealed(Some(&log.evidence));
    *members.last_mut().unwrap() = other.last().unwrap().clone();
    assert_eq!(failure(&log, &zip(&members)), Some(CheckName::ManifestSignature));
    members.last_mut().unwrap().1 = log.evidence.sign(&log.checkpoint(SIZE).text()).into_bytes();
    assert_eq!(failure(&log, &zip(&members)), Some(CheckName::ManifestSignature));
}

#[test]
fn a_truncated_archive_is_named() {
    let log = Log::new();
    let bundle = log.bundle(&everything(&log));
    let lengths = (0..64).map(|step| bundle.len() * step / 64).chain([bundle.len() - 1, bundle.len() - 22]);
    for length in lengths {
        assert_eq!(failure(&log, &bundle[..length]), Some(CheckName::Archive), "{length}");
    }
    assert_eq!(failure(&log, &[&bundle[..], b"more"].concat()), Some(CheckName::Archive));
    assert_eq!(failure(&log, &[b"more", &bundle[..]].concat()), Some(CheckName::Archive));
}

#[test]
fn a_log_rolled_back_is_named() {
    let log = Log::new();
    let run = |log: &Log, older: &str| {
        let bundle = log.bundle(&of_client(log));
        let report = check(&bundle, &log.keys(), &Options { against: Some(older), ..Options::default() });
        report.failure().map(|(name, why)| (name, why.split(':').next().unwrap().to_owned()))
    };
    let failed = |why: &str| Some((CheckName::Consistency, why.to_owned()));
    let grown = Log::of(ORIGIN, 1, SIZE + 5);
    assert_eq!(run(&log, &grown.signed_checkpoint(SIZE + 5)), failed("the log was rolled back"));
    // Rolled back and grown again, to the same size or beyond it.
    let again = Log::of(ORIGIN, 2, SIZE + 5);
    assert_eq!(run(&log, &again.signed_checkpoint(SIZE)), failed("the log was rewritten"));
    assert_eq!(run(&again, &log.signed_checkpoint(16)), failed("the log was rewritten"));
    assert_eq!(run(&log, &log.signed_checkpoint(16)), None);
}

#[test]
fn an_older_size_claimed_complete_is_named() {
    let log = Log::new();
    // The log had 24 entries at 23.5 minutes: what is of before minute 20 may not all have been sealed.
    let mut shape = Shape { size: 24, range: Some(Indices { first: 10, end: 24 }), ..log.shape(10, 20, |_| ()) };
    shape.indices = log.matched(&shape);
    assert_eq!(failure(&log, &log.bundle(&shape)), Some(CheckName::RangeEnd));
    let mut shape = Shape { size: 15, range: Some(Indices { first: 10, end: 15 }), ..shape };
    shape.indices = log.matched(&shape);
    assert_eq!(failure(&log, &log.bundle(&shape)), Some(CheckName::RangeEnd));
}

#[test]
fn an_end_too_early_is_named_to_the_instant() {
    let log = Log::new();
    let shape = log.shape(10, 20, |_| ());
    let signed = |size, time| {
        let checkpoint = engine_core::merkle::Checkpoint { time, ..log.checkpoint(size) };
        log.signer.sign(&checkpoint.text())
    };
    let instant = jiff::SignedDuration::from_millis(1);
    for (time, failed) in [(minute(25), None), (minute(25) - instant, Some(CheckName::RangeEnd))] {
        let mut pack = log.pack(&shape);
        pack.put(Member::CheckpointEnd, signed(26, time));
        assert_eq!(resealed(&log, &pack), failed);
    }
    for (time, failed) in [(minute(10), None), (minute(10) + instant, Some(CheckName::RangeStart))] {
        let mut pack = log.pack(&shape);
        pack.put(Member::CheckpointFirst, signed(10, time));
        assert_eq!(resealed(&log, &pack), failed);
    }
    let mut pack = log.pack(&shape);
    pack.put(Member::CheckpointEnd, Log::of(ORIGIN, 2, SIZE).signed_checkpoint(26));
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeEnd), "of another history");
    let mut pack = log.pack(&shape);
    pack.put(Member::CheckpointFirst, Log::of(ORIGIN, 2, SIZE).signed_checkpoint(10));
    assert_eq!(resealed(&log, &pack), Some(CheckName::RangeStart), "of another history");
}

#[test]
fn left_and_right_swapped_give_another_root() {
    let log = Log::new();
    let shape = log.shape(10, 20, |_| ());
    let run = |change: &dyn Fn(&mut RangeProof)| {
        let mut pack = log.pack(&shape);
        let mut proof: RangeProof = from_json(&content(&pack, &Member::RangeProof)).unwrap();
        change(&mut proof);
        pack.put(Member::RangeProof, to_json(&proof).unwrap());
        resealed(&log, &pack)
    };
    let failed = Some(CheckName::RangeProof);
    assert_eq!(run(&|_| ()), None);
    assert_eq!(run(&|proof| std::mem::swap(&mut proof.left, &mut proof.right)), failed);
    assert_eq!(run(&|proof| proof.left.reverse()), failed);
    assert_eq!(run(&|proof| proof.right.swap(0, 1)), failed);
    assert_eq!(run(&|proof| proof.right.truncate(1)), failed);
    assert_eq!(run(&|proof| proof.left.push(proof.left[0])), failed);
    assert_eq!(run(&|proof| proof.size += 1), failed);
}

#[test]
fn a_proof_of_another_entry_or_too_few_or_too_many_is_named() {
    let log = Log::new();
    let genuine = log.pack(&log.shape(10, 20, |_| ()));
    let run = |change: &dyn Fn(&mut Vec<Inclusion>)| {
        let (mut pack, mut proofs) = (genuine.clone(), records(&genuine, &Member::Inclusion));
        change(&mut proofs);
        pack.put(Member::Inclusion, lines(&proofs));
        resealed(&log, &pack)
    };
    let failed = Some(CheckName::Inclusion);
    assert_eq!(run(&|_| ()), None);
    assert_eq!(run(&|proofs| proofs.swap(0, 1)), failed);
    assert_eq!(run(&|proofs| drop(proofs.pop())), failed);
    assert_eq!(run(&|proofs| proofs.push(proofs[0].clone())), failed);
    assert_eq!(run(&|proofs| proofs[4].proof.swap(0, 1)), failed);
    assert_eq!(run(&|proofs| proofs[4].proof.clear()), failed);
}

#[test]
fn a_table_and_a_text_that_say_something_else_are_named() {
    let log = Log::new();
    for (member, failed) in [(Member::Csv, CheckName::Csv), (Member::Readme, CheckName::Readme)] {
        let sealed = log.pack(&of_client(&log)).sealed(Some(&log.evidence));
        let (_, genuine) = sealed.iter().find(|(name, _)| *name == member.name()).unwrap();
        for changed in [&genuine[..genuine.len() - 1], &[genuine, &b"x"[..]].concat(), &[b"x", &genuine[..]].concat()] {
            let mut pack = log.pack(&of_client(&log));
            pack.put(member.clone(), changed);
            assert_eq!(resealed(&log, &pack), Some(failed));
        }
    }
    let mut pack = log.pack(&everything(&log));
    pack.put(Member::LogEvents, "no JSON\n");
    assert_eq!(resealed(&log, &pack), Some(CheckName::LogEvents));
}

#[test]
fn a_manifest_written_another_way_or_with_more_in_it_is_refused() {
    let log = Log::new();
    let members = log.pack(&of_client(&log)).sealed(Some(&log.evidence));
    let place = members.len() - 2;
    let text = String::from_utf8(members[place].1.clone()).unwrap();
    let mut more: Value = serde_json::from_str(&text).unwrap();
    more["note"] = "more".into();
    let mut less: Value = serde_json::from_str(&text).unwrap();
    less["files"].as_array_mut().unwrap().pop();
    let renamed = text.replacen("evidence/1", "evidence/2", 1);
    for changed in [format!("{text}\n"), text.replacen(':', ": ", 1), more.to_string(), less.to_string(), renamed] {
        let mut members = members.clone();
        members[place].1 = changed.into_bytes();
        assert_eq!(failure(&log, &zip(&members)), Some(CheckName::Manifest));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_single_byte_of_the_archive_may_change(place in any::<proptest::sample::Index>(), flip in 1_u8..) {
        let log = Log::of(ORIGIN, 1, 27);
        let mut bundle = log.bundle(&Shape { log_events: true, ..of_client(&log) });
        let at = place.index(bundle.len());
        bundle[at] ^= flip;
        let report = check(&bundle, &log.keys(), &Options::default());
        prop_assert!(report.failure().is_some(), "byte {at} of {}", bundle.len());
    }
}

#[test]
fn no_byte_of_the_archives_frame_may_change() {
    let log = Log::of(ORIGIN, 1, 27);
    let bundle = log.bundle(&of_client(&log));
    let list = u32::from_le_bytes(bundle[bundle.len() - 6..bundle.len() - 2].try_into().unwrap()) as usize;
    for at in (0..60).chain(list..bundle.len()) {
        let mut changed = bundle.clone();
        changed[at] ^= 0x20;
        assert_eq!(failure(&log, &changed), Some(CheckName::Archive), "byte {at}");
    }
}
