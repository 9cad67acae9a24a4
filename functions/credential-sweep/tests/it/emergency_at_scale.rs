//! Emergency rotation of 10,000 keys: every one of them is refused before the first successor is offered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, Select, WriteRequest};
use engine_aws::clock::random_bytes;
use engine_aws::key_gate::{Denial, KeyGate, Take};
use engine_aws::rotations::{EmergencyRotations, Phase, Target};
use engine_core::access::{ApiKey, Refusal};
use engine_test_support::dynamo::tables;
use engine_test_support::stored;
use engine_test_support::stream::Item;

use crate::emergency::{ID, Rig, before_each_transaction, counts, meanwhile, state};

const CLIENTS: usize = 250;
const KEYS_EACH: usize = 40;
/// As long as the function may take, with room for a slower machine than DynamoDB.
const LONGEST: Duration = Duration::from_mins(10);

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

async fn put(client: &aws_sdk_dynamodb::Client, table: &str, items: Vec<Item>) {
    for some in items.chunks(25) {
        let put = |item: &Item| PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
        let writes = some.iter().map(|item| WriteRequest::builder().put_request(put(item)).build()).collect();
        client.batch_write_item().request_items(table, writes).send().await.unwrap();
    }
}

/// Clients and keys like those that the API makes, written in bulk; the keys in clear.
async fn arranged(rig: &Rig) -> Vec<ApiKey> {
    rig.client_with_keys("model", 1).await;
    let client = rig.dynamodb();
    let model_key = rig.keys().await.remove(0);
    let all = stored::scan(&client, tables::CLIENTS).await;
    let model = all.iter().find(|item| item.contains_key("client_name")).unwrap();
    let (mut keys, mut key_items, mut client_items) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..CLIENTS {
        let name = format!("client-{number:04}");
        let mut ids = Vec::new();
        for _ in 0..KEYS_EACH {
            let key = ApiKey::generate("test", random_bytes().unwrap(), &random_bytes().unwrap()).unwrap();
            let mut item = model_key.clone();
            item.insert("pk".into(), text(key.id().as_str()));
            item.insert("client_id".into(), text(&name));
            item.insert("key_hash".into(), AttributeValue::B(Blob::new(key.hash().as_bytes())));
            ids.push(key.id().to_string());
            key_items.push(item);
            keys.push(key);
        }
        let mut item = model.clone();
        item.insert("pk".into(), text(&name));
        item.insert("key_ids".into(), AttributeValue::Ss(ids));
        client_items.push(item);
        client_items.push(Item::from([("pk".into(), text("#clients")), ("sk".into(), text(&name))]));
    }
    put(&client, tables::KEYS, key_items).await;
    put(&client, tables::CLIENTS, client_items).await;
    keys
}

/// How many clients the rotation came to.
async fn rows(client: &aws_sdk_dynamodb::Client) -> usize {
    let query = client.query().table_name(tables::ROTATIONS).key_condition_expression("pk = :rows");
    let query = query.expression_attribute_values(":rows", text(format!("emergency#{ID}"))).select(Select::Count);
    usize::try_from(query.send().await.unwrap().count()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_keys_are_refused_before_the_first_successor_is_offered() {
    let rig = Rig::start().await;
    let keys = Arc::new(arranged(&rig).await);
    assert_eq!(keys.len(), 10_000);
    rig.ask(Target::AllKeys).await;
    let (worker, wire) = rig.another();
    let (presented, began) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let (client, now, told, all) = (rig.dynamodb(), rig.now(), Arc::clone(&presented), Arc::clone(&keys));
    let rotations = EmergencyRotations::new(rig.dynamodb(), tables::ROTATIONS);
    before_each_transaction(
        &wire,
        Arc::new(move || {
            if told.load(Ordering::Relaxed) > 0 || meanwhile(rows(&client)) < CLIENTS + 1 {
                return;
            }
            // Everything is done in the first phase, and what is about to leave is the transaction that ends it.
            let phase = meanwhile(rotations.read(ID)).unwrap().unwrap().place.phase;
            assert_eq!(phase, Phase::Revoking);
            let items = meanwhile(stored::scan(&client, tables::KEYS));
            assert!(items.iter().all(|key| state(key) == "REVOKED" && !key.contains_key("offered_at")));
            println!("revoked after {:?}", began.elapsed());
            let gate = KeyGate::new(client.clone(), tables::KEYS);
            for key in all.iter() {
                let taken = meanwhile(gate.take(key, Take { tokens: 1, owes_entry: false }, now)).unwrap();
                assert!(matches!(taken, Err(Denial::Refused(Refusal::Revoked))), "{taken:?}");
                told.fetch_add(1, Ordering::Relaxed);
            }
            println!("each presented and refused after {:?}", began.elapsed());
        }),
    );
    worker.run(&[ID.to_owned()]).await.unwrap();
    println!("complete after {:?}, {:?}", began.elapsed(), wire.sent());
    assert_eq!(presented.load(Ordering::Relaxed), 10_000);
    let rotation = rig.rotation().await;
    // The model is a client of one key.
    assert_eq!((rotation.place.phase, rotation.place.counts), (Phase::Done, counts(251, 10_001, 10_001, 251)));
    assert!(began.elapsed() < LONGEST);
}
