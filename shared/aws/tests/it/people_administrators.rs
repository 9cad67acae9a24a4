//! The bootstrap administrator, and when it has done its work; the last administrator.

use engine_aws::people::{NewRequest, PeopleError};
use engine_core::access::request::{ApprovalError, Capacity, Wanted};
use engine_core::access::{BOOTSTRAP, PrincipalState, Role};
use engine_test_support::keys::actor_key;
use engine_test_support::wire::Wire;

use crate::fixture::meanwhile;
use crate::people::{Staff, account, author, conflict, newcomer, party, person_id, roles};

impl Staff {
    async fn bootstrap_open(&self) -> bool {
        self.people.administrators().await.unwrap().value.bootstrap_open()
    }

    /// Onboarded by the bootstrap administrator, with a factor that waits for its first code.
    async fn started(&self, person: &str) {
        let new = self.request(&newcomer(person, &[Role::Admin]), BOOTSTRAP).await.unwrap();
        self.issue(person, &new.ticket.unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn the_bootstrap_administrators_onboarding_is_approved_by_being_made_and_recorded_as_such() {
    let staff = Staff::empty().await;
    let made = staff.request(&newcomer("ada", &[Role::Admin]), BOOTSTRAP).await.unwrap();
    assert!(made.ticket.is_some());
    assert_eq!(made.principal.state, PrincipalState::Active);
    assert_eq!(staff.account("ada").await.value.state, PrincipalState::Active);
    let request = staff.people.request(&made.request.id).await.unwrap().value;
    assert_eq!(request.approvals[0].capacity, Capacity::Bootstrap);
    let entries = staff.entries().await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].0, "principal.onboard");
    assert_eq!(entries[0].1["details"]["approvals"][0]["capacity"], "bootstrap");
    assert!(staff.bootstrap_open().await, "ada has no second factor yet");
}

#[tokio::test]
async fn the_bootstrap_path_dies_with_the_second_active_administrator() {
    let staff = Staff::empty().await;
    staff.started("ada").await;
    staff.started("ben").await;
    staff.prove("ada").await.unwrap();
    assert!(staff.bootstrap_open().await);
    staff.prove("ben").await.unwrap();
    assert!(!staff.bootstrap_open().await);
    let third = staff.request(&newcomer("cyd", &[Role::Admin]), BOOTSTRAP).await;
    assert!(conflict(third).contains("may not act any more"));
    assert!(staff.people.principal(&account("cyd")).await.unwrap().is_none());
    let closed = staff.entries_of("factor.enrol").await;
    let saying: Vec<_> = closed.iter().filter(|body| body["details"]["bootstrap_closed"] == true).collect();
    assert_eq!(saying.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_path_dies_even_when_two_enrol_at_once() {
    let staff = Staff::empty().await;
    staff.started("ada").await;
    staff.started("ben").await;
    let read = staff.people.person(&person_id("ada")).await.unwrap();
    let ada = staff.people.enrol_factor(&read, &account("ada"), &author("ada"), staff.now).await.unwrap();
    let (other, client, now) = (staff.elsewhere(), staff.dynamo.client_on(&Wire::default()), staff.now);
    staff.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(async move {
            let read = other.person(&person_id("ben")).await.unwrap();
            let ben = other.enrol_factor(&read, &account("ben"), &author("ben"), now).await.unwrap();
            ben.commit(&client).await.unwrap();
        });
    });
    assert!(conflict(staff.commit(ada).await).contains("administrators was changed meanwhile"));
    assert!(staff.bootstrap_open().await, "one of the two is not enrolled yet");
    staff.prove("ada").await.unwrap();
    assert!(!staff.bootstrap_open().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bootstrap_administrator_prepared_before_its_end_is_not_done_after_it() {
    let staff = Staff::empty().await;
    staff.started("ada").await;
    staff.started("ben").await;
    staff.prove("ada").await.unwrap();
    let (new, key, by) = (newcomer("cyd", &[Role::Admin]), actor_key(), author(BOOTSTRAP));
    let made = staff.people.request_principal(&new, &party(BOOTSTRAP), &key, "test", &by, staff.now).await.unwrap();
    let disabled = staff.people.disable_principal(&account("ada"), "a coup", &by, staff.now).await;
    assert!(conflict(disabled).contains("the last administrator"));
    staff.prove("ben").await.unwrap();
    assert!(conflict(staff.commit(made).await).contains("administrators was changed meanwhile"));
    assert!(staff.people.principal(&account("cyd")).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_admin_granted_while_the_person_enrols_is_counted() {
    let staff = Staff::with(&[("ada", &[Role::Operations])]).await;
    staff.enrolled("zoe", &[Role::Admin]).await;
    let asked = staff.ask("ada", Wanted::ReEnrolment).await.unwrap();
    staff.approve(&asked.id, "owner", &[Role::Admin]).await.unwrap();
    let ticket = staff.approve(&asked.id, "officer", &[Role::Security]).await.unwrap().ticket.unwrap();
    staff.issue("ada", &ticket).await.unwrap();
    let asked = staff.ask("ada", Wanted::RoleGrant { roles: roles(&[Role::Admin]) }).await.unwrap();
    let judged = staff.judge(&asked.id, &party("owner"), &[Role::Admin]).await.unwrap();
    let grant = staff.people.approve(&judged, "test", &author("owner"), staff.now).await.unwrap();
    staff.prove("ada").await.unwrap();
    assert!(conflict(staff.commit(grant).await).contains("was changed meanwhile"), "or nobody would count her");
    staff.approve(&asked.id, "owner", &[Role::Admin]).await.unwrap();
    assert!(staff.people.administrators().await.unwrap().value.contains(&account("ada")));
    assert!(!staff.bootstrap_open().await);
}

#[tokio::test]
async fn the_last_administrator_can_neither_be_disabled_nor_lose_the_role() {
    let staff = Staff::empty().await;
    staff.enrolled("ada", &[Role::Admin]).await;
    staff.enrolled("ben", &[Role::Admin, Role::Security]).await;
    let by = author("ben");
    let removed = staff.people.remove_role(&account("ben"), Role::Admin, "moves", &by, staff.now).await.unwrap();
    staff.commit(removed).await.unwrap();
    assert_eq!(staff.account("ben").await.value.roles, roles(&[Role::Security]));
    let last = staff.people.disable_principal(&account("ada"), "leaves", &by, staff.now).await;
    assert!(conflict(last).contains("the last administrator"));
    let last = staff.people.remove_role(&account("ada"), Role::Admin, "leaves", &by, staff.now).await;
    assert!(conflict(last).contains("the last administrator"));
    assert_eq!(staff.account("ada").await.value.state, PrincipalState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_who_end_each_other_at_once_do_not_leave_nobody() {
    let staff = Staff::empty().await;
    staff.enrolled("ada", &[Role::Admin]).await;
    staff.enrolled("ben", &[Role::Admin]).await;
    let ada = staff.people.disable_principal(&account("ada"), "it is her", &author("ben"), staff.now).await.unwrap();
    let ben = staff.people.disable_principal(&account("ben"), "it is him", &author("ada"), staff.now).await.unwrap();
    staff.commit(ada).await.unwrap();
    assert!(conflict(staff.commit(ben).await).contains("was changed meanwhile"));
    assert_eq!(staff.people.administrators().await.unwrap().value.people(), 1);
}

#[tokio::test]
async fn an_elevation_to_admin_makes_no_administrator() {
    let staff = Staff::empty().await;
    staff.enrolled("ada", &[Role::Admin]).await;
    staff.enrolled("ben", &[Role::Operations]).await;
    staff.grant("ben", Wanted::Elevation { roles: roles(&[Role::Admin]), hours: 1 }).await;
    assert_eq!(staff.people.administrators().await.unwrap().value.people(), 1);
    assert!(staff.bootstrap_open().await);
}

#[tokio::test]
async fn who_awaits_a_new_factor_administers_again_once_it_is_proved() {
    let staff = Staff::empty().await;
    staff.enrolled("ada", &[Role::Admin]).await;
    staff.enrolled("ben", &[Role::Admin]).await;
    let approved = staff.grant("ben", Wanted::ReEnrolment).await;
    let held = staff.people.administrators().await.unwrap().value;
    assert_eq!((held.people(), held.contains(&account("ben"))), (1, false));
    let last = staff.people.disable_principal(&account("ada"), "leaves", &author("ben"), staff.now).await;
    assert!(conflict(last).contains("the last administrator"), "the other one could not administer");
    staff.issue("ben", &approved.ticket.unwrap()).await.unwrap();
    staff.prove("ben").await.unwrap();
    assert!(staff.people.administrators().await.unwrap().value.contains(&account("ben")));
}

#[tokio::test]
async fn the_last_administrator_does_not_lose_their_factor() {
    let staff = Staff::empty().await;
    staff.enrolled("ada", &[Role::Admin]).await;
    let asked = staff.ask("ada", Wanted::ReEnrolment).await.unwrap();
    staff.approve(&asked.id, "owner", &[Role::Admin]).await.unwrap();
    let last = staff.approve(&asked.id, "officer", &[Role::Security]).await;
    assert!(conflict(last).contains("the last administrator"));
    assert!(staff.people.person(&person_id("ada")).await.unwrap().value.enrolled.is_some());
}

#[tokio::test]
async fn the_bootstrap_administrator_asks_for_accounts_only_and_approves_nothing() {
    let staff = Staff::with(&[("dana", &[Role::Operations])]).await;
    for wanted in [
        Wanted::RoleGrant { roles: roles(&[Role::Admin]) },
        Wanted::Elevation { roles: roles(&[Role::Admin]), hours: 1 },
        Wanted::ReEnrolment,
    ] {
        let kind = wanted.kind();
        let new = NewRequest { subject: account("dana"), wanted, justification: "is on call".to_owned() };
        let (by, now) = (author(BOOTSTRAP), staff.now);
        let asked = staff.people.request_access(&new, &party(BOOTSTRAP), &by, now).await.map(drop);
        assert!(matches!(asked, Err(PeopleError::Approval(ApprovalError::OnboardingOnly))), "{kind}");
    }
    let asked = staff.ask("dana", Wanted::RoleGrant { roles: roles(&[Role::Admin]) }).await.unwrap();
    let approved = staff.approve(&asked.id, BOOTSTRAP, &[Role::Admin]).await.map(drop);
    assert!(matches!(approved, Err(PeopleError::Approval(ApprovalError::Capacity))));
}
