//! Wires the auditor's side of the log to Lambda, which calls it for API Gateway and for the stream of exports alike.

use std::sync::Arc;
use std::time::Duration;

use engine_aws::clock::SystemClock;
use engine_aws::secrets::SecretStore;
use evidence_export::{Clients, EvidenceExport, ReferenceKeys, Settings, WorkClients};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

/// Longest wait for one attempt at a call while a bundle is made, and attempts: nobody waits for an answer, and the function has
/// fifteen minutes. A request to the API has 29 seconds at API Gateway, and the short waits of all functions that answer one.
const WORK_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
const WORK_ATTEMPTS: u32 = 6;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("evidence-export");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load().await;
    let work = engine_aws::config::load_with(WORK_ATTEMPT_TIMEOUT, WORK_ATTEMPTS).await;
    let clients = Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        kms: aws_sdk_kms::Client::new(&config),
        s3: aws_sdk_s3::Client::new(&config),
        secrets: SecretStore::new(aws_sdk_secretsmanager::Client::new(&config)),
        work: WorkClients {
            dynamodb: aws_sdk_dynamodb::Client::new(&work),
            kms: aws_sdk_kms::Client::new(&work),
            logs: aws_sdk_cloudwatchlogs::Client::new(&work),
            s3: aws_sdk_s3::Client::new(&work),
        },
    };
    let (actor, reference) = tokio::try_join!(
        clients.secrets.key_versions(&settings.actor_key_secret),
        clients.secrets.key_versions(&settings.reference_key_secret),
    )?;
    let keys = ReferenceKeys { actor: actor.into(), reference: reference.into() };
    let evidence = EvidenceExport::new(clients, keys, settings, Arc::new(SystemClock));
    let evidence = &evidence;
    run(service_fn(async move |event: LambdaEvent<Value>| {
        evidence.invoke(event.payload, &event.context.request_id).await.map_err(Error::from)
    }))
    .await
}
