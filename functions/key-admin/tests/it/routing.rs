//! What is reached and what is not; the table, the router and the template's paths agree.

use std::collections::BTreeSet;
use std::path::Path;

use engine_http::route::Access;
use key_admin::routes::ROUTES;

use crate::fixture::Admin;
use crate::role_route_matrix::path_of;

/// The paths of API Gateway's events of a function, as the template names them.
fn template_paths(function: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let block = template.split(&format!("\n  {function}:\n")).nth(1).expect("the function");
    let block = block.lines().take_while(|line| line.is_empty() || line.starts_with("   "));
    let paths = block.filter(|line| line.contains("Type: Api")).map(|line| {
        let path = line.split("Path: ").nth(1).expect("a path").split(' ').next().unwrap();
        assert!(line.contains("Method: ANY"), "the function answers 405 itself: {line}");
        path.trim_matches('"').to_owned()
    });
    paths.collect()
}

/// Whether API Gateway sends a path of that pattern there.
fn leads(template: &str, pattern: &str) -> bool {
    match template.strip_suffix("/{proxy+}") {
        Some(prefix) => pattern.strip_prefix(prefix).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/')),
        None => template == pattern,
    }
}

#[test]
fn every_route_is_led_to_by_the_template_and_every_path_of_the_template_to_a_route() {
    let paths = template_paths("KeyAdminFunction");
    assert!(paths.len() > 10, "{paths:?}");
    for route in ROUTES.0 {
        assert!(paths.iter().any(|path| leads(path, route.path)), "nothing leads to {}", route.path);
    }
    for path in &paths {
        assert!(ROUTES.0.iter().any(|route| leads(path, route.path)), "{path} leads nowhere");
    }
}

#[test]
fn every_route_is_declared_once_and_every_handler_has_one() {
    let declared: BTreeSet<_> = ROUTES.0.iter().map(|route| (route.path, route.method)).collect();
    assert_eq!(declared.len(), ROUTES.0.len());
    let handlers: BTreeSet<_> = ROUTES.0.iter().map(|route| format!("{:?}", route.handler.handler)).collect();
    assert_eq!(handlers.len(), ROUTES.0.len(), "no route has a twin under another path");
}

#[test]
fn what_changes_something_is_recorded_and_what_reads_is_a_get() {
    for route in ROUTES.0 {
        assert_eq!(route.handler.event.is_none(), route.method == "GET", "{}", route.path);
        assert!(!matches!(route.access, Access::Anyone), "{} is open to anyone", route.path);
        let admin = route.path.starts_with("/admin/");
        assert_eq!(admin, !matches!(route.access, Access::Possession), "{}", route.path);
    }
}

#[test]
fn what_makes_or_ends_keys_silences_contacts_or_ends_clients_takes_a_second_factor() {
    let stepped_up = ROUTES.0.iter().filter(|route| matches!(route.access, Access::SteppedUp(_)));
    let stepped_up = stepped_up.map(|route| (route.method, route.path));
    assert_eq!(
        stepped_up.collect::<BTreeSet<_>>(),
        BTreeSet::from([
            ("POST", "/admin/api-keys"),
            ("POST", "/admin/api-keys/{key_id}/rotate"),
            ("POST", "/admin/api-keys/{key_id}/emergency-rotate"),
            ("POST", "/admin/api-keys/{key_id}/claim-code"),
            ("POST", "/admin/api-keys/{key_id}/unfreeze"),
            ("POST", "/admin/clients/{client_id}/terminate"),
            ("POST", "/admin/rotations"),
            ("POST", "/admin/clients/{client_id}/contacts"),
            ("DELETE", "/admin/clients/{client_id}/contacts/{contact_id}"),
        ])
    );
}

#[tokio::test]
async fn what_is_not_declared_is_404_with_and_without_a_token() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    for path in [
        "/",
        "/admin",
        "/admin/",
        "/admin/api-keys/",
        "/admin/api-keys//rotate",
        "/admin/api-keys/k/rotate/",
        "/admin/api-keys/k/delete",
        "/ADMIN/api-keys",
        "/admin/roles/admin",
        "/admin/../admin/api-keys",
        "/admin/api-keys/%ZZ",
        "/api/v1/keys",
        "/api/v1/keys/claim/x",
        "/api/v1/rates",
        "/api/v1/admin/api-keys",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let with = admin.call(method, path).by(&alice).send().await;
            with.problem(404, "route_not_found");
            assert_eq!(admin.call(method, path).send().await.alike(), with.alike(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn other_methods_are_405_and_say_which_are_right() {
    let admin = Admin::start().await;
    let alice = admin.administrator().await;
    for route in ROUTES.0 {
        let path = path_of(route);
        let methods: BTreeSet<_> =
            ROUTES.0.iter().filter(|other| other.path == route.path).map(|other| other.method).collect();
        let allowed = methods.iter().copied().collect::<Vec<_>>().join(", ");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
            if !methods.contains(method) {
                let answer = admin.call(method, &path).by(&alice).send().await;
                answer.problem(405, "method_not_allowed");
                assert_eq!(answer.header("allow"), Some(allowed.as_str()), "{method} {path}");
            }
        }
    }
}
