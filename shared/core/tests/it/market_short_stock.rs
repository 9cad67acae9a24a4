//! The short-stock file: what is read, what is rejected alone, what is refused whole.

use engine_core::market::{FileRefusal, ShortStockFile, parse_short_stock};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::market_files::{at, ticker};

const SAMPLE: &str = "#BOF|2022.08.06|22:30:03\n\
    #SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|\n\
    A|USD|AGILENT TECHNOLOGIES INC|1715006|XXXXXXXU1016|1.9119|0.4081|>10000000|\n\
    BRK B|USD|BERKSHIRE|72063691||-0.5996|2.9196|6000|\n\
    AFFL|USD|AFFILIATED|536520454|XXXXXXXA1088|NA|NA|NA|\n\
    #EOF|3\n";

fn parse(text: &str) -> Result<ShortStockFile, FileRefusal> {
    parse_short_stock(text.as_bytes(), &TimeZone::get("America/New_York").unwrap())
}

/// A file of one row.
fn one(row: &str) -> ShortStockFile {
    parse(&format!("#BOF|2022.08.06|22:30:03\n#SYM|CUR|REBATERATE|FEERATE|AVAILABLE|\n{row}\n#EOF|1\n")).unwrap()
}

#[test]
fn a_row_is_read_as_published() {
    let file = parse(SAMPLE).unwrap();
    assert_eq!(file.as_of, at("2022-08-07T02:30:03Z"));
    assert_eq!((file.rows_read, file.rejections.len()), (3, 0));
    assert_eq!(file.sha256, engine_core::hex::sha256(SAMPLE.as_bytes()));
    let [a, brk, affl] = file.rows.as_slice() else { panic!("three rows") };
    assert_eq!((a.ticker.as_str(), a.currency.as_str()), ("A", "USD"));
    assert_eq!((a.contract.as_deref(), a.isin.as_deref()), (Some("1715006"), Some("XXXXXXXU1016")));
    assert_eq!(a.fee_rate.unwrap().to_string(), "0.4081");
    assert_eq!(a.rebate_rate.unwrap().to_string(), "1.9119");
    let available = a.available.unwrap();
    assert_eq!((available.shares, available.at_least, available.to_string().as_str()), (10_000_000, true, ">10000000"));
    assert_eq!((brk.ticker.as_str(), brk.isin.as_deref()), ("BRK.B", None));
    assert_eq!(brk.rebate_rate.unwrap().to_string(), "-0.5996");
    assert_eq!((affl.fee_rate, affl.rebate_rate, affl.available), (None, None, None));
}

#[test]
fn line_ends_of_either_kind_read_alike() {
    let crlf = parse(&SAMPLE.replace('\n', "\r\n")).unwrap();
    assert_eq!(crlf.rows, parse(SAMPLE).unwrap().rows);
    assert_eq!(parse(SAMPLE.trim_end()).unwrap().rows, crlf.rows);
}

#[test]
fn columns_are_found_by_name_in_any_order_and_unknown_ones_ignored() {
    let text =
        "#BOF|2022.08.06|22:30:03\n#FEERATE|LATER|AVAILABLE|SYM|CUR|REBATERATE\n0.25|?|7|aapl|USD|2.07\n#EOF|1\n";
    let file = parse(text).unwrap();
    assert_eq!(file.rows[0].ticker.as_str(), "AAPL");
    assert_eq!(file.rows[0].fee_rate.unwrap().to_string(), "0.25");
    assert_eq!((file.rows[0].contract.as_ref(), file.rows[0].available.unwrap().shares), (None, 7));
}

#[test]
fn a_file_cut_at_any_line_or_byte_is_refused() {
    let lines: Vec<&str> = SAMPLE.lines().collect();
    for length in 0..lines.len() {
        assert!(parse(&lines[..length].join("\n")).is_err(), "cut after line {length}");
        let text = lines[..length].join("\n") + "\n";
        assert!(parse(&text).is_err(), "cut after the end of line {length}");
    }
    // Only the last line's end may be missing.
    for length in 0..SAMPLE.len() - 1 {
        assert!(parse(&SAMPLE[..length]).is_err(), "cut after byte {length}");
    }
}

