//! What is reached and what is not; the table, the router and the template's paths agree.

use std::collections::BTreeSet;
use std::path::Path;

use engine_aws::evidence::{GIVEN_UP, KEPT, LEASE, MOST_ATTEMPTS};
use engine_http::route::Access;
use evidence_export::LONGEST;
use evidence_export::routes::ROUTES;
use jiff::SignedDuration;

use crate::fixture::Office;

/// The lines of one of the template's resources.
fn template_block(resource: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let start = template.lines().skip_while(|line| !line.starts_with(&format!("  {resource}:")));
    let block = start.skip(1).take_while(|line| line.is_empty() || line.starts_with("   "));
    block.map(str::to_owned).collect()
}

/// The first number that stands behind a name in these lines.
fn number(lines: &[String], name: &str) -> u64 {
    let line = lines.iter().find_map(|line| line.trim().strip_prefix(&format!("{name}: "))).expect(name);
    line.split(' ').next().unwrap().parse().expect(name)
}

/// The paths of API Gateway's events of the function, as the template names them.
fn template_paths() -> BTreeSet<String> {
    let block = template_block("EvidenceExportFunction");
    let paths = block.iter().filter(|line| line.contains("Type: Api")).map(|line| {
        assert!(line.contains("Method: ANY"), "the function answers 405 itself: {line}");
        let path = line.split("Path: ").nth(1).expect("a path").split(' ').next().unwrap();
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
    let paths = template_paths();
    for route in ROUTES.0 {
        assert!(paths.iter().any(|path| leads(path, route.path)), "nothing leads to {}", route.path);
    }
    for path in &paths {
        assert!(ROUTES.0.iter().any(|route| leads(path, route.path)), "{path} leads nowhere");
    }
}

#[test]
fn the_times_of_the_template_are_those_that_exports_count_on() {
    let function = template_block("EvidenceExportFunction");
    let seconds = |name| SignedDuration::from_secs(number(&function, name).try_into().unwrap());
    let (timeout, brought) = (seconds("Timeout"), seconds("MaximumRecordAgeInSeconds"));
    assert!(SignedDuration::try_from(LONGEST).unwrap() + LEASE < timeout, "an attempt can say why it ends");
    assert!(brought + timeout < GIVEN_UP, "what is told as failed is not at work");
    assert!((timeout + LEASE) * MOST_ATTEMPTS.try_into().unwrap() < brought, "it is brought for every attempt");
    let rules = template_block("WorkBucket");
    let bundles = rules.iter().position(|line| line.trim() == "Prefix: exports/").expect("a rule for bundles");
    assert_eq!(
        KEPT,
        SignedDuration::from_hours(24) * number(&rules[bundles..], "ExpirationInDays").try_into().unwrap()
    );
}

#[test]
fn what_makes_something_is_a_post_with_a_second_factor_and_nothing_else_is() {
    for route in ROUTES.0 {
        let makes = route.handler.handler.makes();
        assert_eq!(makes, route.method == "POST", "{}", route.path);
        assert_eq!(makes, matches!(route.access, Access::SteppedUp(_)), "{}", route.path);
    }
}

#[tokio::test]
async fn what_is_not_declared_is_404_and_another_method_405() {
    let office = Office::empty().await;
    let erin = office.auditor().await;
    for path in ["/api/v1/audit/", "/api/v1/audit/x", "/api/v1/evidence/x/y", "/api/v1", "/"] {
        office.call("GET", path).by(&erin).send().await.problem(404, "route_not_found");
    }
    for (method, path, allow) in [("DELETE", "/api/v1/audit", "GET"), ("GET", "/api/v1/evidence", "POST")] {
        let answer = office.call(method, path).by(&erin).send().await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow));
    }
}
