//! The keys that sign notes: checkpoints of the log, manifests of evidence bundles.

use std::sync::Arc;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use engine_core::merkle::{SignedNote, VerifierKey, sign_line};
use tokio::sync::OnceCell;

use super::required;
use crate::Error;

/// Signs notes (c2sp.org/signed-note) with Ed25519 under KMS.
#[derive(Clone, Debug)]
pub struct NoteSigner {
    client: Client,
    key_arn: String,
    name: String,
    public: Arc<OnceCell<VerifierKey>>,
}

impl NoteSigner {
    /// With the asymmetric KMS key with that ARN, which signs under `name`.
    #[must_use]
    pub fn new(client: Client, key_arn: impl Into<String>, name: impl Into<String>) -> Self {
        Self { client, key_arn: key_arn.into(), name: name.into(), public: Arc::default() }
    }

    /// The ARN of the key.
    #[must_use]
    pub fn key_arn(&self) -> &str {
        &self.key_arn
    }

    /// The name that it signs under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What verifies its signatures (`kms:GetPublicKey`, once a process).
    ///
    /// [`Error::Corrupt`] for a key that is not for signing with Ed25519.
    pub async fn verifier_key(&self) -> Result<VerifierKey, Error> {
        self.public.get_or_try_init(|| self.public_key()).await.cloned()
    }

    async fn public_key(&self) -> Result<VerifierKey, Error> {
        let key = self.client.get_public_key().key_id(&self.key_arn).send().await;
        let key = key.map_err(|error| Error::unavailable("kms:GetPublicKey", &error))?;
        if (&key.key_spec, &key.key_usage) != (&Some(KeySpec::EccNistEdwards25519), &Some(KeyUsageType::SignVerify)) {
            return Err(Error::corrupt("note key", "it is not a signing key of Ed25519"));
        }
        let spki = required(key.public_key, "kms:GetPublicKey")?;
        VerifierKey::from_spki(&self.name, &spki).map_err(|error| Error::corrupt("note key", error))
    }

    /// `text` with its signature (`kms:Sign`), which has been verified: a note that does not verify is never answered.
    pub async fn sign(&self, text: &str) -> Result<SignedNote, Error> {
        let key = self.verifier_key().await?;
        let signed = self
            .client
            .sign()
            .key_id(&self.key_arn)
            .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512)
            // Ed25519 hashes for itself; over a digest it would be another scheme (Ed25519ph).
            .message_type(MessageType::Raw)
            .message(Blob::new(text.as_bytes()))
            .send()
            .await;
        let signed = signed.map_err(|error| Error::unavailable("kms:Sign", &error))?;
        let signature = required(signed.signature, "kms:Sign")?;
        let wrong = |cause: &dyn std::fmt::Display| Error::Unavailable {
            operation: "kms:Sign",
            cause: format!("the signature does not verify: {cause}"),
        };
        let signature = <&[u8; 64]>::try_from(signature.as_slice()).map_err(|error| wrong(&error))?;
        let note = SignedNote::assemble(text, &[sign_line(&self.name, key.public_key(), signature)]);
        let note = note.map_err(|error| wrong(&error))?;
        note.verify(std::slice::from_ref(&key)).map_err(|error| wrong(&error))?;
        Ok(note)
    }
}
