//! S3: versions, preconditions, locks, listings, uploads in parts.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use engine_test_support::clock::ManualClock;
use engine_test_support::s3::S3;
use jiff::{SignedDuration, Timestamp};

const RECORDS: &str = "records";
const KEY: &str = "tile/entries/x001/234";

async fn put(client: &Client, key: &str, bytes: &[u8]) -> String {
    let put = client.put_object().bucket(RECORDS).key(key).body(ByteStream::from(bytes.to_vec())).send().await;
    put.unwrap().version_id.unwrap()
}

async fn body(got: GetObjectOutput) -> Vec<u8> {
    got.body.collect().await.unwrap().to_vec()
}

/// The code and the status of a refusal.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
) -> (String, u16) {
    let error = result.unwrap_err();
    let status = error.raw_response().unwrap().status().as_u16();
    (error.code().unwrap_or_default().to_owned(), status)
}

fn code(code: &str, status: u16) -> (String, u16) {
    (code.to_owned(), status)
}

#[tokio::test]
async fn a_put_makes_a_new_version_and_the_old_one_stays_readable() {
    let s3 = S3::new();
    let clock = ManualClock::at("2026-11-22T03:27:43Z");
    s3.set_clock(&clock);
    let client = s3.client();
    let first = put(&client, KEY, b"one").await;
    clock.advance(SignedDuration::from_secs(1));
    let second = put(&client, KEY, b"two").await;
    let get = || client.get_object().bucket(RECORDS).key(KEY);
    let current = get().send().await.unwrap();
    assert_eq!(current.version_id(), Some(second.as_str()));
    assert_eq!(current.last_modified().unwrap().secs(), 1_795_318_064);
    assert_eq!(body(current).await, b"two");
    assert_eq!(body(get().version_id(&first).send().await.unwrap()).await, b"one");
    assert_eq!(refusal(get().version_id("another").send().await), code("NoSuchVersion", 404));
    assert_eq!(refusal(get().key("another").send().await), code("NoSuchKey", 404));
    let head = client.head_object().bucket(RECORDS).key(KEY).send().await.unwrap();
    assert_eq!((head.content_length(), head.version_id()), (Some(3), Some(second.as_str())));
    let head = client.head_object().bucket(RECORDS).key("another").send().await;
    assert!(head.unwrap_err().into_service_error().is_not_found());
    assert_eq!((s3.object(RECORDS, KEY), s3.current(RECORDS, KEY)), (Some(b"one".into()), Some(b"two".into())));
}

#[tokio::test]
async fn if_none_match_refuses_a_put_while_there_is_a_current_version() {
    let s3 = S3::new();
    let client = s3.client();
    let once = |bytes: &'static [u8]| {
        let put = client.put_object().bucket(RECORDS).key(KEY).if_none_match("*");
        put.body(ByteStream::from_static(bytes)).send()
    };
    once(b"one").await.unwrap();
    assert_eq!(refusal(once(b"two").await), code("PreconditionFailed", 412));
    client.delete_object().bucket(RECORDS).key(KEY).send().await.unwrap();
    once(b"three").await.unwrap();
    assert_eq!((s3.object(RECORDS, KEY), s3.current(RECORDS, KEY)), (Some(b"one".into()), Some(b"three".into())));
}

#[tokio::test]
async fn a_version_under_a_lock_is_not_deleted_and_a_marker_only_hides_it() {
    let s3 = S3::new();
    s3.locked_bucket(RECORDS);
    let client = s3.client();
    let version = put(&client, KEY, b"one").await;
    let delete = || client.delete_object().bucket(RECORDS).key(KEY);
    assert_eq!(refusal(delete().version_id(&version).send().await), code("AccessDenied", 403));
    let marker = delete().send().await.unwrap();
    assert_eq!(marker.delete_marker(), Some(true));
    assert_eq!(s3.keys(RECORDS), [""; 0]);
    assert_eq!(s3.object(RECORDS, KEY).unwrap(), b"one");
    let marker = marker.version_id.unwrap();
    let get = client.get_object().bucket(RECORDS).key(KEY).version_id(&marker).send().await;
    assert_eq!(refusal(get), code("MethodNotAllowed", 405));
    delete().version_id(marker).send().await.unwrap();
    assert_eq!(s3.keys(RECORDS), [KEY]);
    s3.bucket("work");
    let put = client.put_object().bucket("work").key(KEY).send().await.unwrap();
    delete().bucket("work").version_id(put.version_id.unwrap()).send().await.unwrap();
    assert_eq!(s3.versions("work", KEY), 0);
}

#[tokio::test]
async fn a_bucket_under_a_lock_takes_no_put_without_a_checksum() {
    let s3 = S3::new();
    s3.locked_bucket(RECORDS);
    let config = s3.client().config().to_builder();
    let client =
        Client::from_conf(config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired).build());
    let put = |bucket: &str| client.put_object().bucket(bucket).key(KEY).send();
    assert_eq!(refusal(put(RECORDS).await), code("InvalidRequest", 400));
    put("work").await.unwrap();
}

