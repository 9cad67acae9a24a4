//! Secrets Manager: the versioned keys of references, second factors at the start, credentials of service accounts.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use aws_sdk_secretsmanager::operation::update_secret_version_stage::UpdateSecretVersionStageError;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, Tag};
use engine_core::audit::SecretKey;
use zeroize::Zeroizing;

use crate::Error;

/// The label of the version that everybody reads.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that a rotation is about to move to.
pub const PENDING: &str = "AWSPENDING";

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSecret {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Whether it rotates by itself.
    pub rotation_enabled: bool,
    /// The labels of its versions, by version. One without a label is not listed.
    pub versions: BTreeMap<String, BTreeSet<String>>,
}

impl DescribedSecret {
    /// The version with that label.
    #[must_use]
    pub fn version_at(&self, stage: &str) -> Option<&str> {
        self.versions.iter().find(|(_, stages)| stages.contains(stage)).map(|(version, _)| version.as_str())
    }
}

/// Where secrets that are made are replicated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The other region.
    pub region: String,
    /// ARN of the KMS key of that region that they are encrypted with there.
    pub key_arn: String,
}

/// Reads and writes secrets. No error quotes one.
#[derive(Clone, Debug)]
pub struct SecretStore {
    client: Client,
    replica: Option<Replica>,
}

impl SecretStore {
    /// The secrets that `client` may read or write.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, replica: None }
    }

    /// The same, where what is made is replicated too.
    #[must_use]
    pub fn with_replica(self, replica: Option<Replica>) -> Self {
        Self { replica, ..self }
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
            .set_add_replica_regions(self.replica.as_ref().map(|replica| vec![replica_region(replica)]))
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

    /// The secret with that name or ARN, without its value.
    pub async fn describe(&self, id: &str) -> Result<DescribedSecret, Error> {
        let described = self.client.describe_secret().secret_id(id).send().await;
        let described = described.map_err(|error| match error.as_service_error() {
            Some(DescribeSecretError::ResourceNotFoundException(_)) => Error::NotFound(format!("secret {id}")),
            _ => Error::unavailable("secretsmanager:DescribeSecret", &error),
        })?;
        if described.deleted_date.is_some() {
            return Err(Error::NotFound(format!("secret {id}, which is being deleted")));
        }
        let versions = described.version_ids_to_stages.unwrap_or_default().into_iter();
        Ok(DescribedSecret {
            arn: described.arn.ok_or_else(|| Error::corrupt("secret", "it has no ARN"))?,
            name: described.name.ok_or_else(|| Error::corrupt("secret", "it has no name"))?,
            rotation_enabled: described.rotation_enabled.unwrap_or(false),
            versions: versions.map(|(version, stages)| (version, stages.into_iter().collect())).collect(),
        })
    }

    /// The text of one version of a secret; `None` where there is no such version, or it has no value yet.
    pub async fn value_of_version(&self, id: &str, version: &str) -> Result<Option<Zeroizing<String>>, Error> {
        self.value(id, Some(version), None).await
    }

    /// The text of the version of a secret with that label; `None` where no version has it, or that one has no value yet.
    pub async fn value_at_stage(&self, id: &str, stage: &str) -> Result<Option<Zeroizing<String>>, Error> {
        self.value(id, None, Some(stage)).await
    }

    async fn value(
        &self,
        id: &str,
        version: Option<&str>,
        stage: Option<&str>,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        let get = self.client.get_secret_value().secret_id(id);
        let got = get.set_version_id(version.map(str::to_owned)).set_version_stage(stage.map(str::to_owned));
        match got.send().await {
            Ok(got) if got.secret_binary.is_some() => Err(Error::corrupt("secret", "it has no text")),
            // A version that has only its label so far. AWS says that there is none, an emulator shows it empty.
            Ok(got) => Ok(got.secret_string.map(Zeroizing::new)),
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Error::unavailable("secretsmanager:GetSecretValue", &error)),
        }
    }

    /// Puts `value` as version `token`, labelled as pending. `rotation_token` is what Secrets Manager gave with the step.
    /// False where that version has another value, which stays.
    pub async fn put_pending(
        &self,
        id: &str,
        token: &str,
        rotation_token: Option<&str>,
        value: &str,
    ) -> Result<bool, Error> {
        self.put_version(id, (token, rotation_token), PENDING, value).await
    }

    /// Puts `value` as version `token` and makes it the current one. Repeated with the same value it changes nothing. False
    /// where that version has another value, which stays.
    pub async fn put_current(&self, id: &str, token: &str, value: &str) -> Result<bool, Error> {
        self.put_version(id, (token, None), CURRENT, value).await
    }

    async fn put_version(
        &self,
        id: &str,
        (token, rotation_token): (&str, Option<&str>),
        stage: &str,
        value: &str,
    ) -> Result<bool, Error> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(id)
            .client_request_token(token)
            .set_rotation_token(rotation_token.map(str::to_owned))
            .version_stages(stage)
            .secret_string(value)
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(PutSecretValueError::is_resource_exists_exception) => {
                Ok(false)
            }
            Err(error) => Err(Error::unavailable("secretsmanager:PutSecretValue", &error)),
        }
    }

    /// Moves a label from the version that has it, to another or to none. [`Error::Conflict`] where that one has it no longer.
    pub async fn move_stage(&self, id: &str, stage: &str, from: Option<&str>, to: Option<&str>) -> Result<(), Error> {
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(id)
            .version_stage(stage)
            .set_remove_from_version_id(from.map(str::to_owned))
            .set_move_to_version_id(to.map(str::to_owned))
            .send()
            .await;
        moved.map(|_| ()).map_err(|error| stage_error(stage, &error))
    }
}

fn stage_error(stage: &str, error: &SdkError<UpdateSecretVersionStageError>) -> Error {
    match error.as_service_error() {
        Some(UpdateSecretVersionStageError::InvalidParameterException(_)) => {
            Error::Conflict(format!("another version of the secret has {stage} by now"))
        }
        _ => Error::unavailable("secretsmanager:UpdateSecretVersionStage", error),
    }
}

fn replica_region(replica: &Replica) -> ReplicaRegionType {
    ReplicaRegionType::builder().region(&replica.region).kms_key_id(&replica.key_arn).build()
}
