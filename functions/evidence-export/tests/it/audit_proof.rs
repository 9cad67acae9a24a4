//! `GET /api/v1/audit/{id}/proof`: an entry and the proof that it is in the log, which anybody can verify.

use engine_core::hex;
use engine_core::merkle::{Hash, leaf_hash, verify_inclusion};
use engine_test_support::audit::{client_ref, entries};
use serde_json::{Value, json};

use crate::fixture::{Office, RECORDS, Someone, WORK, late, time};

fn at(id: &str) -> String {
    format!("/api/v1/audit/{id}/proof")
}

async fn proof(office: &Office, by: &Someone, id: &str) -> Value {
    office.call("GET", &at(id)).by(by).send().await.expect(200)
}

#[tokio::test]
async fn an_entry_comes_with_the_proof_that_it_is_under_a_signed_checkpoint() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    for number in [0, 255, 256, 300, 599] {
        let made = entries(number + 1).pop().unwrap();
        let answer = proof(&office, &erin, &made.id().to_string()).await;
        assert_eq!((&answer["header"], &answer["body"]), (&json!(made.header()), &json!(made.body())));
        let checkpoint = office.reader().register().await.unwrap();
        let checkpoint = checkpoint.open_checkpoint(answer["checkpoint"].as_str().unwrap()).unwrap();
        assert_eq!(answer["size"], checkpoint.size);
        let hashes =
            answer["proof"].as_array().unwrap().iter().map(|hash| Hash::parse(hash.as_str().unwrap()).unwrap());
        let hashes: Vec<_> = hashes.collect();
        let (index, leaf) = (answer["index"].as_u64().unwrap(), leaf_hash(made.header().as_bytes()));
        verify_inclusion(index, checkpoint.size, leaf, &hashes, checkpoint.root).unwrap();
        assert_eq!(index, number + 4);
        let header: Value = serde_json::from_str(made.header()).unwrap();
        assert_eq!(header["body_sha256"], hex::sha256(answer["body"].as_str().unwrap().as_bytes()));
    }
}

#[tokio::test]
async fn the_answer_has_the_exact_texts() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let made = entries(1).pop().unwrap();
    let mut answer = proof(&office, &erin, &made.id().to_string()).await;
    // Signed by a key of this run.
    let note = answer["checkpoint"].as_str().unwrap();
    answer["checkpoint"] = json!(format!("{}[signature]", note.split('\u{2014}').next().unwrap()));
    insta::assert_json_snapshot!(answer);
}

#[tokio::test]
async fn what_is_not_sealed_is_not_found_and_the_caller_hears_when_to_come_back() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let unsealed = late(7).id().to_string();
    for id in [unsealed.as_str(), "019bc3ac-2f00-4989-bdd9-14e14da269cf", "nonsense", "..", "%2e%2e"] {
        let problem = office.call("GET", &at(id)).by(&erin).send().await.problem(404, "resource_not_found");
        assert!(problem["detail"].as_str().unwrap().contains("sealed within about a minute"), "{problem}");
    }
    office.seal(vec![late(7)], "2026-11-22T06:20:00Z").await;
    assert_eq!(proof(&office, &erin, &unsealed).await["id"], unsealed);
}

#[tokio::test]
async fn an_entry_that_is_sequenced_and_not_under_a_checkpoint_yet_is_not_sealed() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    // Too soon after the last checkpoint for another one.
    office.seal(vec![late(9)], "2026-11-22T06:00:01Z").await;
    office.call("GET", &at(&late(9).id().to_string())).by(&erin).send().await.problem(404, "resource_not_found");
}

#[tokio::test]
async fn what_cannot_be_proven_is_not_answered() {
    let made = entries(1).pop().unwrap();
    let path = at(&made.id().to_string());
    for attack in
        ["another header", "another body", "a tile gone", "a tile changed", "another checkpoint", "no register"]
    {
        let office = Office::start().await;
        let erin = office.auditor().await;
        let object = |key: &str| office.s3.object(RECORDS, key).expect(key);
        match attack {
            "another header" => {
                let text = String::from_utf8_lossy(&object("tile/entries/000")).replacen("request-0", "request-9", 1);
                office.s3.corrupt(RECORDS, "tile/entries/000", text.as_bytes());
            }
            "another body" => {
                let bodies = object("tile/bodies/000");
                let place = bodies.windows(10).position(|part| part == b"\"number\":0").unwrap();
                let mut changed = bodies.clone();
                changed[place + 9] = b'5';
                office.s3.corrupt(RECORDS, "tile/bodies/000", &changed);
            }
            "a tile gone" => office.s3.remove(RECORDS, "tile/0/000"),
            "a tile changed" => {
                let mut tile = object("tile/0/000");
                tile[5 * 32] ^= 1;
                office.s3.corrupt(RECORDS, "tile/0/000", &tile);
            }
            "another checkpoint" => {
                let key = "checkpoints/0000000000000605";
                let note = String::from_utf8(object(key)).unwrap().replace("T06:00:00", "T06:00:01");
                office.s3.corrupt(RECORDS, key, note.as_bytes());
            }
            _ => office.s3.remove(RECORDS, "keys/log/0001"),
        }
        let answer = office.call("GET", &path).by(&erin).send_to(&office.process()).await;
        answer.problem(500, "internal_error");
        assert!(!answer.text.contains("proof"), "{attack}: {answer:?}");
    }
}

#[tokio::test]
async fn the_partial_tiles_may_be_gone_and_the_proof_is_the_same() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = entries(600).pop().unwrap().id().to_string();
    let before = proof(&office, &erin, &id).await;
    for key in office.s3.keys(WORK) {
        if key.starts_with("tile/0/") || key.starts_with("tile/1/") {
            office.s3.remove(WORK, &key);
        }
    }
    let answer = office.call("GET", &at(&id)).by(&erin).send_to(&office.process()).await;
    assert_eq!(answer.expect(200), before);
}

#[tokio::test]
async fn reading_a_proof_is_recorded_with_whom_it_concerns() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let made = entries(2).pop().unwrap();
    proof(&office, &erin, &made.id().to_string()).await;
    let stored = office.entry_of("audit.proof.show").await;
    assert_eq!(stored.header["client_ref"], client_ref("beta").as_str());
    assert_eq!(stored.body["details"], json!({ "id": made.id().to_string(), "index": 5, "size": 605 }));
    assert!(time("2026-11-22T06:00:00Z") < stored.entry.id().time());
    office.call("GET", &at("nonsense")).by(&erin).send().await;
    let entries = office.entries_of("audit.proof.show").await;
    let refused = entries.iter().find(|entry| entry.header["outcome"] == "refused").unwrap();
    assert_eq!(refused.body["details"]["code"], "resource_not_found");
}
