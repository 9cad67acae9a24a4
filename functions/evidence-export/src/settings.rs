//! What the function is told by its environment: names and places, never a secret.

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Table of people and service accounts (`PEOPLE_TABLE`).
    pub people_table: String,
    /// Table of token issuers' public keys (`ISSUERS_TABLE`).
    pub issuers_table: String,
    /// Table of attempts, failures and requests already answered (`GUARD_TABLE`).
    pub guard_table: String,
    /// Table of audit entries (`AUDIT_TABLE`), to which the function appends its own.
    pub audit_table: String,
    /// Table of the sealed log: where to look (`LOG_TABLE`).
    pub log_table: String,
    /// Table of exports (`EXPORTS_TABLE`).
    pub exports_table: String,
    /// Bucket of the sealed log (`RECORDS_BUCKET`).
    pub records_bucket: String,
    /// Bucket of its right edge, and of bundles (`WORK_BUCKET`).
    pub work_bucket: String,
    /// The log's name (`LOG_ORIGIN`).
    pub log_origin: String,
    /// ARN of the KMS key that signs manifests (`EVIDENCE_KEY`).
    pub evidence_key: String,
    /// ARN of the key that signed them before (`EVIDENCE_KEY_PREDECESSOR`); none where it is empty.
    pub evidence_key_predecessor: Option<String>,
    /// Whom a token must be for (`TOKEN_AUDIENCE`).
    pub token_audience: String,
    /// The issuer of staff's tokens (`STAFF_ISSUER`); none where it is empty.
    pub staff_issuer: Option<String>,
    /// Secret with the key of actor references (`ACTOR_KEY_SECRET`).
    pub actor_key_secret: String,
    /// Secret with the key of client and ticker references (`REFERENCE_KEY_SECRET`).
    pub reference_key_secret: String,
    /// KMS key of second factors (`FACTORS_KEY`).
    pub factors_key: String,
    /// Log groups of the stack (`LOG_GROUPS`, a comma between them).
    pub log_groups: Vec<String>,
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
        let optional = |name| variable(name).filter(|value| !value.is_empty());
        let read = |name| optional(name).ok_or(SettingsError(name));
        Ok(Self {
            people_table: read("PEOPLE_TABLE")?,
            issuers_table: read("ISSUERS_TABLE")?,
            guard_table: read("GUARD_TABLE")?,
            audit_table: read("AUDIT_TABLE")?,
            log_table: read("LOG_TABLE")?,
            exports_table: read("EXPORTS_TABLE")?,
            records_bucket: read("RECORDS_BUCKET")?,
            work_bucket: read("WORK_BUCKET")?,
            log_origin: read("LOG_ORIGIN")?,
            evidence_key: read("EVIDENCE_KEY")?,
            evidence_key_predecessor: optional("EVIDENCE_KEY_PREDECESSOR"),
            token_audience: read("TOKEN_AUDIENCE")?,
            staff_issuer: optional("STAFF_ISSUER"),
            actor_key_secret: read("ACTOR_KEY_SECRET")?,
            reference_key_secret: read("REFERENCE_KEY_SECRET")?,
            factors_key: read("FACTORS_KEY")?,
            log_groups: list(&read("LOG_GROUPS")?),
        })
    }

    /// The name under which the evidence key signs.
    #[must_use]
    pub fn evidence_key_name(&self) -> String {
        format!("{}/evidence", self.log_origin)
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 15] = [
        "PEOPLE_TABLE",
        "ISSUERS_TABLE",
        "GUARD_TABLE",
        "AUDIT_TABLE",
        "LOG_TABLE",
        "EXPORTS_TABLE",
        "RECORDS_BUCKET",
        "WORK_BUCKET",
        "LOG_ORIGIN",
        "EVIDENCE_KEY",
        "TOKEN_AUDIENCE",
        "ACTOR_KEY_SECRET",
        "REFERENCE_KEY_SECRET",
        "FACTORS_KEY",
        "LOG_GROUPS",
    ];

    #[test]
    fn every_setting_is_needed_but_a_staff_issuer_and_a_key_before() {
        let settings = Settings::read(|name| NEEDED.contains(&name).then(|| name.to_lowercase())).unwrap();
        assert_eq!((settings.staff_issuer, settings.evidence_key_predecessor), (None, None));
        for left_out in NEEDED {
            let without = Settings::read(|name| (name != left_out).then(|| name.to_lowercase()));
            assert_eq!(
                without.unwrap_err().to_string(),
                format!("environment variable {left_out} is missing or empty")
            );
            let empty = Settings::read(|name| Some(if name == left_out { String::new() } else { "x".into() }));
            assert!(empty.is_err(), "{left_out}");
        }
    }

    #[test]
    fn log_groups_are_a_list_and_the_key_is_named_after_the_log() {
        let settings = Settings::read(|name| Some(if name == "LOG_GROUPS" { "a, b,".into() } else { "x".into() }));
        let settings = settings.unwrap();
        assert_eq!(settings.log_groups, ["a", "b"]);
        assert_eq!(settings.evidence_key_name(), "x/evidence");
    }
}
