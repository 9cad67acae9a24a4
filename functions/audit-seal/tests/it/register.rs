//! The keys that sign are in the register before they sign.

use audit_seal::{KeyError, RunError, StepError};
use engine_aws::kms::public_key;
use engine_core::merkle::{KeyPurpose, KeyRecord};
use engine_test_support::audit::entries;
use engine_test_support::life::Life;
use jiff::SignedDuration;
use serde_json::json;

use crate::rig::{ORIGIN, Rig, at, inserts, schedule};

/// Why a step failed for a key's sake.
fn key_error(failed: &RunError, step: &str) -> KeyError {
    let error = failed.0.iter().find_map(|(failed, error)| match error {
        StepError::Key(error) if *failed == step => Some(*error),
        _ => None,
    });
    error.unwrap_or_else(|| panic!("{failed}"))
}

#[tokio::test]
async fn the_log_key_is_registered_before_the_first_checkpoint() {
    let rig = Rig::start().await;
    rig.stream(inserts(&entries(3))).await.unwrap();
    let register = rig.register().await;
    let [record] = register.records(KeyPurpose::Log) else { panic!("one key") };
    assert_eq!((record.ordinal, record.name.as_str(), &record.predecessor), (1, ORIGIN, &None));
    assert_eq!((&record.kms_key, record.from), (&rig.settings.log_key, at("2026-11-22T03:10:00Z")));
    assert_eq!(rig.checkpoint().await.unwrap().size, 3, "it opens with the register");
}

#[tokio::test]
async fn the_keys_of_log_and_tokens_are_registered_and_each_is_recorded_once() {
    let rig = Rig::start().await;
    assert_eq!(rig.schedule().await.unwrap().keys, 2);
    assert_eq!(rig.schedule().await.unwrap().keys, 0);
    let register = rig.register().await;
    let (_, spki) = public_key(&rig.kms.client(), &rig.settings.token_key).await.unwrap();
    let [token] = register.records(KeyPurpose::Token) else { panic!("one key") };
    assert_eq!((&token.key, token.name.as_str()), (&KeyRecord::key_of_spki(&spki), format!("{ORIGIN}/token").as_str()));
    let recorded = rig.log_of("key.register").await;
    assert_eq!(recorded.len(), 2);
    for (record, purpose) in [(register.newest(KeyPurpose::Log), "log"), (Some(token), "token")] {
        let record = record.unwrap();
        let body = recorded.iter().map(|(_, body)| body).find(|body| body["details"]["purpose"] == purpose).unwrap();
        let details = json!({
            "purpose": purpose, "ordinal": 1, "name": record.name, "key": record.key, "kms_key": record.kms_key,
            "predecessor": null,
        });
        assert_eq!((&body["details"], &body["resource"]), (&details, &json!(format!("keys/{purpose}/0001"))));
    }
}

#[tokio::test]
async fn a_new_log_key_is_signed_by_the_one_before_it_and_both_verify_what_they_signed() {
    let mut rig = Rig::start().await;
    let entries = entries(9);
    rig.stream(inserts(&entries[..3])).await.unwrap();
    let first = rig.reader().newest_checkpoint().await.unwrap().unwrap();
    let former = std::mem::replace(&mut rig.settings.log_key, rig.kms.ed25519_key());
    rig.clock.advance(SignedDuration::from_mins(1));

    rig.stream(inserts(&entries[3..6])).await.unwrap();
    let failed = rig.schedule().await.unwrap_err();
    assert_eq!(key_error(&failed, "audit.checkpoint"), KeyError::NoPredecessor);
    rig.settings.log_key_predecessor = Some(rig.kms.ed25519_key());
    let failed = rig.schedule().await.unwrap_err();
    assert_eq!(key_error(&failed, "audit.checkpoint"), KeyError::OtherPredecessor);
    assert_eq!(rig.checkpoint().await.unwrap().size, 3, "nothing was signed meanwhile");

    rig.settings.log_key_predecessor = Some(former.clone());
    assert_eq!(rig.stream(Vec::new()).await.unwrap().checkpoint, Some(6));
    let register = rig.register().await;
    let [one, two] = register.records(KeyPurpose::Log) else { panic!("two keys") };
    assert_eq!((&two.predecessor, &two.kms_key), (&Some(one.key.clone()), &rig.settings.log_key));
    assert_eq!(register.open_checkpoint(&first.note).unwrap().size, 3);
    assert_eq!(rig.checkpoint().await.unwrap().size, 6);

    // Whoever still has the former key signs no more.
    let (new, _) = (std::mem::replace(&mut rig.settings.log_key, former), rig.settings.log_key_predecessor.take());
    rig.clock.advance(SignedDuration::from_mins(1));
    rig.stream(inserts(&entries[6..])).await.unwrap();
    let failed = rig.schedule().await.unwrap_err();
    assert_eq!(key_error(&failed, "audit.checkpoint"), KeyError::Succeeded(KeyPurpose::Log));
    rig.settings.log_key = new;
    assert_eq!(rig.stream(Vec::new()).await.unwrap().checkpoint, Some(9), "a predecessor is needed once");
    assert_eq!(rig.schedule().await.unwrap().keys, 3, "both log keys and the token key are recorded");
}

