//! `engine rotations`: the rotation register as a calendar, and emergency rotations.

use std::cmp::Reverse;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use engine_core::field::FieldError;
use engine_core::rotation::CredentialKind;
use serde_json::Value;

use crate::api::{Api, ApiArguments, ListArguments, path};
use crate::error::Error;
use crate::exit::Exit;
use crate::{render, show};

const EXAMPLES: &str = "\
Examples:
  engine rotations
  engine rotations --overdue
  engine rotations --kind service-account --limit 5
  engine rotations --json | jq -r 'select(.overdue) | .credential'
  engine rotations show 01a201ba-1b20-76fc-b47d-94c5d72f7edc

Credentials rotate by themselves; engine rotate ends them at once.";

/// The columns of the calendar, first to last.
const CALENDAR: &[&str] = &[
    "next_due_at",
    "overdue",
    "kind",
    "credential",
    "client_id",
    "owner",
    "state",
    "last_rotated_at",
    "rotated_by",
    "because",
];
/// The members of an emergency rotation that are shown first.
pub(crate) const ROTATION: &[&str] = &[
    "rotation_id",
    "credential",
    "client_id",
    "state",
    "kind",
    "target",
    "reason",
    "requested_by",
    "requested_at",
    "started_at",
    "revoked_at",
    "issued_at",
    "completed_at",
    "counts",
];

/// Show what rotated when, by whom and why, and what is due next
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RotationsArguments {
    #[command(flatten)]
    calendar: CalendarArguments,
    #[command(subcommand)]
    command: Option<RotationsCommand>,
    #[command(flatten)]
    api: ApiArguments,
}

#[derive(Debug, Args)]
struct CalendarArguments {
    /// Only this kind of credential
    #[arg(long, value_parser = kind(&CredentialKind::ALL))]
    kind: Option<String>,
    /// Only what should have rotated by now
    #[arg(long)]
    overdue: bool,
    /// Only so many, those due first [default: all]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

impl CalendarArguments {
    /// The first option that was given.
    fn given(&self) -> Option<&'static str> {
        let given = [("kind", self.kind.is_some()), ("overdue", self.overdue), ("limit", self.limit.is_some())];
        given.into_iter().find_map(|(option, given)| given.then_some(option))
    }
}

#[derive(Debug, Subcommand)]
enum RotationsCommand {
    /// Show an emergency rotation: how far it is, and what was rotated
    Show(RotationArguments),
}

#[derive(Debug, Args)]
struct RotationArguments {
    /// Id of the rotation
    rotation_id: String,
    #[command(flatten)]
    list: ListArguments,
}

/// The word for a kind on the command line, where words are joined by hyphens.
const fn word(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::ApiKey => "api-key",
        CredentialKind::ServiceAccount => "service-account",
        CredentialKind::SigningKey => "signing-key",
        CredentialKind::KmsKey => "kms-key",
        kind @ (CredentialKind::Totp | CredentialKind::Secret | CredentialKind::Certificate) => kind.as_str(),
    }
}

/// Takes one of these kinds, by its word or by the name that the API has.
pub(crate) fn kind(kinds: &[CredentialKind]) -> impl TypedValueParser<Value = String> + use<> {
    let value = |kind: &CredentialKind| PossibleValue::new(word(*kind)).alias(kind.as_str());
    PossibleValuesParser::new(kinds.iter().map(value)).map(|name| name.replace('-', "_"))
}

/// Where an emergency rotation is read.
pub(crate) fn place(rotation_id: &str) -> String {
    path(&["admin", "rotations", rotation_id])
}

/// Runs the command.
pub(crate) async fn run(arguments: RotationsArguments) -> Result<Exit, Error> {
    let api = Api::find(arguments.api)?;
    match arguments.command {
        Some(RotationsCommand::Show(RotationArguments { rotation_id, list })) => {
            if let Some(option) = arguments.calendar.given() {
                return Err(Error::Invalid(vec![FieldError::new(option, "is of the calendar, not of show")]));
            }
            api.show_with_list(&place(&rotation_id), &list, "credentials", ROTATION).await
        }
        None => calendar(&api, &arguments.calendar).await,
    }
}

async fn calendar(api: &Api, arguments: &CalendarArguments) -> Result<Exit, Error> {
    let filters = [("kind", arguments.kind.as_deref()), ("overdue", arguments.overdue.then_some("true"))];
    let mut rows = api.all("/admin/rotations", &filters).await?;
    in_order_of_dates(&mut rows);
    rows.truncate(arguments.limit.unwrap_or(usize::MAX));
    if api.json() {
        rows.iter().try_for_each(show::json)?;
        return Ok(Exit::Done);
    }
    let overdue = rows.iter().filter(|row| is_overdue(row)).count();
    rows.iter_mut().for_each(flag);
    render::list(&rows, CALENDAR)?;
    if overdue > 0 {
        eprintln!("{overdue} overdue.");
    }
    Ok(Exit::Done)
}

/// What is due first comes first, and what no date makes due last; of one date the list's order stays.
fn in_order_of_dates(rows: &mut [Value]) {
    // Times are written in one way, so that their text is in their order.
    rows.sort_by_cached_key(|row| {
        let due = row["next_due_at"].as_str().map(str::to_owned);
        (Reverse(due.is_some()), due)
    });
}

fn is_overdue(row: &Value) -> bool {
    row["overdue"] == Value::Bool(true)
}

/// Makes what is overdue meet the eye.
fn flag(row: &mut Value) {
    let flag = if is_overdue(row) { Value::from("OVERDUE") } else { Value::Null };
    if let Some(held) = row.get_mut("overdue") {
        *held = flag;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_due_first_comes_first_and_what_is_never_due_last() {
        let mut rows: Vec<_> =
            [("a", None), ("b", Some("2026-03")), ("c", Some("2026-01")), ("d", None), ("e", Some("2026-01"))]
                .map(|(name, due)| json!({ "credential": name, "next_due_at": due }))
                .to_vec();
        in_order_of_dates(&mut rows);
        let names: Vec<_> = rows.iter().map(|row| row["credential"].as_str().unwrap()).collect();
        assert_eq!(names, ["c", "e", "b", "a", "d"]);
    }

    #[test]
    fn a_kinds_word_is_its_name_with_hyphens() {
        for kind in CredentialKind::ALL {
            assert_eq!(word(kind).replace('-', "_"), kind.as_str());
        }
    }

    #[test]
    fn only_what_is_overdue_is_flagged() {
        for (held, shown) in [(json!(true), json!("OVERDUE")), (json!(false), json!(null)), (json!("no"), json!(null))]
        {
            let mut row = json!({ "overdue": held });
            flag(&mut row);
            assert_eq!(row["overdue"], shown);
        }
        let mut row = json!({});
        flag(&mut row);
        assert_eq!(row, json!({}));
    }
}
