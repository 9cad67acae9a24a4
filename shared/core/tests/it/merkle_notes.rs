//! Verifier keys, signed notes and checkpoints: what is taken, and that nothing else is.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};
use engine_core::merkle::{
    Checkpoint, CheckpointError, Hash, NoteError, SignedNote, VerifierKey, VerifierKeyError, empty_root, leaf_hash,
    open_checkpoint, sign_line,
};
use proptest::prelude::*;

const ORIGIN: &str = "borrow-rate-engine/123456789012/us-east-1/engine";

/// An Ed25519 key for tests, under a name.
pub(crate) struct Signer {
    name: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    /// The key made from `seed`.
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        Self { name: name.to_owned(), pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap() }
    }

    /// Its verifier key.
    pub(crate) fn key(&self) -> VerifierKey {
        VerifierKey::new(&self.name, self.pair.public_key().as_ref().try_into().unwrap()).unwrap()
    }

    /// Its signature line under `text`.
    pub(crate) fn line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        sign_line(&self.name, self.key().public_key(), signature.as_ref().try_into().unwrap())
    }
}

/// `text` as a note of these signers.
pub(crate) fn sign(text: &str, signers: &[&Signer]) -> String {
    let lines: Vec<_> = signers.iter().map(|signer| signer.line(text)).collect();
    SignedNote::assemble(text, &lines).unwrap().to_string()
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 20_852,
        root: leaf_hash(b"root"),
        time: "2026-11-25T03:02:11.482Z".parse().unwrap(),
    }
}

#[test]
fn a_verifier_key_has_one_spelling() {
    let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let key = VerifierKey::parse(text).unwrap();
    assert_eq!((key.name(), key.key_hash()), ("PeterNeumann", [0xc7, 0x4f, 0x20, 0xa3]));
    let raw = STANDARD.encode(key.public_key());
    let cosigner = STANDARD.encode([&[4], key.public_key().as_slice()].concat());
    for (other, refusal) in [
        ("", VerifierKeyError::Form),
        ("PeterNeumann", VerifierKeyError::Form),
        ("PeterNeumann+c74f20a3", VerifierKeyError::Form),
        ("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", VerifierKeyError::Name),
        ("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", VerifierKeyError::Name),
        ("Peter\u{a0}Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", VerifierKeyError::Name),
        ("EnochRoot+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", VerifierKeyError::KeyHash),
        ("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", VerifierKeyError::KeyHash),
        ("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", VerifierKeyError::Form),
        ("PeterNeumann+0c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", VerifierKeyError::Form),
        ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq_LDE4izWy10TW", VerifierKeyError::Form),
        ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n", VerifierKeyError::Form),
        ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==", VerifierKeyError::Form),
        (&format!("PeterNeumann+c74f20a3+{raw}"), VerifierKeyError::Form),
        (&format!("PeterNeumann+c74f20a3+{cosigner}"), VerifierKeyError::Form),
    ] {
        assert_eq!(VerifierKey::parse(other), Err(refusal), "{other:?}");
    }
}

#[test]
fn a_verifier_key_is_taken_from_the_der_of_an_ed25519_key_alone() {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    let signer = Signer::new(ORIGIN, 1);
    let der: PublicKeyX509Der<'_> = signer.pair.public_key().as_der().unwrap();
    let der = der.as_ref();
    assert_eq!(VerifierKey::from_spki(ORIGIN, der), Ok(signer.key()));
    let longer = [der, &[0]].concat();
    let x25519 = [&der[..8], &[0x6e], &der[9..]].concat();
    for other in [&der[1..], &der[..der.len() - 1], &longer, &x25519, &[]] {
        assert_eq!(VerifierKey::from_spki(ORIGIN, other), Err(VerifierKeyError::Spki), "{other:?}");
    }
    assert_eq!(VerifierKey::from_spki("two words", der), Err(VerifierKeyError::Name));
}

