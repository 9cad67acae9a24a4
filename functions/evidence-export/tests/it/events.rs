//! The sample events under `events/evidence-export` are what API Gateway and the stream send, and each reaches what it is named
//! after.

use std::path::Path;

use engine_test_support::dynamo::tables;
use serde_json::{Value, json};

use crate::fixture::Office;

#[tokio::test]
async fn every_event_reaches_its_route_or_its_job() {
    let expected = [
        ("audit-proof.json", 200, "/proof/0"),
        ("audit-search.json", 200, "/items/0/index"),
        ("evidence-request.json", 202, "/evidence_id"),
        ("evidence-show.json", 200, "/state"),
        ("export-stream.json", 0, ""),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/evidence-export");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, expected.map(|(name, ..)| name), "every event is tested");
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = office.ask(&erin, &json!({})).await;
    let entry = office.headers().await[7].1.id.clone();
    for (name, status, member) in expected {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let code = if text.contains("REPLACE_WITH_TOTP_CODE") { office.code(&erin.person_id) } else { String::new() };
        let text = text
            .replace("REPLACE_WITH_TOKEN", &office.token_of(&erin))
            .replace("REPLACE_WITH_TOTP_CODE", &code)
            .replace("REPLACE_WITH_ENTRY_ID", &entry)
            .replace("REPLACE_WITH_EVIDENCE_ID", &id);
        assert!(!text.contains("REPLACE_WITH"), "{name}");
        let answer = office.app.invoke(serde_json::from_str(&text).unwrap(), "a-lambda-request").await.unwrap();
        if status == 0 {
            assert_eq!(answer, Value::Null);
            continue;
        }
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert!(body.pointer(member).is_some(), "{name}: {body}");
        let correlation_id = format!("example-{}", name.trim_end_matches(".json"));
        assert_eq!(answer["multiValueHeaders"]["x-correlation-id"], json!([correlation_id]));
    }
    assert_eq!(office.state(&erin, &id).await["state"], "done", "the stream's event names that export");
}

#[tokio::test]
async fn what_is_neither_event_is_refused_without_being_quoted() {
    let office = Office::empty().await;
    for event in [json!({}), json!({ "secret": "s3cr3t" }), json!({ "Records": [{ "s3": "s3cr3t" }] }), json!([])] {
        let error = office.app.invoke(event, "a-lambda-request").await.unwrap_err().to_string();
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}

#[tokio::test]
async fn of_the_stream_only_new_exports_count() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = office.ask(&erin, &json!({})).await;
    let mut event = office.brought(&id).await;
    for name in ["MODIFY", "REMOVE"] {
        event["Records"][0]["eventName"] = json!(name);
        office.app.invoke(event.clone(), "a-lambda-request").await.unwrap();
    }
    assert_eq!(office.state(&erin, &id).await["state"], "pending");
    event["Records"][0]["eventName"] = json!("INSERT");
    event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"] = json!("019bc3ac-2f00-7989-bdd9-14e14da269cf");
    office.app.invoke(event, "a-lambda-request").await.unwrap();
    assert_eq!(office.scan(tables::EXPORTS).await.len(), 1, "an export that is not there is nobody's");
}
