use engine_http::{Problem, bearer};
use lambda_http::{Body, Request};

fn request(values: &[&str]) -> Request {
    let mut request = Request::new(Body::Empty);
    for value in values {
        request.headers_mut().append("authorization", value.parse().unwrap());
    }
    request
}

#[test]
fn a_token_is_taken_from_its_scheme_however_that_is_written() {
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(bearer(&request(&[&format!("{scheme} a.b.c")])).unwrap(), "a.b.c");
    }
    assert_eq!(bearer(&request(&["Bearer  a.b.c "])).unwrap(), "a.b.c");
}

#[test]
fn anything_else_is_the_one_401() {
    for values in [
        &[][..],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &["a.b.c"],
        &["Basic a.b.c"],
        &["Bearera.b.c"],
        &["Bearer a.b.c", "Bearer a.b.c"],
    ] {
        let refused = bearer(&request(values)).unwrap_err();
        assert_eq!(Problem { internal: None, ..refused }, Problem::not_authenticated(), "{values:?}");
    }
}
