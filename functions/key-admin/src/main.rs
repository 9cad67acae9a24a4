//! Wires the admin API to Lambda.

use std::sync::Arc;

use engine_aws::clock::SystemClock;
use engine_aws::secrets::SecretStore;
use key_admin::{Clients, KeyAdmin, ReferenceKeys, Settings};
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("key-admin");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load().await;
    let clients = Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        kms: aws_sdk_kms::Client::new(&config),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
        sns: aws_sdk_sns::Client::new(&config),
    };
    let secrets = SecretStore::new(clients.secrets.clone());
    let (actor, reference) = tokio::try_join!(
        secrets.versioned_key(&settings.actor_key_secret),
        secrets.versioned_key(&settings.reference_key_secret),
    )?;
    let key_admin = KeyAdmin::new(clients, ReferenceKeys { actor, reference }, settings, Arc::new(SystemClock));
    run(service_fn(|request: Request| async { Ok::<_, Error>(key_admin.handle(request).await) })).await
}
