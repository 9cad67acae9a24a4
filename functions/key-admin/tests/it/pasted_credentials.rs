//! A whole credential where its id belongs: neither logged nor recorded.

use std::sync::{Arc, Mutex};

use engine_http::logging::{JsonLines, LevelFilter};
use engine_test_support::clock::ManualClock;
use tracing_subscriber::layer::SubscriberExt;

use crate::arranged::{at, id_of};
use crate::fixture::{Admin, CLIENT, NOW};

#[tokio::test]
async fn a_whole_key_in_the_path_is_not_found_and_its_secret_stands_nowhere() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = admin.issue_key(CLIENT).await;
    let lines = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&lines);
    let filter = LevelFilter::from_settings(Some("trace"), None);
    let layer = JsonLines::new("key-admin", filter, ManualClock::at(NOW), move |line: &str| {
        sink.lock().unwrap().push_str(line);
    });
    let listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    for pasted in [key.clone(), key.replace('_', "%5F")] {
        admin.call("DELETE", &at(&pasted, "")).by(&alice).send().await.problem(404, "resource_not_found");
        // Unknown callers are told of in security events, beyond the limit.
        for _ in 0..6 {
            admin.call("DELETE", &at(&pasted, "")).bearer("nonsense").send().await;
        }
    }
    drop(listening);
    let resource = at(&format!("bre_test_{}_***", id_of(&key)), "");
    let refused = admin.entries_of("api_key.revoke").await;
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|entry| entry.body["resource"] == resource), "{refused:?}");
    let secret = key.rsplit('_').next().unwrap();
    let lines = lines.lock().unwrap().clone();
    assert!(lines.contains(&resource) && lines.contains("repeated_failures"), "{lines}");
    assert!(!lines.contains(secret), "{lines}");
    admin.assert_nowhere(secret).await;
}
