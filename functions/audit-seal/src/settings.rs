//! What the function is told by its environment: names of things, never a secret.

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Table of audit entries (`AUDIT_TABLE`).
    pub audit_table: String,
    /// Table of the log's head and indexes (`LOG_TABLE`).
    pub log_table: String,
    /// Bucket under Object Lock (`RECORDS_BUCKET`).
    pub records_bucket: String,
    /// Bucket of partial tiles and batches (`WORK_BUCKET`).
    pub work_bucket: String,
    /// The log's name, which is the name of the key that signs its checkpoints (`LOG_ORIGIN`).
    pub origin: String,
    /// ARN of the KMS key that signs checkpoints (`LOG_KEY`).
    pub log_key: String,
    /// ARN of the KMS key that signed before it, as long as the register does not know that it was succeeded
    /// (`LOG_KEY_PREDECESSOR`).
    pub log_key_predecessor: Option<String>,
    /// ARN of the KMS key that signs tokens (`TOKEN_KEY`).
    pub token_key: String,
    /// ARN of the secret with the actor key (`ACTOR_KEY_SECRET`).
    pub actor_key_secret: String,
}

/// A setting that is missing, or that cannot be what it is said to be. The function does not start with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not set.
    #[error("environment variable {0} is missing or empty")]
    Missing(&'static str),
    /// A name that no signed note can carry (C2SP signed-note: no white space, no plus sign).
    #[error("LOG_ORIGIN must have neither white space nor a plus sign")]
    Origin,
    /// A key that would succeed itself.
    #[error("LOG_KEY_PREDECESSOR must be another key than LOG_KEY")]
    Predecessor,
}

impl Settings {
    /// Reads the settings from the environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings from `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let optional = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let read = |name: &'static str| optional(name).ok_or(SettingsError::Missing(name));
        let settings = Self {
            audit_table: read("AUDIT_TABLE")?,
            log_table: read("LOG_TABLE")?,
            records_bucket: read("RECORDS_BUCKET")?,
            work_bucket: read("WORK_BUCKET")?,
            origin: read("LOG_ORIGIN")?,
            log_key: read("LOG_KEY")?,
            log_key_predecessor: optional("LOG_KEY_PREDECESSOR"),
            token_key: read("TOKEN_KEY")?,
            actor_key_secret: read("ACTOR_KEY_SECRET")?,
        };
        if settings.origin.contains(|character: char| character.is_whitespace() || character == '+') {
            return Err(SettingsError::Origin);
        }
        if settings.log_key_predecessor.as_ref() == Some(&settings.log_key) {
            return Err(SettingsError::Predecessor);
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 8] = [
        "AUDIT_TABLE",
        "LOG_TABLE",
        "RECORDS_BUCKET",
        "WORK_BUCKET",
        "LOG_ORIGIN",
        "LOG_KEY",
        "TOKEN_KEY",
        "ACTOR_KEY_SECRET",
    ];

    fn read(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            let given = set.iter().find(|(held, _)| *held == name).map(|(_, value)| (*value).to_owned());
            given.or_else(|| NEEDED.contains(&name).then(|| name.to_lowercase()))
        })
    }

    #[test]
    fn all_is_needed_but_a_predecessor() {
        assert_eq!(read(&[("LOG_KEY_PREDECESSOR", "")]).unwrap().log_key_predecessor, None);
        for left_out in NEEDED {
            assert_eq!(read(&[(left_out, "")]).unwrap_err(), SettingsError::Missing(left_out));
        }
    }

    #[test]
    fn the_origin_is_a_name_that_a_signed_note_can_carry() {
        for origin in ["a log", "a+log", "log\n", "a\u{a0}log"] {
            assert_eq!(read(&[("LOG_ORIGIN", origin)]).unwrap_err(), SettingsError::Origin, "{origin:?}");
        }
        assert!(read(&[("LOG_ORIGIN", "borrow-rate-engine/123456789012/us-east-1/stack")]).is_ok());
    }

    #[test]
    fn a_key_does_not_succeed_itself() {
        let settings = [("LOG_KEY", "arn:b"), ("LOG_KEY_PREDECESSOR", "arn:b")];
        assert_eq!(read(&settings).unwrap_err(), SettingsError::Predecessor);
        assert!(read(&[settings[0], ("LOG_KEY_PREDECESSOR", "arn:a")]).is_ok());
    }
}
