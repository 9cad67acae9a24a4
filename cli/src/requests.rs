//! `engine requests`: what awaits the approval of others.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::api::{Api, ApiArguments, ListArguments, given, path};
use crate::error::Error;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  engine requests list --state OPEN
  engine requests show 01a201ba-1b20-76fc-b47d-94c5d72f7edc
  engine requests approve 01a201ba-1b20-76fc-b47d-94c5d72f7edc --as manager
  engine requests reject 01a201ba-1b20-76fc-b47d-94c5d72f7edc --reason 'no such project'

Nobody approves what they asked for, nor their own access, nor twice: people count, not accounts.";

/// The members of a request that are shown first.
const REQUEST: &[&str] = &[
    "request_id",
    "kind",
    "subject",
    "state",
    "expired",
    "missing",
    "maker",
    "justification",
    "created_at",
    "expires_at",
    "ticket",
    "secret_name",
];

/// List what awaits approval; approve it or reject it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RequestsArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: RequestsCommand,
}

#[derive(Debug, Subcommand)]
enum RequestsCommand {
    /// List requests
    List(ListRequestsArguments),
    /// Show a request, who approved it and who still must
    Show(RequestArguments),
    /// Approve a request; the last approval carries it out
    Approve(ApproveArguments),
    /// Reject a request, or withdraw your own
    Reject(RejectArguments),
}

#[derive(Debug, Args)]
struct ListRequestsArguments {
    /// Only those in this state: OPEN, APPROVED or REJECTED
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    list: ListArguments,
}

#[derive(Debug, Args)]
struct RequestArguments {
    /// Id of the request
    request_id: String,
}

#[derive(Debug, Args)]
struct ApproveArguments {
    /// Id of the request
    request_id: String,
    /// In what capacity [default: the first missing one that you have]
    #[arg(long = "as", value_name = "CAPACITY", value_parser = PossibleValuesParser::new(["manager", "system_owner", "security"]))]
    capacity: Option<String>,
}

#[derive(Debug, Args)]
struct RejectArguments {
    /// Id of the request
    request_id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

/// Runs the command.
pub(crate) async fn run(arguments: RequestsArguments) -> Result<Exit, Error> {
    let api = Api::find(arguments.api)?;
    let at = |id: &str, rest: &[&str]| path(&[&["admin", "requests", id], rest].concat());
    match arguments.command {
        RequestsCommand::List(ListRequestsArguments { state, list }) => {
            api.list("/admin/requests", &list, &[("state", state.as_deref())], REQUEST).await
        }
        RequestsCommand::Show(RequestArguments { request_id }) => api.show(&at(&request_id, &[]), REQUEST).await,
        RequestsCommand::Approve(ApproveArguments { request_id, capacity }) => {
            let body = given(json!({ "as": capacity }));
            api.act("POST", &at(&request_id, &["approve"]), &body, REQUEST).await
        }
        RequestsCommand::Reject(RejectArguments { request_id, reason }) => {
            api.act("POST", &at(&request_id, &["reject"]), &json!({ "reason": reason }), REQUEST).await
        }
    }
}
