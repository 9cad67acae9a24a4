//! KMS in the process: real keys, real ciphertexts, real signatures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair,
};
use aws_sdk_kms::Client;
use engine_aws::clock::random_bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::service::{Control, Network, Protocol, Refused, Service, blob, bytes, client, text, unknown};

const ARN_PREFIX: &str = "arn:aws:kms:us-east-1:123456789012:key/";
const KEY_ID_LENGTH: usize = 36;
/// Most bytes that `Encrypt` takes.
const ENCRYPT_LIMIT: usize = 4096;
/// Most bytes that `Decrypt` takes.
const CIPHERTEXT_LIMIT: usize = 6144;
/// Most bytes that `Sign` takes of a message that was not hashed.
const RAW_LIMIT: usize = 4096;

#[derive(Debug)]
enum Key {
    /// Its materials, the current one last.
    Symmetric(Vec<[u8; 32]>),
    Pair {
        pair: EcdsaKeyPair,
        spec: &'static str,
        usage: &'static str,
    },
    Ed25519(Ed25519KeyPair),
}

/// A KMS with the keys that a test makes. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Kms {
    keys: Arc<Keys>,
    control: Control,
}

impl Kms {
    /// One without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it, which does not retry.
    pub fn client(&self) -> Client {
        self.client_on(&self.control)
    }

    /// A client of a second process, with faults of its own.
    pub fn client_on(&self, control: &Control) -> Client {
        client!(aws_sdk_kms, Network::new(&self.keys, control))
    }

    /// Its calls by action (`Encrypt` …), and their faults.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Makes a symmetric key for encryption; answers its ARN.
    pub fn symmetric_key(&self) -> String {
        self.keys.add(Key::Symmetric(vec![random_bytes().unwrap()]))
    }

    /// Gives a symmetric key new material, as a year does, without a call.
    pub fn rotate(&self, arn: &str) {
        let rotated = self.keys.rotate(&json!({"KeyId": arn}));
        rotated.expect("a symmetric key");
    }

    /// Says when a key was made, and whether and when it rotates by itself, without a call. Unsaid, it was made at the epoch and
    /// does not rotate.
    pub fn made_at(&self, arn: &str, created_at: Timestamp, rotates: bool, next_rotation_at: Option<Timestamp>) {
        let facts = Facts { created_at, rotates, next_rotation_at };
        self.keys.1.lock().unwrap().insert(key_id(arn).to_owned(), facts);
    }

    /// Makes a key that signs on P-256; answers its ARN.
    pub fn signing_key(&self) -> String {
        self.key_pair("ECC_NIST_P256", "SIGN_VERIFY")
    }

    /// Makes a key that signs with Ed25519 (`ECC_NIST_EDWARDS25519`); answers its ARN.
    pub fn ed25519_key(&self) -> String {
        self.keys.add(Key::Ed25519(Ed25519KeyPair::generate().unwrap()))
    }

    /// Makes a key pair of that spec (`ECC_NIST_P256`, `ECC_NIST_P384`) for that usage; answers its ARN.
    pub fn key_pair(&self, spec: &'static str, usage: &'static str) -> String {
        let algorithm: &EcdsaSigningAlgorithm = match spec {
            "ECC_NIST_P256" => &ECDSA_P256_SHA256_ASN1_SIGNING,
            "ECC_NIST_P384" => &ECDSA_P384_SHA384_ASN1_SIGNING,
            other => panic!("this double makes no {other}"),
        };
        self.keys.add(Key::Pair { pair: EcdsaKeyPair::generate(algorithm).unwrap(), spec, usage })
    }
}

/// What a test says of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    created_at: Timestamp,
    rotates: bool,
    next_rotation_at: Option<Timestamp>,
}

/// The keys by id, and what was said of them.
#[derive(Debug, Default)]
struct Keys(Mutex<BTreeMap<String, Key>>, Mutex<BTreeMap<String, Facts>>);

impl Service for Keys {
    const PROTOCOL: Protocol = Protocol::Json;

    fn call(&self, action: &str, input: &Value) -> Result<Value, Refused> {
        match action {
            "Encrypt" => self.encrypt(input),
            "Decrypt" => self.decrypt(input),
            "GenerateDataKey" => self.generate_data_key(input),
            "RotateKeyOnDemand" => self.rotate(input),
            "Sign" => self.sign(input),
            "GetPublicKey" => self.public_key(input),
            "DescribeKey" => self.describe(input),
            "GetKeyRotationStatus" => self.rotation_status(input),
            _ => unknown(action),
        }
    }
}

