//! The sample events under `events/credential-sweep` are what AWS sends, and each does what it is for.

use std::path::Path;

use credential_sweep::{Done, InvokeError};
use serde_json::{Value, json};

use crate::rig::{NOW, Rig, at};

fn event(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/credential-sweep");
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn every_event_is_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/credential-sweep");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["emergency-stream.json", "schedule.json"]);
}

#[tokio::test]
async fn the_schedule_makes_a_run() {
    let rig = Rig::start().await;
    rig.elevated("dana", at(NOW)).await;
    let event = event("schedule.json");
    assert_eq!((&event["source"], &event["detail-type"]), (&json!("aws.events"), &json!("Scheduled Event")));
    let done = rig.here().invoke(event, "run", rig.deadline()).await.unwrap();
    assert_eq!(done, Done { elevations_ended: 1, notices_told: 1, ..Done::default() });
}

#[tokio::test]
async fn the_stream_carries_out_emergencies_and_makes_no_run() {
    let rig = Rig::start().await;
    rig.elevated("dana", at(NOW)).await;
    let done = rig.here().invoke(event("emergency-stream.json"), "run", rig.deadline()).await.unwrap();
    assert_eq!(done.elevations_ended, 0);
    for (member, value) in
        [("eventName", json!("MODIFY")), ("dynamodb", json!({"Keys": {"pk": {"S": "notices"}, "sk": {"S": "x"}}}))]
    {
        let mut other = event("emergency-stream.json");
        other["Records"][0][member] = value;
        assert_eq!(rig.here().invoke(other, "run", rig.deadline()).await.unwrap(), Done::default());
    }
}

#[tokio::test]
async fn records_of_another_kind_are_refused() {
    let rig = Rig::start().await;
    let refused = rig.here().invoke(json!({"Records": [{"s3": {}}]}), "run", rig.deadline()).await;
    assert!(matches!(refused, Err(InvokeError::Event(_))), "{refused:?}");
}
