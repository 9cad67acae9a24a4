//! The rate limit, and the headers by which a client paces itself.

use jiff::SignedDuration;

use crate::fixture::{Answer, Api, Call, RATES, new_key};

const POLICY: &str = "\"key\";q=60;w=60";

async fn slow_key(api: &Api) -> String {
    let mut new = new_key();
    new.rate_limit = 60;
    api.issue(new).await
}

async fn rate(api: &Api, key: &str) -> Answer {
    api.send(&Call::get("/api/v1/rates/AAPL").key(key)).await
}

/// `r` and `t` of the `RateLimit` header.
fn left(answer: &Answer) -> (u64, u64) {
    let header = answer.header("ratelimit").expect("RateLimit");
    let number = |name: &str| {
        let value = header.split(';').find_map(|part| part.strip_prefix(name)).expect(name);
        value.parse().expect("a number")
    };
    (number("r="), number("t="))
}

#[tokio::test]
async fn a_burst_passes_and_the_next_is_429_with_everything_to_pace_by() {
    let api = Api::start().await;
    let key = slow_key(&api).await;
    for taken in 1..=60 {
        let answer = rate(&api, &key).await;
        answer.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some(POLICY));
        assert_eq!(left(&answer), (60 - taken, taken));
    }
    let answer = rate(&api, &key).await;
    answer.problem(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("ratelimit-policy"), Some(POLICY));
    assert_eq!(left(&answer), (0, 60));
}

#[tokio::test]
async fn a_client_that_waits_as_told_is_never_refused_twice() {
    let api = Api::start().await;
    let key = slow_key(&api).await;
    let (mut passed, mut refused) = (0, 0);
    while passed < 90 {
        let answer = rate(&api, &key).await;
        if answer.status == 200 {
            passed += 1;
            continue;
        }
        refused += 1;
        let seconds: i64 = answer.header("retry-after").unwrap().parse().unwrap();
        api.clock.advance(SignedDuration::from_secs(seconds));
        rate(&api, &key).await.expect(200);
        passed += 1;
    }
    assert_eq!(refused, 30, "60 at once, then one a second");
}

#[tokio::test]
async fn a_client_that_stops_at_nothing_left_is_never_refused() {
    let api = Api::start().await;
    let key = slow_key(&api).await;
    for _ in 0..130 {
        let answer = rate(&api, &key).await;
        answer.expect(200);
        let (remaining, reset) = left(&answer);
        if remaining == 0 {
            api.clock.advance(SignedDuration::from_secs(reset.try_into().unwrap()));
        }
    }
}

#[tokio::test]
async fn two_processes_share_one_bucket() {
    let api = Api::start().await;
    let key = slow_key(&api).await;
    let second = api.process();
    let call = Call::get("/api/v1/rates/AAPL").key(&key);
    let mut passed = 0;
    for turn in 0..100 {
        let process = if turn % 2 == 0 { &api.pricing } else { &second };
        passed += usize::from(api.send_to(process, &call).await.status == 200);
    }
    assert_eq!(passed, 60);
}

#[tokio::test]
async fn keys_do_not_share_buckets_and_a_refused_request_costs_nothing() {
    let api = Api::start().await;
    let (first, second) = (slow_key(&api).await, slow_key(&api).await);
    for _ in 0..60 {
        rate(&api, &first).await.expect(200);
    }
    for _ in 0..50 {
        rate(&api, &first).await.problem(429, "rate_limited");
    }
    rate(&api, &second).await.expect(200);
    api.clock.advance(SignedDuration::from_secs(1));
    rate(&api, &first).await.expect(200);
}

#[tokio::test]
async fn every_answer_to_an_authenticated_call_says_what_is_left() {
    let api = Api::start().await;
    for call in [
        Call::get(RATES),
        Call::get("/api/v1/rates/NOSUCH"),
        Call::get(RATES).query("limit", "x"),
        Call::post(crate::fixture::CALCULATE, "{"),
        Call::post(crate::fixture::BATCH, "{}"),
    ] {
        let answer = api.call(call).await;
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=1000;w=60"));
        left(&answer);
    }
    assert_eq!(api.send(&Call::get(RATES)).await.header("ratelimit"), None, "nobody's limit is shown to nobody");
}
