use engine_core::access::ApiKey;
use engine_http::{Problem, presented_key};
use lambda_http::Body;
use lambda_http::http::Request;
use serde_json::json;

use crate::gateway_request;

#[test]
fn a_key_is_taken_once_from_its_header() {
    let key = ApiKey::generate("test", [1; 9], &[2; 32]).unwrap();
    let request = Request::builder().header("X-API-Key", key.expose()).body(Body::Empty).unwrap();
    assert_eq!(presented_key(&request, "test").ok().unwrap().hash(), key.hash());
}

#[test]
fn every_defect_gets_the_same_401() {
    let key = ApiKey::generate("test", [1; 9], &[2; 32]).unwrap();
    let key = key.expose();
    let bearer = format!("Bearer {key}");
    let cut = &key[..key.len() - 1];
    for (headers, environment) in [
        (vec![], "test"),
        (vec![("x-api-key", "")], "test"),
        (vec![("x-api-key", "é")], "test"),
        (vec![("x-api-key", cut)], "test"),
        (vec![("x-api-key", key)], "live"),
        (vec![("x-api-key", bearer.as_str())], "test"),
        (vec![("authorization", bearer.as_str())], "test"),
        (vec![("x-api-key", key), ("x-api-key", key)], "test"),
    ] {
        let mut request = Request::builder().uri(format!("/?x-api-key={key}"));
        for (name, value) in &headers {
            request = request.header(*name, value.as_bytes());
        }
        let problem = presented_key(&request.body(Body::Empty).unwrap(), environment).err();
        assert_eq!(problem, Some(Problem::not_authenticated()), "{headers:?}");
    }
}

#[test]
fn a_header_sent_twice_through_the_gateway_counts_as_its_last_value() {
    let key = ApiKey::generate("test", [1; 9], &[2; 32]).unwrap();
    let request = gateway_request(&json!({
        "headers": {"X-API-Key": key.expose()},
        "multiValueHeaders": {"X-API-Key": ["other", key.expose()]}
    }));
    assert_eq!(presented_key(&request, "test").ok().unwrap().hash(), key.hash());
}
