//! What is kept elsewhere than in the tables: keys of KMS, the certificate, secrets of the stack, each in the register.

use credential_sweep::Done;
use engine_aws::change::Change;
use engine_aws::rotations::{RegisterRow, RegisterStore};
use engine_core::access::{Administrators, PersonId, PrincipalId};
use engine_core::rotation::CredentialKind;
use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::rig::{NOW, Rig, at, days, notice};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

async fn row(rig: &Rig, kind: CredentialKind, name: &str) -> RegisterRow {
    RegisterStore::new(rig.dynamodb(), tables::ROTATIONS).row(kind, name).await.unwrap().unwrap()
}

#[tokio::test]
async fn everything_has_its_row_in_the_register_and_nothing_is_due() {
    let rig = Rig::start().await;
    assert_eq!(rig.run().await.unwrap(), Done::default());
    let made = at(NOW) - days(10);
    for (kind, name, next) in [
        (CredentialKind::SigningKey, "token", Some(made + days(365))),
        (CredentialKind::KmsKey, "tables", Some(made + days(365))),
        (CredentialKind::Certificate, "api.example", Some(made + days(365))),
        (CredentialKind::Secret, "bootstrap-totp", Some(made + days(90))),
        (CredentialKind::Secret, "actor-key", None),
        (CredentialKind::Secret, "reference-key", None),
    ] {
        let row = row(&rig, kind, name).await;
        assert_eq!((row.last_rotated_at, row.next_due_at, row.observed_at), (made, next, at(NOW)), "{kind} {name}");
    }
}

#[tokio::test]
async fn a_signing_key_is_told_of_thirty_days_before_its_year_is_over_once_a_key() {
    let mut rig = Rig::start().await;
    let key = rig.settings.signing_keys[0].arn.clone();
    rig.kms.made_at(&key, at(NOW) - days(335) + SECOND, false, None);
    assert_eq!(rig.run().await.unwrap().found_due, 0);
    rig.clock.advance(SECOND);
    for told in [1, 0] {
        assert_eq!(rig.run().await.unwrap().found_due, told);
    }
    assert_eq!(rig.told(), [notice("signing_key.due", "token")]);
    assert_eq!(rig.entries_of("credential.due").await[0].body["resource"], "signing_key:token");

    // Its successor is another key.
    let successor = rig.kms.signing_key();
    rig.kms.made_at(&successor, rig.now(), false, None);
    rig.settings.signing_keys[0].arn = successor;
    assert_eq!(rig.run().await.unwrap().found_due, 0);
    assert_eq!(row(&rig, CredentialKind::SigningKey, "token").await.last_rotated_at, rig.now());
}

#[tokio::test]
async fn a_kms_key_that_does_not_rotate_is_told_of_once_a_month() {
    let rig = Rig::start().await;
    let key = &rig.settings.kms_keys[0].arn;
    rig.kms.made_at(key, at(NOW) - days(10), false, None);
    for told in [1, 0] {
        assert_eq!(rig.run().await.unwrap().found_due, told);
    }
    rig.clock.advance(days(17));
    assert_eq!(rig.run().await.unwrap().found_due, 1, "in January once more");
    rig.kms.made_at(key, at(NOW) - days(10), true, Some(at(NOW) + days(355)));
    rig.clock.advance(days(31));
    assert_eq!(rig.run().await.unwrap().found_due, 0);
    assert_eq!(rig.told(), vec![notice("kms_key.not_rotating", "tables"); 2]);
}

#[tokio::test]
async fn a_kms_key_rotated_a_period_before_its_next_rotation() {
    let rig = Rig::start().await;
    rig.kms.made_at(&rig.settings.kms_keys[0].arn, at(NOW) - days(500), true, Some(at(NOW) + days(230)));
    rig.run().await.unwrap();
    let row = row(&rig, CredentialKind::KmsKey, "tables").await;
    assert_eq!((row.last_rotated_at, row.rotated_by.as_str()), (at(NOW) - days(135), "aws-kms"));
}

