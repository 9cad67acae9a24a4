//! Seals a day of audit entries against an embedded DynamoDB and doubles of S3 and KMS, all in this process, and prints
//! one line of figures in JSON.

use std::error::Error;

use clap::Parser;
use engine_benchmarks::{Day, Rig, Stores, measure};
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::kms::Kms;
use engine_test_support::s3::S3;
use serde_json::json;

/// Seal a day of audit entries in this process.
#[derive(Debug, Parser)]
struct Arguments {
    /// Quotes of the day
    #[arg(long)]
    entries: u64,
}

// The embedded DynamoDB answers on a thread of its own, as a service would.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { entries } = Arguments::parse();
    let (dynamo, s3, kms) = (Dynamo::start().await, S3::new(), Kms::new());
    s3.locked_bucket("records");
    s3.bucket("work");
    let rig = Rig::new(Stores {
        dynamo: dynamo.client(),
        s3: s3.client(),
        kms: kms.client(),
        audit_table: tables::AUDIT.to_owned(),
        log_table: tables::LOG.to_owned(),
        records: "records".to_owned(),
        work: "work".to_owned(),
        origin: "borrow-rate-engine/123456789012/us-east-1/bench".to_owned(),
        log_key: kms.ed25519_key(),
        evidence_key: kms.ed25519_key(),
    });
    let day = Day::of(entries);
    rig.prepare(&day).await?;
    println!("{}", json!({ "figures": measure(&rig, &day).await? }));
    Ok(())
}
