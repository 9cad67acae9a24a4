//! The credential of a service account: staged, promoted, installed, revoked.

use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::people::NextCredential;
use engine_core::access::service_account::{ServiceAccountCredential, ServiceAccountState};
use engine_core::access::{KeyHash, ServiceAccountName};
use engine_test_support::keys::actor_key;
use jiff::SignedDuration;

use crate::people::{Staff, author};
use crate::people_service_accounts::{create, name};

const VERSION: &str = "5a3c1f0e-6d1b-4b52-9a41-000000000001";

fn hash(byte: u8) -> KeyHash {
    ServiceAccountCredential::generate(&name(), "test", [byte; 9], &[byte; 32]).unwrap().hash()
}

fn system() -> Author {
    Author::system("rotation", &actor_key(), "invocation")
}

/// Staff with an account whose credential is that of 1.
async fn with_account() -> Staff {
    let staff = Staff::empty().await;
    create(&staff, &hash(1)).await;
    staff
}

impl Staff {
    /// Stages `pending` beside `current`, which Secrets Manager gives out; whether there was anything to do.
    async fn stage(&self, current: u8, pending: u8) -> Result<bool, Error> {
        let next = NextCredential { current: &hash(current), pending: &hash(pending), secret_version: VERSION };
        let staged = self.people.stage_credential(&name(), next, &system(), self.now).await?;
        let Some(staged) = staged else { return Ok(false) };
        self.commit(staged).await.map(|()| true)
    }

    async fn promote(&self, staged: u8) -> Result<bool, Error> {
        let why = (VERSION, "rotation by Secrets Manager");
        let promoted = self.people.promote_credential(&name(), &hash(staged), why, &system(), self.now).await?;
        let Some(promoted) = promoted else { return Ok(false) };
        self.commit(promoted).await.map(|()| true)
    }

    async fn install(&self, byte: u8) -> Result<(), Error> {
        let (name, hash, by) = (name(), hash(byte), system());
        let installed = self.people.install_credential(&name, &hash, "an emergency", &by, self.now).await?;
        self.commit(installed).await.map(|_| ())
    }

    async fn revoke(&self) -> Result<(), Error> {
        self.commit(self.people.revoke_credential(&name(), "it was in a log", &system(), self.now).await?).await
    }

    /// Which of the credentials 1 to 4 authenticate.
    async fn admitted(&self) -> Vec<u8> {
        let hashes = self.people.service_account(&name()).await.unwrap().unwrap().hashes;
        (1..=4).filter(|&byte| hashes.admit(&hash(byte))).collect()
    }

    async fn count(&self, event: &str) -> usize {
        self.entries_of(event).await.len()
    }
}

#[tokio::test]
async fn a_new_account_says_how_it_came_by_its_credential() {
    let staff = with_account().await;
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    let rotated = held.rotated.unwrap();
    assert_eq!((rotated.at, rotated.because.as_str()), (staff.now, "created"));
    assert_eq!(rotated.by, author("officer").actor.id);
}

#[tokio::test]
async fn the_staged_credential_authenticates_beside_the_current_one_until_it_takes_its_place() {
    let mut staff = with_account().await;
    assert!(staff.stage(1, 2).await.unwrap());
    assert_eq!(staff.admitted().await, [1, 2]);
    staff.now += SignedDuration::from_mins(1);
    assert!(staff.promote(2).await.unwrap());
    assert_eq!(staff.admitted().await, [2]);
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    assert!(held.hashes.is_current(&hash(2)) && held.hashes.pending.is_none());
    let rotated = held.rotated.unwrap();
    assert_eq!((rotated.at, rotated.by.as_str()), (staff.now, "rotation"));
    assert_eq!((held.version, held.value.state), (3, ServiceAccountState::Active));
    let details = &staff.entries_of("service_account.credential.rotate").await[0]["details"];
    assert_eq!((&details["version"], &details["secret_version"]), (&3.into(), &VERSION.into()));
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let staff = with_account().await;
    for first in [true, false] {
        assert_eq!(staff.stage(1, 2).await.unwrap(), first);
    }
    for first in [true, false] {
        assert_eq!(staff.promote(2).await.unwrap(), first);
    }
    for _ in 0..2 {
        staff.revoke().await.unwrap();
    }
    for _ in 0..2 {
        staff.install(3).await.unwrap();
    }
    for (event, entries) in [("stage", 1), ("rotate", 2), ("revoke", 1)] {
        assert_eq!(staff.count(&format!("service_account.credential.{event}")).await, entries, "{event}");
    }
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    assert_eq!(held.version, 5, "a change each, and no more");
}