#[tokio::test]
async fn a_new_key_is_valid_after_all_that_the_former_signed_even_if_the_clock_went_back() {
    let mut rig = Rig::start().await;
    rig.stream(inserts(&entries(3))).await.unwrap();
    let former = std::mem::replace(&mut rig.settings.log_key, rig.kms.ed25519_key());
    rig.settings.log_key_predecessor = Some(former);
    rig.clock.advance(SignedDuration::from_secs(-30));
    rig.stream(inserts(&entries(6))).await.unwrap();
    let register = rig.register().await;
    assert_eq!(register.newest(KeyPurpose::Log).unwrap().from, at("2026-11-22T03:10:00.001Z"));
    assert_eq!(rig.checkpoint().await.unwrap().size, 3);
    rig.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(rig.stream(Vec::new()).await.unwrap().checkpoint, Some(6));
    assert_eq!(rig.checkpoint().await.unwrap().size, 6);
}

#[tokio::test]
async fn a_new_token_key_follows_the_former_and_one_of_another_kind_is_not_registered() {
    let mut rig = Rig::start().await;
    rig.schedule().await.unwrap();
    let former = std::mem::replace(&mut rig.settings.token_key, rig.kms.signing_key());
    assert_eq!(rig.schedule().await.unwrap().keys, 1);
    let register = rig.register().await;
    let [one, two] = register.records(KeyPurpose::Token) else { panic!("two keys") };
    assert_eq!((&two.predecessor, &one.kms_key), (&Some(one.key.clone()), &former));
    for (token_key, back) in [(rig.kms.key_pair("ECC_NIST_P384", "SIGN_VERIFY"), false), (former, true)] {
        rig.settings.token_key = token_key;
        let failed = rig.schedule().await.unwrap_err();
        if back {
            assert_eq!(key_error(&failed, "audit.register_keys"), KeyError::Succeeded(KeyPurpose::Token));
        }
        assert_eq!(rig.register().await.records(KeyPurpose::Token).len(), 2);
    }
}

#[tokio::test]
async fn a_key_whose_run_ended_before_its_entry_is_recorded_by_the_next() {
    let rig = Rig::start().await;
    rig.dynamo.wire().fail("PutItem", 100);
    rig.schedule().await.unwrap_err();
    assert_eq!(rig.register().await.records(KeyPurpose::Token).len(), 1);
    rig.dynamo.wire().fail("PutItem", 0);
    assert_eq!(rig.schedule().await.unwrap().keys, 2);
    let recorded = rig.log_of("key.register").await;
    assert_eq!(recorded.len(), 2);
}

#[tokio::test]
async fn two_first_runs_at_once_register_each_key_once() {
    let rig = Rig::start().await;
    let (one, other) = (rig.function(), rig.mortal(&Life::new()).0);
    let (one, other) = tokio::join!(one.handle(schedule(), "one"), other.handle(schedule(), "other"));
    assert_eq!(one.unwrap().keys + other.unwrap().keys, 2);
    let register = rig.register().await;
    assert_eq!(KeyPurpose::ALL.map(|purpose| register.records(purpose).len()), [1, 0, 1]);
}
