//! `engine roles` and `engine access-review`: reviews, and the decisions that they end with.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Subcommand};
use engine_core::access::review::Decision;
use serde_json::{Value, json};

use crate::api::{Api, ApiArguments, ListArguments, path};
use crate::error::Error;
use crate::exit::Exit;

const ROLES_EXAMPLES: &str = "\
Examples:
  engine roles list
  engine roles review operations --decision keep --note 'as the team works'

A role is reviewed every year.";

const ACCESS_EXAMPLES: &str = "\
Examples:
  engine access-review show
  engine access-review show --json | jq -r 'select(.flags != []) | .principal_id'
  engine access-review decide dana@example.com --decision reduce --note 'admin is no longer needed'

Accounts are reviewed every quarter. A decision is recorded; engine principals remove-role or disable carries it out.";

/// The members of a role that are shown first.
const ROLE: &[&str] = &["role", "description", "permissions", "defined_on", "review_due", "overdue", "last_review"];
/// The members of a reviewed account that are shown first.
const REVIEWED: &[&str] =
    &["principal_id", "name", "kind", "flags", "last_review", "last_used_at", "created_at", "roles", "permissions"];

/// What a review ends with.
#[derive(Debug, Args)]
pub(crate) struct ReviewArguments {
    /// What is decided
    #[arg(long, value_parser = PossibleValuesParser::new(Decision::ALL.map(Decision::as_str)))]
    decision: String,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    note: String,
}

impl ReviewArguments {
    /// The body that records it.
    pub(crate) fn body(&self) -> Value {
        json!({ "decision": self.decision, "note": self.note })
    }
}

/// List role definitions; record their reviews
#[derive(Debug, Args)]
#[command(after_help = ROLES_EXAMPLES)]
pub(crate) struct RolesArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: RolesCommand,
}

#[derive(Debug, Subcommand)]
enum RolesCommand {
    /// List roles, what they permit and when they were reviewed
    List,
    /// Record the review of a role
    Review(ReviewRoleArguments),
}

#[derive(Debug, Args)]
struct ReviewRoleArguments {
    /// The role
    role: String,
    #[command(flatten)]
    review: ReviewArguments,
}

/// Runs `engine roles`.
pub(crate) async fn roles(arguments: RolesArguments) -> Result<Exit, Error> {
    let api = Api::find(arguments.api)?;
    match arguments.command {
        RolesCommand::List => api.list("/admin/roles", &ListArguments::default(), &[], ROLE).await,
        RolesCommand::Review(ReviewRoleArguments { role, review }) => {
            api.act("POST", &path(&["admin", "roles", &role, "review"]), &review.body(), ROLE).await
        }
    }
}

/// Show who holds what access and what must be looked at; record decisions
#[derive(Debug, Args)]
#[command(after_help = ACCESS_EXAMPLES)]
pub(crate) struct AccessReviewArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: AccessReviewCommand,
}

#[derive(Debug, Subcommand)]
enum AccessReviewCommand {
    /// Show every account: last use, creation, roles, permissions, last review, and what must be looked at
    Show(ListArguments),
    /// Record a decision about an account
    Decide(DecideArguments),
}

#[derive(Debug, Args)]
struct DecideArguments {
    /// Id of the account
    principal_id: String,
    #[command(flatten)]
    review: ReviewArguments,
}

/// Runs `engine access-review`.
pub(crate) async fn access(arguments: AccessReviewArguments) -> Result<Exit, Error> {
    let api = Api::find(arguments.api)?;
    match arguments.command {
        AccessReviewCommand::Show(list) => api.list("/admin/access-review", &list, &[], REVIEWED).await,
        AccessReviewCommand::Decide(DecideArguments { principal_id, review }) => {
            api.act("POST", &path(&["admin", "access-review", &principal_id]), &review.body(), REVIEWED).await
        }
    }
}
