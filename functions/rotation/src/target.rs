//! Which of the stack's secrets is rotated, and whether the step may be taken.

use engine_aws::secrets::{CURRENT, DescribedSecret, PENDING};
use engine_core::access::ServiceAccountName;

use crate::{Event, RotationError, Settings};

/// What a secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The credential of a service account.
    ServiceAccount(ServiceAccountName),
    /// A secret of the stack itself.
    Stack(StackSecret),
}

/// A secret of the stack itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StackSecret {
    /// The bootstrap administrator's second factor.
    BootstrapTotp,
    /// The keys of actor references, by version.
    ActorKey,
    /// The keys of client and ticker references, by version.
    ReferenceKey,
}

impl StackSecret {
    /// Its name in the register.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BootstrapTotp => "bootstrap-totp",
            Self::ActorKey => "actor-key",
            Self::ReferenceKey => "reference-key",
        }
    }
}

impl Kind {
    /// What that secret holds, told by its ARN or its name.
    pub(crate) fn of(secret: &DescribedSecret, settings: &Settings) -> Result<Self, RotationError> {
        for (arn, stack) in [
            (&settings.totp_secret, StackSecret::BootstrapTotp),
            (&settings.actor_key_secret, StackSecret::ActorKey),
            (&settings.reference_key_secret, StackSecret::ReferenceKey),
        ] {
            if secret.arn == *arn {
                return Ok(Self::Stack(stack));
            }
        }
        let account = secret.name.strip_prefix(&settings.service_account_prefix);
        let account = account.and_then(|name| ServiceAccountName::parse(name).ok());
        account.map(Self::ServiceAccount).ok_or_else(|| RotationError::NotOurs(secret.name.clone()))
    }
}

/// Where the version that the rotation makes stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// About to become the current one.
    Pending,
    /// The current one already.
    Current,
}

impl Standing {
    /// Judges whether the step may be taken, in the order of the contract.
    pub(crate) fn of(secret: &DescribedSecret, event: &Event) -> Result<Self, RotationError> {
        if !secret.rotation_enabled {
            return Err(RotationError::NotEnabled(secret.name.clone()));
        }
        let (name, version) = (secret.name.clone(), event.client_request_token.clone());
        match secret.versions.get(&version) {
            None => Err(RotationError::UnknownVersion { secret: name, version }),
            Some(stages) if stages.contains(CURRENT) => Ok(Self::Current),
            Some(stages) if stages.contains(PENDING) => Ok(Self::Pending),
            Some(_) => Err(RotationError::NotPending { secret: name, version }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn secret(arn: &str, name: &str) -> DescribedSecret {
        let versions = BTreeMap::from([
            ("t-1".to_owned(), [CURRENT.to_owned()].into()),
            ("t-2".to_owned(), [PENDING.to_owned()].into()),
            ("t-3".to_owned(), ["AWSPREVIOUS".to_owned()].into()),
            ("t-4".to_owned(), [CURRENT.to_owned(), PENDING.to_owned()].into()),
        ]);
        DescribedSecret { arn: arn.to_owned(), name: name.to_owned(), rotation_enabled: true, versions }
    }

    #[test]
    fn a_secret_is_told_by_its_arn_or_its_name_and_any_other_is_not_ours() {
        let settings = Settings {
            service_account_prefix: "stack/service-accounts/".into(),
            ..Settings::read(|name| Some(name.to_lowercase())).unwrap()
        };
        let kind = |arn: &str, name: &str| Kind::of(&secret(arn, name), &settings).ok();
        assert_eq!(kind("mfa_totp_secret", "any"), Some(Kind::Stack(StackSecret::BootstrapTotp)));
        assert_eq!(kind("actor_key_secret", "any"), Some(Kind::Stack(StackSecret::ActorKey)));
        assert_eq!(kind("reference_key_secret", "any"), Some(Kind::Stack(StackSecret::ReferenceKey)));
        let account = ServiceAccountName::parse("svc-a-b").unwrap();
        assert_eq!(kind("arn", "stack/service-accounts/svc-a-b"), Some(Kind::ServiceAccount(account)));
        for name in
            ["svc-a-b", "stack/service-accounts/", "stack/service-accounts/root", "other/service-accounts/svc-a-b"]
        {
            assert_eq!(kind("arn", name), None, "{name}");
        }
    }

    #[test]
    fn the_checks_are_made_in_the_contract_s_order() {
        let judge = |token: &str, rotation_enabled| {
            let event = Event {
                step: String::new(),
                secret_id: String::new(),
                client_request_token: token.to_owned(),
                rotation_token: None,
            };
            Standing::of(&DescribedSecret { rotation_enabled, ..secret("arn", "name") }, &event)
        };
        assert_eq!(judge("t-1", true).unwrap(), Standing::Current);
        assert_eq!(judge("t-2", true).unwrap(), Standing::Pending);
        assert_eq!(judge("t-4", true).unwrap(), Standing::Current, "it is over, whatever label is left");
        assert!(matches!(judge("t-3", true), Err(RotationError::NotPending { .. })));
        assert!(matches!(judge("t-5", true), Err(RotationError::UnknownVersion { .. })));
        for token in ["t-1", "t-2", "t-3", "t-5"] {
            assert!(matches!(judge(token, false), Err(RotationError::NotEnabled(_))), "{token}");
        }
    }
}
