//! Contacts: nothing goes to an address that has not proved to be reached.

use engine_aws::Error;
use engine_aws::directory::{ContactState, DirectoryError};
use engine_core::access::{CodeKind, KeyId, OneTimeCode};
use engine_test_support::dynamo::tables;
use jiff::SignedDuration;

use crate::desk::{conflict, days, refused_fields};
use crate::fixture::{Fixture, bytes, client_id, meanwhile};

/// Another code for the same contact.
fn forged(contact: &KeyId) -> OneTimeCode {
    OneTimeCode::generate(CodeKind::ContactVerification, "test", contact.clone(), &[7; 32]).unwrap()
}

#[tokio::test]
async fn a_contact_is_verified_by_the_code_that_was_sent_to_it_and_by_no_other() {
    let fixture = Fixture::with_client().await;
    let (contact, code) = fixture.add_contact().await.unwrap();
    assert_eq!((contact.state, contact.version), (ContactState::Unverified, 1));
    let (other, _) = fixture.add_contact().await.unwrap();
    assert_eq!(refused_fields(fixture.verify(&contact.id, &forged(&contact.id)).await), ["code"]);
    assert_eq!(refused_fields(fixture.verify(&other.id, &code).await), ["code"]);
    let verified = fixture.verify(&contact.id, &code).await.unwrap();
    assert_eq!(
        (verified.state, verified.verified_at, verified.version),
        (ContactState::Verified, Some(fixture.now), 2)
    );
    assert!(conflict(fixture.verify(&contact.id, &code).await).contains("is VERIFIED"), "the code is good once");
    let stored = fixture.directory.contacts(&client_id()).await.unwrap();
    assert_eq!(stored.iter().find(|stored| stored.id == contact.id), Some(&verified));
    let client = fixture.directory.client(&client_id()).await.unwrap();
    let (_, body) = fixture.entries("client.contact.verify").await.remove(0);
    assert_eq!(
        (client.version, &body["details"]["version"], &body["details"]["contact_version"]),
        (4, &4.into(), &2.into())
    );
}

#[tokio::test]
async fn a_verification_code_ends_after_a_day() {
    let fixture = Fixture::with_client().await;
    let (contact, code) = fixture.add_contact().await.unwrap();
    assert_eq!(refused_fields(fixture.later(days(1)).verify(&contact.id, &code).await), ["code"]);
    let in_time = fixture.later(days(1) - SignedDuration::from_millis(1));
    assert_eq!(in_time.verify(&contact.id, &code).await.unwrap().state, ContactState::Verified);
}

#[tokio::test]
async fn after_five_tries_not_even_the_right_code_verifies() {
    let fixture = Fixture::with_client().await;
    let (contact, code) = fixture.add_contact().await.unwrap();
    for _ in 0..5 {
        assert_eq!(refused_fields(fixture.verify(&contact.id, &forged(&contact.id)).await), ["code"]);
    }
    assert!(conflict(fixture.verify(&contact.id, &code).await).contains("takes no more codes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_at_once_are_counted_before_any_is_judged() {
    let fixture = Fixture::with_client().await;
    let (contact, code) = fixture.add_contact().await.unwrap();
    let (rival, id) = (fixture.rival(), contact.id.clone());
    // Between the read and the count of this try, five others are made.
    fixture.dynamo.wire().before("UpdateItem", move || {
        for _ in 0..5 {
            assert_eq!(refused_fields(meanwhile(rival.verify(&id, &forged(&id)))), ["code"]);
        }
    });
    assert!(conflict(fixture.verify(&contact.id, &code).await).contains("takes no more codes"));
}

#[tokio::test]
async fn a_removed_contact_is_erased_and_stays_removed() {
    let fixture = Fixture::with_client().await;
    let contact = fixture.verified_contact().await;
    let removed = fixture.remove_contact(&contact.id).await.unwrap().contact;
    assert_eq!((removed.state, removed.version), (ContactState::Removed, 3));
    assert_eq!(fixture.directory.contacts(&client_id()).await.unwrap(), []);
    for table in [tables::CLIENTS, tables::AUDIT] {
        for value in fixture.scan(table).await.iter().flat_map(|item| item.values()) {
            let held = String::from_utf8_lossy(&bytes(value)).into_owned();
            assert!(!["Dana", "example.com", "sealed"].iter().any(|personal| held.contains(personal)), "{held}");
        }
    }
    assert!(conflict(fixture.remove_contact(&contact.id).await).contains("removed already"));
    let (_, code) = fixture.add_contact().await.unwrap();
    assert!(conflict(fixture.verify(&contact.id, &code).await).contains("is REMOVED"));
}

#[tokio::test]
async fn who_comes_or_goes_is_told_to_those_who_were_verified_before() {
    let fixture = Fixture::with_client().await;
    let first = fixture.added_contact().await.unwrap();
    assert_eq!(first.others, [], "nobody was there");
    let second = fixture.added_contact().await.unwrap();
    assert_eq!(second.others, [], "nobody was verified");
    let first = fixture.verify(&first.contact.id, &first.code).await.unwrap();
    let third = fixture.added_contact().await.unwrap();
    let told = [first];
    assert_eq!(third.others, told);
    assert_eq!(fixture.remove_contact(&third.contact.id).await.unwrap().told, told);
    let removed = fixture.remove_contact(&told[0].id).await.unwrap();
    assert_eq!((&removed.told[..], removed.hint.as_str()), (&told[..], "d***@example.com"));
}

#[tokio::test]
async fn a_contact_that_is_not_there_is_not_found() {
    let fixture = Fixture::with_client().await;
    let nobody = KeyId::from_random([1; 9]);
    let verify = fixture.verify(&nobody, &forged(&nobody)).await;
    assert!(matches!(verify, Err(DirectoryError::Store(Error::NotFound(_)))), "{verify:?}");
    let remove = fixture.remove_contact(&nobody).await;
    assert!(matches!(remove, Err(Error::NotFound(_))), "{remove:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_at_most_ten_contacts_even_when_two_add_at_once() {
    let fixture = Fixture::with_client().await;
    for _ in 0..9 {
        fixture.add_contact().await.unwrap();
    }
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.add_contact()).unwrap();
    });
    assert!(conflict(fixture.add_contact().await).contains("changed meanwhile"));
    assert!(conflict(fixture.add_contact().await).contains("has 10 contacts"));
    assert_eq!(fixture.directory.contacts(&client_id()).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_contacts_code_is_nowhere_in_the_tables() {
    let fixture = Fixture::with_client().await;
    let (_, code) = fixture.add_contact().await.unwrap();
    let secret = &code.expose()[code.expose().len() - 49..];
    for table in [tables::CLIENTS, tables::AUDIT] {
        for value in fixture.scan(table).await.iter().flat_map(|item| item.values()) {
            assert!(!String::from_utf8_lossy(&bytes(value)).contains(&secret[..43]), "{table}");
        }
    }
}
