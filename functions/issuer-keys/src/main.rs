//! The `issuer-keys` function: one run a scheduled event, whatever the event says.

use std::sync::Arc;
use std::time::Duration;

use engine_aws::clock::SystemClock;
use engine_aws::https::HttpsClient;
use engine_aws::secrets::SecretStore;
use issuer_keys::{IssuerKeys, MOST_BYTES, Settings};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::IgnoredAny;

/// Longest wait for one attempt at a call, and attempts: the function has 30 seconds, and nobody waits for its answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPTS: u32 = 2;
/// Longest wait for an issuer's keys.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("issuer-keys");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load_with(ATTEMPT_TIMEOUT, ATTEMPTS).await;
    let secrets = SecretStore::new(aws_sdk_secretsmanager::Client::new(&config));
    let actor_key = secrets.versioned_key(&settings.actor_key_secret).await?;
    let (dynamodb, kms) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_kms::Client::new(&config));
    let https = HttpsClient::new(FETCH_TIMEOUT).with_body_limit(MOST_BYTES);
    let function = IssuerKeys::new(dynamodb, kms, https, actor_key, settings, Arc::new(SystemClock));
    let function = &function;
    run(service_fn(async move |event: LambdaEvent<IgnoredAny>| {
        function.run(&event.context.request_id).await.map_err(Error::from)
    }))
    .await
}
