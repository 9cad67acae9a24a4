//! Reviews that nobody made in time.

use credential_sweep::Done;

use crate::rig::{NOW, Rig, at, days, notice};

#[tokio::test]
async fn a_review_of_an_account_is_told_of_once_each_quarter_that_it_is_missed() {
    let rig = Rig::start().await;
    rig.account("dana", at(NOW) - days(92), None).await;
    assert_eq!(rig.run().await.unwrap(), Done::default(), "92 days are in time");
    rig.later(days(1));
    assert_eq!(rig.run().await.unwrap(), Done { found_due: 1, notices_told: 1, ..Done::default() });
    rig.later(days(90));
    assert_eq!(rig.run().await.unwrap().found_due, 0);
    rig.later(days(1));
    assert_eq!(rig.run().await.unwrap().found_due, 1);
    assert_eq!(rig.told(), vec![notice("review.overdue", "principal:dana@example.com"); 2]);
    assert_eq!(rig.entries_of("credential.due").await.len(), 2);
}

#[tokio::test]
async fn service_accounts_are_reviewed_like_people() {
    let rig = Rig::start().await;
    rig.service_account("svc-risk-batch", at(NOW) - days(93), Some(at(NOW))).await;
    rig.run().await.unwrap();
    assert!(rig.told().contains(&notice("review.overdue", "service_account:svc-risk-batch")), "{:?}", rig.told());
}

#[tokio::test]
async fn definitions_of_roles_are_reviewed_each_year() {
    let rig = Rig::start().await;
    // Definitions are from November 2026.
    rig.later(days(340));
    rig.run().await.unwrap();
    assert!(!rig.told().iter().any(|(kind, _)| kind == "review.overdue"));
    rig.later(days(8));
    rig.run().await.unwrap();
    let roles = engine_core::access::Role::ALL.len();
    let told: Vec<_> = rig.told().into_iter().filter(|(kind, _)| kind == "review.overdue").collect();
    assert_eq!(told.len(), roles);
    assert!(told.contains(&notice("review.overdue", "role:admin")));
}
