//! `engine clients`: clients, what they pay, and whom to tell.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::{Api, ApiArguments, ListArguments, given, path};
use crate::error::Error;
use crate::exit::Exit;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  engine clients create --client-id acme --name 'Acme Capital LP' --markup 5 --fee-type FLAT --fee-amount 25 \\
      --justification 'contract of 2026-11-01'
  engine clients add-terms --client-id acme --markup 4.5 --fee-type PERCENTAGE --fee-amount 0.1 \\
      --effective-from 2027-01-01T00:00:00Z --justification 'annual review'
  engine clients contacts add acme --name Desk --email desk@acme.example
  engine clients contacts verify acme 0Ab1Cd2Ef3Gh < code.txt
  engine clients terminate acme --reason 'contract ended'

Terms are never changed in place: a change is a further version with its own effective date, and applies once a second person
approves the request that it makes (engine requests approve).";

/// The members of a client that are shown first, and of its terms and contacts.
const CLIENT: &[&str] = &[
    "client_id",
    "name",
    "status",
    "request_id",
    "created_at",
    "key_ids",
    "terms_version_in_force",
    "version",
    "effective_from",
    "markup_percentage",
    "fee_type",
    "fee_amount",
    "day_count",
    "contact_id",
    "hint",
    "state",
    "verified_at",
];

/// Create, list and end clients; propose their terms; keep their contacts
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ClientsArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: ClientsCommand,
}

#[derive(Debug, Subcommand)]
enum ClientsCommand {
    /// Create a client, and ask for its first terms to be approved
    Create(CreateArguments),
    /// List clients
    List(ListArguments),
    /// Show a client, its terms and its contacts
    Show(ClientArguments),
    /// Ask for a further version of a client's terms to be approved
    AddTerms(AddTermsArguments),
    /// End a client relationship for good, and every key of the client with it
    Terminate(TerminateArguments),
    /// Whom a client wants told of its keys
    #[command(subcommand)]
    Contacts(ContactsCommand),
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// Id of the client: 3 to 50 letters, digits, - or _
    #[arg(long)]
    client_id: String,
    /// Legal name
    #[arg(long)]
    name: String,
    #[command(flatten)]
    terms: TermsArguments,
}

#[derive(Debug, Args)]
struct AddTermsArguments {
    /// Id of the client
    #[arg(long)]
    client_id: String,
    #[command(flatten)]
    terms: TermsArguments,
    /// RFC 3339 time from which the terms apply, not in the past [default: once they are approved]
    #[arg(long, value_name = "TIME")]
    effective_from: Option<String>,
}

#[derive(Debug, Args)]
struct ClientArguments {
    /// Id of the client
    client_id: String,
}

#[derive(Debug, Args)]
struct TerminateArguments {
    /// Id of the client
    client_id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

/// What a client pays, and by which day count.
#[derive(Debug, Args)]
pub(crate) struct FeeArguments {
    /// Markup on the borrow cost, in percent: 5 is five percent
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    pub(crate) markup: String,
    /// FLAT (an amount of money) or PERCENTAGE (of the position value)
    #[arg(long)]
    pub(crate) fee_type: String,
    /// The transaction fee: money, or percent
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(crate) fee_amount: String,
    /// ACT/365F or ACT/360 [default: ACT/365F]
    #[arg(long)]
    pub(crate) day_count: Option<String>,
}

#[derive(Debug, Args)]
struct TermsArguments {
    #[command(flatten)]
    fees: FeeArguments,
    /// Why these terms, for who approves them
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    justification: String,
}

#[derive(Debug, Subcommand)]
enum ContactsCommand {
    /// Add a contact; a code is sent to the address, and nothing else before it is verified
    Add(AddContactArguments),
    /// Verify a contact with the code that was sent to it
    Verify(VerifyContactArguments),
    /// Remove a contact
    Remove(ContactArguments),
    /// Show a client's contacts, with the client
    List(ClientArguments),
}

#[derive(Debug, Args)]
struct AddContactArguments {
    /// Id of the client
    client_id: String,
    /// Name of the contact
    #[arg(long)]
    name: String,
    /// Where notices about the client's keys go
    #[arg(long, value_name = "ADDRESS")]
    email: String,
}

#[derive(Debug, Args)]
struct ContactArguments {
    /// Id of the client
    client_id: String,
    /// Id of the contact
    contact_id: String,
}

#[derive(Debug, Args)]
struct VerifyContactArguments {
    #[command(flatten)]
    contact: ContactArguments,
    /// File that holds the code [default: standard input]
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
}

impl TermsArguments {
    /// The terms and why, beside what else is asked for.
    fn beside(self, mut body: Value) -> Value {
        body["markup_percentage"] = self.fees.markup.into();
        body["fee_type"] = self.fees.fee_type.into();
        body["fee_amount"] = self.fees.fee_amount.into();
        body["day_count"] = self.fees.day_count.into();
        body["justification"] = self.justification.into();
        given(body)
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: ClientsArguments) -> Result<Exit, Error> {
    let api = Api::find(arguments.api)?;
    let at = |client_id: &str, rest: &[&str]| path(&[&["admin", "clients", client_id], rest].concat());
    match arguments.command {
        ClientsCommand::Create(CreateArguments { client_id, name, terms }) => {
            let body = terms.beside(json!({ "client_id": client_id, "name": name }));
            api.act("POST", "/admin/clients", &body, CLIENT).await
        }
        ClientsCommand::List(list) => api.list("/admin/clients", &list, &[], CLIENT).await,
        ClientsCommand::Show(ClientArguments { client_id })
        | ClientsCommand::Contacts(ContactsCommand::List(ClientArguments { client_id })) => {
            api.show(&at(&client_id, &[]), CLIENT).await
        }
        ClientsCommand::AddTerms(AddTermsArguments { client_id, terms, effective_from }) => {
            let body = terms.beside(json!({ "effective_from": effective_from }));
            api.act("POST", &at(&client_id, &["terms"]), &body, CLIENT).await
        }
        ClientsCommand::Terminate(TerminateArguments { client_id, reason }) => {
            api.act("POST", &at(&client_id, &["terminate"]), &json!({ "reason": reason }), CLIENT).await
        }
        ClientsCommand::Contacts(ContactsCommand::Add(AddContactArguments { client_id, name, email })) => {
            api.act("POST", &at(&client_id, &["contacts"]), &json!({ "name": name, "email": email }), CLIENT).await
        }
        ClientsCommand::Contacts(ContactsCommand::Verify(VerifyContactArguments { contact, code_file })) => {
            let code = input::file_or_line(code_file.as_ref(), "Code that the contact was sent")?;
            let place = at(&contact.client_id, &["contacts", &contact.contact_id, "verify"]);
            api.act("POST", &place, &json!({ "code": code.as_str() }), CLIENT).await
        }
        ClientsCommand::Contacts(ContactsCommand::Remove(ContactArguments { client_id, contact_id })) => {
            api.act("DELETE", &at(&client_id, &["contacts", &contact_id]), &json!({}), CLIENT).await
        }
    }
}
