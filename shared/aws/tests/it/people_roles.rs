//! Roles: granted by another, held for a time, taken away at once.

use engine_aws::people::PeopleError;
use engine_core::access::request::{ApprovalError, Wanted};
use engine_core::access::{Permission, PrincipalState, Role};
use jiff::SignedDuration;

use crate::people::{Staff, account, author, conflict, newcomer, roles};

fn grant(held: &[Role]) -> Wanted {
    Wanted::RoleGrant { roles: roles(held) }
}

fn elevation(held: &[Role], hours: u64) -> Wanted {
    Wanted::Elevation { roles: roles(held), hours }
}

#[tokio::test]
async fn roles_are_granted_by_another_person_only() {
    let staff = Staff::with(&[("dana", &[Role::Operations])]).await;
    let asked = staff.ask("dana", grant(&[Role::Auditor])).await.unwrap();
    let own = staff.approve(&asked.id, "dana", &[Role::Admin]).await;
    assert!(matches!(own, Err(PeopleError::Approval(ApprovalError::Maker))));
    assert_eq!(staff.account("dana").await.value.roles, roles(&[Role::Operations]));
    staff.approve(&asked.id, "owner", &[Role::Admin]).await.unwrap();
    assert_eq!(staff.account("dana").await.value.roles, roles(&[Role::Operations, Role::Auditor]));
    let entry = staff.entries_of("principal.role.grant").await.remove(0);
    assert_eq!(entry["details"]["granted"][0], "auditor");
    assert_eq!(entry["details"]["version"], 3);
    let again = staff.ask("dana", grant(&[Role::Auditor])).await;
    assert!(conflict(again).contains("holds these roles already"));
}

#[tokio::test]
async fn an_elevation_ends_by_itself() {
    let staff = Staff::with(&[("dana", &[Role::Operations])]).await;
    staff.grant("dana", elevation(&[Role::Security], 2)).await;
    let held = staff.account("dana").await.value;
    let hours = |hours| staff.now + SignedDuration::from_hours(hours);
    assert!(held.permissions_at(hours(2) - SignedDuration::from_millis(1)).contains(&Permission::KeysRevoke));
    assert!(!held.permissions_at(hours(2)).contains(&Permission::KeysRevoke));
    let second = staff.ask("dana", elevation(&[Role::Auditor], 1)).await.unwrap();
    let while_elevated = staff.approve(&second.id, "owner", &[Role::Admin]).await;
    assert!(conflict(while_elevated).contains("is elevated already"));
    let later = Staff { now: hours(2), ..staff };
    later.approve(&second.id, "owner", &[Role::Admin]).await.unwrap();
    assert!(later.account("dana").await.value.roles_at(later.now).contains(&Role::Auditor));
}

#[tokio::test]
async fn an_elevation_lasts_at_most_a_day_and_gives_only_roles_of_people() {
    let staff = Staff::with(&[("dana", &[Role::Operations])]).await;
    for (wanted, field) in [
        (elevation(&[Role::Security], 0), "hours"),
        (elevation(&[Role::Security], 25), "hours"),
        (elevation(&[], 1), "roles"),
        (elevation(&[Role::System], 1), "roles"),
        (grant(&[Role::Client]), "roles"),
    ] {
        let asked = staff.ask("dana", wanted.clone()).await;
        let Err(PeopleError::Invalid(errors)) = asked else { panic!("{wanted:?}: {:?}", asked.is_ok()) };
        assert_eq!(errors[0].field, field, "{wanted:?}");
    }
}

