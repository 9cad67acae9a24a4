//! The key register: chains that hold, and every way in which somebody might slip in a key.

use engine_core::merkle::{
    Checkpoint, CheckpointError, KeyPurpose, KeyRecord, KeyRegister, NoteError, RecordError, RegisterError, leaf_hash,
};
use jiff::Timestamp;

use crate::merkle_notes::{Signer, sign};

const ORIGIN: &str = "borrow-rate-engine/123456789012/us-east-1/engine";
const EVIDENCE: &str = "borrow-rate-engine/123456789012/us-east-1/engine/evidence";
const TOKEN: &str = "borrow-rate-engine/123456789012/us-east-1/engine/token";

fn day(day: u8) -> Timestamp {
    format!("2026-11-{day:02}T00:00:00.000Z").parse().unwrap()
}

fn log(seed: u8) -> Signer {
    Signer::new(ORIGIN, seed)
}

fn record(purpose: KeyPurpose, ordinal: u32, key: &str, from: Timestamp, predecessor: Option<String>) -> KeyRecord {
    let (name, key) = (purpose.key_name(ORIGIN), key.to_owned());
    let kms_key = format!("arn:aws:kms:us-east-1:123456789012:key/{purpose}-{ordinal}");
    KeyRecord { purpose, ordinal, name, key, kms_key, from, predecessor }
}

fn log_record(ordinal: u32, key: &Signer, from: u8, predecessor: Option<&Signer>) -> KeyRecord {
    let predecessor = predecessor.map(|key| key.key().to_string());
    record(KeyPurpose::Log, ordinal, &key.key().to_string(), day(from), predecessor)
}

fn token_record(ordinal: u32, der: u8, from: u8, predecessor: Option<u8>) -> KeyRecord {
    let key = |der| KeyRecord::key_of_spki(&[der; 91]);
    record(KeyPurpose::Token, ordinal, &key(der), day(from), predecessor.map(key))
}

/// Log keys 1 (from day 1), 2 (day 10), 3 (day 20); evidence key 11 (day 1), 12 (day 5); token keys on days 2 and 12.
fn register() -> Vec<String> {
    let evidence = |seed| Signer::new(EVIDENCE, seed);
    let evidence_record = |ordinal, key: &Signer, from, predecessor: Option<&Signer>| {
        let predecessor = predecessor.map(|key| key.key().to_string());
        record(KeyPurpose::Evidence, ordinal, &key.key().to_string(), day(from), predecessor).text()
    };
    vec![
        sign(&log_record(1, &log(1), 1, None).text(), &[&log(1)]),
        sign(&log_record(2, &log(2), 10, Some(&log(1))).text(), &[&log(1), &log(2)]),
        sign(&log_record(3, &log(3), 20, Some(&log(2))).text(), &[&log(3), &log(2)]),
        sign(&evidence_record(1, &evidence(11), 1, None), &[&evidence(11)]),
        sign(&evidence_record(2, &evidence(12), 5, Some(&evidence(11))), &[&evidence(11), &evidence(12)]),
        sign(&token_record(1, 1, 2, None).text(), &[&log(1)]),
        sign(&token_record(2, 2, 12, Some(1)).text(), &[&log(2)]),
    ]
}

/// The register's refusal with the note at `place` replaced.
fn refusal(place: usize, note: String) -> RegisterError {
    let mut notes = register();
    notes[place] = note;
    KeyRegister::read(&notes).unwrap_err()
}

