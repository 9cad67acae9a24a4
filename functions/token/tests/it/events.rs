//! The sample events under `events/token` are what the function is invoked with, and each is worth a token.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER};
use serde_json::Value;

use crate::fixture::{ACCOUNT, Answer, INVOCATION, Rig};

#[tokio::test]
async fn every_event_is_answered_with_a_token() {
    let expected = [
        ("bootstrap.json", BOOTSTRAP_ISSUER),
        ("client-credentials-basic.json", OUR_ISSUER),
        ("client-credentials.json", OUR_ISSUER),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/token");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, expected.map(|(name, _)| name), "every event is tested");
    let rig = Rig::start().await;
    let basic = STANDARD.encode(format!("{ACCOUNT}:{}", rig.secret));
    for (name, issuer) in expected {
        let text = std::fs::read_to_string(folder.join(name))
            .unwrap()
            .replace("REPLACE_WITH_BASE64_OF_ID_AND_CLIENT_SECRET", &basic)
            .replace("REPLACE_WITH_CLIENT_SECRET", &rig.secret)
            .replace("REPLACE_WITH_TOTP_CODE", &rig.code(0));
        assert!(!text.contains("REPLACE_WITH"), "{name}");
        let event: Value = serde_json::from_str(&text).unwrap();
        let answer = rig.function.invoke(event, INVOCATION).await.unwrap();
        let token = if let Some(token) = answer["access_token"].as_str() {
            token.to_owned()
        } else {
            let answer = Answer::new(answer);
            let correlation_id = format!("example-{}", name.trim_end_matches(".json"));
            assert_eq!(answer.header("x-correlation-id"), Some(correlation_id.as_str()));
            answer.token()
        };
        rig.verify(&token, issuer).await.unwrap();
    }
}
