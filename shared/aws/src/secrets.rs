//! Secrets Manager: the versioned keys of references, second factors at the start, credentials of service accounts.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::types::Tag;
use engine_core::audit::SecretKey;
use zeroize::Zeroizing;

use crate::Error;

/// Reads and writes secrets. No error quotes one.
#[derive(Clone, Debug)]
pub struct SecretStore {
    client: Client,
}

impl SecretStore {
    /// The secrets that `client` may read or write.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The current text of the secret with that name or ARN.
    pub async fn text(&self, id: &str) -> Result<Zeroizing<String>, Error> {
        let got = self.client.get_secret_value().secret_id(id).send().await;
        let got = got.map_err(|error| Error::unavailable("secretsmanager:GetSecretValue", &error))?;
        got.secret_string.map(Zeroizing::new).ok_or_else(|| Error::corrupt("secret", "it has no text"))
    }

    /// The versioned key in the secret with that name or ARN.
    pub async fn versioned_key(&self, id: &str) -> Result<SecretKey, Error> {
        SecretKey::from_document(&self.text(id).await?).map_err(|error| Error::corrupt("secret", error))
    }

    /// Every version of the key in the secret with that name or ARN: the current one, and the others.
    pub async fn key_versions(&self, id: &str) -> Result<(SecretKey, Vec<SecretKey>), Error> {
        SecretKey::versions_from_document(&self.text(id).await?).map_err(|error| Error::corrupt("secret", error))
    }

    /// Puts `value` into the secret with that name, made where there is none yet; answers its ARN.
    ///
    /// A secret that is there already was left by an attempt that was cut off: it keeps its key, description and tags,
    /// and the value becomes its current one.
    pub async fn create_or_replace(
        &self,
        name: &str,
        kms_key_id: Option<&str>,
        description: &str,
        value: &str,
        tags: &[(&str, &str)],
    ) -> Result<String, Error> {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
        let created = self
            .client
            .create_secret()
            .name(name)
            .set_kms_key_id(kms_key_id.map(str::to_owned))
            .description(description)
            .secret_string(value)
            .set_tags(Some(tags))
            .send()
            .await;
        let arn = match created {
            Ok(created) => created.arn,
            Err(error) if error.as_service_error().is_some_and(CreateSecretError::is_resource_exists_exception) => {
                let put = self.client.put_secret_value().secret_id(name).secret_string(value).send().await;
                put.map_err(|error| Error::unavailable("secretsmanager:PutSecretValue", &error))?.arn
            }
            Err(error) => return Err(Error::unavailable("secretsmanager:CreateSecret", &error)),
        };
        arn.ok_or_else(|| Error::corrupt("secret", "it has no ARN"))
    }
}
