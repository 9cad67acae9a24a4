//! Where bundles go: whole, or not at all.

use engine_aws::evidence::{FileSink, PART_BYTES, S3Sink, Sink};
use engine_test_support::s3::S3;

const KEY: &str = "exports/1.zip";

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect()
}

#[tokio::test]
async fn an_object_is_there_whole_once_it_is_finished() {
    for length in [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 5] {
        let s3 = S3::new();
        s3.bucket("work");
        let mut sink = S3Sink::new(s3.client(), "work", KEY);
        for piece in bytes(length).chunks(300_000) {
            sink.write(piece).await.unwrap();
            assert_eq!(s3.current("work", KEY), None, "not before its end");
        }
        sink.finish().await.unwrap();
        assert_eq!(s3.current("work", KEY), Some(bytes(length)), "{length}");
        assert_eq!(s3.control().count("UploadPart"), length.div_ceil(PART_BYTES).max(1));
        assert_eq!(s3.open_uploads("work"), 0);
    }
}

#[tokio::test]
async fn a_failed_upload_leaves_nothing() {
    let s3 = S3::new();
    s3.bucket("work");
    let mut sink = S3Sink::new(s3.client(), "work", KEY);
    sink.write(&bytes(PART_BYTES)).await.unwrap();
    s3.control().fail("UploadPart", 1);
    assert!(sink.write(&bytes(PART_BYTES)).await.is_err());
    assert_eq!(s3.open_uploads("work"), 1);
    sink.abort().await;
    assert_eq!((s3.open_uploads("work"), s3.current("work", KEY)), (0, None));
}

#[tokio::test]
async fn a_file_appears_whole_or_not_at_all() {
    let directory = std::env::temp_dir().join(format!("engine-sink-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("evidence.zip");
    let files = || std::fs::read_dir(&directory).unwrap().count();
    let mut sink = FileSink::create(&path).unwrap();
    sink.write(b"half").await.unwrap();
    assert!(!path.exists());
    sink.abort().await;
    assert_eq!(files(), 0);

    let mut sink = FileSink::create(&path).unwrap();
    sink.write(b"whole ").await.unwrap();
    sink.write(b"bundle").await.unwrap();
    sink.finish().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"whole bundle");
    drop(FileSink::create(&path).unwrap());
    assert_eq!((std::fs::read(&path).unwrap().as_slice(), files()), (b"whole bundle".as_slice(), 1));
    std::fs::remove_dir_all(&directory).unwrap();
}
