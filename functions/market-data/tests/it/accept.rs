//! What is held back, and accepting it.

use engine_aws::author::Author;
use engine_core::audit::{Actor, ActorType};
use engine_core::market::Source;
use engine_test_support::keys;
use market_data::{ImportError, ImportRecord, ImportStatus};

use crate::rig::{Rig, file};

const OPERATOR: &str = "arn:aws:iam::111122223333:user/operator";

fn operator() -> Author {
    Author {
        actor: Actor { kind: ActorType::Operator, id: OPERATOR.into(), roles: vec!["operations".into()] },
        actor_ref: keys::actor_key().actor_ref(ActorType::Operator, OPERATOR),
        request_id: "cli-1".into(),
        function: "engine",
        source_address: None,
    }
}

/// Publishes ten rows, then uploads five.
async fn held_back(rig: &Rig) -> ImportRecord {
    rig.importer.import(&rig.short_stock("v1", &file(14, 10, "0.2500")), "request").await.unwrap();
    let record = rig.importer.import(&rig.short_stock("v2", &file(15, 5, "0.2500")), "request").await.unwrap();
    assert_eq!(record.status, ImportStatus::Quarantined);
    assert!(!record.reasons.is_empty());
    record
}

#[tokio::test]
async fn a_file_that_moves_too_much_is_held_back_until_a_person_accepts_it() {
    let rig = Rig::new().await;
    let held = held_back(&rig).await;
    assert_eq!(rig.pointer(Source::ShortStock).await.unwrap().version, 1);
    assert_eq!(rig.entries("import.quarantine").await.len(), 1);

    let accepted = rig.importer.accept(&held.import_id, "five were delisted", &operator()).await.unwrap();
    assert_eq!(accepted.status, ImportStatus::Published);
    assert_eq!(accepted.acceptance.as_ref().map(|acceptance| acceptance.accepted_by.as_str()), Some(OPERATOR));
    assert_eq!(accepted.reasons, held.reasons, "what it was held back for stays on record");
    assert_eq!(rig.importer.record(&held.import_id).await.unwrap(), Some(accepted));
    let pointer = rig.pointer(Source::ShortStock).await.unwrap();
    assert_eq!((pointer.version, pointer.as_of.to_string().as_str()), (2, "2026-01-15T14:30:00Z"));

    let entries = rig.entries("snapshot.import").await;
    let entry = entries.iter().find(|entry| entry["actor"]["id"] == OPERATOR).expect("the operator's entry");
    assert_eq!(entry["reason"], "five were delisted");
}

#[tokio::test]
async fn only_what_is_held_back_can_be_accepted_and_only_once() {
    let rig = Rig::new().await;
    let held = held_back(&rig).await;
    let published = rig.importer.import(&rig.short_stock("v1", &file(14, 10, "0.2500")), "request").await.unwrap();
    let refused = rig.importer.accept(&published.import_id, "reason", &operator()).await;
    assert!(matches!(refused, Err(ImportError::NotQuarantined(ImportStatus::Published))), "{refused:?}");
    let unknown = rig.importer.accept("0123456789abcdef0123", "reason", &operator()).await;
    assert!(matches!(unknown, Err(ImportError::UnknownImport(_))), "{unknown:?}");
    let silent = rig.importer.accept(&held.import_id, " ", &operator()).await;
    assert!(matches!(silent, Err(ImportError::InvalidReason)), "{silent:?}");

    rig.importer.accept(&held.import_id, "reason", &operator()).await.unwrap();
    let again = rig.importer.accept(&held.import_id, "reason", &operator()).await;
    assert!(matches!(again, Err(ImportError::NotQuarantined(ImportStatus::Published))), "{again:?}");
    assert_eq!(rig.pointer(Source::ShortStock).await.unwrap().version, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_persons_who_accept_at_once_publish_once() {
    let rig = Rig::new().await;
    let id = held_back(&rig).await.import_id;
    let (second, same) = (rig.second(), id.clone());
    rig.dynamo.wire().before("TransactWriteItems", move || {
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(second.accept(&same, "first", &operator())).unwrap();
        };
        std::thread::spawn(run).join().unwrap();
    });
    let lost = rig.importer.accept(&id, "second", &operator()).await;
    assert!(matches!(lost, Err(ImportError::NotQuarantined(ImportStatus::Published))), "{lost:?}");
    assert_eq!(rig.pointer(Source::ShortStock).await.unwrap().version, 2);
}

#[tokio::test]
async fn content_that_is_not_what_was_held_back_is_not_accepted() {
    let rig = Rig::new().await;
    let held = held_back(&rig).await;
    rig.short_stock("v2", &file(15, 6, "0.2500"));
    let changed = rig.importer.accept(&held.import_id, "reason", &operator()).await;
    assert!(matches!(changed, Err(ImportError::Changed)), "{changed:?}");
    assert_eq!(rig.pointer(Source::ShortStock).await.unwrap().version, 1);
}