impl Keys {
    fn add(&self, key: Key) -> String {
        let mut keys = self.0.lock().unwrap();
        let id = format!("{:08}-0000-4000-8000-000000000000", keys.len() + 1);
        let arn = format!("{ARN_PREFIX}{id}");
        keys.insert(id, key);
        arn
    }

    fn with<T>(&self, id: &str, act: impl FnOnce(&Key) -> Result<T, Refused>) -> Result<T, Refused> {
        let keys = self.0.lock().unwrap();
        let key = keys.get(id).ok_or_else(|| Refused::new("NotFoundException", format!("key {id} does not exist")))?;
        act(key)
    }

    fn facts(&self, input: &Value) -> Result<(String, Facts), Refused> {
        let id = key_id(text(input, "KeyId")?);
        self.with(id, |_| Ok(()))?;
        Ok((id.to_owned(), self.1.lock().unwrap().get(id).copied().unwrap_or_default()))
    }

    fn describe(&self, input: &Value) -> Result<Value, Refused> {
        let (id, facts) = self.facts(input)?;
        Ok(json!({"KeyMetadata": {"KeyId": id, "Arn": arn(&id), "CreationDate": facts.created_at.as_second()}}))
    }

    fn rotation_status(&self, input: &Value) -> Result<Value, Refused> {
        let (id, facts) = self.facts(input)?;
        let next = facts.next_rotation_at.map(Timestamp::as_second);
        let period = facts.rotates.then_some(365);
        Ok(json!({
            "KeyId": id, "KeyRotationEnabled": facts.rotates, "RotationPeriodInDays": period, "NextRotationDate": next,
        }))
    }