#[test]
fn a_file_that_breaks_the_frame_is_refused_with_the_reason() {
    let cases = [
        ("", "", FileRefusal::NoBeginning),
        ("#BOF|", "#HEAD|", FileRefusal::NoBeginning),
        ("2022.08.06", "2022-08-06", FileRefusal::BadTime),
        ("2022.08.06", "2022.13.06", FileRefusal::BadTime),
        ("2022.08.06", "2022.02.30", FileRefusal::BadTime),
        ("22:30:03", "24:00:00", FileRefusal::BadTime),
        ("22:30:03", "22:30", FileRefusal::BadTime),
        ("#SYM|", "SYM|", FileRefusal::NoHeader),
        ("#SYM|", "#SYMBOL|", FileRefusal::MissingColumn("SYM")),
        ("|CUR|", "|CCY|", FileRefusal::MissingColumn("CUR")),
        ("|REBATERATE|", "|REBATE|", FileRefusal::MissingColumn("REBATERATE")),
        ("|FEERATE|", "|FEE|", FileRefusal::MissingColumn("FEERATE")),
        ("|AVAILABLE|", "|SHARES|", FileRefusal::MissingColumn("AVAILABLE")),
        ("|NAME|", "|FEERATE|", FileRefusal::RepeatedColumn("FEERATE")),
        ("#EOF|3", "#EOF|2", FileRefusal::CountMismatch { announced: 2, found: 3 }),
        ("#EOF|3", "#EOF|4", FileRefusal::CountMismatch { announced: 4, found: 3 }),
        ("#EOF|3", "#EOF|", FileRefusal::NoEnd),
        ("#EOF|3", "#EOF", FileRefusal::NoEnd),
        ("#EOF|3", "#EOF|-3", FileRefusal::NoEnd),
        ("#EOF|3\n", "#EOF|3\nB|USD|B|1||1|1|1|\n", FileRefusal::DataAfterEnd),
        ("#EOF|3\n", "#EOF|3\n#EOF|3\n", FileRefusal::DataAfterEnd),
    ];
    for (from, to, expected) in cases {
        let text = if from.is_empty() { String::new() } else { SAMPLE.replace(from, to) };
        assert_eq!(parse(&text), Err(expected), "{from:?} to {to:?}");
    }
}

#[test]
fn a_file_beyond_the_limits_is_refused() {
    let bytes = vec![b' '; engine_core::market::MAX_FILE + 1];
    assert_eq!(parse_short_stock(&bytes, &TimeZone::UTC), Err(FileRefusal::TooLarge));
    let rows = "#BOF|2022.08.06|22:30:03\n#SYM|CUR|REBATERATE|FEERATE|AVAILABLE|\n".to_owned() + &"\n".repeat(100_001);
    assert_eq!(parse(&rows), Err(FileRefusal::TooManyRows));
}

#[test]
fn a_bad_row_is_rejected_alone_with_its_line() {
    let cases = [
        ("TOOLONGNAME|USD|1|1|1|", "SYM"),
        ("|USD|1|1|1|", "SYM"),
        ("A|usd|1|1|1|", "CUR"),
        ("A|US|1|1|1|", "CUR"),
        ("A|USDX|1|1|1|", "CUR"),
        ("A|USD|1||1|", "FEERATE"),
        ("A|USD|1|-0.1|1|", "FEERATE"),
        ("A|USD|1|100000.01|1|", "FEERATE"),
        ("A|USD|1|1e2|1|", "FEERATE"),
        ("A|USD|1|N/A|1|", "FEERATE"),
        ("A|USD|1|1.123456789|1|", "FEERATE"),
        ("A|USD|?|1|1|", "REBATERATE"),
        ("A|USD|1|1||", "AVAILABLE"),
        ("A|USD|1|1|-1|", "AVAILABLE"),
        ("A|USD|1|1|>|", "AVAILABLE"),
        ("A|USD|1|1|1,000|", "AVAILABLE"),
        ("A|USD|1|1|1.5|", "AVAILABLE"),
        ("A|USD|1|1|9999999999999999999|", "AVAILABLE"),
        ("A|USD|1|1|1", "columns"),
        ("A|USD|1|1|1|1|", "columns"),
        ("", "columns"),
    ];
    for (row, word) in cases {
        let file = one(row);
        assert_eq!((file.rows.len(), file.rows_read, file.rejections.len()), (0, 1, 1), "{row}");
        assert_eq!(file.rejections[0].line, 3);
        assert!(file.rejections[0].reason.contains(word), "{row}: {}", file.rejections[0].reason);
    }
}

