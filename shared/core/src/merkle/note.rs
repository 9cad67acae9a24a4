//! C2SP `signed-note`: a text and the signatures under it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::VerifierKey;
use super::verifier_key::{is_key_name, key_hash};

/// Most signature lines of a note.
const MOST_SIGNATURES: usize = 100;
/// What starts a signature line: an em dash and a space.
const SIGNATURE_HEAD: &str = "\u{2014} ";

/// A note as it was read: nothing about its signatures is known until [`SignedNote::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_hash: [u8; 4],
    signature: Vec<u8>,
}

/// Why a note is none, or none of a known key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not a text that ends in a newline, an empty line and signature lines, free of control characters.
    #[error("not a signed note")]
    Form,
    /// A signature line is not `— name base64`, written the one right way.
    #[error("signature line {0} of the note is malformed")]
    SignatureLine(usize),
    /// Two signatures name the same key.
    #[error("the note has two signatures by one key")]
    Repeated,
    /// No signature is by a known key.
    #[error("the note has no signature by a known key")]
    UnknownKey,
    /// A signature that names a known key is not that key's.
    #[error("the note's signature is not that of the key it names")]
    Signature,
}

impl NoteSignature {
    /// Name of the key that the line claims.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four bytes by which the line names the key.
    #[must_use]
    pub fn key_hash(&self) -> [u8; 4] {
        self.key_hash
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_HEAD)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_hash, signature) = bytes.split_first_chunk()?;
        (is_key_name(name) && !signature.is_empty()).then(|| Self {
            name: name.to_owned(),
            key_hash: *key_hash,
            signature: signature.to_owned(),
        })
    }

    fn names(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.key_hash == key.key_hash()
    }
}

impl SignedNote {
    /// Reads a note; checks its form, not its signatures.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(NoteError::Form);
        }
        // The signatures follow the last empty line, so that the text may hold empty lines itself.
        let split = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        let mut signatures: Vec<NoteSignature> = Vec::new();
        for (place, line) in lines.split('\n').enumerate() {
            if place == MOST_SIGNATURES {
                return Err(NoteError::Form);
            }
            let signature = NoteSignature::parse(line).ok_or(NoteError::SignatureLine(place + 1))?;
            if signatures.iter().any(|other| (&other.name, other.key_hash) == (&signature.name, signature.key_hash)) {
                return Err(NoteError::Repeated);
            }
            signatures.push(signature);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Puts lines made by [`sign_line`] under a text that ends in a newline.
    pub fn assemble<S: AsRef<str>>(text: &str, lines: &[S]) -> Result<Self, NoteError> {
        let mut note = format!("{text}\n");
        note.extend(lines.iter().map(AsRef::as_ref));
        let note = Self::parse(&note)?;
        if note.text == text { Ok(note) } else { Err(NoteError::Form) }
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The first of the known `keys`' signatures. Signatures by other keys are ignored; one that names a known key and
    /// is not that key's spoils the note.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<VerifierKey, NoteError> {
        let mut signers = self.signers(keys)?;
        if signers.is_empty() { Err(NoteError::UnknownKey) } else { Ok(signers.swap_remove(0)) }
    }

    /// All of the known `keys` that signed, in the order of their lines; the rules of [`SignedNote::verify`], and none
    /// is no error.
    pub fn signers(&self, keys: &[VerifierKey]) -> Result<Vec<VerifierKey>, NoteError> {
        let mut signers = Vec::new();
        for line in &self.signatures {
            // Four bytes can be made to collide: any of the keys that the line may mean will do.
            let mut named = keys.iter().filter(|key| line.names(key)).peekable();
            if named.peek().is_none() {
                continue;
            }
            let signer = named.find(|key| key.verify(self.text.as_bytes(), &line.signature));
            signers.push(signer.ok_or(NoteError::Signature)?.clone());
        }
        Ok(signers)
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| f.write_str(&format_line(&line.name, line.key_hash, &line.signature)))
    }
}

fn format_line(name: &str, key_hash: [u8; 4], signature: &[u8]) -> String {
    format!("{SIGNATURE_HEAD}{name} {}\n", STANDARD.encode([key_hash.as_slice(), signature].concat()))
}

/// The signature line of an Ed25519 signature over a note's text, with its newline.
#[must_use]
pub fn sign_line(name: &str, public_key: &[u8; 32], signature: &[u8; 64]) -> String {
    format_line(name, key_hash(name, public_key), signature)
}
