//! The sample events name what an importer needs.

use engine_core::market::Source;
use market_data::event::uploads;

#[test]
fn every_source_has_a_sample_event() {
    for source in Source::ALL {
        let path = format!("{}/../../events/market-data/{source}.json", env!("CARGO_MANIFEST_DIR"));
        let event = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let uploads = uploads(&event).unwrap();
        let [upload] = uploads.as_slice() else { panic!("{source}: one object") };
        assert_eq!(Source::from_object_key(&upload.key), Some(source));
        assert!(!upload.key.contains('+'), "{}: decoded", upload.key);
        assert_eq!(upload.bucket, "example-market-111122223333-us-east-1");
        assert!(upload.version.is_some());
        assert_eq!(upload.uploader, "AWS:AROAEXAMPLEEXAMPLE:market-feed");
    }
}
