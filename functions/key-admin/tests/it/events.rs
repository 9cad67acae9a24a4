//! The sample events under `events/key-admin` are what API Gateway sends, and each reaches the route it is named after.

use std::path::Path;

use crate::arranged::id_of;
use crate::fixture::{Admin, Answer};

#[tokio::test]
async fn every_event_reaches_its_route() {
    let expected = [
        ("access-review.json", 200, "/items/0/principal_id"),
        ("client-create.json", 201, "/request_id"),
        ("key-claim.json", 201, "/api_key"),
        ("key-create.json", 201, "/api_key"),
        ("key-list.json", 200, "/items/0/key_id"),
        ("key-revoke.json", 200, "/revoked_at"),
        ("principal-request.json", 201, "/request_id"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/key-admin");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, expected.map(|(name, ..)| name), "every event is tested");
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    admin.verified_contact(&alice).await;
    let key = admin.key(&alice).await;
    admin.rotate(&alice, &key).await;
    for (name, status, member) in expected {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let code = if text.contains("REPLACE_WITH_TOTP_CODE") { admin.code(&alice.person_id) } else { String::new() };
        let text = text
            .replace("REPLACE_WITH_TOKEN", &admin.token_of(&alice))
            .replace("REPLACE_WITH_TOTP_CODE", &code)
            .replace("REPLACE_WITH_KEY_ID", &id_of(&key))
            .replace("REPLACE_WITH_API_KEY", &key);
        assert!(!text.contains("REPLACE_WITH"), "{name}");
        let answer = Answer::new(&admin.app.handle(lambda_http::request::from_str(&text).unwrap()).await);
        assert!(answer.expect(status).pointer(member).is_some(), "{name}: {}", answer.text);
        let correlation_id = format!("example-{}", name.trim_end_matches(".json"));
        assert_eq!(answer.header("x-correlation-id"), Some(correlation_id.as_str()));
    }
}