#[test]
fn the_limits_of_a_row_are_taken() {
    for row in ["A|USD|-3.5|100000|0|", "A|CAD|NA|0|>0|", "ABCDEFGHIJ|USD|1|0.12345678|999999999999999999|"] {
        let file = one(row);
        assert_eq!(file.rejections, [], "{row}");
        assert_eq!(file.rows.len(), 1);
    }
}

#[test]
fn of_a_ticker_given_twice_the_first_row_counts() {
    let text = SAMPLE.replace("#EOF|3", "brk-b|USD|X|1||1|9|1|\n#EOF|4");
    let file = parse(&text).unwrap();
    assert_eq!((file.rows.len(), file.rows_read, file.rejections[0].line), (3, 4, 6));
    assert_eq!(file.rows[1].fee_rate.unwrap().to_string(), "2.9196");
}

#[test]
fn the_ticker_of_a_rejected_row_is_kept_where_it_can_be_read_and_no_row_taken_has_it() {
    let cases = [
        ("brk b|USD|1|much|1|", "BRK.B"),
        ("A|usd|1|1|1|", "A"),
        ("A|USD|1|1|1", "A"),
        ("A", "A"),
        ("TOOLONGNAME|USD|1|1|1|", ""),
        ("|USD|1|1|1|", ""),
        ("A|USD|1|1|1|", ""),
    ];
    for (row, expected) in cases {
        let rejected: Vec<String> = one(row).rejected_tickers.iter().map(ToString::to_string).collect();
        assert_eq!(rejected.join(" "), expected, "{row}");
    }
    let twice = SAMPLE.replace("#EOF|3", "brk-b|USD|X|1||1|9|1|\n#EOF|4");
    assert!(parse(&twice).unwrap().rejected_tickers.is_empty());
    let mended = SAMPLE.replace("A|USD|AGILENT", "A|?|AGILENT").replace("#EOF|3", "A|USD|X|1||1|9|1|\n#EOF|4");
    assert_eq!((parse(&mended).unwrap().rows.len(), parse(&mended).unwrap().rejected_tickers.len()), (3, 0));
    let latin = SAMPLE.replace("AGILENT", "?");
    let mut bytes = latin.as_bytes().to_vec();
    bytes[latin.find('?').unwrap()] = 0xe9;
    assert!(parse_short_stock(&bytes, &TimeZone::UTC).unwrap().rejected_tickers.contains(&ticker("A")));
}

#[test]
fn a_row_that_is_not_text_is_rejected_alone() {
    let mut bytes = SAMPLE.as_bytes().to_vec();
    let place = SAMPLE.find("AGILENT").unwrap();
    bytes[place] = 0xff;
    let file = parse_short_stock(&bytes, &TimeZone::UTC).unwrap();
    assert_eq!((file.rows.len(), file.rejections[0].line), (2, 3));
}

#[test]
fn an_ambiguous_time_is_the_earlier_and_one_in_a_gap_moves_past_it() {
    let time = |text: &str| parse(&SAMPLE.replace("2022.08.06|22:30:03", text)).unwrap().as_of;
    assert_eq!(time("2022.11.06|01:30:00"), at("2022-11-06T05:30:00Z"));
    assert_eq!(time("2022.03.13|02:30:00"), at("2022-03-13T07:30:00Z"));
    assert_eq!(time("2022.01.15|12:00:00"), at("2022-01-15T17:00:00Z"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_short_stock(&bytes, &TimeZone::UTC);
    }

    #[test]
    fn no_line_inside_a_frame_is_lost(rows in proptest::collection::vec("[A-C|>0-9.NA-]{0,24}", 0..20)) {
        let body: String = rows.iter().flat_map(|row| [row, "\n"]).collect();
        let text = format!("#BOF|2022.08.06|22:30:03\n#SYM|CUR|REBATERATE|FEERATE|AVAILABLE\n{body}#EOF|{}\n", rows.len());
        let file = parse(&text).unwrap();
        prop_assert_eq!(file.rows_read, rows.len());
        prop_assert_eq!(file.rows.len() + file.rejections.len(), rows.len());
    }
}
