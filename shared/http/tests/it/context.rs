use engine_http::RequestContext;
use lambda_http::Body;
use lambda_http::http::Request;
use serde_json::json;

use crate::{gateway_request, now};

#[test]
fn the_id_is_ours_the_address_the_gateways_and_the_path_without_a_stage() {
    let request = gateway_request(&json!({
        "multiValueHeaders": {"X-Request-ID": ["chosen"], "X-Forwarded-For": ["203.0.113.9"], "X-Correlation-ID": ["a.B_9-"]}
    }));
    let context = RequestContext::new(&request, now(), [7; 10]);
    let id = engine_core::audit::EntryId::parse(&context.request_id).expect("a UUIDv7");
    assert_eq!(id.time(), now());
    assert_eq!(context.source_address.as_deref(), Some("192.0.2.1"));
    assert_eq!(context.correlation_id.as_deref(), Some("a.B_9-"));
    assert_eq!((context.method.as_str(), context.path.as_str()), ("GET", "/api/v1/rates/AAPL"));
    assert_eq!(context.now, now());
}

#[test]
fn a_credential_in_the_path_is_there_for_routing_and_nowhere_else() {
    let path = format!("/admin/api-keys/bre_live_AAAAAAAAAAAA_{}", "x".repeat(49));
    let context = RequestContext::new(&gateway_request(&json!({ "path": path })), now(), [7; 10]);
    assert_eq!(context.path, path);
    assert_eq!(context.resource, "/admin/api-keys/bre_live_AAAAAAAAAAAA_***");
}

#[test]
fn correlation_ids_that_could_mislead_are_dropped() {
    let longest = "a".repeat(64);
    let too_long = "a".repeat(65);
    for (values, expected) in [
        (vec![], None),
        (vec![longest.as_str()], Some(longest.as_str())),
        (vec![too_long.as_str()], None),
        (vec![""], None),
        (vec!["a b"], None),
        (vec!["a\"b"], None),
        (vec!["é"], None),
        (vec!["a", "b"], None),
    ] {
        let mut request = Request::builder().uri("/health");
        for value in &values {
            request = request.header("x-correlation-id", value.as_bytes());
        }
        let context = RequestContext::new(&request.body(Body::Empty).unwrap(), now(), [0; 10]);
        assert_eq!(context.correlation_id.as_deref(), expected, "{values:?}");
    }
}

#[test]
fn without_a_gateway_there_is_no_address() {
    let request =
        Request::builder().uri("/health?x=1").header("x-forwarded-for", "192.0.2.1").body(Body::Empty).unwrap();
    let context = RequestContext::new(&request, now(), [0; 10]);
    assert_eq!(context.source_address, None);
    assert_eq!(context.path, "/health");
}
