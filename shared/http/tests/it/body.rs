use engine_core::field::FieldValue;
use engine_http::{Code, query_fields, read_fields};
use lambda_http::Body;
use lambda_http::http::Request;
use serde_json::json;

use crate::gateway_request;

const LIMIT: usize = 32;

fn post(headers: &[(&str, &str)], body: impl Into<Body>) -> lambda_http::Request {
    let mut request = Request::builder().method("POST").uri("/locate");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

#[test]
fn only_json_in_utf_8_is_read() {
    for (headers, taken) in [
        (vec![("content-type", "application/json")], true),
        (vec![("content-type", "Application/JSON; Charset=\"UTF-8\"")], true),
        (vec![("content-type", "application/json;charset=utf-8;profile=x")], true),
        (vec![("content-type", "application/json"), ("content-encoding", "identity")], true),
        (vec![("content-type", "application/json; charset=latin1")], false),
        (vec![("content-type", "application/json; charset=utf-8; charset=utf-16")], false),
        (vec![("content-type", "application/jsonp")], false),
        (vec![("content-type", "text/plain")], false),
        (vec![("content-type", "")], false),
        (vec![], false),
        (vec![("content-type", "application/json"), ("content-type", "application/json")], false),
        (vec![("content-type", "application/json"), ("content-encoding", "gzip")], false),
    ] {
        let code = read_fields(&post(&headers, r#"{"a":1}"#), LIMIT).map_err(|problem| problem.code).err();
        assert_eq!(code, (!taken).then_some(Code::UnsupportedMediaType), "{headers:?}");
    }
}

#[test]
fn bodies_are_measured_before_they_are_read() {
    let json = [("content-type", "application/json")];
    let longest = format!("{{}}{}", " ".repeat(LIMIT - 2));
    assert!(read_fields(&post(&json, longest.clone()), LIMIT).is_ok());
    for body in [format!("{longest} "), "x".repeat(LIMIT + 1)] {
        assert_eq!(read_fields(&post(&json, body), LIMIT).unwrap_err().code, Code::BodyTooLarge);
    }
    assert_eq!(read_fields(&post(&[], "x".repeat(LIMIT + 1)), LIMIT).unwrap_err().code, Code::UnsupportedMediaType);
}

#[test]
fn what_is_not_one_object_is_malformed_and_never_quoted() {
    let json = [("content-type", "application/json")];
    for body in ["", "[]", "1", "\"secret\"", "null", "{\"a\":}", "{} {}", "{secret", "\u{feff}{}"] {
        let problem = read_fields(&post(&json, body), LIMIT).unwrap_err();
        assert_eq!(problem.code, Code::MalformedBody, "{body}");
        assert!(!problem.internal.unwrap().contains("secret"), "{body}");
    }
    let problem = read_fields(&post(&json, b"{\"a\":\"\xff\"}".to_vec()), LIMIT).unwrap_err();
    assert_eq!(problem.code, Code::MalformedBody);
}

#[test]
fn fields_keep_their_text_and_repeats_show() {
    let fields =
        read_fields(&post(&[("content-type", "application/json")], r#"{"a":1.10,"b":1,"b":2}"#), LIMIT).unwrap();
    assert_eq!(fields.get("a"), &FieldValue::Number("1.10".into()));
    assert_eq!(fields.get("b"), &FieldValue::Repeated);
}

#[test]
fn a_base64_body_arrives_decoded() {
    let request = gateway_request(&json!({
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "body": "eyJhIjogIsOpIn0=",
        "isBase64Encoded": true
    }));
    assert_eq!(read_fields(&request, LIMIT).unwrap().get("a"), &FieldValue::Text("é".into()));
}

#[test]
fn query_parameters_given_twice_are_repeated() {
    let request = gateway_request(&json!({
        "queryStringParameters": {"a": "2", "b": "x y"},
        "multiValueQueryStringParameters": {"a": ["1", "2"], "b": ["x y"]}
    }));
    let fields = query_fields(&request);
    assert_eq!(fields.get("a"), &FieldValue::Repeated);
    assert_eq!(fields.get("b"), &FieldValue::Parameter("x y".into()));
    assert_eq!(query_fields(&gateway_request(&json!({}))).get("a"), &FieldValue::Missing);
}
