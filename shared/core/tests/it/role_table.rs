//! The role table of `docs/SECURITY.md` is the one in the code: `UPDATE_DOCS=1` writes it anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use engine_core::access::{Permission, Role};

const BEGIN: &str = "<!-- role table: written by the test `role_table` -->\n";
const END: &str = "<!-- end of role table -->\n";

fn table() -> String {
    let mut table = String::from("| Permission               |");
    let mut rule = String::from("|--------------------------|");
    for role in Role::ALL {
        let _ = write!(table, " {} |", role.as_str());
        let _ = write!(rule, ":{}:|", "-".repeat(role.as_str().len()));
    }
    table.push('\n');
    table.push_str(&rule);
    table.push('\n');
    for permission in Permission::ALL {
        let _ = write!(table, "| {:<24} |", format!("`{}`", permission.as_str()));
        for role in Role::ALL {
            let mark = if role.permissions().contains(permission) { "●" } else { "" };
            let _ = write!(table, " {mark:^width$} |", width = role.as_str().len());
        }
        table.push('\n');
    }
    table
}

#[test]
fn the_documented_role_table_is_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SECURITY.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the table's beginning");
    let (written, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
    } else {
        assert_eq!(written, table(), "run the test with UPDATE_DOCS=1");
    }
}
