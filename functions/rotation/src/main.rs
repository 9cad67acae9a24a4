//! The `rotation` function: one step of a rotation an invocation, by Secrets Manager.

use std::sync::Arc;
use std::time::Duration;

use engine_aws::clock::SystemClock;
use engine_aws::https::HttpsClient;
use engine_aws::secrets::SecretStore;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rotation::{Clients, Event, Pause, Rotation, Settings};

/// Longest wait for one attempt at a call, and attempts: the function has a minute.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 3;
/// Longest wait for a token, with the start of the function that issues it.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("rotation");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load_with(ATTEMPT_TIMEOUT, ATTEMPTS).await;
    let secrets = SecretStore::new(aws_sdk_secretsmanager::Client::new(&config));
    let actor_key = secrets.versioned_key(&settings.actor_key_secret).await?;
    let clients =
        Clients { dynamodb: aws_sdk_dynamodb::Client::new(&config), secrets, https: HttpsClient::new(TOKEN_TIMEOUT) };
    let pause: Pause = Arc::new(|time| Box::pin(tokio::time::sleep(time)));
    let function = Rotation::new(clients, actor_key, settings, Arc::new(SystemClock), pause);
    let function = &function;
    run(service_fn(async move |event: LambdaEvent<Event>| {
        function.run(&event.payload, &event.context.request_id).await.map_err(Error::from)
    }))
    .await
}
