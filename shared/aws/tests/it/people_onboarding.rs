//! Onboarding: two other people agree, whichever accounts they use, and everything is recorded once.

use engine_aws::people::{NewPrincipal, PeopleError};
use engine_core::access::request::{ApprovalError, Party, RequestState};
use engine_core::access::{BOOTSTRAP, PersonId, PrincipalState, Role};
use engine_test_support::dynamo::tables;
use engine_test_support::wire::Wire;

use crate::fixture::meanwhile;
use crate::people::{Staff, account, author, conflict, newcomer, party, people, person_id};

/// Why an approval does not count.
fn refused<T>(result: Result<T, PeopleError>) -> ApprovalError {
    match result {
        Err(PeopleError::Approval(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it counted"),
    }
}

fn fields<T>(result: Result<T, PeopleError>) -> Vec<String> {
    match result {
        Err(PeopleError::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => vec![],
    }
}

#[tokio::test]
async fn onboarding_needs_the_manager_and_a_system_owner_neither_of_whom_asked() {
    let staff = Staff::empty().await;
    let asked = staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.unwrap();
    assert!(asked.ticket.is_none());
    let id = &asked.request.id;
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Requested);
    assert!(staff.account("dana").await.value.roles_at(staff.now).is_empty());
    assert_eq!(refused(staff.approve(id, "maker", &[Role::Admin]).await), ApprovalError::Maker);
    assert_eq!(refused(staff.approve(id, "dana", &[Role::Admin]).await), ApprovalError::Subject);
    assert_eq!(refused(staff.approve(id, "other", &[Role::Operations]).await), ApprovalError::Capacity);

    let half = staff.approve(id, "manager", &[Role::Admin]).await.unwrap();
    assert_eq!((half.request.state, half.ticket.is_none()), (RequestState::Open, true));
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Requested);
    assert_eq!(refused(staff.approve(id, "manager", &[Role::Admin]).await), ApprovalError::SamePerson);

    let whole = staff.approve(id, "owner", &[Role::Admin]).await.unwrap();
    assert_eq!((whole.request.state, whole.ticket.is_some()), (RequestState::Approved, true));
    let held = staff.account("dana").await.value;
    assert_eq!((held.state, held.approved_at), (PrincipalState::Active, Some(staff.now)));
    assert!(held.roles_at(staff.now).contains(&Role::Operations));
    assert_eq!(refused(staff.approve(id, "third", &[Role::Admin]).await), ApprovalError::NotOpen);
}

#[tokio::test]
async fn a_second_account_of_the_same_person_counts_as_that_person() {
    let staff = Staff::empty().await;
    let asked = staff.request(&newcomer("dana", &[Role::Admin]), "maker").await.unwrap();
    for person in ["maker", "dana"] {
        let second = Party { principal_id: "second@example.com".to_owned(), person_id: person.to_owned() };
        refused(staff.judge(&asked.request.id, &second, &[Role::Admin]).await);
    }
    staff.approve(&asked.request.id, "manager", &[]).await.unwrap();
    let second = Party { principal_id: "second@example.com".to_owned(), person_id: "manager".to_owned() };
    let twice = staff.judge(&asked.request.id, &second, &[Role::Admin]).await;
    assert_eq!(refused(twice), ApprovalError::SamePerson);
}

#[tokio::test]
async fn every_change_has_exactly_one_entry_with_the_version_it_made() {
    let staff = Staff::empty().await;
    let asked = staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.unwrap();
    staff.approve(&asked.request.id, "manager", &[]).await.unwrap();
    staff.approve(&asked.request.id, "owner", &[Role::Admin]).await.unwrap();
    let entries = staff.entries().await;
    assert_eq!(entries.len(), 3);
    let of = |event: &str| entries.iter().find(|(held, _)| held == event).unwrap().1.clone();
    let request = of("principal.request");
    assert_eq!(request["resource"], "principal:dana@example.com");
    assert_eq!(request["reason"], "joins the desk");
    assert_eq!((&request["details"]["version"], &request["details"]["request_version"]), (&1.into(), &1.into()));
    assert_eq!(of("request.approve")["details"]["version"], 2);
    let onboard = &of("principal.onboard")["details"];
    assert_eq!((&onboard["version"], &onboard["request_version"]), (&2.into(), &3.into()));
    assert_eq!(onboard["request_id"], asked.request.id.as_str());
    let capacities: Vec<_> =
        onboard["approvals"].as_array().unwrap().iter().map(|approval| approval["capacity"].clone()).collect();
    assert_eq!(capacities, ["manager", "system_owner"]);
}

#[tokio::test]
async fn a_change_that_could_not_be_written_whole_is_not_there() {
    let staff = Staff::empty().await;
    staff.dynamo.wire().fail("TransactWriteItems", 100);
    assert!(staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.is_err());
    assert!(staff.people.principal(&account("dana")).await.unwrap().is_none());
    assert!(staff.people.requests(None, 100, None).await.unwrap().items.is_empty());
    assert!(staff.entries().await.is_empty());
}

#[tokio::test]
async fn what_nobody_could_approve_or_hold_is_not_asked_for() {
    let staff = Staff::empty().await;
    let new = newcomer("dana", &[Role::Operations]);
    let cases = [
        (NewPrincipal { manager: person_id("dana"), ..new.clone() }, "manager"),
        (NewPrincipal { manager: person_id("maker"), ..new.clone() }, "manager"),
        (NewPrincipal { manager: person_id(BOOTSTRAP), ..new.clone() }, "manager"),
        (NewPrincipal { person_id: person_id(BOOTSTRAP), ..new.clone() }, "person_id"),
        (NewPrincipal { id: party(BOOTSTRAP).principal_id.try_into().unwrap(), ..new.clone() }, "principal_id"),
        (newcomer("dana", &[]), "roles"),
        (newcomer("dana", &[Role::Operations, Role::System]), "roles"),
        (newcomer("dana", &[Role::Client]), "roles"),
    ];
    for (new, field) in cases {
        assert_eq!(fields(staff.request(&new, "maker").await), [field], "{new:?}");
    }
    assert!(staff.entries().await.is_empty());
}

#[tokio::test]
async fn an_id_in_use_is_a_conflict_and_a_disabled_one_is_onboarded_anew() {
    let staff = Staff::with(&[("dana", &[Role::Operations])]).await;
    assert!(conflict(staff.request(&newcomer("dana", &[Role::Auditor]), "maker").await).contains("is ACTIVE"));
    staff.people.touch_principal(&account("dana"), staff.now).await.unwrap();
    let disabled = staff.people.disable_principal(&account("dana"), "left", &author("hr"), staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    let before = staff.account("dana").await;
    assert!(before.last_used_at.is_some());

    staff.request(&newcomer("dana", &[Role::Auditor]), "maker").await.unwrap();
    let anew = staff.account("dana").await;
    assert_eq!(anew.version, before.version + 1, "the order of its entries goes on");
    assert_eq!((anew.value.state, anew.last_used_at), (PrincipalState::Requested, None));
    let again = staff.request(&newcomer("dana", &[Role::Auditor]), "maker").await;
    assert!(conflict(again).contains("is REQUESTED"));
}

#[tokio::test]
async fn an_old_request_does_not_activate_an_account_that_was_asked_for_anew() {
    let staff = Staff::empty().await;
    let old = staff.request(&newcomer("dana", &[Role::Admin]), "maker").await.unwrap();
    staff.approve(&old.request.id, "manager", &[]).await.unwrap();
    let disabled = staff.people.disable_principal(&account("dana"), "mistake", &author("hr"), staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    staff.request(&newcomer("dana", &[Role::Auditor]), "maker").await.unwrap();
    let late = staff.approve(&old.request.id, "owner", &[Role::Admin]).await;
    assert!(conflict(late).contains("does not wait for this request"));
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Requested);
}

#[tokio::test]
async fn a_rejected_request_frees_its_id_and_is_rejected_only_by_whom_it_concerns() {
    let staff = Staff::empty().await;
    let asked = staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.unwrap();
    let none = crate::people::roles(&[Role::Operations]);
    for (by, allowed) in [("stranger", false), ("manager", true)] {
        let party = party(by);
        let approver = engine_aws::people::Approver { by: &party, roles: &none, capacity: None };
        let rejected = staff.people.reject(&asked.request.id, approver, "not needed", &author(by), staff.now).await;
        assert_eq!(rejected.is_ok(), allowed, "{by}");
        if let Ok(rejected) = rejected {
            assert_eq!(staff.commit(rejected).await.unwrap().state, RequestState::Rejected);
        }
    }
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Disabled);
    assert_eq!(refused(staff.approve(&asked.request.id, "owner", &[Role::Admin]).await), ApprovalError::NotOpen);
    staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.unwrap();
    assert_eq!(staff.entries_of("request.reject").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_approvals_at_once_one_is_lost_and_neither_is_overwritten() {
    let staff = Staff::empty().await;
    let asked = staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.unwrap();
    let id = asked.request.id.clone();
    staff.stand_in(&party("owner"), &[Role::Admin]).await;
    let judged = staff.judge(&id, &party("manager"), &[]).await.unwrap();
    let first = staff.people.approve(&judged, "test", &author("manager"), staff.now).await.unwrap();
    let (other, client, now) = (staff.elsewhere(), staff.dynamo.client_on(&Wire::default()), staff.now);
    staff.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(async move {
            let (by, admin) = (party("owner"), crate::people::roles(&[Role::Admin]));
            let approver = engine_aws::people::Approver { by: &by, roles: &admin, capacity: None };
            let judged = other.judge(&id, approver, now).await.unwrap();
            let prepared = other.approve(&judged, "test", &author("owner"), now).await.unwrap();
            prepared.commit(&client).await.unwrap();
        });
    });
    assert!(conflict(staff.commit(first).await).contains("was changed meanwhile"));
    let held = staff.people.request(&asked.request.id).await.unwrap();
    assert_eq!((held.version, held.value.approvals.len()), (2, 1));
    assert_eq!(held.value.approvals[0].by.person_id, "owner");
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Requested);
    staff.approve(&asked.request.id, "manager", &[]).await.unwrap();
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Active);
    assert_eq!(staff.entries().await.len(), 3, "the lost approval left no entry");
}

