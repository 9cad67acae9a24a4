//! `engine price`.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;

use serde_json::Value;

use crate::engine::{command, run};

const VECTORS: &str = include_str!("../../../shared/core/tests/data/pricing-vectors.jsonl");
const HEADER: &str = "base_rate,volatility_index,event_risk_factor,minimum_rate,position_value,loan_days,markup_percentage,fee_type,fee_amount";
const ROW: &str = "0.05,25,2,0.0001,100000,30,5,FLAT,25";
const LINE: &str = r#"{"base_rate":0.05,"volatility_index":25,"event_risk_factor":2,"minimum_rate":0.0001,"position_value":100000,"loan_days":30,"markup_percentage":5,"fee_type":"FLAT","fee_amount":25}"#;
const PRICE: &str = r#"{"borrow_rate_used":"0.063000","borrow_cost":"517.8082","markup":"25.8904","transaction_fees":"25.0000","total_fee":"568.6986"}"#;

fn vectors() -> Vec<Value> {
    VECTORS.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn parsed(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn expected() -> Vec<Value> {
    vectors().into_iter().map(|mut vector| vector["expected"].take()).collect()
}

/// The vectors' inputs under `header`, a column of which may be none of theirs.
fn as_csv(header: &str, separator: &str) -> String {
    let mut csv = header.to_owned() + separator;
    for vector in vectors() {
        let cell = |name| match &vector["inputs"][name] {
            Value::Null => "Smith, \"J\"".replace('"', "\"\""),
            Value::String(text) => text.clone(),
            number => number.to_string(),
        };
        let cells: Vec<_> = header.split(',').map(|name| format!("\"{}\"", cell(name))).collect();
        write!(csv, "{}{separator}", cells.join(",")).unwrap();
    }
    csv
}

fn temporary(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn every_vector_is_priced_to_the_last_digit_from_jsonl() {
    let nested = run(&["price"], VECTORS);
    assert_eq!((nested.status, nested.stderr.as_str()), (Some(0), ""));
    assert_eq!(parsed(&nested.stdout), expected());

    let flat: String = vectors().iter().map(|vector| vector["inputs"].to_string() + "\n").collect();
    assert_eq!(run(&["price", "-"], flat).stdout, nested.stdout);
}

#[test]
fn every_vector_is_priced_to_the_last_digit_from_csv() {
    let reordered = format!("desk,{}", HEADER.split(',').rev().collect::<Vec<_>>().join(","));
    for csv in [as_csv(HEADER, "\n"), as_csv(&reordered, "\r\n"), as_csv(HEADER, "\n\n")] {
        let prices = run(&["price", "--format", "csv"], csv);
        assert_eq!((prices.status, prices.stderr.as_str()), (Some(0), ""));
        assert_eq!(parsed(&prices.stdout), expected());
    }
}

#[test]
fn the_csv_output_has_the_same_figures() {
    let prices = run(&["price", "--output", "csv"], VECTORS);
    let mut rows = prices.stdout.lines();
    let header: Vec<_> = rows.next().unwrap().split(',').collect();
    let objects: Vec<Value> = rows.map(|row| header.iter().copied().zip(row.split(',')).collect()).collect();
    assert_eq!(objects, expected());
}

#[test]
fn the_table_lines_up() {
    let largest = LINE.replace("100000", "1000000000").replace(":0.05", ":100").replace("days\":30", "days\":365");
    let input = format!("{LINE}\nnonsense\n\n{largest}\n");
    let table = run(&["price", "--output", "table"], input);
    insta::assert_snapshot!(table.stdout + &table.stderr);
}

#[test]
fn numbers_are_taken_from_their_text() {
    for position in ["100000.07", "0.1", "999999999.99"] {
        let number = run(&["price"], LINE.replace("100000", position));
        let text = run(&["price"], LINE.replace("100000", &format!("\"{position}\"")));
        assert_eq!((number.status, &number.stdout), (Some(0), &text.stdout));
    }
    let exact = LINE.replace("100000", "999999999.99").replace("0.05", "0.3").replace("\"FLAT\"", "\"PERCENTAGE\"");
    let fees = &parsed(&run(&["price"], exact).stdout)[0]["transaction_fees"];
    assert_eq!(fees, "249999999.9975");
}

#[test]
fn a_bad_line_is_named_with_every_bad_field_and_the_others_are_priced() {
    let bad = r#"{"base_rate": "1e-2", "volatility_index": null, "event_risk_factor": 2.5, "minimum_rate": "1,0", "position_value": 0, "loan_days": "30", "markup_percentage": true, "fee_type": "FREE"}"#;
    let input = format!("{LINE}\n\n{bad}\n[1]\n{LINE}\n");
    let prices = run(&["price"], input);
    assert_eq!(prices.status, Some(1));
    assert_eq!(prices.stdout, format!("{PRICE}\n{PRICE}\n"));
    insta::assert_snapshot!(prices.stderr);
}

#[test]
fn a_bad_row_spoils_no_other() {
    let rows = [
        ROW.to_owned(),
        ROW.replace("25,2,", "\"25,2,"),
        ROW.replace("0.05", ""),
        ROW.to_owned() + ",more",
        ROW.replace("30,5", "0,5"),
    ];
    let input = [HEADER.as_bytes(), b"\n\n", rows.join("\n").as_bytes(), b"\n", b"\xff,1\n", ROW.as_bytes()].concat();
    let prices = run(&["price"], input);
    assert_eq!(prices.status, Some(1));
    assert_eq!(prices.stdout, format!("{PRICE}\n{PRICE}\n"));
    insta::assert_snapshot!(prices.stderr);
}

#[test]
fn an_endless_line_is_refused_and_not_kept() {
    let input = format!("{}\n{LINE}", "x".repeat(3_000_000));
    let prices = run(&["price", "--format", "jsonl"], input);
    assert_eq!((prices.status, prices.stdout.as_str()), (Some(1), format!("{PRICE}\n").as_str()));
    assert!(prices.stderr.starts_with("line 1: is too long\n"), "{}", prices.stderr);
}

#[test]
fn a_header_without_a_column_is_one_clear_error() {
    for (header, problem) in [
        ("base_rate,fee_type", "lacks volatility_index, event_risk_factor, minimum_rate, position_value"),
        (&format!("{HEADER},base_rate"), "repeats base_rate"),
        (ROW, "lacks base_rate, volatility_index"),
    ] {
        let prices = run(&["price", "--format", "csv"], format!("{header}\n{ROW}\n{ROW}\n"));
        assert_eq!((prices.status, prices.stdout.as_str()), (Some(1), ""));
        assert!(prices.stderr.starts_with("error: line 1: ") && prices.stderr.contains(problem), "{}", prices.stderr);
        assert_eq!(prices.stderr.lines().count(), 1);
    }
}

#[test]
fn the_format_is_told_from_the_extension_else_from_the_first_character() {
    let csv = format!("{HEADER}\n{ROW}\n");
    let path = temporary("positions.CSV", &csv);
    assert_eq!(run(&["price", path.to_str().unwrap()], "").stdout, format!("{PRICE}\n"));
    let marked = temporary("marked", &format!("\u{feff}\n  {csv}"));
    assert_eq!(run(&["price", marked.to_str().unwrap()], "").stdout, format!("{PRICE}\n"));
    let wrong = run(&["price", path.to_str().unwrap(), "--format", "jsonl"], "");
    assert_eq!((wrong.status, wrong.stderr.lines().count()), (Some(1), 3));
}

#[test]
fn nothing_to_price_is_no_error() {
    assert_eq!(run(&["price"], "\n \n").status, Some(0));
    assert_eq!(run(&["price", "--format", "csv"], HEADER).status, Some(0));
}

#[test]
fn wrong_arguments_and_files_have_their_own_exit_status() {
    assert_eq!(run(&["price", "--output", "xml"], "").status, Some(2));
    let absent = run(&["price", "/no/such/file.csv"], "");
    assert_eq!((absent.status, absent.stdout.as_str()), (Some(1), ""));
    assert!(absent.stderr.starts_with("error: cannot open /no/such/file.csv: "), "{}", absent.stderr);
}

#[test]
fn a_price_comes_back_before_the_next_line_is_sent() {
    let mut child = command(&["price"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        writeln!(stdin, "{LINE}").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), PRICE);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command(&["price"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    // More than any pipe holds, so that the end is noticed whatever the timing.
    let written = stdin.write_all(format!("{LINE}\n").repeat(20_000).as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(written.is_err(), "reading goes on for nobody");
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
