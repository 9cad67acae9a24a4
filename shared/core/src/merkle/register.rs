//! The key register: every signing key there was, when it was valid, and who vouched for it.

use std::collections::BTreeSet;
use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::verifier_key::is_key_name;
use super::{Checkpoint, CheckpointError, NoteError, SignedNote, VerifierKey, open_checkpoint};
use crate::time::rfc3339;

/// The ordinal of the first key of a purpose.
pub const FIRST_ORDINAL: u32 = 1;
/// Most keys of a purpose: an ordinal has four digits in its path.
const LAST_ORDINAL: u32 = 9999;
/// First line of a record.
const HEAD: &str = "borrow-rate-engine key record";
/// In front of a public key that signs no notes.
const SPKI_HEAD: &str = "spki:";

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPurpose {
    /// Checkpoints.
    Log,
    /// Manifests of evidence bundles.
    Evidence,
    /// Staff tokens (ES256: it signs no notes).
    Token,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Log, Self::Evidence, Self::Token];

    /// The purpose in records and paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Evidence => "evidence",
            Self::Token => "token",
        }
    }

    /// Reads the purpose of a record.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// The name of this purpose's keys in the log named `origin`.
    #[must_use]
    pub fn key_name(self, origin: &str) -> String {
        match self {
            Self::Log => origin.to_owned(),
            Self::Evidence | Self::Token => format!("{origin}/{}", self.as_str()),
        }
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key as it was registered: the text of a signed note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// What it signs.
    pub purpose: KeyPurpose,
    /// Its place among the keys of its purpose, from [`FIRST_ORDINAL`].
    pub ordinal: u32,
    /// Its name: [`KeyPurpose::key_name`].
    pub name: String,
    /// The public key: a verifier key, or `spki:` and the base64 of the DER for a token key.
    pub key: String,
    /// ARN of the KMS key.
    pub kms_key: String,
    /// Valid from then until its successor is.
    pub from: Timestamp,
    /// The key before it, as that one's `key`; none before the first.
    pub predecessor: Option<String>,
}

/// Why a text is no key record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not the eight lines, written the one right way.
    #[error("the text is no key record")]
    Form,
    /// The key is not of the form its purpose takes, or has another name than the record.
    #[error("the key is not of the form its purpose takes, or has another name")]
    Key,
}

impl KeyRecord {
    /// The record's eight lines, to be signed as a note.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { purpose, ordinal, name, key, kms_key, from, predecessor } = self;
        format!(
            "{HEAD}\npurpose {purpose}\nordinal {ordinal}\nname {name}\nkey {key}\nkms {kms_key}\nfrom {}\npredecessor {}\n",
            rfc3339(*from),
            predecessor.as_deref().unwrap_or("none"),
        )
    }

    /// Reads what [`KeyRecord::text`] writes, and nothing else.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let mut lines = text.split('\n').skip(1);
        let mut field = |name: &str| {
            lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' ')).ok_or(RecordError::Form)
        };
        let record = Self {
            purpose: KeyPurpose::parse(field("purpose")?).ok_or(RecordError::Form)?,
            ordinal: field("ordinal")?.parse().map_err(|_| RecordError::Form)?,
            name: field("name")?.to_owned(),
            key: field("key")?.to_owned(),
            kms_key: field("kms")?.to_owned(),
            from: field("from")?.parse().map_err(|_| RecordError::Form)?,
            predecessor: Some(field("predecessor")?).filter(|key| *key != "none").map(str::to_owned),
        };
        // Whatever a lenient parser let through (zeros in front, another head, a line more) is not written like this.
        let canonical = record.text() == text;
        let ordinal = (FIRST_ORDINAL..=LAST_ORDINAL).contains(&record.ordinal);
        if !canonical || !ordinal || !is_key_name(&record.name) || !is_word(&record.kms_key) {
            return Err(RecordError::Form);
        }
        let key_fits = match record.purpose {
            KeyPurpose::Log | KeyPurpose::Evidence => {
                record.verifier_key().is_some_and(|key| key.name() == record.name)
            }
            KeyPurpose::Token => record.spki().is_some_and(|der| !der.is_empty()),
        };
        if key_fits { Ok(record) } else { Err(RecordError::Key) }
    }

    /// Key of the object that holds the record: `keys/<purpose>/<ordinal, four digits>`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("keys/{}/{:04}", self.purpose, self.ordinal)
    }

    /// The public key, where it signs notes.
    #[must_use]
    pub fn verifier_key(&self) -> Option<VerifierKey> {
        VerifierKey::parse(&self.key).ok()
    }

    /// DER of the public key, where it signs no notes.
    #[must_use]
    pub fn spki(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.key.strip_prefix(SPKI_HEAD)?).ok()
    }

    /// The `key` of a record for a token key with this DER.
    #[must_use]
    pub fn key_of_spki(der: &[u8]) -> String {
        format!("{SPKI_HEAD}{}", STANDARD.encode(der))
    }

    /// The key itself whatever its name, to tell whether two records are of one key.
    fn material(&self) -> Vec<u8> {
        self.verifier_key().map_or_else(|| self.key.clone().into_bytes(), |key| key.public_key().to_vec())
    }
}

