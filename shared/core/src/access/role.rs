//! Roles: the one table of who may do what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Permission;

/// A role, as people and service accounts hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A client's trading system. Held through API keys only.
    Client,
    /// Administration and configuration. Holds no permission over money, and cannot.
    Admin,
    /// Looks at everything it audits and changes nothing.
    Auditor,
    /// A service account. Held through an approved service account only.
    System,
    /// Monitoring, incidents, the state of rotation.
    Operations,
    /// Security events, revocation, emergency rotation.
    Security,
}

/// Date on which the definitions below last changed. A role's review is due a year after the later of this and its last review.
pub const DEFINED_ON: &str = "2026-11-25";
/// What money moves by. Segregation of duties: no role of this table may hold a permission of these kinds.
pub const MONEY: [&str; 2] = ["release:", "allowlist:"];

/// What the administrator that the stack starts with may do while it may act: bring people in, and nothing that would make
/// it a second person beside the one who holds its credentials. It decides on no request.
pub const BOOTSTRAP_PERMISSIONS: [Permission; 3] =
    [Permission::PrincipalsRead, Permission::PrincipalsWrite, Permission::RequestsRead];

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Client, Self::Admin, Self::Auditor, Self::System, Self::Operations, Self::Security];
    /// The roles that people hold.
    pub const OF_PEOPLE: [Self; 4] = [Self::Admin, Self::Auditor, Self::Operations, Self::Security];

    /// The role's name in tokens and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::System => "system",
            Self::Operations => "operations",
            Self::Security => "security",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The role of that name, if people may hold it.
    #[must_use]
    pub fn of_people(name: &str) -> Option<Self> {
        Self::from_name(name).filter(|role| Self::OF_PEOPLE.contains(role))
    }

    /// The role in words.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Client => "Standard API consumer, by API key",
            Self::Admin => "Administration and configuration, without any permission over money",
            Self::Auditor => "Compliance reviewer: views, never calculates or changes",
            Self::System => "Internal services: the scopes approved for each service account",
            Self::Operations => "Operations team: monitoring, incidents, rotation status",
            Self::Security => "Security team: security events, revocation, emergency rotation",
        }
    }

    /// What the role permits.
    #[must_use]
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission as P;
        match self {
            Self::Client => &Permission::OF_KEYS,
            Self::Admin => &[
                P::ViewRates,
                P::KeysRead,
                P::KeysWrite,
                P::KeysRevoke,
                P::KeysEmergencyRotate,
                P::ClientsRead,
                P::ClientsWrite,
                P::PrincipalsRead,
                P::PrincipalsWrite,
                P::AccountsDisable,
                P::ServiceAccountsRead,
                P::ServiceAccountsWrite,
                P::RequestsRead,
                P::RequestsDecide,
                P::RolesRead,
                P::RolesReview,
                P::AccessReviewRead,
                P::AccessReviewDecide,
                P::FactorEnrol,
                P::RotationsRead,
                P::RotationsEmergency,
            ],
            Self::Auditor => &[
                P::ViewRates,
                P::KeysRead,
                P::RequestsRead,
                P::RolesRead,
                P::AccessReviewRead,
                P::FactorEnrol,
                P::EvidenceRead,
                P::RotationsRead,
            ],
            Self::System => &[P::ViewRates, P::KeysRead, P::ClientsRead],
            Self::Operations => &[
                P::ViewRates,
                P::KeysRead,
                P::ClientsRead,
                P::RequestsRead,
                P::RequestsDecide,
                P::FactorEnrol,
                P::RotationsRead,
            ],
            Self::Security => &[
                P::KeysRead,
                P::KeysRevoke,
                P::KeysEmergencyRotate,
                P::ClientsRead,
                P::PrincipalsRead,
                P::AccountsDisable,
                P::ServiceAccountsRead,
                P::RequestsRead,
                P::RequestsDecide,
                P::RolesRead,
                P::RolesReview,
                P::AccessReviewRead,
                P::AccessReviewDecide,
                P::FactorEnrol,
                P::RotationsRead,
                P::RotationsEmergency,
            ],
        }
    }
}

/// What `roles` permit together.
#[must_use]
pub fn permitted(roles: &BTreeSet<Role>) -> BTreeSet<Permission> {
    roles.iter().flat_map(|role| role.permissions()).copied().collect()
}

/// What a token may do: what it claims, by role or by scope, of what its subject's account holds. Names that the table does
/// not have permit nothing.
#[must_use]
pub fn effective(
    held: &BTreeSet<Permission>,
    roles: &BTreeSet<String>,
    scopes: &BTreeSet<String>,
) -> BTreeSet<Permission> {
    let by_role = roles.iter().filter_map(|name| Role::from_name(name)).flat_map(Role::permissions).copied();
    let by_scope = scopes.iter().filter_map(|name| Permission::from_name(name));
    by_role.chain(by_scope).filter(|claimed| held.contains(claimed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn no_role_holds_a_permission_over_money() {
        for role in Role::ALL {
            for permission in role.permissions() {
                assert!(!MONEY.iter().any(|kind| permission.as_str().starts_with(kind)), "{role:?} {permission:?}");
            }
        }
    }

    #[test]
    fn an_auditor_never_calculates_or_changes() {
        let reads =
            |permission: &Permission| permission.as_str().ends_with(":read") || permission.as_str().ends_with(":view");
        let own = Permission::FactorEnrol;
        assert!(Role::Auditor.permissions().iter().all(|permission| reads(permission) || *permission == own));
    }

    #[test]
    fn only_an_auditor_exports_evidence() {
        let exports: Vec<_> =
            Role::ALL.into_iter().filter(|role| role.permissions().contains(&Permission::EvidenceRead)).collect();
        assert_eq!(exports, [Role::Auditor]);
    }

    #[test]
    fn the_bootstrap_administrator_brings_people_in_and_decides_nothing() {
        let claimed = permitted(&BTreeSet::from([Role::Admin]));
        assert!(BOOTSTRAP_PERMISSIONS.iter().all(|permission| claimed.contains(permission)), "its token claims admin");
        for permission in BOOTSTRAP_PERMISSIONS {
            assert!(
                permission == Permission::PrincipalsWrite || permission.as_str().ends_with(":read"),
                "{permission:?}"
            );
        }
    }

    #[test]
    fn only_a_client_calculates_fees() {
        let calculates: Vec<_> =
            Role::ALL.into_iter().filter(|role| role.permissions().contains(&Permission::CalculateFees)).collect();
        assert_eq!(calculates, [Role::Client]);
    }

    #[test]
    fn people_hold_neither_the_clients_nor_the_services_role() {
        assert_eq!(Role::of_people("client"), None);
        assert_eq!(Role::of_people("system"), None);
        assert_eq!(Role::of_people("admin"), Some(Role::Admin));
    }

    #[test]
    fn a_token_can_neither_exceed_its_account_nor_use_what_it_does_not_claim() {
        let held = permitted(&BTreeSet::from([Role::Auditor]));
        assert!(effective(&held, &BTreeSet::new(), &BTreeSet::new()).is_empty());
        let of_admin = effective(&held, &names(&["admin"]), &BTreeSet::new());
        let mut shared = held.clone();
        shared.remove(&Permission::EvidenceRead);
        assert_eq!(of_admin, shared, "the part of an auditor's that an admin has too");
        assert_eq!(
            effective(&held, &BTreeSet::new(), &names(&["keys:read", "keys:write", "nonsense"])),
            BTreeSet::from([Permission::KeysRead])
        );
        assert!(effective(&BTreeSet::new(), &names(&["admin"]), &names(&["keys:read"])).is_empty());
    }
}
