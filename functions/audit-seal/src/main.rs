//! The `audit-seal` function: one run for a batch of the audit table's stream, or for a scheduled event.

use std::sync::Arc;
use std::time::Duration;

use audit_seal::{AuditSeal, Clients, Settings};
use engine_aws::clock::SystemClock;
use engine_aws::secrets::SecretStore;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

/// Longest wait for one attempt at a call, and attempts: the function has five minutes, and nobody waits for its answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("audit-seal");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load_with(ATTEMPT_TIMEOUT, ATTEMPTS).await;
    let secrets = SecretStore::new(aws_sdk_secretsmanager::Client::new(&config));
    let actor_key = secrets.versioned_key(&settings.actor_key_secret).await?;
    let clients = Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        s3: aws_sdk_s3::Client::new(&config),
        kms: aws_sdk_kms::Client::new(&config),
    };
    let function = AuditSeal::new(clients, actor_key, settings, Arc::new(SystemClock));
    let function = &function;
    run(service_fn(async move |event: LambdaEvent<Value>| {
        function.handle(event.payload, &event.context.request_id).await.map_err(Error::from)
    }))
    .await
}