#[tokio::test]
async fn a_range_gives_those_bytes_only() {
    let s3 = S3::new();
    let client = s3.client();
    put(&client, KEY, b"0123456789").await;
    let get = |range: &str| client.get_object().bucket(RECORDS).key(KEY).range(range).send();
    for (range, bytes) in
        [("bytes=0-0", "0"), ("bytes=2-4", "234"), ("bytes=8-", "89"), ("bytes=-3", "789"), ("bytes=8-99", "89")]
    {
        assert_eq!(body(get(range).await.unwrap()).await, bytes.as_bytes(), "{range}");
    }
    assert_eq!(get("bytes=2-4").await.unwrap().content_range(), Some("bytes 2-4/10"));
    assert_eq!(refusal(get("bytes=10-12").await), code("InvalidRange", 416));
}

#[tokio::test]
async fn keys_are_listed_in_their_order_by_prefix_from_a_key_on_and_in_pages() {
    let s3 = S3::new();
    let client = s3.client();
    let keys = ["checkpoints/10", "checkpoints/2", "checkpoints/3&<\">", "tile/0/000", "tile/0/x001/000"];
    for key in keys.iter().rev() {
        put(&client, key, b"").await;
    }
    put(&client, "checkpoints/gone", b"").await;
    client.delete_object().bucket(RECORDS).key("checkpoints/gone").send().await.unwrap();
    let list = |prefix: &str, after: Option<&str>| {
        client.list_objects_v2().bucket(RECORDS).prefix(prefix).set_start_after(after.map(str::to_owned))
    };
    for (prefix, after, expected) in [
        ("", None, &keys[..]),
        ("checkpoints/", None, &keys[..3]),
        ("checkpoints/", Some("checkpoints/10"), &keys[1..3]),
        ("checkpoints/", Some("checkpoints/11"), &keys[1..3]),
        ("checkpoints/", Some("tile"), &[]),
        ("tile/", Some("checkpoints/2"), &keys[3..]),
    ] {
        for page in [1, 2, 1000] {
            let mut pages = list(prefix, after).max_keys(page).into_paginator().send();
            let mut listed = Vec::new();
            while let Some(page) = pages.next().await {
                listed.extend(page.unwrap().contents.unwrap_or_default().into_iter().map(|object| object.key.unwrap()));
            }
            assert_eq!(listed, expected, "{prefix} after {after:?} in pages of {page}");
        }
    }
}

#[tokio::test]
async fn versions_are_listed_newest_first_and_a_page_goes_on_after_its_marker() {
    let s3 = S3::new();
    let client = s3.client();
    let first = put(&client, "b", b"1").await;
    let second = put(&client, "b", b"22").await;
    let marker = client.delete_object().bucket(RECORDS).key("b").send().await.unwrap().version_id.unwrap();
    let other = put(&client, "a", b"").await;
    let last = put(&client, "bc", b"").await;
    for page in 1..=6 {
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        let (mut key, mut version) = (None, None);
        loop {
            let request = client.list_object_versions().bucket(RECORDS).max_keys(page);
            let listed = request.set_key_marker(key).set_version_id_marker(version).send().await.unwrap();
            let shown = listed.versions().iter();
            versions
                .extend(shown.map(|v| (v.version_id().unwrap().to_owned(), v.is_latest().unwrap(), v.size().unwrap())));
            markers.extend(listed.delete_markers().iter().map(|m| (m.version_id().unwrap().to_owned(), m.is_latest())));
            (key, version) = (listed.next_key_marker, listed.next_version_id_marker);
            if listed.is_truncated != Some(true) {
                break;
            }
        }
        let expected = [(&other, true, 0), (&second, false, 2), (&first, false, 1), (&last, true, 0)]
            .map(|(v, l, s)| (v.clone(), l, s));
        assert_eq!(versions, expected, "pages of {page}");
        assert_eq!(markers, [(marker.clone(), Some(true))]);
    }
    let after = client.list_object_versions().bucket(RECORDS).prefix("b").key_marker("b").send().await.unwrap();
    assert_eq!(after.versions().iter().map(|v| v.key().unwrap()).collect::<Vec<_>>(), ["bc"]);
    let nowhere = client.list_object_versions().bucket(RECORDS).version_id_marker(first).send().await;
    assert_eq!(refusal(nowhere), code("InvalidArgument", 400));
}

/// The named parts' numbers and tags.
fn completed(parts: &[(i32, &str)]) -> CompletedMultipartUpload {
    let part = |(number, etag): &(i32, &str)| CompletedPart::builder().part_number(*number).e_tag(*etag).build();
    CompletedMultipartUpload::builder().set_parts(Some(parts.iter().map(part).collect())).build()
}

