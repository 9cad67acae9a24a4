//! The key that signs our tokens gives way to another, and the tokens that it signed live on.

use engine_aws::clock::Clock;
use engine_aws::kms::TokenSigner;
use engine_core::access::token::{Grant, KeySet, TokenError, Unsigned, verify};

use crate::rig::{OURS, Rig};

/// Succeeds the rig's token key by another; answers the ARN of the former.
fn succeed(rig: &mut Rig) -> String {
    let former = std::mem::replace(&mut rig.token_key, rig.kms.signing_key());
    rig.token_key_predecessor = Some(former.clone());
    former
}

/// A token that the key with that ARN signs.
async fn token(rig: &Rig, key_arn: &str) -> String {
    let signer = TokenSigner::new(rig.kms.client(), key_arn);
    let grant = Grant {
        issuer: OURS,
        audience: "audience",
        subject: "svc-desk",
        token_id: "token-1",
        issued_at: rig.clock.now(),
        lifetime_seconds: 900,
        roles: &[],
        scopes: &[],
    };
    let unsigned = Unsigned::new(signer.key_id(), &grant);
    let signature = signer.sign(unsigned.digest()).await.unwrap();
    unsigned.signed(&signature).unwrap().expose().to_owned()
}

/// What a verifier makes of a token with the keys that are mirrored.
async fn verified(rig: &Rig, token: &str) -> Result<(), TokenError> {
    let keys = KeySet::from_jwks(&rig.stored(OURS).await.unwrap().jwks).unwrap();
    verify(token, &keys, OURS, "audience", rig.clock.now()).map(|_| ())
}

#[tokio::test]
async fn tokens_of_the_former_key_are_verified_as_long_as_it_is_named() {
    let mut rig = Rig::start().await;
    rig.function(None).run("run").await.unwrap();
    let former_key = rig.token_key.clone();
    let former = token(&rig, &former_key).await;
    assert_eq!(verified(&rig, &former).await, Ok(()));

    succeed(&mut rig);
    let new = token(&rig, &rig.token_key).await;
    assert!(rig.function(None).run("run").await.unwrap().ours_changed);
    assert_eq!(rig.stored(OURS).await.unwrap().key_ids().len(), 2);
    assert_eq!((verified(&rig, &former).await, verified(&rig, &new).await), (Ok(()), Ok(())));
    assert!(!rig.function(None).run("run").await.unwrap().ours_changed);

    rig.token_key_predecessor = None;
    assert!(rig.function(None).run("run").await.unwrap().ours_changed);
    assert!(verified(&rig, &former).await.is_err());
    assert_eq!(verified(&rig, &new).await, Ok(()));
    let counts: Vec<_> =
        rig.changes(OURS).await.iter().map(|change| change["key_ids_after"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [1, 2, 1], "each change has its entry");
}

#[tokio::test]
async fn a_former_key_that_cannot_be_read_fails_the_run_and_not_the_tokens_of_the_new_one() {
    let mut rig = Rig::start().await;
    let former = succeed(&mut rig);
    rig.token_key_predecessor = Some(format!("{former}0"));
    let failed = rig.function(None).run("run").await.unwrap_err();
    assert_eq!(failed.0.iter().map(|(step, _)| *step).collect::<Vec<_>>(), ["issuer_keys.predecessor"]);
    let new = token(&rig, &rig.token_key).await;
    assert_eq!(verified(&rig, &new).await, Ok(()));
}
