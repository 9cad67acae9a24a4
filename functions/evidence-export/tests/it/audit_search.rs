//! `GET /api/v1/audit`: what is found, in which order, and that nothing is left out or comes twice.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine_core::audit::Header;
use engine_test_support::audit::{client_ref, entries, entry_id, subject_ref};
use engine_test_support::keys::actor_key;
use serde_json::{Value, json};

use crate::fixture::{Office, QUOTES, Someone, late, time};

const AUDIT: &str = "/api/v1/audit";

/// Whether an entry is to be found.
type Condition<'a> = Box<dyn Fn(&Header) -> bool + 'a>;

/// One page of a search.
async fn page(office: &Office, by: &Someone, query: &[(&str, &str)]) -> Value {
    let call = office.call("GET", AUDIT).by(by);
    query.iter().fold(call, |call, (name, value)| call.query(name, value)).send().await.expect(200)
}

fn indices(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|item| item["index"].as_u64().unwrap()).collect()
}

/// All pages of a search, by index, newest first as they came.
async fn all(office: &Office, by: &Someone, query: &[(&str, &str)]) -> Vec<u64> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = query.to_vec();
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = page(office, by, &query).await;
        found.extend(indices(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return found,
        }
    }
}

#[tokio::test]
async fn without_a_filter_the_whole_log_comes_newest_first_without_gap_or_repeat() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let size = office.headers().await.len() as u64;
    assert_eq!(size, QUOTES + 5);
    let expected: Vec<_> = (0..size).rev().collect();
    for limit in ["100", "37"] {
        assert_eq!(all(&office, &erin, &[("limit", limit)]).await, expected);
    }
}

#[tokio::test]
async fn an_item_is_the_header_with_its_index_and_tells_nobodys_name() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    insta::assert_json_snapshot!(page(&office, &erin, &[("limit", "2"), ("event", "quote.create")]).await);
}

#[tokio::test]
async fn each_condition_finds_exactly_the_entries_that_meet_it() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let headers = office.headers().await;
    let actor = actor_key().actor_ref(engine_core::audit::ActorType::Client, "beta").as_str().to_owned();
    let (beta, gme) = (client_ref("beta").to_string(), subject_ref("GME").to_string());
    let (from, to) = ("2026-11-22T03:00:10.000Z", "2026-11-22T03:00:40.000Z");
    let within = |header: &Header| (time(from)..time(to)).contains(&header.time.parse().unwrap());
    let cases: Vec<(Vec<(&str, &str)>, Condition<'_>)> = vec![
        (vec![("event", "quote.batch.create")], Box::new(|header| header.event == "quote.batch.create")),
        (vec![("event", "client.create")], Box::new(|header| header.event == "client.create")),
        (vec![("outcome", "refused")], Box::new(|header| header.outcome == "refused")),
        (vec![("client", "beta")], Box::new(|header| header.client_ref.as_deref() == Some(beta.as_str()))),
        (vec![("ticker", "gme")], Box::new(|header| header.subject_ref.as_deref() == Some(gme.as_str()))),
        (vec![("actor", "client:beta")], Box::new(|header| header.actor_ref == actor)),
        (vec![("actor", &actor)], Box::new(|header| header.actor_ref == actor)),
        (vec![("request_id", "request-77")], Box::new(|header| header.request_id == "request-77")),
        (vec![("from", from)], Box::new(|header| time(from) <= header.time.parse().unwrap())),
        (vec![("to", to)], Box::new(|header| header.time.parse::<jiff::Timestamp>().unwrap() < time(to))),
        (vec![("from", from), ("to", to)], Box::new(within)),
        (
            vec![("client", "beta"), ("ticker", "GME"), ("outcome", "success"), ("from", from), ("to", to)],
            Box::new(|header| {
                within(header)
                    && header.client_ref.as_deref() == Some(beta.as_str())
                    && header.subject_ref.as_deref() == Some(gme.as_str())
                    && header.outcome == "success"
            }),
        ),
        (vec![("request_id", "no-such-request")], Box::new(|_| false)),
    ];
    for (query, condition) in cases {
        let mut expected: Vec<_> =
            headers.iter().filter(|(_, header)| condition(header)).map(|(index, _)| *index).collect();
        expected.reverse();
        assert_eq!(expected.is_empty(), query[0].1 == "no-such-request", "{query:?}");
        let paged: Vec<_> = [&query[..], &[("limit", "9")]].concat();
        assert_eq!(all(&office, &erin, &paged).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn the_pages_of_a_search_are_of_the_tree_that_the_first_was_of() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let first = page(&office, &erin, &[("limit", "100")]).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    office.seal((2..40).map(late).collect(), "2026-11-22T06:20:00Z").await;
    let second = page(&office, &erin, &[("limit", "100"), ("cursor", cursor)]).await;
    assert_eq!(second["size"], first["size"]);
    let size = first["size"].as_u64().unwrap();
    let expected: Vec<_> = (0..size).rev().take(200).collect();
    assert_eq!([indices(&first), indices(&second)].concat(), expected);
    let anew = page(&office, &erin, &[]).await;
    assert_eq!(anew["size"], size + 38);
    assert_eq!(indices(&anew)[0], size + 37);
}

#[tokio::test]
async fn a_cursor_of_another_search_and_a_forged_one_are_refused() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let of =
        async |query: &[(&str, &str)]| page(&office, &erin, query).await["next_cursor"].as_str().unwrap().to_owned();
    let good = of(&[("limit", "5")]).await;
    let other = of(&[("limit", "5"), ("outcome", "success")]).await;
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&good).unwrap()).unwrap();
    let (size, rest) = text.split_once('.').unwrap();
    let (position, digest) = rest.split_once('.').unwrap();
    let size: u64 = size.parse().unwrap();
    let write = |text: String| URL_SAFE_NO_PAD.encode(text);
    for (cursor, why) in [
        (other, "another filter's"),
        (write(format!("{}.{position}.{digest}", size + 1)), "of a size that is not sealed"),
        (write(format!("{}.3.{digest}", size - 2)), "of a size that was never signed"),
        (write(format!("{size}.{}.{digest}", size + 1)), "from beyond its size"),
        (write(format!("{size}.{position}.{}", "0".repeat(32))), "with a digest of nothing"),
        (write(format!("{size}.0{position}.{digest}")), "written another way"),
        (good[1..].to_owned(), "cut"),
        ("nonsense".to_owned(), "no cursor"),
        (String::new(), "empty"),
    ] {
        let answer = office.call("GET", AUDIT).by(&erin).query("limit", "5").query("cursor", &cursor).send().await;
        assert_eq!(answer.bad_fields(), ["cursor"], "{why}");
    }
    let page = page(&office, &erin, &[("limit", "20"), ("cursor", &good)]).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 20, "another limit is no other search");
}

