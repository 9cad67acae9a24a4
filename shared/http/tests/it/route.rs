use engine_core::access::Permission;
use engine_http::{Access, Missing, Route, Routes};

const fn route(method: &'static str, path: &'static str, handler: u8) -> Route<u8> {
    Route { method, path, access: Access::ApiKey(Permission::ViewRates), handler }
}

static ROUTES: Routes<u8> = Routes(&[
    route("GET", "/rates/{ticker}", 1),
    route("GET", "/rates/special", 2),
    route("GET", "/rates", 3),
    route("POST", "/locate", 4),
    route("GET", "/locate", 5),
    route("GET", "/rates/{ticker}/calculate", 6),
    route("GET", "/{any}/{thing}", 7),
]);

#[test]
fn the_most_literal_route_takes_the_request() {
    for (method, path, handler, parameters) in [
        ("GET", "/rates", 3, vec![]),
        ("GET", "/rates/special", 2, vec![]),
        ("GET", "/rates/AAPL", 1, vec![("ticker", "AAPL")]),
        ("GET", "/rates/BRK%2EB", 1, vec![("ticker", "BRK.B")]),
        ("GET", "/rates/a%2Fb", 1, vec![("ticker", "a/b")]),
        ("GET", "/rates/%C3%A9", 1, vec![("ticker", "é")]),
        ("GET", "/rates/AAPL/calculate", 6, vec![("ticker", "AAPL")]),
        ("GET", "/other/x", 7, vec![("any", "other"), ("thing", "x")]),
        ("POST", "/locate", 4, vec![]),
    ] {
        let found = ROUTES.find(method, path).unwrap_or_else(|missing| panic!("{path}: {missing:?}"));
        assert_eq!(found.route.handler, handler, "{path}");
        let expected: Vec<_> = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        assert_eq!(found.parameters, expected, "{path}");
        for (name, value) in parameters {
            assert_eq!(found.parameter(name), Some(value));
        }
        assert_eq!(found.parameter("absent"), None);
    }
}

#[test]
fn what_is_not_exactly_a_route_is_not_found() {
    for path in [
        "",
        "/",
        "rates",
        "/Rates",
        "/rates/",
        "//rates",
        "/rates/AAPL/",
        "/rates/AAPL/calculate/",
        "/rates/%",
        "/rates/%4",
        "/rates/%zz",
        "/rates/%+4",
        "/rates/%ff",
        "/rates/a%é",
        "/locate/",
        "/%6cocate",
    ] {
        assert_eq!(ROUTES.find("GET", path).unwrap_err(), Missing::NotFound, "{path}");
    }
}

#[test]
fn a_known_path_says_which_methods_it_takes() {
    for (method, path, allow) in [
        ("DELETE", "/locate", "GET, POST"),
        ("get", "/rates", "GET"),
        ("PUT", "/rates/AAPL", "GET"),
        ("HEAD", "/rates/special", "GET"),
    ] {
        assert_eq!(ROUTES.find(method, path).unwrap_err(), Missing::MethodNotAllowed { allow: allow.into() }, "{path}");
    }
}
