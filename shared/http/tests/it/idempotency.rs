use std::collections::{BTreeSet, HashMap};

use engine_core::audit::{ActorRef, ActorType};
use engine_http::Caller;
use engine_http::idempotency::Repeatable;
use lambda_http::{Body, Request, RequestExt};

use crate::context;

fn caller(principal_id: &str) -> Caller {
    Caller {
        principal_id: principal_id.into(),
        person_id: "p-100".into(),
        kind: ActorType::Staff,
        roles: BTreeSet::new(),
        permissions: BTreeSet::new(),
        actor_ref: ActorRef::from_stored("k1:x".into()),
        token_id: "t".into(),
    }
}

fn request(keys: &[&[u8]]) -> Request {
    let mut request = Request::new(Body::from("{}"));
    for key in keys {
        let value = lambda_http::http::HeaderValue::from_bytes(key).unwrap();
        request.headers_mut().append("idempotency-key", value);
    }
    request
}

#[test]
fn a_key_is_bound_to_whoever_used_it() {
    let read = |who: &str| Repeatable::read(&request(&[b"order-42"]), &context(), &caller(who)).unwrap().unwrap();
    assert_eq!(read("dana"), read("dana"));
    assert_ne!(read("dana"), read("erin"));
    // The end of a name cannot pass for the start of a key.
    let other = Repeatable::read(&request(&[b"rder-42"]), &context(), &caller("danao")).unwrap().unwrap();
    assert_ne!(read("dana"), other);
}

#[test]
fn a_key_is_bound_to_the_query_in_whatever_order_it_comes() {
    let read = |query: &[(&str, &[&str])]| {
        let query: HashMap<String, Vec<String>> = query
            .iter()
            .map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect()))
            .collect();
        let request = request(&[b"order-42"]).with_query_string_parameters(query);
        Repeatable::read(&request, &context(), &caller("dana")).unwrap().unwrap()
    };
    let one = read(&[("reason", &["leaked"]), ("note", &["x"])]);
    assert_eq!(one, read(&[("note", &["x"]), ("reason", &["leaked"])]));
    for other in [
        &[][..],
        &[("reason", ["leaked"].as_slice())],
        &[("reason", &["left"]), ("note", &["x"])],
        &[("reason", &["x"]), ("note", &["leaked"])],
        &[("reason", &["leaked", "x"]), ("note", &["x"])],
        &[("reasonleaked", &[""]), ("note", &["x"])],
    ] {
        assert_ne!(one, read(other), "{other:?}");
    }
    assert_ne!(read(&[("a", &["1", "2"])]), read(&[("a", &["2", "1"])]));
    assert_eq!(read(&[]), Repeatable::read(&request(&[b"order-42"]), &context(), &caller("dana")).unwrap().unwrap());
    assert!(!format!("{one:?}").contains("leaked"), "it may be a secret");
}

#[test]
fn a_key_is_visible_ascii_of_bounded_length_and_given_once() {
    let read = |keys: &[&[u8]]| Repeatable::read(&request(keys), &context(), &caller("dana"));
    assert!(read(&[]).unwrap().is_none());
    let longest = [b'x'; 255];
    for good in [b"x".as_slice(), b"!~", &longest] {
        assert!(read(&[good]).unwrap().is_some());
    }
    let too_long = [b'x'; 256];
    for bad in [&[b"".as_slice()][..], &[b"a b"], &[b"a\xe9"], &[b"a\tb"], &[&too_long], &[b"a", b"a"]] {
        let refused = read(bad).unwrap_err();
        assert_eq!(refused.errors[0].field, "idempotency-key", "{bad:?}");
    }
}
