//! Sweeps keys against an embedded DynamoDB and doubles of the other services, all in this process, and prints one line of
//! figures in JSON. Fails where an act is missing or done twice, or a table was scanned.

use std::collections::BTreeSet;
use std::time::Instant;

use clap::Parser;
use credential_sweep::{Clients, CredentialSweep, Done, Settings};
use engine_aws::clock::Clock;
use engine_benchmarks::fleet::{ENVIRONMENT, Failure, Fleet, Past};
use engine_test_support::acm::Acm;
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::eventbridge::EventBridge;
use engine_test_support::keys::{actor_key, reference_key};
use engine_test_support::kms::Kms;
use engine_test_support::secrets_manager::SecretsManager;
use engine_test_support::sns::{FIFO_TOPIC_ARN, Sns};
use engine_test_support::wire::Wire;
use jiff::SignedDuration;
use serde_json::json;

/// Keys of a client.
const EACH: usize = 40;
/// One of each client's keys at most has something due; these pasts in turn.
const DUE: [(&str, Past); 3] = [
    ("offered", Past { age: 80, used: Some(1) }),
    ("revoked", Past { age: 40, used: None }),
    ("expired", Past { age: 91, used: Some(5) }),
];
/// The others were used yesterday, of which the index, made when they were, knows nothing: each has to be looked at.
const IN_USE: (&str, Past) = ("in use", Past { age: 40, used: Some(1) });

/// Sweep keys in this process.
#[derive(Debug, Parser)]
struct Arguments {
    /// Keys, a multiple of 40
    #[arg(long)]
    keys: usize,
    /// Of these, keys with something due: one of a client at most
    #[arg(long)]
    due: usize,
}

// The embedded DynamoDB answers on a thread of its own, as a service would.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let Arguments { keys, due } = Arguments::parse();
    let clients = keys / EACH;
    ensure(keys % EACH == 0 && due <= clients, "--keys is a multiple of 40, and --due at most a fortieth of it")?;
    let clock = ManualClock::at("2026-12-15T22:00:00Z");
    let (dynamo, sns, events) = (Dynamo::start().await, Sns::at(clock.shared()), EventBridge::new());
    let began = Instant::now();
    let fleet = Fleet::new(dynamo.client_on(&Wire::default()), clock.now());
    let past = |client, key| if key == 0 && client < due { client % DUE.len() } else { DUE.len() };
    fleet.fill((clients, EACH), &[&DUE[..], &[IN_USE]].concat(), past).await?;
    let filled = began.elapsed();

    let function = function(&dynamo, &sns, &events, &clock);
    let deadline = clock.now() + SignedDuration::from_mins(15);
    let began = Instant::now();
    let done = function.run("bench", deadline).await?;
    let swept = began.elapsed();
    let calls = dynamo.wire().sent();
    dynamo.wire().reset();
    let began = Instant::now();
    let again = function.run("bench", deadline).await?;
    let swept_again = began.elapsed();

    let of = |kind: usize| (due + DUE.len() - 1 - kind) / DUE.len();
    ensure(
        (done.successors_offered, done.keys_revoked, done.keys_expired) == (of(0), of(1), of(2)),
        &format!("not every act was done: {done:?}"),
    )?;
    ensure(done.notices_told == due && !done.cut_short, &format!("not everybody was told: {done:?}"))?;
    ensure(again == Done::default(), &format!("something was done twice: {again:?}"))?;
    let ids: BTreeSet<_> = sns.published().iter().map(|message| message.json()["notice_id"].to_string()).collect();
    ensure((ids.len(), sns.published().len(), events.events().len()) == (due, due, due), "not each notice once")?;
    ensure(!calls.contains_key("Scan"), "a table was scanned")?;
    println!(
        "{}",
        json!({
            "keys": keys, "due": due, "clients": clients,
            "filled_millis": filled.as_millis(), "swept_millis": swept.as_millis(),
            "swept_again_millis": swept_again.as_millis(),
            "offered": done.successors_offered, "revoked": done.keys_revoked, "expired": done.keys_expired,
            "calls": calls, "calls_again": dynamo.wire().sent(),
        })
    );
    Ok(())
}

fn function(dynamo: &Dynamo, sns: &Sns, events: &EventBridge, clock: &ManualClock) -> CredentialSweep {
    let clients = Clients {
        acm: Acm::new().client(),
        dynamodb: dynamo.client(),
        events: events.client(),
        kms: Kms::new().client(),
        secrets: SecretsManager::new().client(),
        sns: sns.client(),
    };
    let settings = Settings {
        environment: ENVIRONMENT.to_owned(),
        stack: "bench".to_owned(),
        keys_table: tables::KEYS.to_owned(),
        clients_table: tables::CLIENTS.to_owned(),
        people_table: tables::PEOPLE.to_owned(),
        audit_table: tables::AUDIT.to_owned(),
        rotations_table: tables::ROTATIONS.to_owned(),
        actor_key_secret: "unused: the key is given".to_owned(),
        reference_key_secret: "unused: the key is given".to_owned(),
        contacts_key: "unused: nobody is a contact".to_owned(),
        service_account_prefix: "bench/service-accounts/".to_owned(),
        rotation_function: None,
        topic: FIFO_TOPIC_ARN.to_owned(),
        signing_keys: Vec::new(),
        kms_keys: Vec::new(),
        stack_secrets: Vec::new(),
        certificate: None,
    };
    CredentialSweep::new(clients, (actor_key(), reference_key()), settings, clock.shared())
}

fn ensure(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(what.into()) }
}