#[test]
fn a_record_is_eight_lines_and_has_one_spelling() {
    let signer = log(1);
    let record = log_record(1, &signer, 1, None);
    let text = record.text();
    assert_eq!(
        text,
        format!(
            "borrow-rate-engine key record\npurpose log\nordinal 1\nname {ORIGIN}\nkey {}\n\
             kms arn:aws:kms:us-east-1:123456789012:key/log-1\nfrom 2026-11-01T00:00:00.000Z\npredecessor none\n",
            signer.key()
        )
    );
    assert_eq!(record.path(), "keys/log/0001");
    assert_eq!(KeyRecord::parse(&text), Ok(record));
    for (from, to, refusal) in [
        ("borrow-rate-engine key record", "borrow-rate-engine key", RecordError::Form),
        ("purpose log", "purpose Log", RecordError::Form),
        ("purpose log", "purpose logs", RecordError::Form),
        ("purpose log\n", "", RecordError::Form),
        ("ordinal 1", "ordinal 01", RecordError::Form),
        ("ordinal 1", "ordinal 0", RecordError::Form),
        ("ordinal 1", "ordinal 10000", RecordError::Form),
        ("ordinal 1", "ordinal +1", RecordError::Form),
        ("ordinal 1", "ordinal", RecordError::Form),
        ("kms arn", "kms  arn", RecordError::Form),
        ("kms arn:aws:kms:us-east-1:123456789012:key/log-1", "kms ", RecordError::Form),
        ("00.000Z", "00Z", RecordError::Form),
        ("00.000Z", "00.0000Z", RecordError::Form),
        ("predecessor none\n", "predecessor none", RecordError::Form),
        ("predecessor none\n", "predecessor none\nmore\n", RecordError::Form),
        ("predecessor none\n", "", RecordError::Form),
        ("purpose log", "purpose token", RecordError::Key),
        ("name borrow", "name other", RecordError::Key),
        ("key borrow", "key other", RecordError::Key),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from}");
        assert_eq!(KeyRecord::parse(&other), Err(refusal), "{other}");
    }
}

#[test]
fn a_token_record_takes_a_der_key_alone() {
    let text = token_record(1, 1, 2, None).text();
    let record = KeyRecord::parse(&text).unwrap();
    assert_eq!((record.spki(), record.verifier_key(), record.name.as_str()), (Some(vec![1; 91]), None, TOKEN));
    for key in ["spki:", "spki:AQ", "spki:AR==", "AQEB", "spki: AQEB"] {
        let other = KeyRecord { key: key.to_owned(), ..record.clone() };
        assert_eq!(KeyRecord::parse(&other.text()), Err(RecordError::Key), "{key}");
    }
}

#[test]
fn keys_are_valid_from_their_time_until_their_successors() {
    let mut notes = register();
    notes.reverse();
    let register = KeyRegister::read(&notes).unwrap();
    assert_eq!(register.origin(), Some(ORIGIN));
    let keys = register.verifier_keys(KeyPurpose::Log);
    let expected = [(1, 1, Some(10)), (2, 10, Some(20)), (3, 20, None)];
    assert_eq!(keys, expected.map(|(seed, from, until)| (log(seed).key(), day(from), until.map(day))));
    assert_eq!(register.until(KeyPurpose::Log, 1), Some(day(10)));
    assert_eq!(register.verifier_keys(KeyPurpose::Token), []);
    assert_eq!(register.newest(KeyPurpose::Token).map(|record| record.ordinal), Some(2));

    let at = |text: &str| register.keys_at(KeyPurpose::Log, text.parse().unwrap());
    assert_eq!(at("2026-10-31T23:59:59.999Z"), []);
    assert_eq!(at("2026-11-01T00:00:00.000Z"), [log(1).key()]);
    assert_eq!(at("2026-11-09T23:59:59.999Z"), [log(1).key()]);
    assert_eq!(at("2026-11-10T00:00:00.000Z"), [log(2).key()]);
    assert_eq!(at("2030-01-01T00:00:00.000Z"), [log(3).key()]);
    let token_at = |at| register.record_at(KeyPurpose::Token, at).map(|record| record.ordinal);
    assert_eq!((token_at(day(1)), token_at(day(11)), token_at(day(12))), (None, Some(1), Some(2)));
}

