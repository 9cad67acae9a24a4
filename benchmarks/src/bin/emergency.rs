//! Rotates every key at once against an embedded DynamoDB in this process, and prints one line of figures in JSON. Fails where
//! a key is not refused before the first successor is offered.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use clap::Parser;
use credential_sweep::emergency::{Emergency, Parts};
use engine_aws::audit_log::AuditLog;
use engine_aws::change::Change;
use engine_aws::clock::{Clock, SystemClock};
use engine_aws::key_gate::{Denial, KeyGate, Take};
use engine_aws::people::People;
use engine_aws::rotations::{EmergencyRotations, NewEmergency, Outbox, Phase, Target};
use engine_aws::secrets::SecretStore;
use engine_benchmarks::fleet::{self, ENVIRONMENT, Failure, Fleet, Past};
use engine_core::access::{ApiKey, Refusal};
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::secrets_manager::SecretsManager;
use engine_test_support::stored;
use engine_test_support::wire::Wire;
use jiff::Timestamp;
use serde_json::json;

const ID: &str = "019bc3ac-2f00-7989-bdd9-14e14da269cf";
/// Rows of a page.
const PAGE: usize = 100;
const TRANSACTION: &str = "TransactWriteItems";

/// Rotate every key at once, in this process.
#[derive(Debug, Parser)]
struct Arguments {
    /// Keys, a multiple of the clients
    #[arg(long)]
    keys: usize,
    /// Clients that hold them
    #[arg(long)]
    clients: usize,
}

/// Sees that every key is refused once every client is done and before anything is issued.
struct Watch {
    client: Client,
    wire: Wire,
    keys: Vec<ApiKey>,
    clients: usize,
    /// When it began to look and how long that took, or what was found instead; the rotation waits meanwhile.
    seen: Mutex<Option<Result<(Timestamp, Duration), String>>>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let Arguments { keys, clients } = Arguments::parse();
    let dynamo = Dynamo::start().await;
    let client = dynamo.client_on(&Wire::default());
    let began = Instant::now();
    let pasts = [("in use", Past { age: 20, used: Some(1) })];
    let fleet = Fleet::new(client.clone(), SystemClock.now());
    let keys = fleet.fill((clients, keys / clients.max(1)), &pasts, |_, _| 0).await?;
    let (filled, count) = (began.elapsed(), keys.len());
    ask(&client).await?;

    let wire = dynamo.wire().clone();
    let watch = Arc::new(Watch { client: client.clone(), wire, keys, clients, seen: Mutex::default() });
    before_each_transaction(&watch);
    worker(dynamo.client()).run(&[ID.to_owned()]).await?;
    let seen = watch.seen.lock().map_err(|_| "the watch ended in a panic")?.take().ok_or("nothing was watched")?;
    let (refused, paused) = seen?;

    let rotations = EmergencyRotations::new(client, tables::ROTATIONS);
    let rotation = rotations.read(ID).await?.ok_or("the rotation is gone")?;
    let counts = rotation.place.counts;
    if (rotation.place.phase, counts.revoked, counts.issued) != (Phase::Done, count as u64, count as u64) {
        return Err(format!("not everything was rotated: {rotation:?}").into());
    }
    let first_issued = first_issued(&rotations).await?;
    let started = rotation.started_at.ok_or("it never started")?;
    // What is told from the watch on came later by as long as the rotation waited for it.
    let since = |at: Option<Timestamp>, waited: Duration| {
        let millis = at.map(|at| at.duration_since(started).as_millis()).unwrap_or_default();
        millis - i128::try_from(waited.as_millis()).unwrap_or_default()
    };
    println!(
        "{}",
        json!({
            "keys": count, "clients": clients, "filled_millis": filled.as_millis(),
            "refused_millis": since(Some(refused), Duration::ZERO),
            "first_issued_millis": since(first_issued, paused),
            "issued_millis": since(rotation.issued_at, paused),
            "complete_millis": since(rotation.completed_at, paused),
            "watched_millis": paused.as_millis(),
            "notified": counts.notified, "calls": dynamo.wire().sent(),
        })
    );
    Ok(())
}

