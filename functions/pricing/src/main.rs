//! Wires the client API to Lambda.

use std::sync::Arc;

use engine_aws::clock::SystemClock;
use lambda_http::{Error, Request, run, service_fn};
use pricing::{Pricing, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    engine_http::logging::init("pricing");
    let settings = Settings::from_env()?;
    let config = engine_aws::config::load().await;
    let pricing = Pricing::new(aws_sdk_dynamodb::Client::new(&config), settings, Arc::new(SystemClock));
    pricing.warm_up().await;
    run(service_fn(|request: Request| async { Ok::<_, Error>(pricing.handle(request).await) })).await
}