#[test]
fn a_note_has_one_form() {
    let signer = Signer::new(ORIGIN, 1);
    let line = signer.line("text\n");
    let good = format!("text\n\n{line}");
    assert!(SignedNote::parse(&good).is_ok());
    let bytes = STANDARD.decode(line.trim_end().rsplit(' ').next().unwrap()).unwrap();
    let encoded = STANDARD.encode(&bytes);
    // 68 bytes end in `=`: its last digit carries two bits that belong to no byte.
    let trailing = {
        let digit = encoded.as_bytes()[encoded.len() - 2];
        let next = char::from(digit + 1);
        format!("{}{next}=", &encoded[..encoded.len() - 2])
    };
    for (note, refusal) in [
        (String::new(), NoteError::Form),
        ("text\n".to_owned(), NoteError::Form),
        ("text\n\n".to_owned(), NoteError::Form),
        (line.clone(), NoteError::Form),
        (format!("\n{line}"), NoteError::Form),
        (format!("text\n{line}"), NoteError::Form),
        (good.trim_end().to_owned(), NoteError::Form),
        (format!("{good}\n"), NoteError::Form),
        (good.replace('\n', "\r\n"), NoteError::Form),
        (format!("te\txt\n\n{line}"), NoteError::Form),
        (format!("te\0xt\n\n{line}"), NoteError::Form),
        (format!("{good}more\n"), NoteError::SignatureLine(2)),
        (format!("text\n\n- {ORIGIN} {encoded}\n"), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2013} {ORIGIN} {encoded}\n"), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2014}{ORIGIN} {encoded}\n"), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2014} {ORIGIN}\n"), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2014}  {encoded}\n"), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2014} {ORIGIN} {encoded} \n"), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2014} a+b {encoded}\n"), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2014} {ORIGIN} {}\n", encoded.trim_end_matches('=')), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2014} {ORIGIN} {trailing}\n"), NoteError::SignatureLine(1)),
        (format!("text\n\n\u{2014} {ORIGIN} {}\n", STANDARD.encode(&bytes[..4])), NoteError::SignatureLine(1)),
        (format!("{good}{line}"), NoteError::Repeated),
    ] {
        assert_eq!(SignedNote::parse(&note), Err(refusal), "{note:?}");
    }
}

#[test]
fn a_note_has_at_most_a_hundred_signatures() {
    let lines =
        |count: u8| (0..count).map(|seed| Signer::new(&format!("k{seed}"), seed).line("text\n")).collect::<Vec<_>>();
    assert_eq!(SignedNote::assemble("text\n", &lines(100)).map(|note| note.signatures().len()), Ok(100));
    assert_eq!(SignedNote::assemble("text\n", &lines(101)), Err(NoteError::Form));
}

#[test]
fn two_signatures_that_name_one_key_are_refused_even_if_only_one_is_right() {
    let signer = Signer::new(ORIGIN, 1);
    let (right, wrong) = (signer.line("text\n"), signer.line("other\n"));
    for lines in [[&right, &wrong], [&wrong, &right]] {
        assert_eq!(SignedNote::assemble("text\n", &lines), Err(NoteError::Repeated));
    }
}

#[test]
fn the_text_of_a_note_may_hold_empty_lines_and_even_look_signed() {
    let (signer, other) = (Signer::new(ORIGIN, 1), Signer::new("other", 2));
    let inner = sign("text\n", &[&other]);
    let note = sign(&inner, &[&signer]);
    let parsed = SignedNote::parse(&note).unwrap();
    assert_eq!(parsed.text(), inner);
    assert_eq!(parsed.to_string(), note);
    assert_eq!(parsed.verify(&[other.key()]), Err(NoteError::UnknownKey));
    assert_eq!(parsed.verify(&[signer.key()]), Ok(signer.key()));
}