async fn ask(client: &Client) -> Result<(), Failure> {
    let new = NewEmergency {
        id: ID.to_owned(),
        target: Target::AllKeys,
        reason: "the vault of the desk leaked".to_owned(),
        requested_by: "sam@example.com".to_owned(),
        request_id: "bench".to_owned(),
        requested_at: SystemClock.now(),
    };
    let mut change = Change::default();
    EmergencyRotations::new(client.clone(), tables::ROTATIONS).create(&mut change, &new)?;
    Ok(change.commit(client).await?)
}

fn worker(dynamodb: Client) -> Emergency {
    let audit = AuditLog::new(dynamodb.clone(), tables::AUDIT);
    Emergency::new(Parts {
        directory: Arc::new(fleet::directory(dynamodb.clone())),
        people: People::new(dynamodb.clone(), tables::PEOPLE, audit.clone()),
        secrets: SecretStore::new(SecretsManager::new().client()),
        rotations: EmergencyRotations::new(dynamodb.clone(), tables::ROTATIONS),
        outbox: Outbox::new(dynamodb.clone(), tables::ROTATIONS),
        audit,
        dynamodb,
        clock: Arc::new(SystemClock),
        environment: ENVIRONMENT.to_owned(),
        service_account_prefix: "bench/service-accounts/".to_owned(),
    })
}

/// When the first successors were offered.
async fn first_issued(rotations: &EmergencyRotations) -> Result<Option<Timestamp>, Failure> {
    let (mut first, mut after): (Option<Timestamp>, Option<String>) = (None, None);
    loop {
        let page = rotations.units(ID, after.as_deref(), PAGE).await?;
        first = page.items.iter().filter_map(|unit| unit.issued_at).chain(first).min();
        after = page.next;
        if after.is_none() {
            return Ok(first);
        }
    }
}

fn before_each_transaction(watch: &Arc<Watch>) {
    let again = Arc::clone(watch);
    watch.wire.before(TRANSACTION, move || {
        let seen = again.seen.lock().is_ok_and(|seen| seen.is_some());
        let sent = again.wire.sent().get(TRANSACTION).copied().unwrap_or_default();
        if !seen && sent >= again.clients {
            let looked = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(again.look()));
            if let (Some(looked), Ok(mut seen)) =
                (looked.map_err(|error| error.to_string()).transpose(), again.seen.lock())
            {
                *seen = Some(looked);
            }
        }
        if !seen {
            before_each_transaction(&again);
        }
    });
}

impl Watch {
    /// Presents each key, once every client is done: nothing was offered yet, and what is about to leave ends the first phase.
    async fn look(&self) -> Result<Option<(Timestamp, Duration)>, Failure> {
        let rows = self.client.query().table_name(tables::ROTATIONS).key_condition_expression("pk = :rows");
        let rows = rows.expression_attribute_values(":rows", AttributeValue::S(format!("emergency#{ID}")));
        let rows = rows.select(Select::Count).send().await?;
        if usize::try_from(rows.count())? < self.clients {
            return Ok(None);
        }
        let (refused, began) = (SystemClock.now(), Instant::now());
        let keys = stored::scan(&self.client, tables::KEYS).await;
        if keys.iter().any(|key| key.contains_key("offered_at")) {
            return Err("a successor was offered before every key was revoked".into());
        }
        let gate = KeyGate::new(self.client.clone(), tables::KEYS);
        for key in &self.keys {
            let taken = gate.take(key, Take { tokens: 1, owes_entry: false }, SystemClock.now()).await?;
            if !matches!(taken, Err(Denial::Refused(Refusal::Revoked))) {
                return Err(format!("key {} is not refused: {taken:?}", key.id()).into());
            }
        }
        Ok(Some((refused, began.elapsed())))
    }
}
