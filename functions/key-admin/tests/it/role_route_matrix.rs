//! Every role against every route: allowed exactly where the table of roles says.

use std::collections::BTreeSet;

use engine_core::access::role::BOOTSTRAP_PERMISSIONS;
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER};
use engine_core::access::{Permission, Role, ServiceAccountName};
use engine_core::access::{PersonId, ServiceAccount};
use engine_core::audit::ActorType;
use engine_http::route::{Access, Route};
use engine_test_support::keys::actor_key;
use key_admin::routes::{ROUTES, Target};

use crate::fixture::{Admin, hash};

/// A path of the route, on which nothing exists.
pub(crate) fn path_of(route: &Route<Target>) -> String {
    let named = [
        ("{key_id}", "AAAAAAAAAAAA"),
        ("{client_id}", "no-such-client"),
        ("{contact_id}", "019bc3ac-2f00-7989-bdd9-14e14da269cf"),
        ("{principal_id}", "nobody@example.com"),
        ("{role}", "nonsense"),
        ("{request_id}", "019bc3ac-2f00-7989-bdd9-14e14da269cf"),
        ("{rotation_id}", "019bc3ac-2f00-7989-bdd9-14e14da269cf"),
        ("{name}", "svc-no-such"),
    ];
    let path = named.iter().fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value));
    assert!(!path.contains('{'), "{path}");
    path
}

fn needed(route: &Route<Target>) -> Option<Permission> {
    match route.access {
        Access::Token(permission) | Access::SteppedUp(permission) => Some(permission),
        _ => None,
    }
}

/// Makes the calls of one role of the account `id`, and compares each answer with what `held` says.
async fn check(admin: &Admin, id: &str, who: &str, token: &str, held: &BTreeSet<Permission>) -> usize {
    let mut allowed = 0;
    for route in ROUTES.0 {
        let path = match needed(route) {
            // Its holder enrols its own factor and nobody else's.
            Some(Permission::FactorEnrol) => route.path.replace("{principal_id}", id),
            _ => path_of(route),
        };
        let answer = admin.call(route.method, &path).bearer(token).send().await;
        let name = format!("{who} at {} {}: {}", route.method, route.path, answer.text);
        let Some(needed) = needed(route) else {
            assert!(matches!(answer.status, 401 | 429), "a token proves no possession: {name}");
            continue;
        };
        if held.contains(&needed) {
            allowed += 1;
            assert!(!matches!(answer.status, 401 | 429 | 500 | 503), "{name}");
            assert_ne!(answer.json()["code"], "not_permitted", "{name}");
            if let Access::SteppedUp(_) = route.access {
                assert!(answer.json()["code"].as_str().unwrap().starts_with("step_up_"), "{name}");
            }
        } else {
            answer.problem(403, "not_permitted");
        }
    }
    allowed
}

#[tokio::test]
async fn each_role_of_people_reaches_exactly_what_the_table_says() {
    let admin = Admin::with_client().await;
    for role in Role::OF_PEOPLE {
        let someone = admin.person(&format!("{}@example.com", role.as_str()), "p-100", &[role.as_str()]).await;
        let held = role.permissions().iter().copied().collect();
        let allowed = check(&admin, &someone.id, role.as_str(), &admin.token_of(&someone), &held).await;
        assert!(allowed > 0, "{role:?}");
        // A role that the token does not claim, and one that the account does not hold, are none.
        check(&admin, &someone.id, "nothing claimed", &admin.token(&someone.id, &[]), &BTreeSet::new()).await;
        for other in Role::OF_PEOPLE {
            let both = held.intersection(&other.permissions().iter().copied().collect()).copied().collect();
            check(&admin, &someone.id, "another role claimed", &admin.token(&someone.id, &[other.as_str()]), &both)
                .await;
        }
    }
}

#[tokio::test]
async fn the_role_of_clients_opens_nothing_here_even_where_somebody_was_given_it() {
    let admin = Admin::with_client().await;
    let someone = admin.person("eve@example.com", "p-100", &["client"]).await;
    let held = Role::Client.permissions().iter().copied().collect();
    assert_eq!(check(&admin, &someone.id, "client", &admin.token_of(&someone), &held).await, 0);
}

#[tokio::test]
async fn a_service_account_reaches_what_was_approved_for_it_and_nothing_that_services_may_not_have() {
    let admin = Admin::with_client().await;
    let everything: Vec<_> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    for scopes in [&["keys:read"][..], &["clients:read", "rates:view"], &[], &everything] {
        let name = "svc-desk-reader";
        let account = ServiceAccount {
            name: ServiceAccountName::parse(name).unwrap(),
            purpose: "reads what the desk shows".into(),
            owner: PersonId::parse("p-100").unwrap(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            state: ServiceAccountState::Active,
            created_at: admin.now(),
            disabled_at: None,
            review: None,
            actor_ref: actor_key().actor_ref(ActorType::ServiceAccount, name),
        };
        admin.write("service_accounts", name, &account, 1, &[("current_hash", hash())]).await;
        let held = account.permissions();
        assert!(held.iter().all(|permission| Role::System.permissions().contains(permission)));
        for (roles, claimed) in [(&["system"][..], held), (&[], BTreeSet::new())] {
            let token = admin.ours.sign(&admin.claims(OUR_ISSUER, name, roles));
            check(&admin, name, &format!("{scopes:?}"), &token, &claimed).await;
        }
    }
}

#[tokio::test]
async fn the_bootstrap_administrator_reaches_what_brings_people_in_and_nothing_else() {
    let admin = Admin::with_client().await;
    let held = BOOTSTRAP_PERMISSIONS.into();
    assert!(check(&admin, "bootstrap", "bootstrap", &admin.bootstrap_token(), &held).await > 0);
    // What its token does not claim it may not do either.
    let scoped = admin.ours.sign(&admin.claims(BOOTSTRAP_ISSUER, "bootstrap", &["auditor"]));
    check(&admin, "bootstrap", "bootstrap", &scoped, &BTreeSet::from([Permission::RequestsRead])).await;
}

#[tokio::test]
async fn a_scope_opens_its_routes_and_no_others() {
    let admin = Admin::with_client().await;
    let someone = admin.person("alice@example.com", "p-100", &["admin"]).await;
    for permission in [Permission::KeysRead, Permission::ClientsWrite, Permission::AccountsDisable] {
        let mut claims = admin.claims(admin.staff.name, &someone.id, &[]);
        claims["scope"] = permission.as_str().into();
        check(&admin, &someone.id, permission.as_str(), &admin.staff.sign(&claims), &BTreeSet::from([permission]))
            .await;
    }
}