/// Onboards `dana` up to the manager's approval; answers the request's id.
async fn half_approved(staff: &Staff) -> String {
    let asked = staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.unwrap();
    staff.approve(&asked.request.id, "manager", &[]).await.unwrap();
    asked.request.id
}

/// Disables an account on a connection of its own.
async fn disable(staff: &Staff, person: &str) {
    let people = staff.elsewhere();
    let disabled = people.disable_principal(&account(person), "left", &author("hr"), staff.now).await.unwrap();
    disabled.commit(&staff.dynamo.client_on(&Wire::default())).await.unwrap();
}

#[tokio::test]
async fn an_approval_is_lost_where_its_approver_was_disabled_before_it_was_written() {
    let staff = Staff::empty().await;
    let id = half_approved(&staff).await;
    let judged = staff.judge(&id, &party("owner"), &[Role::Admin]).await.unwrap();
    let prepared = staff.people.approve(&judged, "test", &author("owner"), staff.now).await.unwrap();
    disable(&staff, "owner").await;
    assert!(conflict(staff.commit(prepared).await).contains("owner@example.com"));
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Requested);
    assert_eq!(refused(staff.judge(&id, &party("owner"), &[Role::Admin]).await), ApprovalError::Capacity);
}

#[tokio::test]
async fn the_last_approval_is_lost_where_an_earlier_approver_was_disabled_before_it_was_written() {
    let staff = Staff::empty().await;
    let id = half_approved(&staff).await;
    let judged = staff.judge(&id, &party("owner"), &[Role::Admin]).await.unwrap();
    let prepared = staff.people.approve(&judged, "test", &author("owner"), staff.now).await.unwrap();
    disable(&staff, "manager").await;
    assert!(conflict(staff.commit(prepared).await).contains("manager@example.com"));
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Requested);
}

