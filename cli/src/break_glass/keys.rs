//! `engine break-glass keys`: API keys, issued and revoked with the operator's own credentials.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use engine_aws::directory::{Directory, IssuedKey, KeyDetails, NewKey};
use engine_core::access::{KeyId, TickerScope};
use engine_core::time::rfc3339;
use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::keys::NewKeyArguments;
use crate::stack::{Stack, StackArguments, now};
use crate::{input, show};

const EXAMPLES: &str = "\
Examples:
  engine break-glass keys create --client-id acme --rate-limit 300 --expiry-days 90
  engine break-glass keys create --client-id acme --rate-limit 60 --expiry-days 7 --tickers AAPL,BRK.B --permissions rates:view
  API_KEY=$(engine break-glass keys create --client-id acme --rate-limit 60 --expiry-days 1 --json | jq -r .api_key)
  engine break-glass keys revoke 0Ab1Cd2Ef3Gh --reason 'left in a public repository'";

/// Issue, revoke and show API keys
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Issue a key to a client; it is shown once and kept nowhere
    Create(CreateArguments),
    /// Revoke a key for good; it is refused from the next request on
    Revoke(RevokeArguments),
    /// Show a key's metadata and use
    Show(ShowArguments),
}

#[derive(Debug, Args)]
struct CreateArguments {
    #[command(flatten)]
    new: NewKeyArguments,
    /// The stack's `EnvironmentName`, which is part of the key
    #[arg(long, env = "ENGINE_ENVIRONMENT", default_value = "live", value_name = "NAME")]
    environment: String,
    /// Print one JSON object: `key_id`, `api_key`, `expires_at`
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RevokeArguments {
    /// Id of the key: the 12 characters after `bre_<environment>_`
    key_id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// Id of the key: the 12 characters after `bre_<environment>_`
    key_id: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(stack: &StackArguments, arguments: KeysArguments) -> Result<Exit, Error> {
    let (directory, author) = Stack::find(stack).await?.directory().await?;
    match arguments.command {
        KeysCommand::Create(CreateArguments { new, environment, json }) => {
            let NewKeyArguments { client_id, rate_limit, expiry_days, tickers, permissions } = new;
            let new = NewKey { client_id, rate_limit, expiry_days, permissions, tickers, environment };
            let prepared = directory.create_key(&new, &author, now()).await?;
            show_issued(&directory.commit(prepared).await?, json)
        }
        KeysCommand::Revoke(RevokeArguments { key_id, reason, json }) => {
            let key_id = input::key_id(&key_id)?;
            let prepared = directory.revoke_key(&key_id, Some(&reason), &author, now()).await?;
            directory.commit(prepared).await?;
            read_and_show(&directory, &key_id, json).await
        }
        KeysCommand::Show(ShowArguments { key_id, json }) => {
            read_and_show(&directory, &input::key_id(&key_id)?, json).await
        }
    }
}

/// Prints the key, here and never again.
fn show_issued(issued: &IssuedKey, json: bool) -> Result<Exit, Error> {
    let (key_id, expires_at) = (issued.record.id.as_str(), rfc3339(issued.record.expires_at));
    if json {
        show::json(&json!({ "key_id": key_id, "api_key": issued.api_key.expose(), "expires_at": expires_at }))?;
        return Ok(Exit::Done);
    }
    show::pairs(&[
        ("key_id", key_id.to_owned()),
        ("api_key", issued.api_key.expose().to_owned()),
        ("expires_at", expires_at),
        ("client_id", issued.record.client_id.to_string()),
    ])?;
    eprintln!("Store the key now, in a secret store: it is kept nowhere and cannot be shown again.");
    Ok(Exit::Done)
}

async fn read_and_show(directory: &Directory, key_id: &KeyId, json: bool) -> Result<Exit, Error> {
    show_key(&directory.key(key_id).await?, json)
}

fn show_key(key: &KeyDetails, json: bool) -> Result<Exit, Error> {
    let KeyDetails { record, used, .. } = key;
    let permissions: Vec<_> = record.permissions.iter().map(|permission| permission.as_str()).collect();
    let tickers = match &record.tickers {
        TickerScope::All => None,
        TickerScope::Listed(tickers) => Some(tickers.iter().map(ToString::to_string).collect::<Vec<_>>()),
    };
    let last_used_at = used.last_used_at.map(rfc3339);
    if json {
        show::json(&json!({
            "key_id": record.id.as_str(),
            "client_id": record.client_id,
            "state": record.state.as_str(),
            "created_at": rfc3339(record.created_at),
            "expires_at": rfc3339(record.expires_at),
            "rate_limit": record.tier.per_minute(),
            "permissions": permissions,
            "tickers": tickers,
            "terms_version": record.terms_version,
            "last_used_at": last_used_at,
            "uses": used.seq,
        }))?;
        return Ok(Exit::Done);
    }
    show::pairs(&[
        ("key_id", record.id.to_string()),
        ("client_id", record.client_id.to_string()),
        ("state", record.state.as_str().to_owned()),
        ("created_at", rfc3339(record.created_at)),
        ("expires_at", rfc3339(record.expires_at)),
        ("rate_limit", format!("{} requests a minute", record.tier.per_minute())),
        ("permissions", permissions.join(" ")),
        ("tickers", tickers.map_or("all".to_owned(), |tickers| tickers.join(" "))),
        ("terms_version", record.terms_version.to_string()),
        ("last_used_at", last_used_at.unwrap_or("never".to_owned())),
        ("uses", used.seq.to_string()),
    ])?;
    Ok(Exit::Done)
}
