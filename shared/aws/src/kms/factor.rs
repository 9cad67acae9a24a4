//! Second factors, sealed by KMS itself: they are small, few, and opened one at a time.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use zeroize::Zeroizing;

use super::{decrypt, for_kms, required};
use crate::Error;

/// Seals and opens TOTP secrets, each for one person.
#[derive(Clone, Debug)]
pub struct FactorCipher {
    client: Client,
    key_arn: String,
}

impl FactorCipher {
    /// Under the symmetric KMS key with that ARN.
    #[must_use]
    pub fn new(client: Client, key_arn: impl Into<String>) -> Self {
        Self { client, key_arn: key_arn.into() }
    }

    /// Seals a secret of at most 4096 bytes for that person (`kms:Encrypt`).
    pub async fn seal(&self, person_id: &str, secret: &[u8]) -> Result<Vec<u8>, Error> {
        let sealed = self
            .client
            .encrypt()
            .key_id(&self.key_arn)
            .set_encryption_context(Some(for_kms(&context(person_id))))
            .plaintext(Blob::new(secret))
            .send()
            .await;
        let sealed = sealed.map_err(|error| Error::unavailable("kms:Encrypt", &error))?;
        required(sealed.ciphertext_blob, "kms:Encrypt")
    }

    /// Opens what was sealed for that person (`kms:Decrypt`). [`Error::Corrupt`] for anything else.
    pub async fn open(&self, person_id: &str, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        decrypt(&self.client, &self.key_arn, &context(person_id), "second factor", ciphertext).await
    }
}

fn context(person_id: &str) -> [(&'static str, &str); 2] {
    [("purpose", "totp"), ("person_id", person_id)]
}