#[tokio::test]
async fn the_approval_of_who_was_disabled_since_does_not_count_at_the_last_one() {
    let staff = Staff::empty().await;
    let id = half_approved(&staff).await;
    disable(&staff, "manager").await;
    let last = staff.approve(&id, "owner", &[Role::Admin]).await;
    assert!(conflict(last).contains("manager@example.com, who approved as manager, could not any more"));
    assert_eq!(staff.account("dana").await.value.state, PrincipalState::Requested);
}

#[tokio::test]
async fn the_approval_of_who_lost_the_role_since_does_not_count_at_the_last_one() {
    let staff = Staff::empty().await;
    let asked = staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.unwrap();
    staff.approve(&asked.request.id, "owner", &[Role::Admin, Role::Auditor]).await.unwrap();
    let by = author("hr");
    let removed = staff.people.remove_role(&account("owner"), Role::Admin, "moves", &by, staff.now).await.unwrap();
    staff.commit(removed).await.unwrap();
    let last = staff.approve(&asked.request.id, "manager", &[]).await;
    assert!(conflict(last).contains("owner@example.com, who approved as system_owner, could not any more"));
}

#[tokio::test]
async fn who_approves_holds_the_role_at_that_moment_whatever_the_caller_was_seen_to_hold() {
    let staff = Staff::empty().await;
    let asked = staff.request(&newcomer("dana", &[Role::Operations]), "maker").await.unwrap();
    let owner = party("owner");
    staff.stand_in(&owner, &[Role::Auditor]).await;
    let seen = crate::people::roles(&[Role::Admin]);
    let approver = engine_aws::people::Approver { by: &owner, roles: &seen, capacity: None };
    assert_eq!(refused(staff.people.judge(&asked.request.id, approver, staff.now).await), ApprovalError::Capacity);
}