/// A field without spaces or control characters.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Why records are no register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The note at this place (from 0) is none.
    #[error("key record {0}: {1}")]
    Note(usize, NoteError),
    /// The text of the note at this place (from 0) is no record.
    #[error("key record {0}: {1}")]
    Record(usize, RecordError),
    /// An ordinal is left out.
    #[error("{0} key {1} is missing")]
    Gap(KeyPurpose, u32),
    /// Two records claim one ordinal.
    #[error("two records claim to be {0} key {1}")]
    Fork(KeyPurpose, u32),
    /// The record names another predecessor than the key before it.
    #[error("{0} key {1} names another predecessor")]
    Predecessor(KeyPurpose, u32),
    /// The key is not valid from later than its predecessor.
    #[error("{0} key {1} is not valid from later than its predecessor")]
    Order(KeyPurpose, u32),
    /// The key's name is not that of its purpose in this log.
    #[error("{0} key {1} has the name of another log or purpose")]
    Name(KeyPurpose, u32),
    /// The key is registered twice.
    #[error("{0} key {1} is registered already")]
    Reused(KeyPurpose, u32),
    /// The key did not sign its own record.
    #[error("{0} key {1} did not sign its own record")]
    NotSelfSigned(KeyPurpose, u32),
    /// The key before it did not sign the record.
    #[error("{0} key {1} is not signed by its predecessor")]
    NotSignedByPredecessor(KeyPurpose, u32),
    /// No log key valid at the record's time signed it.
    #[error("{0} key {1} is not signed by the log key of its time")]
    NotSignedByLog(KeyPurpose, u32),
}

/// Every key of the log, each vouched for by the one before it.
///
/// It cannot show that the newest records were held back, nor which first key is the right one: the first comes from
/// where the reader trusts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRegister {
    log: Vec<KeyRecord>,
    evidence: Vec<KeyRecord>,
    token: Vec<KeyRecord>,
}

impl KeyRegister {
    /// Reads the records of all purposes, in any order, and checks their chains: ordinals without gap or fork, each
    /// valid from later than the one before, names of one log, no key twice. A log or evidence key signs its own record
    /// and that of its successor; a token key's record is signed by the log key valid at its time.
    pub fn read(notes: &[String]) -> Result<Self, RegisterError> {
        let mut records = Vec::new();
        for (place, note) in notes.iter().enumerate() {
            let note = SignedNote::parse(note).map_err(|error| RegisterError::Note(place, error))?;
            let record = KeyRecord::parse(note.text()).map_err(|error| RegisterError::Record(place, error))?;
            records.push((record, note));
        }
        records.sort_by_key(|(record, _)| (record.purpose, record.ordinal));

        let mut register = Self::default();
        let mut keys = BTreeSet::new();
        for (record, note) in records {
            // Log keys sort first, so the origin and the keys that vouch for tokens are known here.
            register.check(&record, &note)?;
            if !keys.insert(record.material()) {
                return Err(RegisterError::Reused(record.purpose, record.ordinal));
            }
            register.chain_mut(record.purpose).push(record);
        }
        Ok(register)
    }

