//! What the function is told by its environment: names of things, never a secret.

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment named in client secrets (`ENVIRONMENT`).
    pub environment: String,
    /// Table of service accounts (`PEOPLE_TABLE`).
    pub people_table: String,
    /// Table of audit entries (`AUDIT_TABLE`).
    pub audit_table: String,
    /// Table of the rotation register (`ROTATIONS_TABLE`).
    pub rotations_table: String,
    /// Where the API is (`API_URL`), up to and with its version: `https://…/api/v1`.
    pub api_url: String,
    /// ARN of the secret with the actor key (`ACTOR_KEY_SECRET`).
    pub actor_key_secret: String,
    /// ARN of the secret with the reference key (`REFERENCE_KEY_SECRET`).
    pub reference_key_secret: String,
    /// ARN of the secret with the bootstrap administrator's second factor (`MFA_TOTP_SECRET`).
    pub totp_secret: String,
    /// How the names of service accounts' secrets begin (`SERVICE_ACCOUNT_PREFIX`); the account's name follows.
    pub service_account_prefix: String,
}

/// A setting that is missing or empty. The function does not start without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {0} is missing or empty")]
pub struct SettingsError(pub &'static str);

impl Settings {
    /// Reads the settings from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings from `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let read = |name: &'static str| variable(name).filter(|value| !value.is_empty()).ok_or(SettingsError(name));
        Ok(Self {
            environment: read("ENVIRONMENT")?,
            people_table: read("PEOPLE_TABLE")?,
            audit_table: read("AUDIT_TABLE")?,
            rotations_table: read("ROTATIONS_TABLE")?,
            api_url: read("API_URL")?,
            actor_key_secret: read("ACTOR_KEY_SECRET")?,
            reference_key_secret: read("REFERENCE_KEY_SECRET")?,
            totp_secret: read("MFA_TOTP_SECRET")?,
            service_account_prefix: read("SERVICE_ACCOUNT_PREFIX")?,
        })
    }

    /// The address that issues tokens.
    pub(crate) fn token_url(&self) -> String {
        format!("{}/oauth/token", self.api_url.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 9] = [
        "ENVIRONMENT",
        "PEOPLE_TABLE",
        "AUDIT_TABLE",
        "ROTATIONS_TABLE",
        "API_URL",
        "ACTOR_KEY_SECRET",
        "REFERENCE_KEY_SECRET",
        "MFA_TOTP_SECRET",
        "SERVICE_ACCOUNT_PREFIX",
    ];

    #[test]
    fn every_setting_is_needed() {
        let all = |name: &str| NAMES.contains(&name).then(|| name.to_lowercase());
        assert_eq!(Settings::read(all).unwrap().rotations_table, "rotations_table");
        for left_out in NAMES {
            let missing = Settings::read(|name| if name == left_out { Some(String::new()) } else { all(name) });
            assert_eq!(missing.unwrap_err(), SettingsError(left_out));
        }
    }

    #[test]
    fn tokens_are_asked_for_below_the_api_s_address() {
        let at = |url: &str| Settings { api_url: url.into(), ..Settings::read(|_| Some("x".into())).unwrap() };
        for url in ["https://api.example/live/api/v1", "https://api.example/live/api/v1/"] {
            assert_eq!(at(url).token_url(), "https://api.example/live/api/v1/oauth/token");
        }
    }
}
