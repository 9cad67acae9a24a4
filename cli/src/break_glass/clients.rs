//! `engine break-glass clients`: clients and what they pay.

use clap::{Args, Subcommand};
use engine_aws::directory::{ClientRecord, Directory, NewClient};
use engine_core::access::{ClientId, ClientTerms, terms_in_force};
use engine_core::field::Fields;
use engine_core::time::rfc3339;
use serde_json::{Map, Value, json};

use crate::clients::FeeArguments;
use crate::error::Error;
use crate::exit::Exit;
use crate::show;
use crate::stack::{Stack, StackArguments, now};

const EXAMPLES: &str = "\
Examples:
  engine break-glass clients create --client-id acme --name 'Acme Capital LP' --markup 5 --fee-type FLAT --fee-amount 25
  engine break-glass clients add-terms --client-id acme --markup 4.5 --fee-type PERCENTAGE --fee-amount 0.1 \\
      --effective-from 2027-01-01T00:00:00Z
  engine break-glass clients show acme

Terms are never changed in place: a change is a further version with its own effective date. Every change is one
transaction with its audit entry, in your name as AWS knows it.";

/// Create clients, add terms, show both
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ClientsArguments {
    #[command(subcommand)]
    command: ClientsCommand,
}

#[derive(Debug, Subcommand)]
enum ClientsCommand {
    /// Create a client with its first terms
    Create(CreateArguments),
    /// Add a version of terms to a client
    AddTerms(AddTermsArguments),
    /// Show a client and all its terms
    Show(ShowArguments),
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
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct AddTermsArguments {
    /// Id of the client
    #[arg(long)]
    client_id: String,
    #[command(flatten)]
    terms: TermsArguments,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// Id of the client
    client_id: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct TermsArguments {
    #[command(flatten)]
    fees: FeeArguments,
    /// RFC 3339 time from which the terms apply, not in the past [default: now]
    #[arg(long, value_name = "TIME")]
    effective_from: Option<String>,
}

impl TermsArguments {
    fn fields(&self) -> Fields {
        let given = [
            ("markup_percentage", Some(&self.fees.markup)),
            ("fee_type", Some(&self.fees.fee_type)),
            ("fee_amount", Some(&self.fees.fee_amount)),
            ("day_count", self.fees.day_count.as_ref()),
            ("effective_from", self.effective_from.as_ref()),
        ];
        Fields::from_pairs(given.into_iter().filter_map(|(name, value)| Some((name, value?.as_str()))))
    }
}

/// Runs the command.
pub(super) async fn run(stack: &StackArguments, arguments: ClientsArguments) -> Result<Exit, Error> {
    let (directory, author) = Stack::find(stack).await?.directory().await?;
    match arguments.command {
        ClientsCommand::Create(CreateArguments { client_id, name, terms, json }) => {
            let new = NewClient { client_id, name, terms: terms.fields() };
            let (client, terms) = directory.commit(directory.create_client(&new, &author, now())?).await?;
            show_client(&client, &[terms], json)
        }
        ClientsCommand::AddTerms(AddTermsArguments { client_id, terms, json }) => {
            let client_id = parse_id(&client_id)?;
            let prepared = directory.add_terms(&client_id, &terms.fields(), Map::new(), &author, now()).await?;
            directory.commit(prepared).await?;
            read_and_show(&directory, &client_id, json).await
        }
        ClientsCommand::Show(ShowArguments { client_id, json }) => {
            read_and_show(&directory, &parse_id(&client_id)?, json).await
        }
    }
}

fn parse_id(text: &str) -> Result<ClientId, Error> {
    let expected = "a client id: 3 to 50 letters, digits, - or _";
    ClientId::parse(text).map_err(|_| Error::NotAnId { text: text.to_owned(), expected })
}

async fn read_and_show(directory: &Directory, client_id: &ClientId, json: bool) -> Result<Exit, Error> {
    let (client, terms) = tokio::try_join!(directory.client(client_id), directory.terms(client_id))?;
    show_client(&client, &terms, json)
}

fn show_client(client: &ClientRecord, terms: &[ClientTerms], json: bool) -> Result<Exit, Error> {
    let in_force = terms_in_force(terms, now()).map(|terms| terms.version);
    if json {
        show::json(&describe(client, terms, in_force))?;
        return Ok(Exit::Done);
    }
    show::pairs(&[
        ("client_id", client.client_id.to_string()),
        ("name", client.name.clone()),
        ("status", client.status.to_string()),
        ("created_at", rfc3339(client.created_at)),
        ("keys", if client.key_ids.is_empty() { "none".to_owned() } else { client.key_ids.join(" ") }),
    ])?;
    show::line("")?;
    let row = |terms: &ClientTerms| {
        [
            terms.version.to_string(),
            rfc3339(terms.effective_from),
            terms.markup_percentage.to_string(),
            terms.transaction_fee.kind.as_str().to_owned(),
            terms.transaction_fee.amount.to_string(),
            terms.day_count.as_str().to_owned(),
            if in_force == Some(terms.version) { "in force".to_owned() } else { String::new() },
        ]
    };
    show::table(
        &["terms", "effective_from", "markup_percentage", "fee_type", "fee_amount", "day_count", ""],
        &[true, false, true, false, true, false, false],
        &terms.iter().map(row).collect::<Vec<_>>(),
    )?;
    Ok(Exit::Done)
}

fn describe(client: &ClientRecord, terms: &[ClientTerms], in_force: Option<u32>) -> Value {
    json!({
        "client_id": client.client_id,
        "name": client.name,
        "status": client.status.as_str(),
        "created_at": rfc3339(client.created_at),
        "key_ids": client.key_ids,
        "terms": terms,
        "terms_version_in_force": in_force,
    })
}
