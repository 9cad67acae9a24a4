//! Second factors: not by a token alone, by a ticket once, and counted when proved.

use engine_aws::people::{FactorState, PeopleError, Proof};
use engine_core::access::Role;
use engine_core::access::request::{ApprovalError, Wanted};
use engine_test_support::wire::Wire;
use jiff::SignedDuration;

use crate::fixture::meanwhile;
use crate::people::{Staff, account, author, conflict, made_up_ticket, person_id};

fn is_unproved<T>(result: &Result<T, PeopleError>) -> bool {
    matches!(result, Err(PeopleError::NotProved))
}

impl Staff {
    async fn factor_state(&self, person: &str) -> FactorState {
        self.people.person(&person_id(person)).await.unwrap().value.factor_state()
    }
}

#[tokio::test]
async fn a_stolen_token_of_a_person_not_yet_enrolled_cannot_enrol() {
    let staff = Staff::with(&[("dana", &[Role::Operations]), ("eve", &[Role::Operations])]).await;
    let before = staff.entries().await.len();
    assert!(is_unproved(&staff.issue("dana", &made_up_ticket()).await));
    let sealed = b"sealed".to_vec();
    let proof = Proof::OldFactor;
    let by_no_factor = staff.people.issue_factor(&account("dana"), proof, sealed, &author("dana"), staff.now).await;
    assert!(is_unproved(&by_no_factor), "there is no old factor that could have been proved");
    let foreign = staff.onboard("finn", &[Role::Operations]).await.unwrap();
    assert!(is_unproved(&staff.issue("dana", &foreign).await), "another's ticket");
    assert!(conflict(staff.prove("dana").await).contains("waits for its first code"));
    assert_eq!(staff.factor_state("dana").await, FactorState::AwaitingTicket);
    assert_eq!(staff.entries().await.len(), before + 3, "of finn's onboarding");
}

#[tokio::test]
async fn a_ticket_works_once_and_for_72_hours() {
    let mut staff = Staff::empty().await;
    let ticket = staff.onboard("dana", &[Role::Operations]).await.unwrap();
    let late = staff.onboard("finn", &[Role::Operations]).await.unwrap();
    staff.issue("dana", &ticket).await.unwrap();
    assert_eq!(staff.factor_state("dana").await, FactorState::Issued);
    assert!(is_unproved(&staff.issue("dana", &ticket).await));
    staff.now += SignedDuration::from_hours(72);
    assert!(is_unproved(&staff.issue("finn", &late).await));
    staff.now -= SignedDuration::from_millis(1);
    staff.issue("finn", &late).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uses_of_a_ticket_at_once_one_wins() {
    let staff = Staff::empty().await;
    let ticket = staff.onboard("dana", &[Role::Operations]).await.unwrap();
    let (proof, by) = (Proof::Ticket(&ticket), author("dana"));
    let first = staff.people.issue_factor(&account("dana"), proof, b"first".to_vec(), &by, staff.now).await.unwrap();
    let second = staff.people.issue_factor(&account("dana"), proof, b"second".to_vec(), &by, staff.now).await.unwrap();
    let client = staff.dynamo.client_on(&Wire::default());
    staff.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(async move { second.commit(&client).await.unwrap() });
    });
    assert!(conflict(staff.commit(first).await).contains("was changed meanwhile"));
    let held = staff.people.person(&person_id("dana")).await.unwrap().value;
    assert_eq!(held.issued.unwrap().sealed, b"second");
    assert_eq!(staff.entries_of("factor.issue").await.len(), 1);
}

