//! The `retention-guard` function: one run a scheduled event, whatever the event says.

use std::sync::Arc;
use std::time::Duration;

use engine_aws::clock::SystemClock;
use engine_aws::secrets::SecretStore;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use retention_guard::{RetentionGuard, Settings};
use serde::de::IgnoredAny;

/// Longest wait for one attempt at a call, and attempts: the function has a minute, and nobody waits for its answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("retention-guard");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load_with(ATTEMPT_TIMEOUT, ATTEMPTS).await;
    let secrets = SecretStore::new(aws_sdk_secretsmanager::Client::new(&config));
    let actor_key = secrets.versioned_key(&settings.actor_key_secret).await?;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let s3 = aws_sdk_s3::Client::new(&config);
    let function = RetentionGuard::new(logs, s3, dynamodb, actor_key, settings, Arc::new(SystemClock));
    let function = &function;
    run(service_fn(async move |event: LambdaEvent<IgnoredAny>| {
        function.run(&event.context.request_id).await.map_err(Error::from)
    }))
    .await
}
