//! The key that signs tokens. Only the token function may sign; its public half is read by who publishes it.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};

use super::required;
use crate::Error;

/// Signs token digests: ECDSA on P-256 over SHA-256, which JWS calls ES256 (RFC 7518 section 3.4).
#[derive(Clone, Debug)]
pub struct TokenSigner {
    client: Client,
    key_arn: String,
}

impl TokenSigner {
    /// With the asymmetric KMS key with that ARN.
    #[must_use]
    pub fn new(client: Client, key_arn: impl Into<String>) -> Self {
        Self { client, key_arn: key_arn.into() }
    }

    /// The key's id, by which verifiers find its public half: the part of the ARN after `key/`.
    #[must_use]
    pub fn key_id(&self) -> &str {
        key_id(&self.key_arn)
    }

    /// The signature over a SHA-256 digest, in DER as KMS answers (`kms:Sign`); JWS wants `r` and `s` instead.
    pub async fn sign(&self, digest: [u8; 32]) -> Result<Vec<u8>, Error> {
        let signed = self
            .client
            .sign()
            .key_id(&self.key_arn)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            // Without this KMS would take the digest for the message and hash it once more.
            .message_type(MessageType::Digest)
            .message(Blob::new(digest))
            .send()
            .await;
        let signed = signed.map_err(|error| Error::unavailable("kms:Sign", &error))?;
        required(signed.signature, "kms:Sign")
    }
}

/// The id of a token key and its public half, a DER `SubjectPublicKeyInfo` (`kms:GetPublicKey`).
///
/// [`Error::Corrupt`] for a key that is not for signing on P-256: no verifier would take what it signs.
pub async fn public_key(client: &Client, key_arn: &str) -> Result<(String, Vec<u8>), Error> {
    let key = client.get_public_key().key_id(key_arn).send().await;
    let key = key.map_err(|error| Error::unavailable("kms:GetPublicKey", &error))?;
    if (&key.key_spec, &key.key_usage) != (&Some(KeySpec::EccNistP256), &Some(KeyUsageType::SignVerify)) {
        return Err(Error::corrupt("token key", "it is not a signing key on P-256"));
    }
    Ok((key_id(key_arn).to_owned(), required(key.public_key, "kms:GetPublicKey")?))
}

fn key_id(key_arn: &str) -> &str {
    key_arn.rsplit_once("key/").map_or(key_arn, |(_, id)| id)
}
