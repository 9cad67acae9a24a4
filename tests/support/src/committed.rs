//! Committed documents that the tests write: whether they are current.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const BEGIN: &str = "<!-- routes: written by the test `openapi` -->\n";
const END: &str = "<!-- end of routes -->\n";

/// Fails unless the OpenAPI document of that name in `docs` is this one; with `UPDATE_OPENAPI` set, writes it.
pub fn assert_openapi(name: &str, document: &Value) {
    let path = in_docs(name);
    let current = format!("{}\n", serde_json::to_string_pretty(document).unwrap());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "docs/{name} is out of date: run the tests with UPDATE_OPENAPI=1 and commit it");
}

/// Fails unless the document of that name in `docs` has this table of routes; with `UPDATE_DOCS` set, writes it there.
pub fn assert_routes(name: &str, table: &str) {
    let path = in_docs(name);
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the table's beginning");
    let (written, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(written, table, "run the test with UPDATE_DOCS=1");
    }
}

fn in_docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}
