//! What the function is told by its environment: names of things, never a secret.

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment named in client secrets (`ENVIRONMENT`).
    pub environment: String,
    /// Table of people and service accounts (`PEOPLE_TABLE`).
    pub people_table: String,
    /// Table of counters of failures and step-up (`GUARD_TABLE`).
    pub guard_table: String,
    /// Table of audit entries (`AUDIT_TABLE`).
    pub audit_table: String,
    /// The audience of tokens (`TOKEN_AUDIENCE`).
    pub audience: String,
    /// ARN of the KMS key that signs (`TOKEN_KEY`).
    pub token_key: String,
    /// ARN of the secret with the actor key (`ACTOR_KEY_SECRET`).
    pub actor_key_secret: String,
    /// ARN of the secret with the bootstrap administrator's second factor (`MFA_TOTP_SECRET`).
    pub totp_secret: String,
}

/// A setting that is missing or empty. The function does not start without it.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {0} is missing or empty")]
pub struct SettingsError(&'static str);

impl Settings {
    /// Reads the settings from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings from `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let read = |name| variable(name).filter(|value| !value.is_empty()).ok_or(SettingsError(name));
        Ok(Self {
            environment: read("ENVIRONMENT")?,
            people_table: read("PEOPLE_TABLE")?,
            guard_table: read("GUARD_TABLE")?,
            audit_table: read("AUDIT_TABLE")?,
            audience: read("TOKEN_AUDIENCE")?,
            token_key: read("TOKEN_KEY")?,
            actor_key_secret: read("ACTOR_KEY_SECRET")?,
            totp_secret: read("MFA_TOTP_SECRET")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 8] = [
        "ENVIRONMENT",
        "PEOPLE_TABLE",
        "GUARD_TABLE",
        "AUDIT_TABLE",
        "TOKEN_AUDIENCE",
        "TOKEN_KEY",
        "ACTOR_KEY_SECRET",
        "MFA_TOTP_SECRET",
    ];

    #[test]
    fn every_setting_is_needed() {
        assert!(Settings::read(|name| NAMES.contains(&name).then(|| name.to_lowercase())).is_ok());
        for left_out in NAMES {
            let without = Settings::read(|name| (name != left_out).then(|| name.to_lowercase()));
            assert_eq!(
                without.unwrap_err().to_string(),
                format!("environment variable {left_out} is missing or empty")
            );
            let empty = Settings::read(|name| Some(if name == left_out { String::new() } else { "x".into() }));
            assert!(empty.is_err(), "{left_out}");
        }
    }
}
