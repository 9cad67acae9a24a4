//! Wires the issuer of tokens to Lambda, which calls it for API Gateway and for operators alike.

use std::sync::Arc;

use engine_aws::clock::SystemClock;
use engine_aws::secrets::SecretStore;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use token::{Clients, Settings, TokenIssuer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("token");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load().await;
    let clients = Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        kms: aws_sdk_kms::Client::new(&config),
        secrets: SecretStore::new(aws_sdk_secretsmanager::Client::new(&config)),
    };
    let actor_key = clients.secrets.versioned_key(&settings.actor_key_secret).await?;
    let issuer = TokenIssuer::new(clients, actor_key, settings, Arc::new(SystemClock));
    let issuer = &issuer;
    run(service_fn(async move |event: LambdaEvent<Value>| {
        issuer.invoke(event.payload, &event.context.request_id).await.map_err(Error::from)
    }))
    .await
}
