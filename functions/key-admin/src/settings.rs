//! What the function is told by its environment: names and places, never a secret.

use engine_aws::secrets::Replica;

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment named in API keys and one-time codes (`ENVIRONMENT`).
    pub environment: String,
    /// Table of API keys (`KEYS_TABLE`).
    pub keys_table: String,
    /// Table of clients, terms and contacts (`CLIENTS_TABLE`).
    pub clients_table: String,
    /// Table of people and service accounts (`PEOPLE_TABLE`).
    pub people_table: String,
    /// Table of token issuers' public keys (`ISSUERS_TABLE`).
    pub issuers_table: String,
    /// Table of attempts, failures and requests already answered (`GUARD_TABLE`).
    pub guard_table: String,
    /// Table of audit entries (`AUDIT_TABLE`).
    pub audit_table: String,
    /// Table of rotations (`ROTATIONS_TABLE`).
    pub rotations_table: String,
    /// Whom a token must be for (`TOKEN_AUDIENCE`).
    pub token_audience: String,
    /// The issuer of staff's tokens (`STAFF_ISSUER`); none where it is empty.
    pub staff_issuer: Option<String>,
    /// Secret with the key of actor references (`ACTOR_KEY_SECRET`).
    pub actor_key_secret: String,
    /// Secret with the key of client references (`REFERENCE_KEY_SECRET`).
    pub reference_key_secret: String,
    /// Secret with the bootstrap administrator's second factor (`MFA_TOTP_SECRET`).
    pub bootstrap_totp_secret: String,
    /// KMS key of second factors (`FACTORS_KEY`).
    pub factors_key: String,
    /// KMS key of contacts (`CONTACTS_KEY`).
    pub contacts_key: String,
    /// SNS topic of notices (`NOTICES_TOPIC`).
    pub notices_topic: String,
    /// What names of service accounts' secrets start with (`SERVICE_ACCOUNT_PREFIX`).
    pub service_account_prefix: String,
    /// KMS key of those secrets (`SERVICE_ACCOUNTS_KEY`).
    pub service_accounts_key: String,
    /// Where they are replicated (`SECRETS_REPLICA_REGION`, `SECRETS_REPLICA_KEY`); nowhere where the region is empty.
    pub secrets_replica: Option<Replica>,
}

/// A setting that is missing. The function does not start without it.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {0} is missing")]
pub struct SettingsError(&'static str);

impl Settings {
    /// Reads the settings from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        Ok(Self {
            environment: read("ENVIRONMENT")?,
            keys_table: read("KEYS_TABLE")?,
            clients_table: read("CLIENTS_TABLE")?,
            people_table: read("PEOPLE_TABLE")?,
            issuers_table: read("ISSUERS_TABLE")?,
            guard_table: read("GUARD_TABLE")?,
            audit_table: read("AUDIT_TABLE")?,
            rotations_table: read("ROTATIONS_TABLE")?,
            token_audience: read("TOKEN_AUDIENCE")?,
            staff_issuer: read("STAFF_ISSUER").ok(),
            actor_key_secret: read("ACTOR_KEY_SECRET")?,
            reference_key_secret: read("REFERENCE_KEY_SECRET")?,
            bootstrap_totp_secret: read("MFA_TOTP_SECRET")?,
            factors_key: read("FACTORS_KEY")?,
            contacts_key: read("CONTACTS_KEY")?,
            notices_topic: read("NOTICES_TOPIC")?,
            service_account_prefix: read("SERVICE_ACCOUNT_PREFIX")?,
            service_accounts_key: read("SERVICE_ACCOUNTS_KEY")?,
            secrets_replica: match read("SECRETS_REPLICA_REGION") {
                Ok(region) => Some(Replica { region, key_arn: read("SECRETS_REPLICA_KEY")? }),
                Err(_) => None,
            },
        })
    }
}

fn read(name: &'static str) -> Result<String, SettingsError> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).ok_or(SettingsError(name))
}
