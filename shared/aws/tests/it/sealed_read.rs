//! Reading the log from its buckets: any size that ever was, with the proofs that hold at it.

use engine_aws::Error;
use engine_aws::kms::NoteSigner;
use engine_aws::records::{Put, RecordsBucket};
use engine_aws::sealed_log::{LogReader, RegisterStore};
use engine_core::merkle::{
    Frontier, Hash, KeyPurpose, KeyRecord, SignedNote, Subtree, VerifierKey, leaf_hash, verify_consistency,
    verify_inclusion,
};
use jiff::Timestamp;

use crate::sealed::{Log, ORIGIN, RECORDS, WORK, headers, time};

/// The roots of the trees of every size up to that of `headers`.
fn roots(headers: &[String]) -> Vec<Hash> {
    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root()];
    for header in headers {
        frontier.push(leaf_hash(header.as_bytes()));
        roots.push(frontier.root());
    }
    roots
}

fn usize(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// Proofs of every size of a log against roots that were computed leaf by leaf.
async fn assert_proofs(reader: &LogReader, headers: &[String], sizes: impl Iterator<Item = u64>) {
    let roots = roots(headers);
    for size in sizes {
        let root = roots[usize(size)];
        assert_eq!(reader.root(size).await.unwrap(), root, "{size}");
        for index in [0, size / 3, size / 2, size - 1] {
            let proof = reader.inclusion_proof(index, size).await.unwrap();
            let leaf = leaf_hash(headers[usize(index)].as_bytes());
            verify_inclusion(index, size, leaf, &proof, root).unwrap();
            assert_eq!(reader.node(Subtree::leaf(index), size).await.unwrap(), leaf);
        }
        for old in [1, size / 2, size - 1, size].into_iter().filter(|old| *old > 0) {
            let proof = reader.consistency_proof(old, size).await.unwrap();
            verify_consistency(old, size, roots[usize(old)], root, &proof).unwrap();
        }
    }
}

#[tokio::test]
async fn proofs_verify_at_every_kind_of_size_though_the_log_has_grown_since() {
    let log = Log::start().await;
    log.grow(0, 200).await;
    log.grow(200, 530).await;
    let headers = headers(0, 530);
    let sizes = (1..=20).chain(198..=202).chain(250..=262).chain(508..=530);
    assert_proofs(&log.reader(), &headers, sizes).await;
    // The tiles of the last checkpoint are partial: made again where they are gone, from bundles and full tiles.
    for key in log.s3.keys(WORK).iter().filter(|key| key.starts_with("tile/0/") || key.starts_with("tile/1/")) {
        log.s3.remove(WORK, key);
    }
    assert_proofs(&log.reader(), &headers, [100, 256, 300, 511, 512, 513, 530].into_iter()).await;
}

#[tokio::test]
async fn entries_are_read_at_an_old_size_and_never_beyond_it() {
    let log = Log::start().await;
    for (from, to) in [(0, 10), (10, 20), (20, 300)] {
        log.grow(from, to).await;
    }
    for key in ["tile/entries/000.p/10", "tile/bodies/000.p/20", "tile/entries/001.p/44"] {
        assert!(log.s3.current(WORK, key).is_some(), "{key}");
    }
    // What is full is read where it is locked; of what is not, the widest there is.
    log.s3.remove(WORK, "tile/entries/000.p/10");
    for size in [10_u64, 15, 20, 256, 257, 290, 300] {
        let reader = log.reader();
        for (bundle, width) in [(0, size.min(256)), (1, size.saturating_sub(256))].into_iter().filter(|of| of.1 > 0) {
            let expected = headers(bundle * 256, bundle * 256 + width);
            assert_eq!(*reader.headers(bundle, size).await.unwrap(), expected, "{size}");
            assert_eq!(reader.bodies(bundle, size).await.unwrap().len(), expected.len());
        }
        assert!(matches!(reader.entry(size, size).await, Err(Error::NotFound(_))), "{size}");
        assert!(matches!(reader.headers(size.div_ceil(256), size).await, Err(Error::NotFound(_))), "{size}");
        assert!(matches!(reader.inclusion_proof(size, size).await, Err(Error::NotFound(_))), "{size}");
        assert!(matches!(reader.node(Subtree::leaf(size), size).await, Err(Error::NotFound(_))), "{size}");
        assert!(matches!(reader.consistency_proof(size + 1, size).await, Err(Error::NotFound(_))), "{size}");
    }
}

#[tokio::test]
async fn material_that_is_missing_or_altered_is_named() {
    let log = Log::of(300).await;
    for (key, index) in [("tile/entries/000", 3), ("tile/bodies/000", 3), ("tile/bodies/001.p/44", 299)] {
        let bucket = if key.contains(".p/") { WORK } else { RECORDS };
        let bytes = log.s3.object(bucket, key).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let altered = bytes.iter().map(|byte| if *byte == b'7' { b'8' } else { *byte }).collect::<Vec<_>>();
        assert!(text.contains('7'));
        for damaged in [altered, bytes[..bytes.len() - 1].to_vec(), Vec::new()] {
            log.s3.corrupt(bucket, key, &damaged);
            let mut reads = Vec::new();
            for index in [index, 7, 270] {
                reads.push(log.reader().entry(index, 300).await.map_err(|error| error.to_string()));
            }
            assert!(reads.iter().any(Result::is_err), "{key}: {reads:?}");
        }
        log.s3.remove(bucket, key);
        let gone = log.reader().entry(index, 300).await.unwrap_err();
        assert!(matches!(&gone, Error::NotFound(_)) && gone.to_string().contains(key), "{key}: {gone}");
        log.s3.put_version(bucket, key, &bytes);
        log.reader().entry(index, 300).await.unwrap();
    }
    log.s3.remove(RECORDS, "tile/0/000");
    let gone = log.reader().inclusion_proof(3, 300).await.unwrap_err();
    assert!(gone.to_string().contains("tile/0/000"), "{gone}");
}

#[tokio::test]
async fn checkpoints_are_found_by_size_and_by_time() {
    let log = Log::start().await;
    let reader = log.reader();
    assert_eq!(reader.newest_checkpoint().await.unwrap(), None);
    assert_eq!(reader.first_checkpoint_from(time(0)).await.unwrap(), None);
    let sizes = [1, 2, 5, 9, 17, 18, 30];
    let mut from = 0;
    for size in sizes {
        log.grow(from, size).await;
        from = size;
        let newest = reader.newest_checkpoint().await.unwrap().unwrap();
        assert_eq!((newest.checkpoint.size, newest.checkpoint.time), (size, time(size)));
    }
    let size = |found: Option<engine_aws::sealed_log::StoredCheckpoint>| found.map(|found| found.checkpoint.size);
    log.s3.put_version(RECORDS, "checkpoints/0000000000000004~", b"no checkpoint");
    log.s3.put_version(RECORDS, "checkpoints/~", b"no checkpoint");
    // Pages of a few keys, as a log with many checkpoints has them.
    for page in [2, 1000] {
        log.s3.set_page(page);
        let reader = log.reader();
        assert_eq!(size(reader.newest_checkpoint().await.unwrap()), Some(30), "pages of {page}");
        for wanted in 0..=31 {
            assert_eq!(size(reader.checkpoint(wanted).await.unwrap()), sizes.into_iter().find(|size| *size == wanted));
            let next = sizes.into_iter().find(|size| *size >= wanted);
            assert_eq!(size(reader.checkpoint_at_or_after(wanted).await.unwrap()), next, "{wanted}");
            let (at, between) = (time(wanted), time(wanted) + jiff::SignedDuration::from_secs(1));
            let before = |time: Timestamp| sizes.into_iter().rfind(|size| crate::sealed::time(*size) <= time);
            let from = |time: Timestamp| sizes.into_iter().find(|size| crate::sealed::time(*size) >= time);
            for time in [at, between] {
                assert_eq!(size(reader.last_checkpoint_before(time).await.unwrap()), before(time), "{time}");
                assert_eq!(size(reader.first_checkpoint_from(time).await.unwrap()), from(time), "{time}");
            }
        }
    }
}

#[tokio::test]
async fn the_newest_of_many_checkpoints_is_found_in_few_lists() {
    let log = Log::start().await;
    let records = RecordsBucket::new(log.s3.client(), RECORDS);
    let signer = NoteSigner::new(log.kms.client(), &log.key, ORIGIN);
    let put = async |size: u64| {
        let checkpoint = engine_core::merkle::Checkpoint {
            origin: ORIGIN.to_owned(),
            size,
            root: leaf_hash(b"any"),
            time: time(size / 1000),
        };
        let note = signer.sign(&checkpoint.text()).await.unwrap().to_string();
        records.put_once(&format!("checkpoints/{size:016}"), note.as_bytes()).await.unwrap();
    };
    log.s3.set_page(10);
    let mut size = 1;
    for step in 1..300 {
        size += step * 37 % 1000;
        put(size).await;
    }
    log.s3.control().reset();
    let reader = log.reader();
    assert_eq!(reader.newest_checkpoint().await.unwrap().unwrap().checkpoint.size, size);
    assert!(log.s3.control().count("ListObjectsV2") < 30, "{:?}", log.s3.control().calls());
    put(size + 5000).await;
    log.s3.control().reset();
    assert_eq!(reader.newest_checkpoint().await.unwrap().unwrap().checkpoint.size, size + 5000);
    assert!(log.s3.control().count("ListObjectsV2") < 4, "it is searched from where it was");
}

fn record(log: &Log, ordinal: u32, key: &VerifierKey, predecessor: Option<&VerifierKey>) -> KeyRecord {
    KeyRecord {
        purpose: KeyPurpose::Log,
        ordinal,
        name: ORIGIN.to_owned(),
        key: key.to_string(),
        kms_key: log.key.clone(),
        from: time(u64::from(ordinal)),
        predecessor: predecessor.map(VerifierKey::to_string),
    }
}

#[tokio::test]
async fn the_key_register_takes_each_record_once_and_reads_back_its_chain() {
    let log = Log::start().await;
    let store = RegisterStore::new(RecordsBucket::new(log.s3.client(), RECORDS));
    assert_eq!(store.read().await.unwrap().newest(KeyPurpose::Log), None);
    let signers = [&log.key, &log.kms.ed25519_key()].map(|key| NoteSigner::new(log.kms.client(), key, ORIGIN));
    let keys = [signers[0].verifier_key().await.unwrap(), signers[1].verifier_key().await.unwrap()];
    let first = record(&log, 1, &keys[0], None);
    let note = signers[0].sign(&first.text()).await.unwrap();
    assert_eq!(store.add(&first, &note).await.unwrap(), Put::Written);
    assert_eq!(store.add(&first, &note).await.unwrap(), Put::AlreadySame);
    let other = KeyRecord { from: time(9), ..first.clone() };
    assert!(store.add(&other, &note).await.is_err(), "a note of another record");
    let taken = store.add(&other, &signers[0].sign(&other.text()).await.unwrap()).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");

    let second = record(&log, 2, &keys[1], Some(&keys[0]));
    let own = signers[1].sign(&second.text()).await.unwrap();
    let vouched = signers[0].sign(&second.text()).await.unwrap();
    let lines = |note: &SignedNote| note.to_string().split_once("\n\n").unwrap().1.to_owned();
    let note = SignedNote::assemble(&second.text(), &[lines(&vouched), lines(&own)]).unwrap();
    store.add(&second, &note).await.unwrap();
    let register = log.reader().register().await.unwrap();
    assert_eq!(register.records(KeyPurpose::Log), [first, second]);
    assert_eq!(store.notes().await.unwrap()[1], ("keys/log/0002".to_owned(), note.to_string()));

    log.s3.put_version(RECORDS, "keys/log/0003", b"no note");
    assert!(matches!(store.read().await, Err(Error::Corrupt { .. })));
}

#[tokio::test]
async fn references_of_a_snapshot_are_what_was_put_first() {
    let log = Log::start().await;
    assert_eq!(log.reader().references("snapshot").await.unwrap(), None);
    log.s3.put_version(RECORDS, "references/snapshot.jsonl", b"first");
    log.s3.put_version(RECORDS, "references/snapshot.jsonl", b"second");
    assert_eq!(log.reader().references("snapshot").await.unwrap().unwrap(), b"first");
}

#[tokio::test]
async fn a_note_is_signed_by_its_key_under_its_name_and_verifies() {
    let log = Log::start().await;
    let signer = NoteSigner::new(log.kms.client(), &log.key, ORIGIN);
    let key = signer.verifier_key().await.unwrap();
    assert_eq!((key.name(), signer.name()), (ORIGIN, ORIGIN));
    let note = signer.sign("a text\nof two lines\n").await.unwrap();
    assert_eq!(note.text(), "a text\nof two lines\n");
    let read = SignedNote::parse(&note.to_string()).unwrap();
    assert_eq!(read.verify(std::slice::from_ref(&key)).unwrap(), key);
    assert!(signer.sign("a text without an end").await.is_err());
    assert_eq!(log.kms.control().count("GetPublicKey"), 1);
    for other in [log.kms.signing_key(), log.kms.symmetric_key()] {
        let signer = NoteSigner::new(log.kms.client(), &other, ORIGIN);
        assert!(signer.sign("a text\n").await.is_err());
        assert!(signer.verifier_key().await.is_err());
    }
    log.kms.control().deny("Sign");
    assert!(matches!(signer.sign("a text\n").await, Err(Error::Unavailable { .. })));
}