#[tokio::test]
async fn a_certificate_is_told_of_thirty_days_before_its_end_once() {
    let mut rig = Rig::start().await;
    rig.acm.issue("api.example", at(NOW) - days(300), at(NOW) + days(30) + SECOND);
    assert_eq!(rig.run().await.unwrap().found_due, 0);
    rig.clock.advance(SECOND);
    for told in [1, 0] {
        assert_eq!(rig.run().await.unwrap().found_due, told);
    }
    rig.acm.issue("api.example", rig.now(), rig.now() + days(395));
    assert_eq!(rig.run().await.unwrap().found_due, 0);
    assert_eq!(rig.told(), [notice("certificate.due", "api.example")]);
    rig.settings.certificate = None;
    rig.acm.control().reset();
    rig.run().await.unwrap();
    assert_eq!(rig.acm.control().count("DescribeCertificate"), 0, "a stack without a domain has none");
}

#[tokio::test]
async fn the_bootstrap_totp_secret_is_overdue_after_90_days_while_that_path_is_open() {
    let rig = Rig::start().await;
    rig.secrets.changed_at("example/bootstrap-totp", at(NOW) - days(90) + SECOND, None);
    rig.secrets.changed_at("example/actor-key", at(NOW) - days(900), None);
    assert_eq!(rig.run().await.unwrap().found_due, 0, "the actor key has no date");
    rig.clock.advance(SECOND);
    for told in [1, 0] {
        assert_eq!(rig.run().await.unwrap().found_due, told);
    }
    assert_eq!(rig.told(), [notice("secret.overdue", "bootstrap-totp")]);
}

#[tokio::test]
async fn once_the_bootstrap_path_is_closed_its_secret_has_no_date() {
    let rig = Rig::start().await;
    rig.secrets.changed_at("example/bootstrap-totp", at(NOW) - days(500), None);
    let two = ["dana", "eli"].into_iter().fold(Administrators::default(), |all, person| {
        let account = PrincipalId::parse(&format!("{person}@example.com")).unwrap();
        all.with(PersonId::parse(person).unwrap(), account, at(NOW))
    });
    assert!(!two.bootstrap_open());
    rig.administrators(&two).await;
    assert_eq!(rig.run().await.unwrap(), Done::default());
    assert_eq!(row(&rig, CredentialKind::Secret, "bootstrap-totp").await.next_due_at, None);
}

#[tokio::test]
async fn what_rotation_recorded_of_a_secret_is_known_better_than_what_is_observed() {
    let rig = Rig::start().await;
    let register = RegisterStore::new(rig.dynamodb(), tables::ROTATIONS);
    let known = RegisterRow {
        kind: CredentialKind::Secret,
        credential: "bootstrap-totp".into(),
        last_rotated_at: at(NOW) - days(20),
        rotated_by: "rotation".into(),
        because: "rotation by Secrets Manager".into(),
        next_due_at: None,
        observed_at: at(NOW) - days(20),
    };
    let mut change = Change::default();
    register.rotated(&mut change, &known, "first of example/bootstrap-totp").unwrap();
    change.commit(&rig.dynamodb()).await.unwrap();
    rig.secrets.changed_at("example/bootstrap-totp", at(NOW) - days(19), Some(at(NOW) - days(19)));
    rig.run().await.unwrap();
    let kept = RegisterRow { next_due_at: Some(at(NOW) + days(70)), observed_at: at(NOW), ..known };
    assert_eq!(row(&rig, CredentialKind::Secret, "bootstrap-totp").await, kept);
}

#[tokio::test]
async fn each_is_looked_at_whatever_became_of_the_others() {
    let rig = Rig::start().await;
    rig.elevated("dana", at(NOW)).await;
    for (control, action) in [
        (rig.kms.control(), "DescribeKey"),
        (rig.acm.control(), "DescribeCertificate"),
        (rig.secrets.control(), "DescribeSecret"),
    ] {
        control.deny(action);
    }
    let failed = rig.run().await.unwrap_err();
    let what: Vec<_> = failed.0.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        what,
        [
            "signing key token",
            "KMS key tables",
            "certificate",
            "secret bootstrap-totp",
            "secret actor-key",
            "secret reference-key"
        ]
    );
    assert_eq!(rig.told(), [notice("elevation.ended", "dana@example.com")], "and what was made is told");
    let errors = rig.lines().into_iter().filter(|line| line["level"] == "ERROR");
    let resources: Vec<_> = errors.map(|line| line["resource"].clone()).collect();
    assert_eq!(json!(resources), json!(what));
}
