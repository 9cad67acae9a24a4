//! What can be permitted: one closed list for keys, staff and service accounts.

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// A permission. The names stand in tokens' `scope` and in key metadata; one is never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[$doc])* $variant,)*
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The permission's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

permissions! {
    /// Price positions.
    CalculateFees = "fees:calculate";
    /// View rates.
    ViewRates = "rates:view";
    /// Read key metadata, never a key.
    KeysRead = "keys:read";
    /// Issue keys and offer successors.
    KeysWrite = "keys:write";
    /// End a key for good.
    KeysRevoke = "keys:revoke";
    /// End a key at once and offer its successor.
    KeysEmergencyRotate = "keys:emergency_rotate";
    /// Read clients, their terms and contacts.
    ClientsRead = "clients:read";
    /// Create and end clients, propose their terms, keep their contacts.
    ClientsWrite = "clients:write";
    /// Read people and their access.
    PrincipalsRead = "principals:read";
    /// Ask for people's access: onboarding, roles, elevation, re-enrolment.
    PrincipalsWrite = "principals:write";
    /// Disable an account or take a role from it, at once.
    AccountsDisable = "accounts:disable";
    /// Read service accounts, never a credential.
    ServiceAccountsRead = "service_accounts:read";
    /// Ask for a service account.
    ServiceAccountsWrite = "service_accounts:write";
    /// Read requests for approval.
    RequestsRead = "requests:read";
    /// Approve or reject what others ask for, in a capacity that the request needs.
    RequestsDecide = "requests:decide";
    /// Read role definitions and their reviews.
    RolesRead = "roles:read";
    /// Record the review of a role.
    RolesReview = "roles:review";
    /// Read the access review.
    AccessReviewRead = "access_review:read";
    /// Record decisions of the access review.
    AccessReviewDecide = "access_review:decide";
    /// Enrol one's own second factor.
    FactorEnrol = "factor:enrol";
    /// Search the audit log, export evidence.
    EvidenceRead = "evidence:read";
    /// Read the rotation register, and how emergency rotations go.
    RotationsRead = "rotations:read";
    /// Start an emergency rotation.
    RotationsEmergency = "rotations:emergency";
}

impl Permission {
    /// What a key may permit, and does unless said otherwise.
    pub const OF_KEYS: [Self; 2] = [Self::CalculateFees, Self::ViewRates];

    /// The permission of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == name)
    }

    /// The permission of that name, if a key may have it.
    #[must_use]
    pub fn of_keys(name: &str) -> Option<Self> {
        Self::from_name(name).filter(|permission| Self::OF_KEYS.contains(permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for permission in Permission::ALL {
            assert_eq!(Permission::from_name(permission.as_str()), Some(*permission));
        }
        assert_eq!(Permission::from_name("release:execute"), None);
    }

    #[test]
    fn a_key_prices_and_views_rates_and_nothing_else() {
        let of_keys: Vec<_> = Permission::ALL.iter().filter_map(|held| Permission::of_keys(held.as_str())).collect();
        assert_eq!(of_keys, [Permission::CalculateFees, Permission::ViewRates]);
    }
}
