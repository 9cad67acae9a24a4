//! Contacts, sealed in envelopes: a data key from KMS for each, its sealed form stored beside what it seals.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_sdk_kms::Client;
use aws_sdk_kms::types::DataKeySpec;
use engine_core::access::ClientId;
use zeroize::Zeroizing;

use super::opened::OpenedKeys;
use super::{Context, decrypt, for_kms, required};
use crate::Error;
use crate::clock::{SharedClock, SystemClock, random_bytes};
use crate::directory::Contact;

/// The only stored form: this byte, the length of the sealed data key in two bytes (big-endian), the sealed data key,
/// the nonce, the ciphertext with its tag.
const VERSION: u8 = 1;
const WHAT: &str = "contact";

/// Seals and opens contacts, each for one client's one contact. Clones share the data keys that they opened.
#[derive(Clone)]
pub struct ContactCipher {
    client: Client,
    key_arn: String,
    opened: OpenedKeys,
    clock: SharedClock,
}

impl fmt::Debug for ContactCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactCipher").field("key_arn", &self.key_arn).finish_non_exhaustive()
    }
}

impl ContactCipher {
    /// With data keys under the symmetric KMS key with that ARN.
    #[must_use]
    pub fn new(client: Client, key_arn: impl Into<String>) -> Self {
        Self { client, key_arn: key_arn.into(), opened: OpenedKeys::default(), clock: Arc::new(SystemClock) }
    }

    /// With that clock for how long opened data keys are kept.
    #[must_use]
    pub fn with_clock(self, clock: SharedClock) -> Self {
        Self { clock, ..self }
    }

    /// Seals a contact under a data key of its own (`kms:GenerateDataKey`), AES-256-GCM.
    pub async fn seal(&self, client_id: &str, contact_id: &str, contact: &[u8]) -> Result<Vec<u8>, Error> {
        let context = context(client_id, contact_id);
        let data_key = self
            .client
            .generate_data_key()
            .key_id(&self.key_arn)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(for_kms(&context)))
            .send()
            .await;
        let data_key = data_key.map_err(|error| Error::unavailable("kms:GenerateDataKey", &error))?;
        let plain = Zeroizing::new(required(data_key.plaintext, "kms:GenerateDataKey")?);
        let sealed_key = required(data_key.ciphertext_blob, "kms:GenerateDataKey")?;
        let key_length = u16::try_from(sealed_key.len()).map_err(|error| Error::corrupt("data key", error))?;
        let nonce = random_bytes::<NONCE_LEN>()?;
        // Encrypted in place: the buffer holds the contact only until then, and is wiped if that fails.
        let mut sealed = Zeroizing::new(contact.to_vec());
        gcm_key(&plain)
            .and_then(|key| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.seal_in_place_append_tag(nonce, Aad::from(aad(&context)), &mut *sealed)
            })
            .map_err(|Unspecified| Error::corrupt("data key", "it does not encrypt"))?;
        Ok([&[VERSION][..], &key_length.to_be_bytes(), &sealed_key, &nonce, &sealed].concat())
    }

    /// Opens what was sealed for that contact (`kms:Decrypt`, once in 60 seconds). [`Error::Corrupt`] for anything else.
    pub async fn open(&self, client_id: &str, contact_id: &str, stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let context = context(client_id, contact_id);
        let (sealed_key, nonce, sealed) = parts(stored).ok_or_else(|| Error::corrupt(WHAT, "unknown form"))?;
        let plain = self.data_key(&context, sealed_key).await?;
        let mut contact = Zeroizing::new(sealed.to_vec());
        let length = gcm_key(&plain)
            .and_then(|key| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, Aad::from(aad(&context)), &mut contact).map(|contact| contact.len())
            })
            .map_err(|Unspecified| Error::corrupt(WHAT, "it does not open under its data key"))?;
        contact.truncate(length);
        Ok(contact)
    }

    /// The addresses of a client's contacts, opened.
    pub async fn addresses(&self, client_id: &ClientId, contacts: &[Contact]) -> Result<Vec<Zeroizing<String>>, Error> {
        let mut addresses = Vec::with_capacity(contacts.len());
        for contact in contacts {
            let opened = self.open(client_id.as_str(), contact.id.as_str(), &contact.sealed).await?;
            let address = std::str::from_utf8(&opened).map_err(|error| Error::corrupt(WHAT, error))?;
            addresses.push(Zeroizing::new(address.to_owned()));
        }
        Ok(addresses)
    }

    async fn data_key(&self, context: &Context<'_>, sealed: &[u8]) -> Result<Arc<Zeroizing<Vec<u8>>>, Error> {
        let bound = aad(context);
        if let Some(plain) = self.opened.get(&bound, sealed, self.clock.now()) {
            return Ok(plain);
        }
        // From before the call: a slow answer is not kept for longer.
        let asked_at = self.clock.now();
        let plain = Arc::new(decrypt(&self.client, &self.key_arn, context, WHAT, sealed).await?);
        self.opened.put(&bound, sealed, Arc::clone(&plain), asked_at);
        Ok(plain)
    }
}

fn context<'a>(client_id: &'a str, contact_id: &'a str) -> [(&'static str, &'a str); 3] {
    [("purpose", "contact"), ("client_id", client_id), ("contact_id", contact_id)]
}

/// The context as bytes that no other context has: each part behind its length.
fn aad(context: &Context<'_>) -> Vec<u8> {
    let parts = context.iter().flat_map(|(name, value)| [*name, *value]);
    parts.flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part.as_bytes()].concat()).collect()
}

fn gcm_key(plain: &[u8]) -> Result<LessSafeKey, Unspecified> {
    UnboundKey::new(&AES_256_GCM, plain).map(LessSafeKey::new)
}

/// The sealed data key, the nonce, and the ciphertext with its tag.
fn parts(stored: &[u8]) -> Option<(&[u8], [u8; NONCE_LEN], &[u8])> {
    let stored = stored.strip_prefix(&[VERSION])?;
    let (key_length, stored) = stored.split_first_chunk::<2>()?;
    let (sealed_key, stored) = stored.split_at_checked(usize::from(u16::from_be_bytes(*key_length)))?;
    let (nonce, sealed) = stored.split_first_chunk::<NONCE_LEN>()?;
    Some((sealed_key, *nonce, sealed))
}
