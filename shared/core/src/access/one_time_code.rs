//! Secrets that the engine hands out for one purpose each, in the form of an API key with another prefix, so that none can
//! be used for another's purpose.

use super::credential::{self, Credential, CredentialError, KeyHash, KeyId};

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeKind {
    /// Claims a key's successor after an emergency.
    Claim,
    /// Enrols a second factor for the first time.
    EnrolmentTicket,
    /// Lets a client's contact freeze a claimed key.
    Freeze,
    /// Proves that a client's contact is reached.
    ContactVerification,
    /// The secret of a service account: used until it is changed, not once.
    ServiceAccount,
}

impl CodeKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Claim, Self::EnrolmentTicket, Self::Freeze, Self::ContactVerification, Self::ServiceAccount];

    /// What the text of such a code begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Claim => "brc",
            Self::EnrolmentTicket => "brt",
            Self::Freeze => "brf",
            Self::ContactVerification => "brv",
            Self::ServiceAccount => "brs",
        }
    }
}

/// A code in clear. Shown or sent once; holds a secret, so it has no `Debug`, `Display` or `Serialize`.
pub struct OneTimeCode(Credential);

impl OneTimeCode {
    /// Makes a code for `environment` (2 to 10 lower-case letters or digits) that names `id`, from 32 random bytes.
    pub fn generate(kind: CodeKind, environment: &str, id: KeyId, secret: &[u8; 32]) -> Result<Self, CredentialError> {
        credential::compose(kind.prefix(), environment, id, secret).map(Self)
    }

    /// Reads a presented code of that kind and environment; refuses wrong forms and checksums without a look-up.
    pub fn parse(kind: CodeKind, text: &str, environment: &str) -> Result<Self, CredentialError> {
        credential::read(kind.prefix(), text, environment).map(Self)
    }

    /// The part that finds the record and may be shown.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.0.id
    }

    /// What is stored of the code.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        self.0.hash()
    }

    /// The code in clear, for the one message that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::access::ApiKey;

    fn code(kind: CodeKind) -> OneTimeCode {
        OneTimeCode::generate(kind, "test", KeyId::from_random([0xab; 9]), &[0xcd; 32]).unwrap()
    }

    #[test]
    fn a_generated_code_reads_back_with_the_id_it_was_given() {
        for kind in CodeKind::ALL {
            let code = code(kind);
            let read = OneTimeCode::parse(kind, code.expose(), "test").unwrap();
            assert_eq!(read.id(), &KeyId::from_random([0xab; 9]));
            assert_eq!(read.hash(), code.hash());
            assert!(code.expose().starts_with(&format!("{}_test_", kind.prefix())));
        }
    }

    #[test]
    fn a_code_is_never_taken_for_another_kind_another_environment_or_an_api_key() {
        for kind in CodeKind::ALL {
            let code = code(kind);
            for other in CodeKind::ALL.into_iter().filter(|other| *other != kind) {
                assert!(OneTimeCode::parse(other, code.expose(), "test").is_err(), "{kind:?} as {other:?}");
            }
            assert!(OneTimeCode::parse(kind, code.expose(), "live").is_err(), "{kind:?}");
            assert!(ApiKey::parse(code.expose(), "test").is_err(), "{kind:?}");
        }
        let key = ApiKey::generate("test", [0xab; 9], &[0xcd; 32]).unwrap();
        assert!(CodeKind::ALL.into_iter().all(|kind| OneTimeCode::parse(kind, key.expose(), "test").is_err()));
    }

    #[test]
    fn the_kind_is_part_of_what_is_hashed() {
        let hashes: BTreeSet<_> = CodeKind::ALL.into_iter().map(|kind| *code(kind).hash().as_bytes()).collect();
        assert_eq!(hashes.len(), CodeKind::ALL.len());
    }

    #[test]
    fn a_changed_prefix_does_not_pass_the_checksum() {
        let changed = code(CodeKind::Claim).expose().replacen("brc", "brf", 1);
        assert!(OneTimeCode::parse(CodeKind::Freeze, &changed, "test").is_err());
    }
}
