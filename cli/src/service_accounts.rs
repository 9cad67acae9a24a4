//! `engine service-accounts`: accounts of services, whose credentials only Secrets Manager holds.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::api::{Api, ApiArguments, ListArguments, path};
use crate::error::Error;
use crate::exit::Exit;
use crate::review::ReviewArguments;

const EXAMPLES: &str = "\
Examples:
  engine service-accounts request svc-risk-batch --purpose 'prices the book every night' --scopes rates:view --owner p-100 \\
      --justification 'needed for the risk report'
  engine service-accounts review svc-risk-batch --decision keep --note 'still runs every night'
  engine service-accounts disable svc-risk-batch --reason 'replaced'

The security team approves a request (engine requests approve). The credential is never shown: the service reads it from
Secrets Manager.";

/// The members of a service account that are shown first.
const ACCOUNT: &[&str] = &["name", "state", "owner", "scopes", "purpose", "request_id", "created_at", "last_used_at"];

/// Ask for service accounts, show, review and disable them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServiceAccountsArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: ServiceAccountsCommand,
}

#[derive(Debug, Subcommand)]
enum ServiceAccountsCommand {
    /// Ask for a service account
    Request(RequestArguments),
    /// List service accounts
    List(ListArguments),
    /// Show a service account
    Show(AccountArguments),
    /// Disable a service account for good; it is refused from the next request on
    Disable(DisableArguments),
    /// Record the review of a service account
    Review(ReviewAccountArguments),
}

#[derive(Debug, Args)]
struct AccountArguments {
    /// Name of the account: svc-{service}-{function}
    name: String,
}

#[derive(Debug, Args)]
struct RequestArguments {
    /// Name of the account: svc-{service}-{function}
    name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    purpose: String,
    /// The least permissions that it needs: rates:view, keys:read, clients:read
    #[arg(long, value_delimiter = ',', required = true, value_name = "A,B")]
    scopes: Vec<String>,
    /// Person id of who answers for it
    #[arg(long, value_name = "ID")]
    owner: String,
    /// Why, for who approves it
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    justification: String,
}

#[derive(Debug, Args)]
struct DisableArguments {
    /// Name of the account
    name: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

#[derive(Debug, Args)]
struct ReviewAccountArguments {
    /// Name of the account
    name: String,
    #[command(flatten)]
    review: ReviewArguments,
}

/// Runs the command.
pub(crate) async fn run(arguments: ServiceAccountsArguments) -> Result<Exit, Error> {
    let api = Api::find(arguments.api)?;
    let at = |name: &str, rest: &[&str]| path(&[&["admin", "service-accounts", name], rest].concat());
    match arguments.command {
        ServiceAccountsCommand::Request(RequestArguments { name, purpose, scopes, owner, justification }) => {
            let body = json!({
                "name": name,
                "purpose": purpose,
                "scopes": scopes,
                "owner": owner,
                "justification": justification,
            });
            api.act("POST", "/admin/service-accounts", &body, ACCOUNT).await
        }
        ServiceAccountsCommand::List(list) => api.list("/admin/service-accounts", &list, &[], ACCOUNT).await,
        ServiceAccountsCommand::Show(AccountArguments { name }) => api.show(&at(&name, &[]), ACCOUNT).await,
        ServiceAccountsCommand::Disable(DisableArguments { name, reason }) => {
            api.act("POST", &at(&name, &["disable"]), &json!({ "reason": reason }), ACCOUNT).await
        }
        ServiceAccountsCommand::Review(ReviewAccountArguments { name, review }) => {
            api.act("POST", &at(&name, &["review"]), &review.body(), ACCOUNT).await
        }
    }
}
