//! The table of error codes in `docs/API.md` is the code's list: each with its status, and no other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use engine_http::Code;

const HEADER: &str = "| `code` ";

/// The rows of the table whose first column is headed `code`: what stands in the first two columns.
fn documented(document: &str) -> Vec<(String, String)> {
    let rows = document.lines().skip_while(|line| !line.starts_with(HEADER)).skip(2);
    let cells = rows.take_while(|line| line.starts_with('|')).map(|line| line.split('|').map(str::trim));
    cells
        .map(|mut cells| {
            let name = cells.nth(1).unwrap_or_default().trim_matches('`').to_owned();
            (name, cells.next().unwrap_or_default().to_owned())
        })
        .collect()
}

#[test]
fn every_code_stands_in_the_documented_table_with_its_status_and_no_other_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/API.md");
    let rows = documented(&fs::read_to_string(path).unwrap());
    let codes: BTreeMap<_, _> =
        Code::ALL.iter().map(|code| (code.as_str().to_owned(), code.status().to_string())).collect();
    assert_eq!(rows.len(), codes.len(), "a code twice, or one too many or too few: {rows:?}");
    assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), codes);
}
