//! Service accounts: approved by security, with least permissions, ended at once.

use engine_aws::people::{Judged, NewServiceAccount, PeopleError, Reservation};
use engine_core::access::request::ApprovalError;
use engine_core::access::review::Decision;
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::{AccessRequest, CodeKind, KeyHash, KeyId, OneTimeCode, Permission, Role, ServiceAccountName};
use engine_test_support::keys::actor_key;

use crate::people::{Staff, author, conflict, party, person_id};

const NAME: &str = "svc-risk-batch";

pub(crate) fn name() -> ServiceAccountName {
    ServiceAccountName::parse(NAME).unwrap()
}

fn new(scopes: &[&str]) -> NewServiceAccount {
    NewServiceAccount {
        name: name(),
        purpose: "nightly risk figures".to_owned(),
        owner: person_id("owner"),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        justification: "the batch reads rates".to_owned(),
    }
}

fn hash(byte: u8) -> KeyHash {
    let id = KeyId::from_random([byte; 9]);
    OneTimeCode::generate(CodeKind::ServiceAccount, "test", id, &[byte; 32]).unwrap().hash()
}

/// An account with that credential.
pub(crate) async fn create(staff: &Staff, hash: &KeyHash) {
    let asked = staff.ask_for_service(&new(&["rates:view"])).await.unwrap();
    staff.create_service(&asked, hash).await.unwrap();
}

impl Staff {
    async fn ask_for_service(&self, new: &NewServiceAccount) -> Result<AccessRequest, PeopleError> {
        let by = author("maker");
        let asked = self.people.request_service_account(new, &party("maker"), &by, self.now).await?;
        Ok(self.commit(asked).await?)
    }

    async fn create_service(&self, request: &AccessRequest, hash: &KeyHash) -> Result<(), PeopleError> {
        let judged = self.judge(&request.id, &party("officer"), &[Role::Security]).await?;
        let reserved = self.people.reserve(&judged, self.now).await?;
        self.create_under(&judged, &reserved, hash).await
    }

