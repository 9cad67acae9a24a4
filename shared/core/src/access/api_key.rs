//! API keys: `bre_<env>_<key id>_<secret><checksum>`, in the form that every [credential](super::credential) of the engine
//! has.

use super::credential::{self, Credential, CredentialError, KeyHash, KeyId};

const PREFIX: &str = "bre";

/// An API key in clear. Shown once, to who created it; holds a secret, so it has no `Debug`, `Display` or `Serialize`.
pub struct ApiKey(Credential);

/// The text does not have a key's form or checksum. It says nothing about whether such a key exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct ApiKeyError;

impl From<CredentialError> for ApiKeyError {
    fn from(CredentialError: CredentialError) -> Self {
        Self
    }
}

impl ApiKey {
    /// Makes a key for `environment` (2 to 10 lower-case letters or digits) from random bytes: 9 for the id, 32 for the secret.
    pub fn generate(environment: &str, id: [u8; 9], secret: &[u8; 32]) -> Result<Self, ApiKeyError> {
        Ok(Self(credential::compose(PREFIX, environment, KeyId::from_random(id), secret)?))
    }

    /// Reads a presented key of `environment`; refuses wrong forms and checksums without a look-up.
    pub fn parse(text: &str, environment: &str) -> Result<Self, ApiKeyError> {
        Ok(Self(credential::read(PREFIX, text, environment)?))
    }

    /// The part that names the key and may be shown.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.0.id
    }

    /// What is stored of the key.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        self.0.hash()
    }

    /// The key in clear, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey::generate("test", [0xab; 9], &[0xcd; 32]).unwrap()
    }

    #[test]
    fn a_generated_key_reads_back() {
        let key = key();
        let read = ApiKey::parse(key.expose(), "test").unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(read.hash(), key.hash());
        assert_eq!(key.expose().len(), "bre_test_".len() + 12 + 1 + 43 + 6);
        assert_eq!(KeyId::parse(key.id().as_str()).as_ref(), Ok(key.id()));
    }

    #[test]
    fn the_secret_carries_all_256_bits() {
        let text = |secret: &[u8; 32]| ApiKey::generate("test", [0; 9], secret).unwrap().expose().to_owned();
        let (low, high) = (text(&[0; 32]), text(&[0xff; 32]));
        assert_eq!(&low[22..65], "0".repeat(43));
        assert_ne!(&high[22..23], "0", "43 digits are needed for 2^256 - 1");
        let mut flipped = [0; 32];
        flipped[0] = 0x80;
        assert_ne!(text(&flipped), low, "the highest bit is part of the secret");
    }

    #[test]
    fn any_one_changed_character_is_refused_without_a_lookup() {
        let text = key().expose().to_owned();
        for position in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(ApiKey::parse(&changed, "test").is_err(), "position {position}: {changed}");
        }
    }

    #[test]
    fn other_environments_and_forms_are_refused() {
        let text = key().expose().to_owned();
        assert!(ApiKey::parse(&text, "live").is_err());
        for bad in
            ["", "bre", "bre_test_", "bre_test__", &text[..text.len() - 1], &format!("{text}0"), &format!(" {text}")]
        {
            assert!(ApiKey::parse(bad, "test").is_err(), "{bad}");
        }
        for environment in ["", "a", "UPPER", "a_b", "elevenchars"] {
            assert!(ApiKey::generate(environment, [0; 9], &[0; 32]).is_err(), "{environment}");
        }
    }
}
