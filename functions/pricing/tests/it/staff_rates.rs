//! Staff and services read rates by token: all tickers, nothing else, and only as long as their account says so.

use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER};
use engine_core::access::{PrincipalState, Role};
use jiff::SignedDuration;

use crate::fixture::market::TICKERS;
use crate::fixture::{Answer, Api, BATCH, CALCULATE, Call, RATES, STAFF_ISSUER, Staff, batch, new_key, position};

const DANA: &str = "dana@example.com";

fn bearer(call: Call, token: &str) -> Call {
    call.header("Authorization", &format!("Bearer {token}"))
}

async fn rates(api: &Api, token: &str) -> Answer {
    api.send(&bearer(Call::get(RATES), token)).await
}

#[tokio::test]
async fn roles_that_view_rates_see_every_ticker_on_every_route_and_the_others_are_403() {
    let api = Api::start().await;
    let staff = Staff::of(&api).await;
    for role in Role::OF_PEOPLE {
        staff.account(DANA, PrincipalState::Active, &[role]).await;
        let token = staff.token(DANA, &[role.as_str()]);
        for path in [RATES, "/api/v1/rates/GME", "/api/v1/rates/GME/calculate"] {
            let answer = api.send(&bearer(Call::get(path), &token)).await;
            if role == Role::Security {
                answer.problem(403, "not_permitted");
            } else {
                answer.expect(200);
                assert_eq!(answer.header("ratelimit"), None, "no key, no key's limit");
            }
        }
    }
    let seen = rates(&api, &staff.token(DANA, &["security"])).await;
    seen.problem(403, "not_permitted");
    staff.account(DANA, PrincipalState::Active, &[Role::Auditor]).await;
    let seen = rates(&api, &staff.token(DANA, &["auditor"])).await.expect(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), TICKERS.len());
}

#[tokio::test]
async fn a_token_buys_no_quote() {
    let api = Api::start().await;
    let staff = Staff::of(&api).await;
    staff.account(DANA, PrincipalState::Active, &[Role::Admin]).await;
    let token = staff.token(DANA, &["admin", "client"]);
    let nobody = api.send(&Call::get(RATES)).await.alike();
    for call in [Call::post(CALCULATE, position("AAPL")), Call::post(BATCH, batch(["AAPL"])), Call::get(CALCULATE)] {
        let answer = api.send(&bearer(call, &token)).await;
        assert_eq!((answer.status, answer.alike()), (401, nobody.clone()));
    }
    assert!(api.entries().await.is_empty());
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_one_of_a_wrong_key() {
    let api = Api::start().await;
    let staff = Staff::of(&api).await;
    staff.account(DANA, PrincipalState::Active, &[Role::Admin]).await;
    staff.account("left", PrincipalState::Disabled, &[Role::Admin]).await;
    staff.account("new", PrincipalState::Requested, &[Role::Admin]).await;
    let nobody = api.send(&Call::get(RATES).key("bre_test_nonsense")).await.alike();
    let late = {
        let mut claims = staff.claims(STAFF_ISSUER, DANA, &["admin"]);
        claims["exp"] = (api.now().as_second() - 30).into();
        claims["iat"] = (api.now().as_second() - 600).into();
        staff.issuer.sign(&claims)
    };
    for (number, (rule, token)) in [
        ("no such account", staff.token("nobody", &["admin"])),
        ("disabled", staff.token("left", &["admin"])),
        ("not approved", staff.token("new", &["admin"])),
        ("expired", late),
        ("by another issuer's key", staff.ours.sign(&staff.claims(STAFF_ISSUER, DANA, &["admin"]))),
        ("the bootstrap administrator's", staff.ours.sign(&staff.claims(BOOTSTRAP_ISSUER, "bootstrap", &["admin"]))),
        ("staff by our issuer", staff.ours.sign(&staff.claims(OUR_ISSUER, DANA, &["admin"]))),
        ("nonsense", "nonsense".into()),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = api.send(&bearer(Call::get(RATES), &token).from(&format!("192.0.2.{number}"))).await;
        assert_eq!((answer.status, answer.alike()), (401, nobody.clone()), "{rule}");
    }
    rates(&api, &staff.token(DANA, &["admin"])).await.expect(200);
}

#[tokio::test]
async fn an_account_that_is_disabled_is_refused_by_the_next_request_of_a_warm_process() {
    let api = Api::start().await;
    let staff = Staff::of(&api).await;
    staff.account(DANA, PrincipalState::Active, &[Role::Operations]).await;
    let token = staff.token(DANA, &["operations"]);
    rates(&api, &token).await.expect(200);
    staff.account(DANA, PrincipalState::Active, &[Role::Security]).await;
    rates(&api, &token).await.problem(403, "not_permitted");
    staff.account(DANA, PrincipalState::Disabled, &[Role::Operations]).await;
    rates(&api, &token).await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_service_account_reads_rates_where_that_was_approved() {
    let api = Api::start().await;
    let staff = Staff::of(&api).await;
    staff.service_account("svc-desk-rates", &["rates:view"]).await;
    staff.service_account("svc-desk-keys", &["keys:read"]).await;
    let token = |name: &str| staff.ours.sign(&staff.claims(OUR_ISSUER, name, &["system"]));
    rates(&api, &token("svc-desk-rates")).await.expect(200);
    rates(&api, &token("svc-desk-keys")).await.problem(403, "not_permitted");
}

#[tokio::test]
async fn a_key_beside_a_token_is_what_counts() {
    let api = Api::start().await;
    let staff = Staff::of(&api).await;
    staff.account(DANA, PrincipalState::Active, &[Role::Admin]).await;
    let mut new = new_key();
    new.tickers = Some(vec!["AAPL".into()]);
    let key = api.issue(new).await;
    let token = staff.token(DANA, &["admin"]);
    let answer = api.send(&bearer(Call::get(RATES), &token).key(&key)).await;
    assert_eq!(answer.expect(200)["items"].as_array().unwrap().len(), 1, "the key's tickers");
    assert!(answer.header("ratelimit").is_some());
    api.send(&bearer(Call::get(RATES), &token).key("nonsense")).await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn reading_by_token_writes_nothing_and_reads_the_account_each_time() {
    let api = Api::start().await;
    let staff = Staff::of(&api).await;
    staff.account(DANA, PrincipalState::Active, &[Role::Admin]).await;
    let token = staff.token(DANA, &["admin"]);
    rates(&api, &token).await.expect(200);
    api.wire().reset();
    api.clock.advance(SignedDuration::from_secs(1));
    rates(&api, &token).await.expect(200);
    assert_eq!(api.wire().sent().into_iter().collect::<Vec<_>>(), [("GetItem".to_owned(), 1)]);
}

#[tokio::test]
async fn without_keys_or_accounts_to_look_at_nobody_is_let_in() {
    let api = Api::start().await;
    let staff = Staff::of(&api).await;
    staff.account(DANA, PrincipalState::Active, &[Role::Admin]).await;
    let token = staff.token(DANA, &["admin"]);
    api.quote("AAPL").await.expect(200);
    api.wire().fail("GetItem", 1000);
    rates(&api, &token).await.problem(503, "unavailable");
    api.wire().fail("GetItem", 0);
    rates(&api, &token).await.expect(200);
    api.wire().fail("GetItem", 1000);
    rates(&api, &token).await.problem(503, "unavailable");
}