#[test]
fn a_note_is_not_assembled_of_parts_that_read_otherwise() {
    let signer = Signer::new(ORIGIN, 1);
    let line = signer.line("text\n");
    assert_eq!(SignedNote::assemble("text", &[&line]), Err(NoteError::Form));
    assert_eq!(SignedNote::assemble("", &[&line]), Err(NoteError::Form));
    assert_eq!(SignedNote::assemble::<&str>("text\n", &[]), Err(NoteError::Form));
    assert_eq!(SignedNote::assemble("text\n", &[&format!("more\n\n{line}")]), Err(NoteError::Form));
}

#[test]
fn signatures_by_unknown_keys_are_ignored_and_by_known_ones_must_be_right() {
    let (one, two, stranger) = (Signer::new("one", 1), Signer::new("two", 2), Signer::new("stranger", 3));
    let text = "text\n";
    let bad = two.line("other\n");
    let note = |lines: &[&String]| SignedNote::assemble(text, lines).unwrap();
    let both = note(&[&stranger.line(text), &one.line(text)]);
    assert_eq!(both.verify(&[two.key(), one.key()]), Ok(one.key()));
    assert_eq!(both.verify(&[two.key()]), Err(NoteError::UnknownKey));
    assert_eq!(both.verify(&[]), Err(NoteError::UnknownKey));
    let spoilt = note(&[&one.line(text), &bad]);
    assert_eq!(spoilt.verify(&[one.key()]), Ok(one.key()));
    assert_eq!(spoilt.verify(&[one.key(), two.key()]), Err(NoteError::Signature));
    assert_eq!(spoilt.signers(&[one.key(), two.key()]), Err(NoteError::Signature));
}

#[test]
fn a_key_of_another_name_is_another_key() {
    let (signer, alias) = (Signer::new("one", 1), Signer::new("two", 1));
    let note = SignedNote::parse(&sign("text\n", &[&signer])).unwrap();
    assert_eq!(note.verify(&[alias.key()]), Err(NoteError::UnknownKey));
    // The line's four bytes are renamed along with it, or not at all: neither makes it the other key's.
    let renamed = note.to_string().replace("— one", "— two");
    assert_eq!(SignedNote::parse(&renamed).unwrap().verify(&[alias.key()]), Err(NoteError::UnknownKey));
}

#[test]
fn a_signature_of_another_length_is_wrong() {
    let signer = Signer::new("one", 1);
    let line = |bytes: &[u8]| format!("— one {}\n", STANDARD.encode(bytes));
    let right = STANDARD.decode(signer.line("text\n").trim_end().rsplit(' ').next().unwrap()).unwrap();
    for bytes in [[&right[..], &[0]].concat(), right[..67].to_vec(), right[..5].to_vec()] {
        let note = SignedNote::assemble("text\n", &[line(&bytes)]).unwrap();
        assert_eq!(note.verify(&[signer.key()]), Err(NoteError::Signature));
    }
}

#[test]
fn a_checkpoint_is_four_lines() {
    let text = checkpoint().text();
    assert_eq!(text, format!("{ORIGIN}\n20852\n{}\ntime 2026-11-25T03:02:11.482Z\n", leaf_hash(b"root")));
    assert_eq!(Checkpoint::parse(&text), Ok(checkpoint()));
}

#[test]
fn a_checkpoint_has_one_spelling() {
    let text = checkpoint().text();
    let root = checkpoint().root.to_string();
    // The last digit of 32 bytes carries two bits that belong to no byte.
    let trailing = format!("{}{}=", &root[..42], char::from(root.as_bytes()[42] + 1));
    let swap = |from: &str, to: &str| text.replacen(from, to, 1);
    for other in [
        String::new(),
        text.trim_end().to_owned(),
        format!("{text}\n"),
        format!("{text}extra\n"),
        format!("\n{text}"),
        text.replace('\n', "\r\n"),
        swap("\n20852\n", "\n020852\n"),
        swap("\n20852\n", "\n+20852\n"),
        swap("\n20852\n", "\n-1\n"),
        swap("\n20852\n", "\n0x5174\n"),
        swap("\n20852\n", "\n 20852\n"),
        swap("\n20852\n", "\n\n"),
        swap("\n20852\n", "\n18446744073709551616\n"),
        swap(&root, &trailing),
        swap(&root, root.trim_end_matches('=')),
        swap(&root, ""),
        swap("time ", ""),
        swap("time ", "time  "),
        swap("time ", "Time "),
        swap(".482Z", "Z"),
        swap(".482Z", ".4820Z"),
        swap(".482Z", ".482+00:00"),
        swap(".482Z", ".482z"),
        swap("T03", " 03"),
        swap("time 2026-11-25T03:02:11.482Z\n", ""),
        swap(ORIGIN, ""),
        swap(ORIGIN, "two words"),
        swap(ORIGIN, "a+b"),
    ] {
        assert_eq!(Checkpoint::parse(&other), Err(CheckpointError::Text), "{other:?}");
    }
}