#[test]
fn a_checkpoint_is_opened_by_the_log_key_of_its_time() {
    let register = KeyRegister::read(&register()).unwrap();
    let checkpoint = |on| Checkpoint { origin: ORIGIN.to_owned(), size: 5, root: leaf_hash(b""), time: day(on) };
    let unknown = Err(CheckpointError::Note(NoteError::UnknownKey));
    for (on, seed, verdict) in [
        (9, 1, Ok(checkpoint(9))),
        (10, 2, Ok(checkpoint(10))),
        (10, 1, unknown.clone()),
        (9, 2, unknown.clone()),
        (25, 3, Ok(checkpoint(25))),
        (25, 1, unknown),
    ] {
        let note = sign(&checkpoint(on).text(), &[&log(seed)]);
        assert_eq!(register.open_checkpoint(&note), verdict, "key {seed} on day {on}");
    }
}

#[test]
fn an_empty_register_has_no_keys() {
    let register = KeyRegister::read(&[]).unwrap();
    assert_eq!((register.origin(), register.newest(KeyPurpose::Log)), (None, None));
    assert_eq!(register.keys_at(KeyPurpose::Log, day(1)), []);
}

#[test]
fn a_missing_record_is_a_gap() {
    for (without, missing) in [
        (0, RegisterError::Gap(KeyPurpose::Log, 1)),
        (1, RegisterError::Gap(KeyPurpose::Log, 2)),
        (3, RegisterError::Gap(KeyPurpose::Evidence, 1)),
        (5, RegisterError::Gap(KeyPurpose::Token, 1)),
    ] {
        let mut notes = register();
        notes.remove(without);
        assert_eq!(KeyRegister::read(&notes), Err(missing));
    }
}

#[test]
fn keys_without_a_log_are_none() {
    let notes = register();
    let missing = Err(RegisterError::Gap(KeyPurpose::Log, 1));
    assert_eq!(KeyRegister::read(&notes[3..4]), missing);
    assert_eq!(KeyRegister::read(&notes[5..6]), missing);
}

#[test]
fn two_records_of_one_ordinal_are_a_fork() {
    let fork = Err(RegisterError::Fork(KeyPurpose::Log, 2));
    let mut notes = register();
    notes.push(sign(&log_record(2, &log(4), 10, Some(&log(1))).text(), &[&log(1), &log(4)]));
    assert_eq!(KeyRegister::read(&notes), fork);
    let mut notes = register();
    notes.push(notes[1].clone());
    assert_eq!(KeyRegister::read(&notes), fork);
}

#[test]
fn a_successor_is_signed_by_its_predecessor_and_itself() {
    let text = log_record(2, &log(2), 10, Some(&log(1))).text();
    let by = |signers: &[&Signer]| refusal(1, sign(&text, signers));
    assert_eq!(by(&[&log(2)]), RegisterError::NotSignedByPredecessor(KeyPurpose::Log, 2));
    assert_eq!(by(&[&log(1)]), RegisterError::NotSelfSigned(KeyPurpose::Log, 2));
    assert_eq!(by(&[&log(2), &log(3)]), RegisterError::NotSignedByPredecessor(KeyPurpose::Log, 2));
    assert_eq!(by(&[&log(9)]), RegisterError::NotSelfSigned(KeyPurpose::Log, 2));
    let first = sign(&log_record(1, &log(1), 1, None).text(), &[&log(2)]);
    assert_eq!(refusal(0, first), RegisterError::NotSelfSigned(KeyPurpose::Log, 1));
}

#[test]
fn a_signature_over_another_text_does_not_count() {
    let text = log_record(2, &log(2), 10, Some(&log(1))).text();
    let changed = sign(&text, &[&log(1), &log(2)]).replacen("key/log-2", "key/log-9", 1);
    assert_eq!(refusal(1, changed), RegisterError::NotSelfSigned(KeyPurpose::Log, 2));
}

