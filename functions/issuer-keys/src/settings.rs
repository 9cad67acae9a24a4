//! What the function is told by its environment: names of things, never a secret.

use engine_core::access::token::OUR_ISSUER;

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Table of issuers' keys (`ISSUERS_TABLE`).
    pub issuers_table: String,
    /// Table of the windows of refusals (`GUARD_TABLE`).
    pub guard_table: String,
    /// Table of audit entries (`AUDIT_TABLE`).
    pub audit_table: String,
    /// ARN of the KMS key that signs our tokens (`TOKEN_KEY`).
    pub token_key: String,
    /// ARN of the key that signed them before (`TOKEN_KEY_PREDECESSOR`), as long as its tokens live; none where it is empty.
    pub token_key_predecessor: Option<String>,
    /// ARN of the secret with the actor key (`ACTOR_KEY_SECRET`).
    pub actor_key_secret: String,
    /// The staff's issuer, where there is one.
    pub staff: Option<Staff>,
}

/// The issuer of staff's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Its name, the `iss` of its tokens (`STAFF_ISSUER`).
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeysAt,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysAt {
    /// An address that answers with a JWK Set (`STAFF_ISSUER_KEYS_URL`).
    Url(String),
    /// A JWK Set itself (`STAFF_ISSUER_KEYS_DOCUMENT`).
    Document(String),
}

/// A setting that is missing, or that cannot stand beside the others. The function does not start with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not set.
    #[error("environment variable {0} is missing or empty")]
    Missing(&'static str),
    /// The staff's issuer would pass for ours.
    #[error("STAFF_ISSUER must not begin with our own issuer's name")]
    OurIssuer,
    /// The staff's issuer has no keys, or keys from two places, or there are keys without an issuer.
    #[error("with STAFF_ISSUER, exactly one of STAFF_ISSUER_KEYS_URL and STAFF_ISSUER_KEYS_DOCUMENT; without it, none")]
    Keys,
    /// Keys that anybody on the way could replace.
    #[error("STAFF_ISSUER_KEYS_URL must be an https URL")]
    NotHttps,
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
        let (url, document) = (optional("STAFF_ISSUER_KEYS_URL"), optional("STAFF_ISSUER_KEYS_DOCUMENT"));
        Ok(Self {
            issuers_table: read("ISSUERS_TABLE")?,
            guard_table: read("GUARD_TABLE")?,
            audit_table: read("AUDIT_TABLE")?,
            token_key: read("TOKEN_KEY")?,
            token_key_predecessor: optional("TOKEN_KEY_PREDECESSOR"),
            actor_key_secret: read("ACTOR_KEY_SECRET")?,
            staff: staff(optional("STAFF_ISSUER"), url, document)?,
        })
    }
}

fn staff(
    issuer: Option<String>,
    url: Option<String>,
    document: Option<String>,
) -> Result<Option<Staff>, SettingsError> {
    let keys = match (&issuer, url, document) {
        (None, None, None) => return Ok(None),
        (Some(_), Some(url), None) => KeysAt::Url(url),
        (Some(_), None, Some(document)) => KeysAt::Document(document),
        _ => return Err(SettingsError::Keys),
    };
    if issuer.as_ref().is_some_and(|issuer| issuer.starts_with(OUR_ISSUER)) {
        return Err(SettingsError::OurIssuer);
    }
    if matches!(&keys, KeysAt::Url(url) if !url.starts_with("https://")) {
        return Err(SettingsError::NotHttps);
    }
    Ok(issuer.map(|issuer| Staff { issuer, keys }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 5] = ["ISSUERS_TABLE", "GUARD_TABLE", "AUDIT_TABLE", "TOKEN_KEY", "ACTOR_KEY_SECRET"];

    fn read(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            let given = set.iter().find(|(held, _)| *held == name).map(|(_, value)| (*value).to_owned());
            given.or_else(|| NEEDED.contains(&name).then(|| name.to_lowercase()))
        })
    }

    #[test]
    fn tables_and_keys_are_needed_and_a_staff_issuer_and_a_key_before_are_not() {
        let settings = read(&[("STAFF_ISSUER", ""), ("TOKEN_KEY_PREDECESSOR", "")]).unwrap();
        assert_eq!((settings.staff, settings.token_key_predecessor), (None, None));
        let settings = read(&[("TOKEN_KEY_PREDECESSOR", "former")]).unwrap();
        assert_eq!(settings.token_key_predecessor.as_deref(), Some("former"));
        for left_out in NEEDED {
            assert_eq!(read(&[(left_out, "")]).unwrap_err(), SettingsError::Missing(left_out));
        }
    }

    #[test]
    fn a_staff_issuer_has_its_keys_from_exactly_one_place() {
        let (issuer, url, document) = (
            ("STAFF_ISSUER", "https://idp.example/"),
            ("STAFF_ISSUER_KEYS_URL", "https://idp.example/jwks"),
            ("STAFF_ISSUER_KEYS_DOCUMENT", r#"{"keys":[]}"#),
        );
        let keys = |set: &[_]| read(set).map(|settings| settings.staff.unwrap().keys);
        assert_eq!(keys(&[issuer, url]), Ok(KeysAt::Url(url.1.into())));
        assert_eq!(keys(&[issuer, document, ("STAFF_ISSUER_KEYS_URL", "")]), Ok(KeysAt::Document(document.1.into())));
        for wrong in [&[issuer][..], &[issuer, url, document], &[url], &[document]] {
            assert_eq!(keys(wrong), Err(SettingsError::Keys), "{wrong:?}");
        }
    }

    #[test]
    fn keys_do_not_come_over_a_wire_that_anybody_may_write_on() {
        for url in ["http://idp.example/jwks", "HTTP://idp.example", "file:///keys", "idp.example/jwks"] {
            let refused = read(&[("STAFF_ISSUER", "https://idp.example/"), ("STAFF_ISSUER_KEYS_URL", url)]);
            assert_eq!(refused.unwrap_err(), SettingsError::NotHttps, "{url}");
        }
    }

    #[test]
    fn a_staff_issuer_cannot_be_named_like_ours() {
        for issuer in ["borrow-rate-engine", "borrow-rate-engine/bootstrap"] {
            let refused = read(&[("STAFF_ISSUER", issuer), ("STAFF_ISSUER_KEYS_DOCUMENT", "{}")]);
            assert_eq!(refused.unwrap_err(), SettingsError::OurIssuer, "{issuer}");
        }
    }
}
