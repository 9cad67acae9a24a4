//! What the function is told by its environment: names and limits, never a secret.

use jiff::SignedDuration;

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment named in API keys (`ENVIRONMENT`).
    pub environment: String,
    /// Table of API keys (`KEYS_TABLE`).
    pub keys_table: String,
    /// Table of clients and terms (`CLIENTS_TABLE`).
    pub clients_table: String,
    /// Table of market data (`MARKET_TABLE`).
    pub market_table: String,
    /// Table of audit entries (`AUDIT_TABLE`).
    pub audit_table: String,
    /// Table of people and service accounts (`PEOPLE_TABLE`).
    pub people_table: String,
    /// Table of token issuers' public keys (`ISSUERS_TABLE`).
    pub issuers_table: String,
    /// Table in which failures are counted (`GUARD_TABLE`).
    pub guard_table: String,
    /// Whom a token must be for (`TOKEN_AUDIENCE`).
    pub token_audience: String,
    /// The issuer of staff's tokens (`STAFF_ISSUER`); none where it is empty.
    pub staff_issuer: Option<String>,
    /// Age from which market data is flagged as stale (`RATE_MAX_AGE_HOURS`).
    pub rate_max_age: SignedDuration,
}

/// A setting that is missing or malformed. The function does not start without it.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {0} is missing or malformed")]
pub struct SettingsError(&'static str);

impl Settings {
    /// Reads the settings from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        let hours: i64 = read("RATE_MAX_AGE_HOURS")?.parse().map_err(|_| SettingsError("RATE_MAX_AGE_HOURS"))?;
        Ok(Self {
            environment: read("ENVIRONMENT")?,
            keys_table: read("KEYS_TABLE")?,
            clients_table: read("CLIENTS_TABLE")?,
            market_table: read("MARKET_TABLE")?,
            audit_table: read("AUDIT_TABLE")?,
            people_table: read("PEOPLE_TABLE")?,
            issuers_table: read("ISSUERS_TABLE")?,
            guard_table: read("GUARD_TABLE")?,
            token_audience: read("TOKEN_AUDIENCE")?,
            staff_issuer: read("STAFF_ISSUER").ok(),
            rate_max_age: SignedDuration::from_hours(hours),
        })
    }
}

fn read(name: &'static str) -> Result<String, SettingsError> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).ok_or(SettingsError(name))
}