#[tokio::test]
async fn a_factor_counts_once_it_is_proved_and_its_replacement_waits_beside_it() {
    let staff = Staff::empty().await;
    staff.enrolled("dana", &[Role::Operations]).await;
    assert_eq!(staff.factor_state("dana").await, FactorState::Enrolled);
    let (proof, sealed) = (Proof::OldFactor, b"next".to_vec());
    let next = staff.people.issue_factor(&account("dana"), proof, sealed, &author("dana"), staff.now).await.unwrap();
    staff.commit(next).await.unwrap();
    let held = staff.people.person(&person_id("dana")).await.unwrap().value;
    assert_eq!(held.factor_state(), FactorState::Issued);
    assert_eq!(held.enrolled.unwrap().sealed, b"sealed for dana", "the old one works until the new one is proved");
    staff.prove("dana").await.unwrap();
    let held = staff.people.person(&person_id("dana")).await.unwrap().value;
    assert_eq!((held.enrolled.unwrap().sealed, held.issued), (b"next".to_vec(), None));
    assert_eq!(staff.entries_of("factor.enrol").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_is_not_enrolled_that_was_replaced_while_its_code_was_judged() {
    let staff = Staff::empty().await;
    staff.enrolled("dana", &[Role::Operations]).await;
    let by = author("dana");
    let issue = async |sealed: &[u8]| {
        let proof = Proof::OldFactor;
        let issued = staff.people.issue_factor(&account("dana"), proof, sealed.to_vec(), &by, staff.now).await.unwrap();
        staff.commit(issued).await.unwrap();
    };
    issue(b"judged").await;
    let read = staff.people.person(&person_id("dana")).await.unwrap();
    issue(b"swapped").await;
    let enrolled = staff.people.enrol_factor(&read, &account("dana"), &by, staff.now).await.unwrap();
    assert!(conflict(staff.commit(enrolled).await).contains("was changed meanwhile"));
}

#[tokio::test]
async fn re_enrolment_needs_two_approvers_and_ends_the_old_factor() {
    let staff = Staff::empty().await;
    staff.enrolled("zoe", &[Role::Admin]).await;
    staff.enrolled("dana", &[Role::Admin]).await;
    let asked = staff.ask("dana", Wanted::ReEnrolment).await.unwrap();
    for person in ["dana", "other"] {
        let refused = staff.approve(&asked.id, person, &[Role::Operations]).await;
        assert!(matches!(refused, Err(PeopleError::Approval(_))), "{person}");
    }
    let half = staff.approve(&asked.id, "owner", &[Role::Admin, Role::Security]).await.unwrap();
    assert!(half.ticket.is_none());
    let twice = staff.approve(&asked.id, "owner", &[Role::Admin, Role::Security]).await;
    assert!(matches!(twice, Err(PeopleError::Approval(ApprovalError::SamePerson))));
    assert_eq!(staff.factor_state("dana").await, FactorState::Enrolled, "until both have agreed");
    let whole = staff.approve(&asked.id, "officer", &[Role::Security]).await.unwrap();
    assert_eq!(staff.factor_state("dana").await, FactorState::AwaitingTicket);
    staff.issue("dana", &whole.ticket.unwrap()).await.unwrap();
    staff.prove("dana").await.unwrap();
    assert_eq!(staff.factor_state("dana").await, FactorState::Enrolled);
}

#[tokio::test]
async fn the_factor_goes_with_the_persons_last_account() {
    let staff = Staff::empty().await;
    staff.enrolled("dana", &[Role::Operations]).await;
    let second =
        engine_aws::people::NewPrincipal { id: account("dana-2"), ..crate::people::newcomer("dana", &[Role::Auditor]) };
    let asked = staff.request(&second, "maker").await.unwrap();
    staff.approve(&asked.request.id, "manager", &[]).await.unwrap();
    let approved = staff.approve(&asked.request.id, "owner", &[Role::Admin]).await.unwrap();
    assert!(approved.ticket.is_none(), "the person has a factor");
    for (id, state) in [("dana", FactorState::Enrolled), ("dana-2", FactorState::AwaitingTicket)] {
        let disabled = staff.people.disable_principal(&account(id), "left", &author("hr"), staff.now).await.unwrap();
        staff.commit(disabled).await.unwrap();
        assert_eq!(staff.factor_state("dana").await, state, "without {id}");
    }
}

#[tokio::test]
async fn no_entry_holds_a_ticket_or_a_sealed_factor() {
    let staff = Staff::empty().await;
    let ticket = staff.onboard("dana", &[Role::Operations]).await.unwrap();
    staff.issue("dana", &ticket).await.unwrap();
    staff.prove("dana").await.unwrap();
    for (event, body) in staff.entries().await {
        let text = body.to_string();
        assert!(!text.contains(ticket.expose()) && !text.contains("sealed"), "{event}: {text}");
    }
}
