//! No secret in any line, at any level, in any error, nor in any item that the function writes.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use engine_core::access::service_account::ServiceAccountState;
use engine_http::logging::{JsonLines, LevelFilter};
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::tables;
use engine_test_support::life::Life;
use engine_test_support::service::Control;
use engine_test_support::wire::Wire;
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

use crate::rig::{ROTATION_TOKEN, Rig, STEPS, Subject, token};

#[tokio::test]
async fn no_secret_that_the_function_handles_is_logged_said_or_stored() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&lines);
    let filter = LevelFilter::from_settings(Some("trace"), None);
    let clock = ManualClock::at("2026-01-15T22:00:00Z");
    let layer =
        JsonLines::new("rotation", filter, clock, move |line: &str| written.lock().unwrap().push(line.to_owned()));
    let _installed = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    // Of one subscriber alone, tracing asks the thread that comes to a line first, which may be another test's.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());

    let rig = Rig::start().await;
    let mut said = String::new();
    for subject in Subject::ALL {
        rig.rotate(subject, &token(1)).await;
        rig.begin(subject, &token(2)).await.unwrap();
        for step in STEPS {
            for (action, failing) in
                [("GetSecretValue", "deny"), ("PutSecretValue", "fail"), ("DescribeSecret", "lose")]
            {
                let control = Control::default();
                match failing {
                    "deny" => control.deny(action),
                    "fail" => control.fail(action, 1),
                    _ => control.lose(action, 1),
                }
                let function = rig.function_on(&control, &Wire::default(), &rig.endpoint.api_url, rig.pause());
                if let Err(error) = rig.step_by(&function, subject, &token(2), step).await {
                    write!(said, "{error} {error:?}").unwrap();
                }
            }
            for broken in ["", "deleteSecret"] {
                let error = rig.step(subject, &token(2), broken).await.unwrap_err();
                write!(said, "{error} {error:?}").unwrap();
            }
            rig.step_by(&rig.function(&Life::new()), subject, &token(2), step).await.unwrap();
        }
    }
    rig.put_account(ServiceAccountState::Disabled).await;
    rig.begin(Subject::Account, &token(3)).await.unwrap();
    for step in STEPS {
        let error = rig.step(Subject::Account, &token(3), step).await.unwrap_err();
        write!(said, "{error} {error:?}").unwrap();
    }

    assert!(lines.lock().unwrap().len() > 50);
    said.push_str(&lines.lock().unwrap().concat());
    for table in [tables::AUDIT, tables::PEOPLE, tables::ROTATIONS] {
        let items = rig.client().scan().table_name(table).send().await.unwrap().items.unwrap_or_default();
        write!(said, "{items:?}").unwrap();
    }
    let mut secrets = vec![ROTATION_TOKEN.to_owned()];
    for value in rig.secrets.values() {
        // What of a document proves something: a client's secret, and the part of it after its id; a key.
        match serde_json::from_str::<Value>(&value) {
            Ok(document) => secrets.extend(document.as_object().unwrap().iter().flat_map(|(name, member)| {
                let member = member.as_str().unwrap();
                let proof = member.rsplit('_').next().unwrap();
                let proves = name != "current" && name != "client_id";
                [member, proof].into_iter().filter(move |_| proves).map(str::to_owned)
            })),
            Err(_) => secrets.push(value),
        }
    }
    assert!(secrets.len() > 12);
    for secret in secrets {
        assert!(secret.len() >= 32 && !said.contains(&secret), "{secret}");
    }
}