#[tokio::test]
async fn a_client_or_a_ticker_that_the_log_does_not_know_is_named() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let call = office.call("GET", AUDIT).by(&erin).query("client", "delta").query("ticker", "NOSUCH");
    assert_eq!(call.send().await.bad_fields(), ["client", "ticker"]);
    let listed = page(&office, &erin, &[("ticker", "KO")]).await;
    assert!(!indices(&listed).is_empty());
}

#[tokio::test]
async fn tickers_are_looked_for_in_the_three_newest_lists_with_one_listing_and_a_list_is_read_once() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    office.seal_lists(&["NEWCO"], 3, "2026-11-22T06:05:00Z").await;
    let known = [("ticker", "NEWCO"), ("event", "quote.create")];
    let process = office.process();
    let search = async |ticker: &str| {
        office.s3.control().reset();
        let call = office.call("GET", AUDIT).by(&erin).query("ticker", ticker).query("event", "client.create");
        let answer = call.send_to(&process).await;
        (answer, office.s3.control().count("ListObjectsV2"), office.s3.control().count("GetObject"))
    };
    let (first, listings, read) = search("NEWCO").await;
    assert_eq!((first.status, listings), (200, 1));
    let (again, listings, read_again) = search("NEWCO").await;
    assert_eq!((again.status, listings), (200, 1));
    assert!(read_again + 6 <= read, "three anchors and three lists: {read}, then {read_again}");
    let (unknown, listings, _) = search("NOSUCH").await;
    assert_eq!((unknown.bad_fields(), listings), (vec!["ticker".to_owned()], 1));
    let message = &unknown.json()["errors"][0]["message"];
    assert!(message.as_str().unwrap().contains("the three newest lists"), "{message}");
    assert_eq!(page(&office, &erin, &known).await["items"], json!([]));
}

#[tokio::test]
async fn every_bad_parameter_is_named() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let mut call = office.call("GET", AUDIT).by(&erin);
    for (name, value) in [
        ("from", "now"),
        ("to", "later"),
        ("event", "quote"),
        ("outcome", "ok"),
        ("actor", "dana"),
        ("client", "?"),
        ("ticker", "?"),
        ("request_id", ""),
        ("limit", "101"),
        ("include_logs", "true"),
    ] {
        call = call.query(name, value);
    }
    let named: BTreeSet<_> = call.send().await.bad_fields().into_iter().collect();
    let expected =
        ["from", "to", "event", "outcome", "actor", "client", "ticker", "request_id", "limit", "include_logs"];
    assert_eq!(named, expected.map(str::to_owned).into());
    let twice = office.call("GET", AUDIT).by(&erin).query("outcome", "success").query("outcome", "refused");
    assert_eq!(twice.send().await.bad_fields(), ["outcome"]);
}

#[tokio::test]
async fn a_log_in_which_nothing_is_sealed_has_nothing_to_find() {
    let office = Office::empty().await;
    let erin = office.auditor().await;
    assert_eq!(page(&office, &erin, &[]).await, json!({ "size": 0, "items": [], "next_cursor": null }));
}

#[tokio::test]
async fn a_search_is_answered_once_it_is_recorded_with_whom_it_was_about() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let query = [("client", "beta"), ("ticker", "GME"), ("limit", "3")];
    let found = page(&office, &erin, &query).await;
    let stored = office.entry_of("audit.search").await;
    assert_eq!(stored.header["outcome"], "success");
    assert_eq!(stored.header["client_ref"], client_ref("beta").as_str());
    assert_eq!(stored.header["subject_ref"], subject_ref("GME").as_str());
    assert_eq!(stored.body["actor"], json!({"type": "staff", "id": erin.id, "roles": ["auditor"]}));
    let numbers = indices(&found);
    let expected = json!({
        "filter": {"client": ["beta"], "ticker": ["GME"]}, "size": QUOTES + 5, "before": QUOTES + 5, "limit": 3, "found": 3,
        "first_index": numbers[2], "last_index": numbers[0],
    });
    assert_eq!(stored.body["details"], expected);
    office.dynamo.wire().fail("PutItem", 1000);
    let call = office.call("GET", AUDIT).by(&erin).query("client", "beta");
    call.send().await.problem(503, "unavailable");
}

#[tokio::test]
async fn an_entry_is_found_by_its_request_as_soon_as_it_is_sealed() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let made = entries(8).pop().unwrap();
    let found = page(&office, &erin, &[("request_id", "request-7")]).await;
    assert_eq!(found["items"][0]["id"], made.id().to_string());
    assert_eq!(found["items"][0]["id"], entry_id(7, made.id().time()).to_string());
}
