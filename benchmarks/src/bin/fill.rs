//! Seals a day of audit entries into the tables and buckets at `AWS_ENDPOINT_URL`, and prints one line of figures in JSON.
//!
//! Tables, buckets and keys must be there, the log empty.

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use engine_aws::config;
use engine_benchmarks::{Day, Rig, Stores, measure};
use serde_json::json;

/// Longest wait for one attempt at a call: an emulator takes its time over a transaction of a hundred writes.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 2;

/// Seal a day of audit entries.
#[derive(Debug, Parser)]
struct Arguments {
    /// Name of the stack, from which the names of tables and buckets follow
    #[arg(long)]
    stack: String,
    /// Account of the buckets' names
    #[arg(long)]
    account: String,
    /// Quotes of the day
    #[arg(long)]
    entries: u64,
    /// ARN of the key that signs checkpoints
    #[arg(long)]
    log_key: String,
    /// ARN of the key that signs manifests
    #[arg(long)]
    evidence_key: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { stack, account, entries, log_key, evidence_key } = Arguments::parse();
    let config = config::load_with(ATTEMPT_TIMEOUT, ATTEMPTS).await;
    let region = config.region().ok_or("AWS_REGION is not set")?.to_string();
    // The address of an emulator has no room for a bucket's name before it.
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let rig = Rig::new(Stores {
        dynamo: aws_sdk_dynamodb::Client::new(&config),
        s3: aws_sdk_s3::Client::from_conf(s3),
        kms: aws_sdk_kms::Client::new(&config),
        audit_table: format!("{stack}-audit"),
        log_table: format!("{stack}-log"),
        records: format!("{stack}-records-{account}-{region}"),
        work: format!("{stack}-work-{account}-{region}"),
        origin: format!("borrow-rate-engine/{account}/{region}/{stack}"),
        log_key,
        evidence_key,
    });
    let day = Day::of(entries);
    rig.prepare(&day).await?;
    let figures = measure(&rig, &day).await?;
    let (client, ticker) = day.names().unwrap_or_default();
    println!(
        "{}",
        json!({
            "from": Day::start().to_string(), "to": Day::end().to_string(), "client": client, "ticker": ticker,
            "figures": figures,
        })
    );
    Ok(())
}