#[tokio::test]
async fn parts_become_one_object_once_they_are_completed_in_their_order() {
    const PART: usize = 5 * 1024 * 1024;
    let s3 = S3::new();
    let client = s3.client();
    let start = client.create_multipart_upload().bucket(RECORDS).key("e.zip").content_type("application/zip");
    let id = start.send().await.unwrap().upload_id.unwrap();
    let upload = async |number, bytes: Vec<u8>| {
        let part = client.upload_part().bucket(RECORDS).key("e.zip").upload_id(&id).part_number(number);
        part.body(bytes.into()).send().await.unwrap().e_tag.unwrap()
    };
    let complete = |parts: &[(i32, &str)]| {
        let call = client.complete_multipart_upload().bucket(RECORDS).key("e.zip").upload_id(&id);
        call.multipart_upload(completed(parts)).send()
    };
    let small = upload(1, vec![0; 10]).await;
    let second = upload(2, b"end".to_vec()).await;
    assert_eq!(refusal(complete(&[(1, &small), (2, &second)]).await), code("EntityTooSmall", 400));
    let first = upload(1, vec![1; PART]).await;
    assert_eq!(refusal(complete(&[(2, &second), (1, &first)]).await), code("InvalidPartOrder", 400));
    assert_eq!(refusal(complete(&[(1, &small), (2, &second)]).await), code("InvalidPart", 400));
    assert_eq!(s3.current(RECORDS, "e.zip"), None);
    complete(&[(1, &first), (2, &second)]).await.unwrap();
    assert_eq!(s3.current(RECORDS, "e.zip").unwrap(), [vec![1; PART], b"end".to_vec()].concat());
    assert_eq!(refusal(complete(&[(1, &first)]).await), code("NoSuchUpload", 404));
    let got = client.get_object().bucket(RECORDS).key("e.zip").send().await.unwrap();
    assert_eq!(got.content_type(), Some("application/zip"));
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let s3 = S3::new();
    let client = s3.client();
    let start = client.create_multipart_upload().bucket(RECORDS).key("e.zip").send().await.unwrap();
    assert_eq!(s3.open_uploads(RECORDS), 1);
    let abort = || client.abort_multipart_upload().bucket(RECORDS).key("e.zip").upload_id(start.upload_id().unwrap());
    abort().send().await.unwrap();
    assert_eq!(s3.open_uploads(RECORDS), 0);
    assert_eq!(refusal(abort().send().await), code("NoSuchUpload", 404));
    assert_eq!(s3.keys(RECORDS), [""; 0]);
}

#[tokio::test]
async fn a_streamed_body_arrives_without_the_encoding_of_its_chunks() {
    let s3 = S3::new();
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    // A body that is not known to be in memory is sent in chunks, with a trailer.
    let streamed = SdkBody::from_body_1_x(SdkBody::from(bytes.clone()));
    let put = s3.client().put_object().bucket(RECORDS).key(KEY).content_length(200_000);
    put.body(ByteStream::new(streamed)).send().await.unwrap();
    assert_eq!(s3.object(RECORDS, KEY).unwrap(), bytes);
}

#[tokio::test]
async fn a_presigned_url_is_good_for_its_time() {
    let s3 = S3::new();
    put(&s3.client(), KEY, b"bundle").await;
    let start: Timestamp = "2026-11-22T03:27:43Z".parse().unwrap();
    let times = PresigningConfig::builder().start_time(start.into()).expires_in(Duration::from_mins(5)).build();
    let signed = s3.client().get_object().bucket(RECORDS).key(KEY).presigned(times.unwrap()).await.unwrap();
    let get = |after: i64| s3.download(signed.uri(), start + SignedDuration::from_secs(after));
    assert_eq!(get(0).unwrap(), b"bundle");
    assert_eq!(get(299).unwrap(), b"bundle");
    assert_eq!((get(300), get(-1)), (Err(403), Err(403)));
    s3.remove(RECORDS, KEY);
    assert_eq!(get(0), Err(404));
}

#[tokio::test]
async fn what_an_attacker_does_to_an_object_leaves_or_changes_its_first_version() {
    let s3 = S3::new();
    s3.locked_bucket(RECORDS);
    put(&s3.client(), KEY, b"one").await;
    s3.put_version(RECORDS, KEY, b"two");
    assert_eq!((s3.object(RECORDS, KEY), s3.versions(RECORDS, KEY)), (Some(b"one".into()), 2));
    s3.corrupt(RECORDS, KEY, b"0ne");
    assert_eq!((s3.object(RECORDS, KEY), s3.current(RECORDS, KEY)), (Some(b"0ne".into()), Some(b"two".into())));
    s3.remove(RECORDS, KEY);
    assert_eq!((s3.object(RECORDS, KEY), s3.versions(RECORDS, KEY)), (None, 0));
}