    fn encrypt(&self, input: &Value) -> Result<Value, Refused> {
        let id = key_id(text(input, "KeyId")?);
        let plaintext = bytes(input, "Plaintext")?;
        if plaintext.len() > ENCRYPT_LIMIT {
            return Err(Refused::new("ValidationException", "the plaintext is longer than 4096 bytes"));
        }
        let sealed = self.with(id, |key| seal(key, id, &context(input), plaintext))?;
        Ok(json!({"KeyId": arn(id), "CiphertextBlob": blob(&sealed), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
    }

    fn decrypt(&self, input: &Value) -> Result<Value, Refused> {
        let invalid = || Refused::new("InvalidCiphertextException", "");
        let sealed = bytes(input, "CiphertextBlob")?;
        if !(1..=CIPHERTEXT_LIMIT).contains(&sealed.len()) {
            return Err(Refused::new("ValidationException", "the length of the ciphertext"));
        }
        let (id, sealed) = parts(&sealed).ok_or_else(invalid)?;
        if input["KeyId"].as_str().is_some_and(|named| key_id(named) != id) {
            return Err(Refused::new("IncorrectKeyException", "The key ID in the request does not identify a CMK"));
        }
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(invalid)?;
        let plaintext = self.with(id, |key| {
            // KMS notes in the ciphertext which material it was; here each is tried.
            let opened = materials(key)?.iter().find_map(|material| {
                let mut buffer = sealed.to_vec();
                let (nonce, aad) = (Nonce::assume_unique_for_key(*nonce), Aad::from(context(input)));
                gcm(material).open_in_place(nonce, aad, &mut buffer).ok().map(|plaintext| plaintext.to_vec())
            });
            opened.ok_or_else(invalid)
        })?;
        Ok(json!({"KeyId": arn(id), "Plaintext": blob(&plaintext), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
    }

    fn generate_data_key(&self, input: &Value) -> Result<Value, Refused> {
        let id = key_id(text(input, "KeyId")?);
        if text(input, "KeySpec")? != "AES_256" {
            return Err(Refused::new("ValidationException", "this double makes data keys of 256 bits"));
        }
        let data_key = random_bytes::<32>().unwrap();
        let sealed = self.with(id, |key| seal(key, id, &context(input), data_key.to_vec()))?;
        Ok(json!({"KeyId": arn(id), "Plaintext": blob(&data_key), "CiphertextBlob": blob(&sealed)}))
    }

    fn rotate(&self, input: &Value) -> Result<Value, Refused> {
        let id = key_id(text(input, "KeyId")?);
        let mut keys = self.0.lock().unwrap();
        match keys.get_mut(id) {
            Some(Key::Symmetric(materials)) => materials.push(random_bytes().unwrap()),
            Some(_) => return Err(Refused::new("UnsupportedOperationException", "the key is asymmetric")),
            None => return Err(Refused::new("NotFoundException", format!("key {id} does not exist"))),
        }
        Ok(json!({"KeyId": arn(id)}))
    }

    fn sign(&self, input: &Value) -> Result<Value, Refused> {
        let id = key_id(text(input, "KeyId")?);
        let algorithm = text(input, "SigningAlgorithm")?;
        let message = bytes(input, "Message")?;
        let signature = self.with(id, |key| match key {
            Key::Pair { pair, spec: "ECC_NIST_P256", usage: "SIGN_VERIFY" } if algorithm == "ECDSA_SHA_256" => {
                Ok(pair.sign_digest(&digest(input, &message)?).unwrap().as_ref().to_vec())
            }
            Key::Ed25519(pair) if algorithm == "ED25519_SHA_512" => {
                Ok(pair.sign(raw(input, &message)?).as_ref().to_vec())
            }
            _ => Err(Refused::new("InvalidKeyUsageException", format!("{algorithm} is not for key {id}"))),
        })?;
        Ok(json!({"KeyId": arn(id), "Signature": blob(&signature), "SigningAlgorithm": algorithm}))
    }

    fn public_key(&self, input: &Value) -> Result<Value, Refused> {
        let id = key_id(text(input, "KeyId")?);
        self.with(id, |key| {
            let (der, spec, usage): (PublicKeyX509Der<'_>, _, _) = match key {
                Key::Pair { pair, spec, usage } => (pair.public_key().as_der().unwrap(), *spec, *usage),
                Key::Ed25519(pair) => (pair.public_key().as_der().unwrap(), "ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
                Key::Symmetric(_) => {
                    return Err(Refused::new("UnsupportedOperationException", "the key is symmetric"));
                }
            };
            Ok(json!({"KeyId": arn(id), "PublicKey": blob(der.as_ref()), "KeySpec": spec, "KeyUsage": usage}))
        })
    }
}

/// The digest that is to be signed.
fn digest(input: &Value, message: &[u8]) -> Result<Digest, Refused> {
    // KMS takes RAW for granted and hashes once more: a signature over the wrong thing, found only by who verifies.
    if input["MessageType"].as_str() != Some("DIGEST") {
        return Err(Refused::new("ValidationException", "this double signs digests: MessageType must say so"));
    }
    let digest = Digest::import_less_safe(message, &SHA256);
    digest.map_err(|_| Refused::new("ValidationException", "Digest is invalid length"))
}

/// The message that is to be signed whole: pure Ed25519 has no digest to be handed in its place.
fn raw<'a>(input: &Value, message: &'a [u8]) -> Result<&'a [u8], Refused> {
    if !matches!(input["MessageType"].as_str(), None | Some("RAW")) {
        return Err(Refused::new("ValidationException", "ED25519_SHA_512 requires MessageType RAW"));
    }
    if !(1..=RAW_LIMIT).contains(&message.len()) {
        return Err(Refused::new("ValidationException", "the length of the message"));
    }
    Ok(message)
}

fn key_id(named: &str) -> &str {
    named.strip_prefix(ARN_PREFIX).unwrap_or(named)
}

fn arn(id: &str) -> String {
    format!("{ARN_PREFIX}{id}")
}

/// The encryption context as authenticated data: the members of a JSON object are sorted here.
fn context(input: &Value) -> Vec<u8> {
    let context = input["EncryptionContext"].as_object().cloned().unwrap_or_default();
    let sorted: BTreeMap<_, _> = context.into_iter().collect();
    serde_json::to_vec(&sorted).unwrap()
}

/// What a key encrypts with, the current one last.
fn materials(key: &Key) -> Result<&[[u8; 32]], Refused> {
    match key {
        Key::Symmetric(materials) => Ok(materials),
        Key::Pair { .. } | Key::Ed25519(_) => {
            Err(Refused::new("InvalidKeyUsageException", "the key is not for encryption"))
        }
    }
}

fn gcm(material: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, material).unwrap())
}

/// The key's id, the nonce, the ciphertext with its tag.
fn seal(key: &Key, id: &str, context: &[u8], mut buffer: Vec<u8>) -> Result<Vec<u8>, Refused> {
    let nonce = random_bytes::<NONCE_LEN>().unwrap();
    let current = materials(key)?.last().expect("a first material");
    gcm(current)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut buffer)
        .expect("a sealed plaintext");
    Ok([id.as_bytes(), &nonce, &buffer].concat())
}

/// The id of the key that sealed it, and the rest.
fn parts(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let (id, sealed) = sealed.split_at_checked(KEY_ID_LENGTH)?;
    Some((std::str::from_utf8(id).ok()?, sealed))
}
