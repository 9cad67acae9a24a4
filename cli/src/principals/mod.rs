//! `engine principals`: people's accounts, their roles and their second factors.

mod enrol;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::api::{Api, ApiArguments, ListArguments, path};
use crate::error::Error;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  engine principals request dana@example.com --person-id p-100 --name 'Dana Doe' --manager p-001 --roles operations \\
      --justification 'joins the operations team'
  engine principals enrol dana@example.com --ticket-file ticket.txt
  engine principals grant dana@example.com --roles security --justification 'moves to the security team'
  engine principals elevate dana@example.com --roles admin --hours 4 --justification 'release of November'
  engine principals disable dana@example.com --reason 'left the company'

Whatever gives access makes a request, which others approve: engine requests list --state OPEN.";

/// The members of an account that are shown first.
const PRINCIPAL: &[&str] = &[
    "principal_id",
    "person_id",
    "name",
    "manager",
    "state",
    "roles",
    "request_id",
    "ticket",
    "ticket_expires_at",
    "created_at",
];

/// Ask for people's access, show it, take it away; enrol a second factor
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PrincipalsArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: PrincipalsCommand,
}

#[derive(Debug, Subcommand)]
enum PrincipalsCommand {
    /// Ask for an account for a person
    Request(RequestArguments),
    /// List accounts
    List(ListArguments),
    /// Show an account
    Show(PrincipalArguments),
    /// Ask for more roles for an account
    Grant(GrantArguments),
    /// Take a role from an account, at once
    RemoveRole(RemoveRoleArguments),
    /// Ask for roles for a time
    Elevate(ElevateArguments),
    /// Disable an account for good; it is refused from the next request on
    Disable(DisableArguments),
    /// Ask for a new second factor for a person who has lost the old one
    ReEnrol(ReEnrolArguments),
    Enrol(enrol::EnrolArguments),
}

#[derive(Debug, Args)]
struct PrincipalArguments {
    /// Id of the account: the `sub` of its tokens
    principal_id: String,
}

#[derive(Debug, Args)]
struct RequestArguments {
    /// Id of the account: the `sub` of its tokens
    principal_id: String,
    /// Id of the person, from the company's register: two accounts of one person share it
    #[arg(long, value_name = "ID")]
    person_id: String,
    /// The person's name
    #[arg(long)]
    name: String,
    /// Person id of the manager, who must approve
    #[arg(long, value_name = "ID")]
    manager: String,
    /// Roles: admin, auditor, operations, security
    #[arg(long, value_delimiter = ',', required = true, value_name = "A,B")]
    roles: Vec<String>,
    /// Why, for who approves it
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    justification: String,
}

#[derive(Debug, Args)]
struct GrantArguments {
    /// Id of the account
    principal_id: String,
    /// Roles to add: admin, auditor, operations, security
    #[arg(long, value_delimiter = ',', required = true, value_name = "A,B")]
    roles: Vec<String>,
    /// Why, for who approves it
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    justification: String,
}

#[derive(Debug, Args)]
struct RemoveRoleArguments {
    /// Id of the account
    principal_id: String,
    /// The role
    role: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

#[derive(Debug, Args)]
struct ElevateArguments {
    /// Id of the account
    principal_id: String,
    /// Roles: admin, auditor, operations, security
    #[arg(long, value_delimiter = ',', required = true, value_name = "A,B")]
    roles: Vec<String>,
    /// Hours from the approval on, 1 to 24
    #[arg(long)]
    hours: u64,
    /// Why, for who approves it
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    justification: String,
}

#[derive(Debug, Args)]
struct DisableArguments {
    /// Id of the account
    principal_id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

#[derive(Debug, Args)]
struct ReEnrolArguments {
    /// Id of the account
    principal_id: String,
    /// Why, for who approves it
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    justification: String,
}

/// The path of an account, or of something of it.
fn at(principal_id: &str, rest: &[&str]) -> String {
    path(&[&["admin", "principals", principal_id], rest].concat())
}

/// Runs the command.
pub(crate) async fn run(arguments: PrincipalsArguments) -> Result<Exit, Error> {
    let api = Api::find(arguments.api)?;
    match arguments.command {
        PrincipalsCommand::Request(RequestArguments {
            principal_id,
            person_id,
            name,
            manager,
            roles,
            justification,
        }) => {
            let body = json!({
                "principal_id": principal_id,
                "person_id": person_id,
                "name": name,
                "manager": manager,
                "roles": roles,
                "justification": justification,
            });
            api.act("POST", "/admin/principals", &body, PRINCIPAL).await
        }
        PrincipalsCommand::List(list) => api.list("/admin/principals", &list, &[], PRINCIPAL).await,
        PrincipalsCommand::Show(PrincipalArguments { principal_id }) => {
            api.show(&at(&principal_id, &[]), PRINCIPAL).await
        }
        PrincipalsCommand::Grant(GrantArguments { principal_id, roles, justification }) => {
            let body = json!({ "roles": roles, "justification": justification });
            api.act("POST", &at(&principal_id, &["roles"]), &body, PRINCIPAL).await
        }
        PrincipalsCommand::RemoveRole(RemoveRoleArguments { principal_id, role, reason }) => {
            let body = json!({ "reason": reason });
            api.act("DELETE", &at(&principal_id, &["roles", &role]), &body, PRINCIPAL).await
        }
        PrincipalsCommand::Elevate(ElevateArguments { principal_id, roles, hours, justification }) => {
            let body = json!({ "roles": roles, "hours": hours, "justification": justification });
            api.act("POST", &at(&principal_id, &["elevations"]), &body, PRINCIPAL).await
        }
        PrincipalsCommand::Disable(DisableArguments { principal_id, reason }) => {
            api.act("POST", &at(&principal_id, &["disable"]), &json!({ "reason": reason }), PRINCIPAL).await
        }
        PrincipalsCommand::ReEnrol(ReEnrolArguments { principal_id, justification }) => {
            let body = json!({ "justification": justification });
            api.act("POST", &at(&principal_id, &["re-enrolment"]), &body, PRINCIPAL).await
        }
        PrincipalsCommand::Enrol(arguments) => enrol::run(&api, &arguments).await,
    }
}
