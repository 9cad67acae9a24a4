use engine_core::field::Fields;
use engine_http::step_up::presented;
use lambda_http::{Body, Request};

/// What a request of that method presents, with these headers and that body: the code, or the refused field.
fn code(method: &str, headers: &[&str], body: &str) -> Result<Option<String>, String> {
    let mut request = Request::new(Body::Empty);
    *request.method_mut() = method.parse().unwrap();
    for value in headers {
        request.headers_mut().append("x-mfa-totp", value.parse().unwrap());
    }
    match presented(&request, &Fields::from_json(body).unwrap()) {
        Ok(code) => Ok(code.map(|code| code.expose().to_owned())),
        Err(problem) => Err(problem.errors[0].field.clone()),
    }
}

#[test]
fn a_code_comes_in_the_header_or_in_the_body() {
    assert_eq!(code("POST", &[], "{}"), Ok(None));
    assert_eq!(code("POST", &["123456"], "{}"), Ok(Some("123456".into())));
    assert_eq!(code("POST", &["123 456"], "{}"), Ok(Some("123456".into())));
    assert_eq!(code("DELETE", &[], r#"{"mfaTotp": "123456"}"#), Ok(Some("123456".into())));
}

#[test]
fn a_get_s_body_is_no_place_for_it() {
    assert_eq!(code("GET", &[], r#"{"mfaTotp": "123456"}"#), Ok(None));
    assert_eq!(code("GET", &["654321"], r#"{"mfaTotp": "123456"}"#), Ok(Some("654321".into())));
}

#[test]
fn two_codes_or_none_that_can_be_one_are_an_invalid_request() {
    for (headers, body, field) in [
        (&["123456", "123456"][..], "{}", "x-mfa-totp"),
        (&["123456"], r#"{"mfaTotp": "123456"}"#, "mfaTotp"),
        (&["123456"], r#"{"mfaTotp": null}"#, "mfaTotp"),
        (&["12345"], "{}", "x-mfa-totp"),
        (&[""], "{}", "x-mfa-totp"),
        (&[], r#"{"mfaTotp": 123456}"#, "mfaTotp"),
        (&[], r#"{"mfaTotp": "12345x"}"#, "mfaTotp"),
        (&[], r#"{"mfaTotp": "123456", "mfaTotp": "123456"}"#, "mfaTotp"),
    ] {
        assert_eq!(code("POST", headers, body), Err(field.to_owned()), "{headers:?} {body}");
    }
}