#[test]
fn a_record_names_the_key_before_it() {
    for predecessor in [None, Some(log(9)), Some(log(2))] {
        let text = log_record(2, &log(2), 10, predecessor.as_ref()).text();
        assert_eq!(refusal(1, sign(&text, &[&log(1), &log(2)])), RegisterError::Predecessor(KeyPurpose::Log, 2));
    }
    let first = sign(&log_record(1, &log(1), 1, Some(&log(9))).text(), &[&log(1), &log(9)]);
    assert_eq!(refusal(0, first), RegisterError::Predecessor(KeyPurpose::Log, 1));
}

#[test]
fn a_successor_is_valid_from_later() {
    for from in [10, 9] {
        let text = log_record(3, &log(3), from, Some(&log(2))).text();
        assert_eq!(refusal(2, sign(&text, &[&log(2), &log(3)])), RegisterError::Order(KeyPurpose::Log, 3));
    }
}

#[test]
fn every_name_is_of_this_log_and_purpose() {
    let other = Signer::new("other/log", 2);
    let record = KeyRecord {
        name: "other/log".to_owned(),
        key: other.key().to_string(),
        ..log_record(2, &log(2), 10, Some(&log(1)))
    };
    assert_eq!(refusal(1, sign(&record.text(), &[&log(1), &other])), RegisterError::Name(KeyPurpose::Log, 2));

    for name in ["other/log/evidence", ORIGIN, TOKEN] {
        let key = Signer::new(name, 11);
        let record = KeyRecord { name: name.to_owned(), ..record_of_evidence(&key) };
        assert_eq!(refusal(3, sign(&record.text(), &[&key])), RegisterError::Name(KeyPurpose::Evidence, 1), "{name}");
    }
    let token = KeyRecord { name: ORIGIN.to_owned(), ..token_record(1, 1, 2, None) };
    assert_eq!(refusal(5, sign(&token.text(), &[&log(1)])), RegisterError::Name(KeyPurpose::Token, 1));
}

fn record_of_evidence(key: &Signer) -> KeyRecord {
    record(KeyPurpose::Evidence, 1, &key.key().to_string(), day(1), None)
}

#[test]
fn no_key_serves_twice() {
    // The log's key as evidence key: one function would hold both signatures.
    let key = Signer::new(EVIDENCE, 1);
    let note = sign(&record_of_evidence(&key).text(), &[&key]);
    assert_eq!(refusal(3, note), RegisterError::Reused(KeyPurpose::Evidence, 1));
    // A key that comes back.
    let text = log_record(3, &log(1), 20, Some(&log(2))).text();
    assert_eq!(refusal(2, sign(&text, &[&log(2), &log(1)])), RegisterError::Reused(KeyPurpose::Log, 3));
    let token = token_record(2, 1, 12, Some(1)).text();
    assert_eq!(refusal(6, sign(&token, &[&log(2)])), RegisterError::Reused(KeyPurpose::Token, 2));
}

#[test]
fn a_token_record_is_signed_by_the_log_key_of_its_time() {
    let text = token_record(2, 2, 12, Some(1)).text();
    let evidence = Signer::new(EVIDENCE, 12);
    let refused = RegisterError::NotSignedByLog(KeyPurpose::Token, 2);
    for signer in [log(1), log(3), log(9), evidence] {
        assert_eq!(refusal(6, sign(&text, &[&signer])), refused);
    }
    let early =
        record(KeyPurpose::Token, 1, &KeyRecord::key_of_spki(&[1; 91]), "2026-10-31T00:00:00Z".parse().unwrap(), None);
    assert_eq!(refusal(5, sign(&early.text(), &[&log(1)])), RegisterError::NotSignedByLog(KeyPurpose::Token, 1));
}

#[test]
fn what_is_no_note_or_no_record_is_named_by_its_place() {
    assert_eq!(refusal(4, "nothing\n".to_owned()), RegisterError::Note(4, NoteError::Form));
    assert_eq!(refusal(2, sign("nothing\n", &[&log(1)])), RegisterError::Record(2, RecordError::Form));
}