#[tokio::test]
async fn another_staging_replaces_what_was_staged_and_never_the_current_one() {
    let staff = with_account().await;
    staff.stage(1, 2).await.unwrap();
    staff.stage(1, 3).await.unwrap();
    assert_eq!(staff.admitted().await, [1, 3]);
    assert!(matches!(staff.promote(2).await, Err(Error::Conflict(_))));
    assert_eq!(staff.admitted().await, [1, 3]);
}

#[tokio::test]
async fn a_credential_that_is_given_out_but_was_not_put_in_place_is_by_the_next_staging() {
    let mut staff = with_account().await;
    staff.stage(1, 2).await.unwrap();
    staff.now += SignedDuration::from_hours(24);
    staff.stage(2, 3).await.unwrap();
    assert_eq!(staff.admitted().await, [2, 3]);
    let rotated = staff.people.service_account(&name()).await.unwrap().unwrap().rotated.unwrap();
    assert_eq!((rotated.at, rotated.because.as_str()), (staff.now, "completed by the rotation after it"));
    let staged = staff.entries_of("service_account.credential.stage").await;
    let finishing: Vec<_> = staged.iter().map(|entry| entry["details"]["finishes_the_one_before"].clone()).collect();
    assert_eq!(finishing, [false, true]);
}

#[tokio::test]
async fn nothing_is_staged_beside_a_credential_that_the_account_does_not_have() {
    let staff = with_account().await;
    assert!(matches!(staff.stage(2, 3).await, Err(Error::Conflict(_))));
    assert!(matches!(staff.promote(2).await, Err(Error::Conflict(_))));
    assert_eq!(staff.admitted().await, [1]);
}

#[tokio::test]
async fn a_revoked_credential_leaves_the_account_and_nothing_that_authenticates() {
    let staff = with_account().await;
    staff.stage(1, 2).await.unwrap();
    staff.revoke().await.unwrap();
    assert!(staff.admitted().await.is_empty());
    let held = staff.people.service_account(&name()).await.unwrap().unwrap();
    assert_eq!(held.value.state, ServiceAccountState::Active);
    assert_eq!(staff.entries_of("service_account.credential.revoke").await[0]["reason"], "it was in a log");
    for (current, pending) in [(1, 2), (1, 3), (2, 3)] {
        assert!(matches!(staff.stage(current, pending).await, Err(Error::Conflict(_))));
    }
    assert!(matches!(staff.promote(2).await, Err(Error::Conflict(_))));
    staff.install(4).await.unwrap();
    assert_eq!(staff.admitted().await, [4]);
}

#[tokio::test]
async fn an_installed_credential_is_the_only_one() {
    let staff = with_account().await;
    staff.stage(1, 2).await.unwrap();
    staff.install(2).await.unwrap();
    assert_eq!(staff.admitted().await, [2], "the staged one, made the only one");
    staff.install(3).await.unwrap();
    assert_eq!(staff.admitted().await, [3]);
}

#[tokio::test]
async fn a_disabled_account_gets_no_credential_and_loses_what_it_has() {
    let staff = with_account().await;
    staff.stage(1, 2).await.unwrap();
    let disabled = staff.people.disable_service_account(&name(), "unused", &author("officer"), staff.now).await;
    staff.commit(disabled.unwrap()).await.unwrap();
    for refused in [staff.stage(1, 3).await.err(), staff.promote(2).await.err(), staff.install(3).await.err()] {
        assert!(matches!(refused, Some(Error::Conflict(text)) if text.contains("is DISABLED")));
    }
    staff.revoke().await.unwrap();
    assert!(staff.admitted().await.is_empty());
}

#[tokio::test]
async fn two_changes_of_what_was_read_once_are_one() {
    let staff = with_account().await;
    staff.stage(1, 2).await.unwrap();
    let why = (VERSION, "rotation");
    let promoted = staff.people.promote_credential(&name(), &hash(2), why, &system(), staff.now).await.unwrap();
    let revoked = staff.people.revoke_credential(&name(), "an emergency", &system(), staff.now).await.unwrap();
    staff.commit(revoked).await.unwrap();
    assert!(matches!(staff.commit(promoted.unwrap()).await, Err(Error::Conflict(_))));
    assert!(staff.admitted().await.is_empty());

    // That there is nothing to revoke is as much a finding as any, and holds or does not.
    let nothing = staff.people.revoke_credential(&name(), "an emergency", &system(), staff.now).await.unwrap();
    staff.install(3).await.unwrap();
    assert!(matches!(staff.commit(nothing).await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn an_account_that_is_not_there_has_no_credential() {
    let staff = Staff::empty().await;
    let nobody = ServiceAccountName::parse("svc-no-body").unwrap();
    let revoked = staff.people.revoke_credential(&nobody, "an emergency", &system(), staff.now).await;
    assert!(matches!(revoked.err(), Some(Error::NotFound(_))));
    assert!(matches!(staff.install(1).await, Err(Error::NotFound(_))));
}
