//! The sample events under `events/retention-guard` are what `EventBridge` sends, and each makes a run.

use std::path::Path;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::rig::Rig;

#[tokio::test]
async fn every_event_makes_a_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/retention-guard");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["schedule.json"], "every event is tested");
    let text = std::fs::read_to_string(folder.join("schedule.json")).unwrap();
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&event["source"], &event["detail-type"]), (&"aws.events".into(), &"Scheduled Event".into()));
    serde_json::from_str::<IgnoredAny>(&text).unwrap();
    assert_eq!(Rig::start().await.run().await.unwrap().compared, 3);
}
