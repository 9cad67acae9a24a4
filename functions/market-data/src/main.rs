//! The `market-data` function: one invocation an S3 event.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::s3::S3Event;
use engine_aws::{
    audit_log::AuditLog, clock::SystemClock, market::MarketStore, objects::ObjectStore, records::RecordsBucket,
    secrets::SecretStore,
};
use engine_http::logging::EventType;
use jiff::tz::TimeZone;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use market_data::{Buckets, Importer, Keys, event::uploads};

/// Longest wait for one attempt at a call, and attempts: the function has two minutes, and nobody waits for its answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("market-data");
    let config = engine_aws::config::load_with(ATTEMPT_TIMEOUT, ATTEMPTS).await;
    let secrets = SecretStore::new(aws_sdk_secretsmanager::Client::new(&config));
    let (actor, reference) = (env("ACTOR_KEY_SECRET")?, env("REFERENCE_KEY_SECRET")?);
    let (actor, reference) = tokio::try_join!(secrets.versioned_key(&actor), secrets.versioned_key(&reference))?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let s3 = aws_sdk_s3::Client::new(&config);
    let importer = Importer::new(
        Buckets { files: ObjectStore::new(s3.clone()), records: RecordsBucket::new(s3, env("RECORDS_BUCKET")?) },
        MarketStore::new(dynamodb.clone(), env("MARKET_TABLE")?),
        AuditLog::new(dynamodb, env("AUDIT_TABLE")?),
        Keys { actor, reference },
        env("MARKET_BUCKET")?,
        TimeZone::get(&env("FILE_TIME_ZONE")?)?,
        Arc::new(SystemClock),
    );
    let importer = &importer;
    run(service_fn(async move |event: LambdaEvent<S3Event>| {
        for upload in uploads(&event.payload)? {
            let done = Box::pin(importer.import(&upload, &event.context.request_id)).await;
            done.inspect_err(
                |error| tracing::error!(event_type = EventType::DataAccess.as_str(), action = "import", status = "FAILURE", %error, resource = upload.key, "import failed"),
            )?;
        }
        Ok::<(), Error>(())
    }))
    .await
}

fn env(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("environment variable {name} is not set").into())
}
