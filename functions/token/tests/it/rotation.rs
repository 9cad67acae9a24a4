//! A client secret while it is being changed: the current one and the pending one both work, and no third.

use crate::fixture::{ACCOUNT, Call, Rig, account, new_secret};

#[tokio::test]
async fn current_and_pending_are_both_taken_and_what_came_before_is_not() {
    let rig = Rig::start().await;
    let (old, current, pending) = (rig.secret.clone(), new_secret("test"), new_secret("test"));
    rig.put_account(&account(ACCOUNT), &current, Some(&pending)).await;
    for secret in [&current, &pending] {
        rig.call(&Call::basic(ACCOUNT, secret)).await.token();
    }
    rig.call(&Call::basic(ACCOUNT, &old)).await.error(401, "invalid_client");
    // The change is finished.
    rig.put_account(&account(ACCOUNT), &pending, None).await;
    rig.call(&Call::basic(ACCOUNT, &pending)).await.token();
    rig.call(&Call::basic(ACCOUNT, &current)).await.error(401, "invalid_client");
}

#[tokio::test]
async fn one_account_s_secret_is_no_other_s() {
    let rig = Rig::start().await;
    let other = new_secret("test");
    rig.put_account(&account("svc-other-job"), &other, Some(&new_secret("test"))).await;
    rig.call(&Call::basic("svc-other-job", &rig.secret)).await.error(401, "invalid_client");
    rig.call(&Call::basic(ACCOUNT, &other)).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_pending_secret_is_no_use_of_the_account() {
    let rig = Rig::start().await;
    let (current, pending) = (new_secret("test"), new_secret("test"));
    rig.put_account(&account(ACCOUNT), &current, Some(&pending)).await;
    rig.call(&Call::basic(ACCOUNT, &pending)).await.token();
    assert_eq!(rig.last_used_at().await, None);
    rig.call(&Call::basic(ACCOUNT, &current)).await.token();
    assert_eq!(rig.last_used_at().await, Some(rig.now()));
}

#[tokio::test]
async fn a_revoked_secret_is_refused_and_so_is_whatever_was_pending() {
    let rig = Rig::start().await;
    let pending = new_secret("test");
    rig.put_account(&account(ACCOUNT), &rig.secret, Some(&pending)).await;
    rig.revoke().await;
    for secret in [&rig.secret, &pending] {
        rig.call(&Call::basic(ACCOUNT, secret)).await.error(401, "invalid_client");
    }
}
