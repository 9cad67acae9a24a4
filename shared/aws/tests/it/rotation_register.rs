//! What is known of credentials that are kept elsewhere than in the tables.

use engine_aws::Error;
use engine_aws::change::Change;
use engine_aws::rotations::{RegisterRow, RegisterStore};
use engine_core::rotation::CredentialKind;
use engine_test_support::dynamo::{Dynamo, tables};

use crate::fixture::at;

fn row(kind: CredentialKind, credential: &str, rotated: &str) -> RegisterRow {
    RegisterRow {
        kind,
        credential: credential.to_owned(),
        last_rotated_at: at(rotated),
        rotated_by: "kms".to_owned(),
        because: "created".to_owned(),
        next_due_at: Some(at("2027-01-01T00:00:00Z")),
        observed_at: at("2026-02-01T00:00:00Z"),
    }
}

fn key(rotated: &str) -> RegisterRow {
    row(CredentialKind::SigningKey, "token", rotated)
}

async fn start() -> (Dynamo, RegisterStore) {
    let dynamo = Dynamo::start().await;
    let register = RegisterStore::new(dynamo.client(), tables::ROTATIONS);
    (dynamo, register)
}

#[tokio::test]
async fn a_row_is_what_was_written_last_of_the_latest_rotation() {
    let (_dynamo, register) = start().await;
    assert_eq!(register.row(CredentialKind::SigningKey, "token").await.unwrap(), None);
    let (old, new) = (key("2026-01-01T00:00:00Z"), key("2026-01-31T00:00:00Z"));
    assert!(register.observe(&new).await.unwrap());
    assert!(!register.observe(&old).await.unwrap(), "what is older is known already");
    let later = RegisterRow { next_due_at: None, observed_at: at("2026-03-01T00:00:00Z"), ..new };
    assert!(register.observe(&later).await.unwrap(), "the same rotation, observed again");
    assert_eq!(register.row(CredentialKind::SigningKey, "token").await.unwrap(), Some(later));
}

#[tokio::test]
async fn a_rotation_is_recorded_once_by_its_version_whatever_was_observed() {
    let (dynamo, register) = start().await;
    let kind = CredentialKind::Secret;
    let commit = async |row: &RegisterRow, version: &str| {
        let mut change = Change::default();
        register.rotated(&mut change, row, version)?;
        change.commit(&dynamo.client()).await
    };
    let observed = row(kind, "actor-key", "2026-01-02T00:00:00Z");
    register.observe(&observed).await.unwrap();
    assert_eq!(register.recorded_version(kind, "actor-key").await.unwrap(), None);
    let first = row(kind, "actor-key", "2026-01-01T00:00:00Z");
    commit(&first, "v-1").await.unwrap();
    assert_eq!(register.row(kind, "actor-key").await.unwrap(), Some(first.clone()));
    assert!(matches!(commit(&first, "v-1").await, Err(Error::Conflict(_))));
    assert!(register.observe(&observed).await.unwrap());
    assert_eq!(register.recorded_version(kind, "actor-key").await.unwrap().as_deref(), Some("v-1"));
    assert!(matches!(commit(&first, "v-1").await, Err(Error::Conflict(_))), "observing forgets no version");
    commit(&first, "v-2").await.unwrap();
    assert_eq!(register.recorded_version(kind, "actor-key").await.unwrap().as_deref(), Some("v-2"));
}

#[tokio::test]
async fn rows_come_page_by_page_of_one_kind_or_of_all() {
    let (_dynamo, register) = start().await;
    let kinds = [CredentialKind::Secret, CredentialKind::KmsKey, CredentialKind::SigningKey];
    for kind in kinds {
        for name in ["a", "b", "c"] {
            register.observe(&row(kind, name, "2026-01-01T00:00:00Z")).await.unwrap();
        }
    }
    for (kind, expected) in [(None, 9), (Some(CredentialKind::KmsKey), 3), (Some(CredentialKind::Certificate), 0)] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = register.rows(kind, 2, after.as_deref()).await.unwrap();
            assert!(page.items.len() <= 2);
            found.extend(page.items.into_iter().map(|row| (row.kind, row.credential)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), expected);
        assert!(found.iter().all(|(found, _)| kind.is_none_or(|kind| kind == *found)));
        let mut distinct = found.clone();
        distinct.dedup();
        assert_eq!(distinct, found);
    }
}
