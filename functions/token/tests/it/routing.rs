//! One route, and nothing beside it.

use serde_json::Value;
use token::ROUTES;

use crate::fixture::{ACCOUNT, Call, PATH, Rig};

#[test]
fn the_table_has_the_one_route() {
    let routes: Vec<_> = ROUTES.0.iter().map(|route| (route.method, route.path)).collect();
    assert_eq!(routes, [("POST", PATH)]);
}

#[tokio::test]
async fn another_method_or_path_is_answered_as_everywhere() {
    let rig = Rig::start().await;
    let good = || Call::basic(ACCOUNT, &rig.secret);
    for (call, status, code) in [
        (good().method("GET"), 405, "method_not_allowed"),
        (good().method("PUT"), 405, "method_not_allowed"),
        (good().path("/api/v1/oauth/token/"), 404, "route_not_found"),
        (good().path("/api/v1/oauth/tokens"), 404, "route_not_found"),
        (good().path("/API/v1/oauth/token"), 404, "route_not_found"),
    ] {
        let answer = rig.call(&call).await;
        let body: Value = answer.json();
        assert_eq!((answer.status(), body["code"].as_str()), (status, Some(code)), "{call:?}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
}
