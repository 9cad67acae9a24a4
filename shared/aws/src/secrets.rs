//! Secrets Manager: the versioned keys of references.

use aws_sdk_secretsmanager::Client;
use engine_core::audit::SecretKey;
use zeroize::Zeroizing;

use crate::Error;

/// Reads secrets.
#[derive(Clone, Debug)]
pub struct SecretStore {
    client: Client,
}

impl SecretStore {
    /// The secrets that `client` may read.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The versioned key in the secret with that name or ARN. No error quotes the secret.
    pub async fn versioned_key(&self, id: &str) -> Result<SecretKey, Error> {
        let got = self.client.get_secret_value().secret_id(id).send().await;
        let got = got.map_err(|error| Error::unavailable("secretsmanager:GetSecretValue", &error))?;
        let document = got.secret_string.map(Zeroizing::new);
        let document = document.ok_or_else(|| Error::corrupt("secret", "it has no text"))?;
        SecretKey::from_document(&document).map_err(|error| Error::corrupt("secret", error))
    }
}
