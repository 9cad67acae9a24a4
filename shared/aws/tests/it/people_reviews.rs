//! Reviews of accounts and roles, and what must be looked at.

use engine_aws::people::PeopleError;
use engine_core::access::Role;
use engine_core::access::request::ApprovalError;
use engine_core::access::review::{Decision, Flag};
use jiff::SignedDuration;

use crate::people::{Staff, account, author, conflict};

impl Staff {
    async fn review(&self, person: &str, by: &str, decision: Decision) -> Result<(), PeopleError> {
        let (id, by_author) = (account(person), author(by));
        let reviewed = self.people.review_principal(&id, decision, "looked at it", by, &by_author, self.now).await?;
        self.commit(reviewed).await?;
        Ok(())
    }

    /// Everyone under review, with what must be looked at.
    async fn flags(&self) -> Vec<(String, Vec<Flag>)> {
        let (mut after, mut rows) = (None::<String>, Vec::new());
        loop {
            let page = self.people.access_review(2, after.as_deref(), self.now).await.unwrap().unwrap();
            rows.extend(page.items.into_iter().map(|row| (row.id, row.flags)));
            let Some(next) = page.next else { return rows };
            after = Some(next);
        }
    }
}

#[tokio::test]
async fn the_access_review_flags_the_unreviewed_the_idle_and_the_orphaned() {
    let mut staff = Staff::with(&[("manager", &[Role::Operations])]).await;
    for person in ["p-1", "p-2", "p-3"] {
        staff.onboard(person, &[Role::Operations]).await;
    }
    staff.now += SignedDuration::from_hours(91 * 24);
    staff.people.touch_principal(&account("p-1"), staff.now).await.unwrap();
    staff.review("p-2", "officer", Decision::Remove).await.unwrap();
    staff.now += SignedDuration::from_hours(2 * 24);
    let of = |id: &str| account(id).to_string();
    assert_eq!(
        staff.flags().await,
        [
            (of("manager"), vec![Flag::Unreviewed, Flag::Idle, Flag::Orphaned]),
            (of("p-1"), vec![Flag::Unreviewed]),
            (of("p-2"), vec![Flag::Idle, Flag::DecisionOpen]),
            (of("p-3"), vec![Flag::Unreviewed, Flag::Idle]),
        ]
    );
    let by = author("officer");
    let disabled = staff.people.disable_principal(&account("manager"), "left", &by, staff.now).await.unwrap();
    staff.commit(disabled).await.unwrap();
    let flags = staff.flags().await;
    assert_eq!(flags.len(), 3, "a disabled account has nothing to review");
    assert!(flags.iter().all(|(_, flags)| flags.contains(&Flag::Orphaned)), "{flags:?}");
}

#[tokio::test]
async fn a_decision_is_kept_in_the_account_and_beside_it_and_nobody_decides_on_their_own() {
    let staff = Staff::with(&[("dana", &[Role::Admin])]).await;
    let own = staff.review("dana", "dana", Decision::Keep).await;
    assert!(matches!(own, Err(PeopleError::Approval(ApprovalError::Subject))));
    staff.review("dana", "officer", Decision::Reduce).await.unwrap();
    staff.review("dana", "officer", Decision::Keep).await.unwrap();
    let held = staff.account("dana").await;
    assert_eq!(held.value.review.as_ref().unwrap().decision, Decision::Keep);
    assert_eq!(held.version, 4);
    let decisions: Vec<_> = staff.people.reviews("dana@example.com").await.unwrap();
    let mut decisions: Vec<_> = decisions.iter().map(|review| review.decision.as_str()).collect();
    decisions.sort_unstable();
    assert_eq!(decisions, ["keep", "reduce"]);
    assert_eq!(staff.entries_of("access.review").await.len(), 2);
}

#[tokio::test]
async fn a_role_is_reviewed_with_what_it_permits_and_a_lost_race_says_so() {
    let staff = Staff::empty().await;
    assert!(staff.people.role_reviews().await.unwrap().iter().all(|held| held.review.is_none()));
    let by = author("officer");
    let review = || staff.people.review_role(Role::Admin, Decision::Keep, "still right", &by, staff.now);
    let (first, second) = (review().await.unwrap(), review().await.unwrap());
    staff.commit(first).await.unwrap();
    assert!(conflict(staff.commit(second).await).contains("was changed meanwhile"));
    staff.commit(review().await.unwrap()).await.unwrap();
    let reviews = staff.people.role_reviews().await.unwrap();
    let reviewed: Vec<_> = reviews.iter().filter(|held| held.review.is_some()).map(|held| held.role).collect();
    assert_eq!((reviews.len(), reviewed), (6, vec![Role::Admin]));
    let entries = staff.entries_of("role.review").await;
    assert_eq!(entries.len(), 2);
    assert!(entries[0]["details"]["permissions"].as_array().unwrap().contains(&"keys:write".into()));
}

#[tokio::test]
async fn a_position_that_no_page_gave_is_refused() {
    let staff = Staff::empty().await;
    for after in ["", "x", "x y", "q z", "p ", "p a/b", "p svc-risk-batch", "s risk", "s svc-risk-batch#"] {
        assert!(staff.people.access_review(10, Some(after), staff.now).await.unwrap().is_none(), "{after:?}");
    }
}
