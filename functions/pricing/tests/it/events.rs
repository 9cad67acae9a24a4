//! The sample events under `events/pricing` are what API Gateway sends, and each reaches the route it is named after.

use std::path::Path;

use crate::fixture::{Answer, Api};

async fn send(api: &Api, name: &str) -> Answer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/pricing").join(name);
    let text = std::fs::read_to_string(path).unwrap().replace("REPLACE_WITH_API_KEY", &api.key);
    Answer::new(&api.pricing.handle(lambda_http::request::from_str(&text).unwrap()).await)
}

#[tokio::test]
async fn every_event_reaches_its_route() {
    let expected = [
        ("batch.json", 200, "/batch_id"),
        ("health.json", 200, "/market_data/0/source"),
        ("list.json", 200, "/items/0/ticker"),
        ("quote-get.json", 200, "/quote_id"),
        ("quote-post.json", 200, "/quote_id"),
        ("rate.json", 200, "/current_rate"),
        ("unknown-route.json", 404, "/code"),
        ("what-if.json", 200, "/current_rate"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/pricing");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, expected.map(|(name, ..)| name), "every event is tested");
    let api = Api::start().await;
    for (name, status, member) in expected {
        let answer = send(&api, name).await;
        assert!(answer.expect(status).pointer(member).is_some(), "{name}: {}", answer.text);
        let correlation_id = format!("example-{}", name.trim_end_matches(".json"));
        assert_eq!(answer.header("x-correlation-id"), Some(correlation_id.as_str()));
    }
}