#[tokio::test]
async fn requests_are_listed_latest_first_by_state_and_page_by_page() {
    let mut staff = Staff::empty().await;
    let mut ids = Vec::new();
    for person in ["p-1", "p-2", "p-3"] {
        ids.push(staff.request(&newcomer(person, &[Role::Operations]), "maker").await.unwrap().request.id);
        staff.now += jiff::SignedDuration::from_secs(1);
    }
    staff.approve(&ids[1], "manager", &[]).await.unwrap();
    staff.approve(&ids[1], "owner", &[Role::Admin]).await.unwrap();
    let listed = |page: &engine_aws::directory::Page<
        engine_aws::people::Versioned<engine_core::access::AccessRequest>,
        String,
    >| { page.items.iter().map(|read| read.value.id.clone()).collect::<Vec<_>>() };
    let open = staff.people.requests(Some(RequestState::Open), 100, None).await.unwrap();
    assert_eq!(listed(&open), [ids[2].clone(), ids[0].clone()]);
    let first = staff.people.requests(None, 2, None).await.unwrap();
    assert_eq!(listed(&first), [ids[2].clone(), ids[1].clone()]);
    let rest = staff.people.requests(None, 2, first.next.as_deref()).await.unwrap();
    assert_eq!((listed(&rest), rest.next), (vec![ids[0].clone()], None));
}

#[tokio::test]
async fn what_is_no_requests_id_is_not_found_without_being_looked_up() {
    let staff = Staff::empty().await;
    for id in ["", "x", "bootstrap", &"9".repeat(4000), "0198C8D4-0000-7000-8000-000000000000"] {
        let found = staff.people.request(id).await;
        assert!(matches!(found, Err(engine_aws::Error::NotFound(_))), "{id}");
    }
    assert_eq!(staff.dynamo.wire().total(), 0);
}

#[tokio::test]
async fn an_accounts_use_is_recorded_at_most_once_an_hour_and_changes_no_version() {
    let staff = Staff::with(&[("dana", &[Role::Operations])]).await;
    let version = staff.account("dana").await.version;
    let minutes = |minutes| staff.now + jiff::SignedDuration::from_mins(minutes);
    for (at, recorded) in [(0, 0), (59, 0), (60, 60), (61, 60)] {
        staff.people.touch_principal(&account("dana"), minutes(at)).await.unwrap();
        assert_eq!(staff.account("dana").await.last_used_at, Some(minutes(recorded)), "{at}");
    }
    assert_eq!(staff.account("dana").await.version, version);
    let nobody = PersonId::parse("nobody").unwrap();
    staff.people.touch_principal(&account(nobody.as_str()), staff.now).await.unwrap();
    assert!(staff.people.principal(&account("nobody")).await.unwrap().is_none(), "{}", tables::PEOPLE);
}

#[tokio::test]
async fn accounts_are_listed_page_by_page() {
    let staff = Staff::with(&[("p-1", &[Role::Auditor]), ("p-2", &[Role::Auditor]), ("p-3", &[Role::Auditor])]).await;
    let first = staff.people.principals(2, None).await.unwrap();
    let rest = staff.people.principals(2, first.next.as_deref()).await.unwrap();
    let ids: Vec<_> = first.items.iter().chain(&rest.items).map(|held| held.value.id.clone()).collect();
    assert_eq!(ids, [account("p-1"), account("p-2"), account("p-3")]);
    let others = people(staff.dynamo.client());
    assert!(others.principals(100, None).await.unwrap().next.is_none());
}