#[test]
fn a_checkpoint_of_nothing_has_the_empty_root() {
    let empty = Checkpoint { size: 0, root: empty_root(), ..checkpoint() };
    assert_eq!(Checkpoint::parse(&empty.text()), Ok(empty));
    let other = Checkpoint { size: 0, ..checkpoint() };
    assert_eq!(Checkpoint::parse(&other.text()), Err(CheckpointError::EmptyRoot));
}

#[test]
fn a_checkpoint_is_opened_by_the_key_named_like_its_origin_alone() {
    let (log, evidence) = (Signer::new(ORIGIN, 1), Signer::new(&format!("{ORIGIN}/evidence"), 2));
    let keys = [evidence.key(), log.key()];
    let text = checkpoint().text();
    let unknown = Err(CheckpointError::Note(NoteError::UnknownKey));
    let wrong = Err(CheckpointError::Note(NoteError::Signature));

    assert_eq!(open_checkpoint(&sign(&text, &[&log]), &keys), Ok(checkpoint()));
    assert_eq!(open_checkpoint(&sign(&text, &[&evidence, &log]), &keys), Ok(checkpoint()));
    assert_eq!(open_checkpoint(&sign(&text, &[&evidence]), &keys), unknown, "the evidence key signs no checkpoints");
    assert_eq!(open_checkpoint(&sign(&text, &[&log]), &[evidence.key()]), unknown);
    assert_eq!(
        open_checkpoint(&sign(&text, &[&Signer::new(ORIGIN, 3)]), &keys),
        unknown,
        "the log's name, another key"
    );

    let other = Checkpoint { origin: "other".to_owned(), ..checkpoint() };
    assert_eq!(open_checkpoint(&sign(&other.text(), &[&log]), &keys), unknown, "the log's key, another origin");
    let larger = sign(&text, &[&log]).replacen("20852", "20853", 1);
    assert_eq!(open_checkpoint(&larger, &keys), wrong);
    assert_eq!(open_checkpoint(&text, &keys), Err(CheckpointError::Note(NoteError::Form)));
    assert_eq!(open_checkpoint(&sign("text\n", &[&log]), &keys), Err(CheckpointError::Text));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn checkpoints_are_read_as_they_were_written(size in 1_u64.., root: [u8; 32], milliseconds in 0_i64..4_102_444_800_000) {
        let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap();
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: Hash::from_bytes(root), time };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
    }

    #[test]
    fn no_change_of_a_signed_checkpoint_is_taken_for_it(at: proptest::sample::Index, byte in 0_u8..128) {
        let log = Signer::new(ORIGIN, 1);
        let note = sign(&checkpoint().text(), &[&log]);
        let mut changed = note.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] = byte;
        if let Ok(changed) = String::from_utf8(changed) && changed != note {
            prop_assert!(open_checkpoint(&changed, &[log.key()]).is_err());
        }
    }

    #[test]
    fn a_note_that_is_read_is_written_the_same(note in "(\\PC|\n){0,20}\n\n(— [a-c+ ]{1,3} [A-D=]{4,8}\n){1,2}") {
        if let Ok(parsed) = SignedNote::parse(&note) {
            prop_assert_eq!(parsed.to_string(), note);
        }
    }
}
