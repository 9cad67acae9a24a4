//! No secret in any line, at any level, nor in any item that the function writes.

use std::fmt::Write;

use engine_test_support::dynamo::tables;

use crate::fixture::{ACCOUNT, Call, Logged, Rig, TOTP_SECRET, new_secret};

#[tokio::test]
async fn no_secret_that_the_function_handles_is_logged_or_stored() {
    let rig = Rig::start().await;
    let logged = Logged::listen();
    let (wrong, wrong_code, code) = (new_secret("test"), rig.wrong_code(), rig.code(0));
    let mut secrets = vec![rig.secret.clone(), wrong.clone(), TOTP_SECRET.to_owned()];
    for call in [Call::basic(ACCOUNT, &rig.secret), Call::in_body(ACCOUNT, &rig.secret)] {
        secrets.push(rig.call(&call).await.token());
    }
    for call in [
        Call::basic(ACCOUNT, &wrong),
        Call::in_body(ACCOUNT, &wrong),
        Call::in_body(&wrong, ACCOUNT),
        Call::in_body(ACCOUNT, &rig.secret).and(&format!("&scope={}", rig.secret)),
        Call::in_body(ACCOUNT, &rig.secret).and("&client_secret=x"),
        Call::in_body(ACCOUNT, &rig.secret).query("client_secret", &rig.secret),
        Call::basic(ACCOUNT, &rig.secret).method("PUT"),
    ] {
        rig.call(&call).await;
    }
    rig.bootstrap(&wrong_code).await;
    secrets.push(rig.bootstrap(&code).await["access_token"].as_str().unwrap().to_owned());
    rig.bootstrap(&code).await;
    for (service, action) in [(rig.kms.control(), "Sign"), (rig.secrets.control(), "GetSecretValue")] {
        service.deny(action);
    }
    rig.dynamo.wire().fail("PutItem", 4);
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await;
    rig.next_step();
    rig.bootstrap(&rig.code(0)).await;

    let mut written = logged.text();
    assert!(logged.lines().len() >= 13, "{written}");
    for table in [tables::AUDIT, tables::GUARD, tables::PEOPLE] {
        let items = rig.client().scan().table_name(table).send().await.unwrap().items.unwrap_or_default();
        write!(written, "{items:?}").unwrap();
    }
    for secret in &secrets {
        assert!(!written.contains(secret.as_str()), "{secret}");
        // Nor the part of it that proves: a token's signature, which may contain underscores, or what follows a secret's id.
        let proof = secret.rsplit(if secret.contains('.') { '.' } else { '_' }).next().unwrap();
        assert!(!written.contains(proof), "{proof}");
    }
    // Six digits may be part of anything; as a value of their own they may not be there.
    for code in [&code, &wrong_code] {
        assert!(!written.contains(&format!("\"{code}\"")) && !written.contains(&format!("={code}")), "{code}");
    }
}
