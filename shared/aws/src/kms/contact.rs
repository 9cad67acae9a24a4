//! Contacts, sealed in envelopes: a data key from KMS for each, its sealed form stored beside what it seals.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_sdk_kms::Client;
use aws_sdk_kms::types::DataKeySpec;
use zeroize::Zeroizing;

use super::{Context, decrypt, for_kms, required};
use crate::Error;
use crate::clock::random_bytes;

/// The only stored form: this byte, the length of the sealed data key in two bytes (big-endian), the sealed data key,
/// the nonce, the ciphertext with its tag.
const VERSION: u8 = 1;
const WHAT: &str = "contact";

/// Seals and opens contacts, each for one client's one contact.
#[derive(Clone, Debug)]
pub struct ContactCipher {
    client: Client,
    key_arn: String,
}

impl ContactCipher {
    /// With data keys under the symmetric KMS key with that ARN.
    #[must_use]
    pub fn new(client: Client, key_arn: impl Into<String>) -> Self {
        Self { client, key_arn: key_arn.into() }
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

    /// Opens what was sealed for that contact (`kms:Decrypt`). [`Error::Corrupt`] for anything else.
    pub async fn open(&self, client_id: &str, contact_id: &str, stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let context = context(client_id, contact_id);
        let (sealed_key, nonce, sealed) = parts(stored).ok_or_else(|| Error::corrupt(WHAT, "unknown form"))?;
        let plain = decrypt(&self.client, &self.key_arn, &context, WHAT, sealed_key).await?;
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