#[tokio::test]
async fn a_role_is_taken_away_at_once_however_it_is_held() {
    let staff = Staff::with(&[("dana", &[Role::Operations, Role::Security])]).await;
    staff.grant("dana", elevation(&[Role::Admin, Role::Auditor], 2)).await;
    let by = author("officer");
    for (role, left) in [
        (Role::Security, &[Role::Operations, Role::Admin, Role::Auditor][..]),
        (Role::Admin, &[Role::Operations, Role::Auditor]),
        (Role::Auditor, &[Role::Operations]),
    ] {
        let removed = staff.people.remove_role(&account("dana"), role, "not needed", &by, staff.now).await.unwrap();
        staff.commit(removed).await.unwrap();
        assert_eq!(staff.account("dana").await.value.roles_at(staff.now), roles(left), "{role:?}");
    }
    assert_eq!(staff.account("dana").await.value.elevation, None);
    let again = staff.people.remove_role(&account("dana"), Role::Admin, "not needed", &by, staff.now).await;
    assert!(conflict(again).contains("does not hold the role admin"));
    assert_eq!(staff.entries_of("principal.role.remove").await.len(), 3);
}

#[tokio::test]
async fn a_disabled_account_holds_nothing_from_then_on_and_gets_nothing() {
    let staff = Staff::with(&[("dana", &[Role::Operations])]).await;
    let asked = staff.ask("dana", grant(&[Role::Auditor])).await.unwrap();
    let by = author("officer");
    let disabled = staff.people.disable_principal(&account("dana"), "left", &by, staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    let held = staff.people.principal(&account("dana")).await.unwrap().unwrap().value;
    assert_eq!((held.state, held.disabled_at), (PrincipalState::Disabled, Some(staff.now)));
    assert!(held.permissions_at(staff.now).is_empty());
    assert!(conflict(staff.approve(&asked.id, "owner", &[Role::Admin]).await).contains("is DISABLED"));
    let again = staff.people.disable_principal(&account("dana"), "left", &by, staff.now).await;
    assert!(conflict(again).contains("DISABLED already"));
    let entry = staff.entries_of("principal.disable").await.remove(0);
    assert_eq!((&entry["reason"], &entry["details"]["version"]), (&"left".into(), &3.into()));
}

#[tokio::test]
async fn a_request_does_not_outlive_the_account_that_it_was_made_for() {
    let mut staff = Staff::with(&[("dana", &[Role::Operations])]).await;
    let asked = staff.ask("dana", grant(&[Role::Admin])).await.unwrap();
    let by = author("officer");
    let disabled = staff.people.disable_principal(&account("dana"), "left", &by, staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    staff.now += SignedDuration::from_hours(1);
    staff.onboard("dana", &[Role::Auditor]).await;
    let late = staff.approve(&asked.id, "owner", &[Role::Admin]).await;
    assert!(conflict(late).contains("onboarded anew"));
    assert_eq!(staff.account("dana").await.value.roles, newcomer("dana", &[Role::Auditor]).roles);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let staff = Staff::empty().await;
    let by = author("officer");
    let disabled = staff.people.disable_principal(&account("nobody"), "left", &by, staff.now).await;
    assert!(matches!(disabled, Err(engine_aws::Error::NotFound(_))));
    let asked = staff.ask("nobody", grant(&[Role::Auditor])).await;
    assert!(matches!(asked, Err(PeopleError::Store(engine_aws::Error::NotFound(_)))));
}

#[tokio::test]
async fn what_was_prepared_before_an_account_was_disabled_does_not_bring_it_back() {
    let staff = Staff::with(&[("dana", &[Role::Operations, Role::Security])]).await;
    let by = author("officer");
    let removed =
        staff.people.remove_role(&account("dana"), Role::Security, "not needed", &by, staff.now).await.unwrap();
    let asked = staff.ask("dana", elevation(&[Role::Auditor], 1)).await.unwrap();
    let judged = staff.judge(&asked.id, &crate::people::party("owner"), &[Role::Admin]).await.unwrap();
    let elevated = staff.people.approve(&judged, "test", &author("owner"), staff.now).await.unwrap();
    let disabled = staff.people.disable_principal(&account("dana"), "left", &by, staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    let (removed, elevated) = (staff.commit(removed).await, staff.commit(elevated).await);
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Disabled);
    assert!(conflict(removed).contains("dana") && conflict(elevated).contains("dana"));
}