    async fn create_under(&self, judged: &Judged, reserved: &Reservation, hash: &KeyHash) -> Result<(), PeopleError> {
        let (key, by) = (actor_key(), author("officer"));
        let created = self.people.create_service_account(judged, reserved, hash, &key, &by, self.now).await?;
        self.commit(created).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_service_account_exists_once_security_has_approved_it() {
    let staff = Staff::empty().await;
    let asked = staff.ask_for_service(&new(&["rates:view"])).await.unwrap();
    assert!(staff.people.service_account(&name()).await.unwrap().is_none());
    for (person, held, why) in [
        ("maker", Role::Security, ApprovalError::Maker),
        ("owner", Role::Security, ApprovalError::Subject),
        ("admin", Role::Admin, ApprovalError::Capacity),
    ] {
        let refused = staff.judge(&asked.id, &party(person), &[held]).await;
        assert!(matches!(refused, Err(PeopleError::Approval(error)) if error == why), "{person}");
    }
    staff.create_service(&asked, &hash(1)).await.unwrap();
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    assert_eq!(held.value.permissions(), [Permission::ViewRates].into());
    assert!(held.hashes.admit(&hash(1)) && !held.hashes.admit(&hash(2)));
    assert_eq!((held.version, held.last_used_at), (1, None));
    let entries = staff.entries().await;
    assert_eq!(entries.len(), 2);
    let entry = &staff.entries_of("service_account.create").await[0]["details"];
    assert_eq!((&entry["version"], &entry["request_version"]), (&1.into(), &2.into()));
    assert_eq!(entry["approvals"][0]["capacity"], "security");
}

#[tokio::test]
async fn no_scope_beyond_the_role_of_services_is_asked_for() {
    let staff = Staff::empty().await;
    for scopes in [&[][..], &["keys:write"], &["rates:view", "nonsense"]] {
        let asked = staff.ask_for_service(&new(scopes)).await;
        assert!(matches!(&asked, Err(PeopleError::Invalid(errors)) if errors[0].field == "scopes"), "{scopes:?}");
    }
}

#[tokio::test]
async fn a_name_is_never_used_again() {
    let staff = Staff::empty().await;
    let first = staff.ask_for_service(&new(&["rates:view"])).await.unwrap();
    let second = staff.ask_for_service(&new(&["keys:read"])).await.unwrap();
    staff.create_service(&first, &hash(1)).await.unwrap();
    assert!(conflict(staff.create_service(&second, &hash(2)).await).contains(NAME));
    let by = author("officer");
    let disabled = staff.people.disable_service_account(&name(), "unused", &by, staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    assert!(conflict(staff.ask_for_service(&new(&["rates:view"])).await).contains("is DISABLED"));
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    assert!(held.hashes.admit(&hash(1)));
}

#[tokio::test]
async fn a_disabled_service_account_is_refused_from_then_on() {
    let staff = Staff::empty().await;
    let asked = staff.ask_for_service(&new(&["rates:view"])).await.unwrap();
    staff.create_service(&asked, &hash(1)).await.unwrap();
    staff.people.touch_service_account(&name(), staff.now).await.unwrap();
    let by = author("officer");
    let disabled = staff.people.disable_service_account(&name(), "unused", &by, staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    assert_eq!((held.value.state, held.version), (ServiceAccountState::Disabled, 2));
    assert!(!held.value.usable_at(held.last_used_at, staff.now));
    assert!(held.value.permissions().is_empty());
    let again = staff.people.disable_service_account(&name(), "unused", &by, staff.now).await;
    assert!(conflict(again).contains("is DISABLED"));
}

#[tokio::test]
async fn a_review_is_kept_and_is_the_last_one_of_its_account() {
    let staff = Staff::empty().await;
    let asked = staff.ask_for_service(&new(&["rates:view"])).await.unwrap();
    staff.create_service(&asked, &hash(1)).await.unwrap();
    let by = author("officer");
    for decision in [Decision::Reduce, Decision::Keep] {
        let reviewed =
            staff.people.review_service_account(&name(), decision, "looked at it", "officer", &by, staff.now).await;
        let reviewed = reviewed.unwrap();
        staff.commit(reviewed).await.unwrap();
    }
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    assert_eq!(held.value.review.unwrap().decision, Decision::Keep);
    assert!(held.hashes.admit(&hash(1)), "a review leaves the credential alone");
    assert_eq!(staff.people.reviews(NAME).await.unwrap().len(), 2);
    assert_eq!(staff.entries_of("service_account.review").await.len(), 2);
    let (keep, by) = (Decision::Keep, author("owner"));
    let own = staff.people.review_service_account(&name(), keep, "it is mine", "owner", &by, staff.now).await.map(drop);
    assert!(matches!(own, Err(PeopleError::Approval(ApprovalError::Subject))), "nobody reviews what they answer for");
}

#[tokio::test]
async fn a_name_is_reserved_for_two_minutes_whichever_request_it_is_made_for_and_then_for_good() {
    let mut staff = Staff::empty().await;
    let first = staff.ask_for_service(&new(&["rates:view"])).await.unwrap();
    let second = staff.ask_for_service(&new(&["keys:read"])).await.unwrap();
    let first = staff.judge(&first.id, &party("officer"), &[Role::Security]).await.unwrap();
    let second = staff.judge(&second.id, &party("other-officer"), &[Role::Security]).await.unwrap();
    let overtaken = staff.people.reserve(&first, staff.now).await.unwrap();
    for judged in [&first, &second] {
        assert!(conflict(staff.people.reserve(judged, staff.now).await).contains("is being made"));
    }
    staff.now += jiff::SignedDuration::from_mins(2);
    let reserved = staff.people.reserve(&second, staff.now).await.unwrap();
    // The second one's credential is in its place by now: the first one's hash would admit nobody.
    assert!(conflict(staff.create_under(&first, &overtaken, &hash(1)).await).contains("by somebody else"));
    staff.create_under(&second, &reserved, &hash(2)).await.unwrap();
    assert!(staff.people.service_account(&name()).await.unwrap().unwrap().hashes.admit(&hash(2)));
    staff.now += jiff::SignedDuration::from_hours(24);
    assert!(
        conflict(staff.people.reserve(&first, staff.now).await).contains(NAME),
        "nothing overwrites a used credential"
    );
}

#[tokio::test]
async fn a_review_that_meets_the_end_of_the_account_does_not_bring_it_back() {
    let staff = Staff::empty().await;
    let asked = staff.ask_for_service(&new(&["rates:view"])).await.unwrap();
    staff.create_service(&asked, &hash(1)).await.unwrap();
    let by = author("officer");
    let review = staff
        .people
        .review_service_account(&name(), Decision::Keep, "looked at it", "officer", &by, staff.now)
        .await
        .unwrap();
    let disabled = staff.people.disable_service_account(&name(), "unused", &by, staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    assert!(conflict(staff.commit(review).await).contains(NAME));
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    assert_eq!((held.value.state, held.version), (ServiceAccountState::Disabled, 2));
    assert!(staff.entries_of("service_account.review").await.is_empty());
}
