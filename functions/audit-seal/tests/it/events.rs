//! The sample events under `events/audit-seal` are what Lambda is sent, and each makes a run.

use std::path::Path;

use serde_json::Value;

use crate::rig::{Rig, at};

#[tokio::test]
async fn every_event_makes_a_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/audit-seal");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["insert.json", "modify.json", "remove.json", "schedule.json"], "every event is tested");
    for (file, sealed, tampered) in [("insert", 1, 0), ("modify", 1, 1), ("remove", 1, 1), ("schedule", 2, 0)] {
        let rig = Rig::start().await;
        // After what the events tell of.
        rig.clock.set(at("2026-11-22T03:28:00Z"));
        rig.table().set_swept(at("2026-11-22T03:25:00Z")).await.unwrap();
        let text = std::fs::read_to_string(folder.join(format!("{file}.json"))).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        let done = rig.function().handle(event, "run").await.unwrap();
        assert_eq!((done.sealed, done.tampered), (sealed, tampered), "{file}");
        assert_eq!(done.checkpoint, Some(sealed), "{file}");
    }
}
