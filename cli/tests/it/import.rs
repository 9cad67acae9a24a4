//! `engine import`, with the real importer behind the bucket.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::aws::{Aws, OPERATOR};
use crate::engine::Run;

const HEADER: &str = "#SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|";

/// A short-stock file of the given time and fees.
fn file(name: &str, time: &str, fees: &[(&str, &str)]) -> String {
    let row = |(ticker, fee): &(&str, &str)| format!("{ticker}|USD|{ticker} INC|1|XX|NA|{fee}|1000|\n");
    let rows: String = fees.iter().map(row).collect();
    write(name, &format!("#BOF|{time}\n{HEADER}\n{rows}#EOF|{}\n", fees.len()))
}

fn write(name: &str, content: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

fn importing() -> Aws {
    let aws = Aws::start();
    aws.import_uploads();
    aws
}

#[test]
fn a_file_is_imported_and_the_same_file_again_changes_nothing() {
    let aws = importing();
    let usa = file(
        "usa.txt",
        "2026.11.20|16:30:00",
        &[("AAPL", "0.25"), ("GME", "21.5"), ("MSFT", "0.3"), ("NEW", "NA"), ("BAD TICKER X", "1")],
    );
    let first = aws.run(&["import", &usa, "--json"]);
    assert_eq!(first.status, Some(0), "{first:?}");
    let (record, counts) = (json(&first), &json(&first)["counts"]);
    assert_eq!((&record["status"], &record["source"]), (&"PUBLISHED".into(), &"short-stock".into()));
    for (name, count) in
        [("read", 5), ("written", 4), ("unchanged", 0), ("rejected", 1), ("carried", 0), ("without_rate", 1)]
    {
        assert_eq!(counts[name], count, "{name}");
    }
    assert!(first.stderr.starts_with(&format!("{usa}: line 7: ")), "{}", first.stderr);

    let again = aws.run(&["import", &usa]);
    assert_eq!(again.status, Some(0));
    assert!(again.stdout.contains("UNCHANGED"), "{}", again.stdout);

    let list = aws.run(&["import", "list"]);
    let statuses: Vec<_> = list.stdout.lines().skip(1).map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(statuses, ["UNCHANGED", "PUBLISHED"]);
}

#[test]
fn a_cut_file_is_refused_whole_and_says_why() {
    let aws = importing();
    let cut = write("cut.txt", &format!("#BOF|2026.11.20|16:30:00\n{HEADER}\nAAPL|USD|A|1|X|NA|1|1|\n"));
    let refused = aws.run(&["import", &cut]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stdout.contains("REFUSED"), "{}", refused.stdout);
    assert!(refused.stderr.contains("refused: ") && refused.stderr.contains("#EOF"), "{}", refused.stderr);
}

#[test]
fn a_file_that_moves_too_much_waits_for_a_person() {
    let aws = importing();
    let calm = file("calm.txt", "2026.11.19|16:30:00", &[("AAPL", "1"), ("MSFT", "1"), ("TSLA", "2")]);
    let wild = file("wild.txt", "2026.11.20|16:30:00", &[("AAPL", "9"), ("MSFT", "9"), ("TSLA", "9")]);
    assert_eq!(aws.run(&["import", &calm]).status, Some(0));
    let held = aws.run(&["import", &wild, "--json"]);
    assert_eq!(held.status, Some(3), "{held:?}");
    let id = json(&held)["import_id"].as_str().unwrap().to_owned();
    assert!(held.stderr.contains(&format!("engine import accept {id} --reason \"…\"")), "{}", held.stderr);

    let accepted = aws.run(&["import", "accept", &id, "--reason", "checked with the lender", "--json"]);
    assert_eq!((accepted.status, accepted.stderr.as_str()), (Some(0), ""));
    let record = json(&accepted);
    assert_eq!(record["status"], "PUBLISHED");
    assert_eq!(record["acceptance"]["accepted_by"], OPERATOR);

    let again = aws.run(&["import", "accept", &id, "--reason", "again"]);
    assert_eq!(again.status, Some(1));
    assert!(again.stderr.starts_with("error: not accepted: the import is PUBLISHED"), "{}", again.stderr);
    let unknown = aws.run(&["import", "accept", "nothing", "--reason", "x"]);
    assert_eq!(unknown.stderr, "error: not accepted: there is no import nothing\n");
}

#[test]
fn documents_are_told_apart_by_their_content() {
    let aws = importing();
    for (name, content, source) in [
        ("v.json", r#"{"value": 18.5, "timestamp": "2026-11-20T21:30:00Z", "stocks": []}"#, "volatility"),
        (
            "m.json",
            r#"{"timestamp": "2026-11-20T21:30:00Z", "minimum_rates": [{"ticker": "AAPL", "minimum_rate": 0.0025}]}"#,
            "minimum-rates",
        ),
    ] {
        let imported = aws.run(&["import", &write(name, content), "--json"]);
        assert_eq!((imported.status, &json(&imported)["source"]), (Some(0), &source.into()), "{imported:?}");
    }
    let other = write("other.json", "{}");
    let unknown = aws.run(&["import", &other]);
    assert_eq!(unknown.status, Some(1));
    assert!(unknown.stderr.contains("say --source short-stock"), "{}", unknown.stderr);
    let forced = aws.run(&["import", &other, "--source", "volatility"]);
    assert!(forced.stdout.contains("REFUSED"), "{forced:?}");
    assert_eq!(aws.run(&["import", &other, "--source", "rates"]).status, Some(2));
}

#[test]
fn an_importer_that_does_not_answer_is_not_waited_for_forever() {
    let aws = Aws::start();
    let usa = file("unanswered.txt", "2026.11.20|16:30:00", &[("AAPL", "0.25")]);
    let unanswered = aws.run(&["import", &usa, "--timeout", "0"]);
    assert_eq!((unanswered.status, unanswered.stdout.as_str()), (Some(4), ""));
    assert!(unanswered.stderr.contains("engine import list"), "{}", unanswered.stderr);
}
