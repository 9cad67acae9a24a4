//! Wires the function to Lambda, which calls it by schedule and for the stream of emergency rotations alike.

use std::sync::Arc;
use std::time::Duration;

use credential_sweep::{Clients, CredentialSweep, Settings};
use engine_aws::clock::SystemClock;
use engine_aws::secrets::SecretStore;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

/// Longest wait for one attempt at a call, and attempts: the function has fifteen minutes, and nobody waits for its answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("credential-sweep");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load_with(ATTEMPT_TIMEOUT, ATTEMPTS).await;
    let clients = Clients {
        acm: aws_sdk_acm::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        events: aws_sdk_eventbridge::Client::new(&config),
        kms: aws_sdk_kms::Client::new(&config),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
        sns: aws_sdk_sns::Client::new(&config),
    };
    let secrets = SecretStore::new(clients.secrets.clone());
    let keys = tokio::try_join!(
        secrets.versioned_key(&settings.actor_key_secret),
        secrets.versioned_key(&settings.reference_key_secret),
    )?;
    let function = CredentialSweep::new(clients, keys, settings, Arc::new(SystemClock));
    let function = &function;
    run(service_fn(async move |event: LambdaEvent<Value>| {
        let deadline = Timestamp::from_millisecond(event.context.deadline.try_into()?)?;
        let done = function.invoke(event.payload, &event.context.request_id, deadline).await;
        done.map_err(Error::from)
    }))
    .await
}
