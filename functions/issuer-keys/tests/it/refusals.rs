//! The window of refusals that nobody could be named for.

use engine_core::access::failures::RefusalWindow;
use engine_test_support::keys::actor_key;
use jiff::SignedDuration;
use serde_json::json;

use crate::rig::Rig;

#[tokio::test]
async fn a_window_is_closed_once_when_it_is_over_and_not_before() {
    let rig = Rig::start().await;
    let mut window = RefusalWindow::open(engine_aws::clock::Clock::now(&rig.clock));
    for _ in 0..7 {
        window.add("192.0.2.1");
    }
    rig.guard().add_refusals(&window).await.unwrap();
    let function = rig.function(None);
    assert_eq!(function.run("early").await.unwrap().windows_closed, 0);
    rig.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(function.run("in time").await.unwrap().windows_closed, 1);
    assert_eq!(function.run("again").await.unwrap().windows_closed, 0);
    let entries = rig.entries("authentication.refuse").await;
    let [(header, body)] = entries.as_slice() else { panic!("one entry: {entries:?}") };
    assert_eq!((&header["outcome"], &header["request_id"]), (&json!("refused"), &json!("in time")));
    let nobody = actor_key().actor_ref(engine_core::audit::ActorType::Anonymous, "unauthenticated");
    assert_eq!(header["actor_ref"], nobody.as_str());
    assert_eq!((&body["details"]["count"], &body["actor"]["type"]), (&json!(7), &json!("anonymous")));
}