    fn check(&self, record: &KeyRecord, note: &SignedNote) -> Result<(), RegisterError> {
        let KeyRecord { purpose, ordinal, .. } = *record;
        let before = self.records(purpose).last();
        let expected = before.map_or(FIRST_ORDINAL, |before| before.ordinal + 1);
        if ordinal < expected {
            return Err(RegisterError::Fork(purpose, ordinal));
        }
        if ordinal > expected {
            return Err(RegisterError::Gap(purpose, expected));
        }
        if record.predecessor.as_ref() != before.map(|before| &before.key) {
            return Err(RegisterError::Predecessor(purpose, ordinal));
        }
        if before.is_some_and(|before| before.from >= record.from) {
            return Err(RegisterError::Order(purpose, ordinal));
        }
        let origin = match purpose {
            KeyPurpose::Log => self.origin().unwrap_or(&record.name),
            KeyPurpose::Evidence | KeyPurpose::Token => {
                self.origin().ok_or(RegisterError::Gap(KeyPurpose::Log, FIRST_ORDINAL))?
            }
        };
        if record.name != purpose.key_name(origin) {
            return Err(RegisterError::Name(purpose, ordinal));
        }
        let signed_by = |key: Option<VerifierKey>| key.is_some_and(|key| note.verify(&[key]).is_ok());
        if purpose == KeyPurpose::Token {
            let log_key = self.record_at(KeyPurpose::Log, record.from).and_then(KeyRecord::verifier_key);
            return if signed_by(log_key) { Ok(()) } else { Err(RegisterError::NotSignedByLog(purpose, ordinal)) };
        }
        if !signed_by(record.verifier_key()) {
            return Err(RegisterError::NotSelfSigned(purpose, ordinal));
        }
        match before {
            Some(before) if !signed_by(before.verifier_key()) => {
                Err(RegisterError::NotSignedByPredecessor(purpose, ordinal))
            }
            _ => Ok(()),
        }
    }

    /// The log's name; `None` while no log key is registered.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.log.first().map(|record| record.name.as_str())
    }

    /// The keys of a purpose, oldest first.
    #[must_use]
    pub fn records(&self, purpose: KeyPurpose) -> &[KeyRecord] {
        match purpose {
            KeyPurpose::Log => &self.log,
            KeyPurpose::Evidence => &self.evidence,
            KeyPurpose::Token => &self.token,
        }
    }

    fn chain_mut(&mut self, purpose: KeyPurpose) -> &mut Vec<KeyRecord> {
        match purpose {
            KeyPurpose::Log => &mut self.log,
            KeyPurpose::Evidence => &mut self.evidence,
            KeyPurpose::Token => &mut self.token,
        }
    }

    /// The newest key of a purpose.
    #[must_use]
    pub fn newest(&self, purpose: KeyPurpose) -> Option<&KeyRecord> {
        self.records(purpose).last()
    }

    /// The key of a purpose that was valid at `time`: from its own time to, exclusively, its successor's.
    #[must_use]
    pub fn record_at(&self, purpose: KeyPurpose, time: Timestamp) -> Option<&KeyRecord> {
        self.records(purpose).iter().rev().find(|record| record.from <= time)
    }

    /// The keys that may have signed a note of this purpose at `time`: one, or none before the first and for tokens.
    #[must_use]
    pub fn keys_at(&self, purpose: KeyPurpose, time: Timestamp) -> Vec<VerifierKey> {
        self.record_at(purpose, time).and_then(KeyRecord::verifier_key).into_iter().collect()
    }

    /// When a key's successor became valid; `None` for the newest.
    #[must_use]
    pub fn until(&self, purpose: KeyPurpose, ordinal: u32) -> Option<Timestamp> {
        self.records(purpose).iter().find(|record| record.ordinal == ordinal + 1).map(|record| record.from)
    }

    /// The note keys of a purpose, oldest first, each with the times from and until (exclusively) which it is valid.
    #[must_use]
    pub fn verifier_keys(&self, purpose: KeyPurpose) -> Vec<(VerifierKey, Timestamp, Option<Timestamp>)> {
        let records = self.records(purpose).iter();
        records
            .filter_map(|record| Some((record.verifier_key()?, record.from, self.until(purpose, record.ordinal))))
            .collect()
    }

    /// Reads a checkpoint of this log, signed by the log key of the checkpoint's own time.
    pub fn open_checkpoint(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        let claimed = Checkpoint::parse(SignedNote::parse(note)?.text())?;
        open_checkpoint(note, &self.keys_at(KeyPurpose::Log, claimed.time))
    }
}
