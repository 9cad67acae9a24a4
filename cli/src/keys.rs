//! `engine keys`: API keys, and the client's side of their rotation.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::{Api, ApiArguments, Credential, ListArguments, given, path};
use crate::error::Error;
use crate::exit::Exit;
use crate::input;
use crate::{render, show};

const EXAMPLES: &str = "\
Examples:
  engine keys create --client-id acme --rate-limit 300 --expiry-days 90
  engine keys create --client-id acme --rate-limit 60 --expiry-days 7 --tickers AAPL,BRK.B --permissions rates:view
  API_KEY=$(engine keys create --client-id acme --rate-limit 60 --expiry-days 1 --json | jq -r .api_key)
  engine keys list --client-id acme --all
  engine keys rotate 0Ab1Cd2Ef3Gh --overlap-days 7 --reason 'quarterly rotation'
  engine keys rotate --emergency 0Ab1Cd2Ef3Gh --reason 'left in a public repository'
  engine keys revoke 0Ab1Cd2Ef3Gh --reason 'client left'

The client's side, with the key in API_KEY:
  API_KEY=$old_key engine keys claim --json | jq -r .api_key
  API_KEY=$new_key engine keys confirm
  engine keys freeze < freeze-code.txt";

/// The members of a key's metadata that are shown first.
const KEY: &[&str] = &[
    "key_id",
    "client_id",
    "state",
    "created_at",
    "expires_at",
    "rate_limit",
    "permissions",
    "tickers",
    "last_used_at",
];
/// The members of what is shown once.
const ISSUED: &[&str] = &["key_id", "api_key", "state", "claim_code", "claim_code_expires_at"];
/// Where a client's key may be.
const API_KEY: &[&str] = &["ENGINE_API_KEY", "API_KEY"];

/// Issue, list, rotate and revoke API keys; collect a successor
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeysArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Issue a key to a client; it is shown once and kept nowhere
    Create(NewKeyArguments),
    /// List keys
    List(ListKeysArguments),
    /// Show a key's metadata and use
    Show(KeyArguments),
    /// Offer a key's holder a successor, which the holder claims; both work until the overlap ends
    Rotate(RotateArguments),
    /// Make a new code with which an ended key's holder claims the successor; shown once
    ClaimCode(KeyArguments),
    /// Let a key go on that the client's contact froze
    Unfreeze(KeyArguments),
    /// Revoke a key for good; it is refused from the next request on
    Revoke(RevokeArguments),
    /// As a client: collect the successor of the key in `API_KEY`, or of the one that a claim code is for
    Claim(ClaimArguments),
    /// As a client: confirm receipt of the new key, which is in `API_KEY`, so that it takes effect
    Confirm,
    /// As a client's contact: freeze a key that was claimed, with the code from the notice
    Freeze(FreezeArguments),
}

/// A key as it is asked for.
#[derive(Debug, Args)]
pub(crate) struct NewKeyArguments {
    /// Id of an existing client
    #[arg(long)]
    pub(crate) client_id: String,
    /// Requests a minute: 60, 300 or 1000
    #[arg(long, value_name = "60|300|1000")]
    pub(crate) rate_limit: u64,
    /// Days until the key ends, 1 to 90
    #[arg(long, value_name = "DAYS")]
    pub(crate) expiry_days: u64,
    /// Tickers that the key may see, at most 50 [default: all]
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    pub(crate) tickers: Option<Vec<String>>,
    /// What the key may do: fees:calculate, rates:view [default: both]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) permissions: Option<Vec<String>>,
}

#[derive(Debug, Args)]
struct ListKeysArguments {
    /// Only this client's
    #[arg(long)]
    client_id: Option<String>,
    /// Only those in this state: ACTIVE, CLAIMED, FROZEN, EXPIRED or REVOKED
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    list: ListArguments,
}

#[derive(Debug, Args)]
struct KeyArguments {
    /// Id of the key: the 12 characters after `bre_<environment>_`
    key_id: String,
}

#[derive(Debug, Args)]
struct RotateArguments {
    /// Id of the key: the 12 characters after `bre_<environment>_`
    key_id: String,
    /// End the key now, and show a code with which its holder claims the successor
    #[arg(long)]
    emergency: bool,
    /// Days for which both keys work, 1 to 14 [default: 14]
    #[arg(long, value_name = "DAYS", conflicts_with = "emergency")]
    overlap_days: Option<u64>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

#[derive(Debug, Args)]
struct RevokeArguments {
    /// Id of the key: the 12 characters after `bre_<environment>_`
    key_id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

#[derive(Debug, Args)]
struct ClaimArguments {
    /// File that holds the claim code, where the old key has ended [default: the key in `API_KEY` claims]
    #[arg(long, value_name = "FILE")]
    claim_code_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct FreezeArguments {
    /// File that holds the code from the notice [default: standard input]
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(arguments: KeysArguments) -> Result<Exit, Error> {
    let KeysArguments { api, command } = arguments;
    let at = |key_id: &str, rest: &[&str]| -> Result<String, Error> {
        Ok(path(&[&["admin", "api-keys", input::key_id(key_id)?.as_str()], rest].concat()))
    };
    match command {
        KeysCommand::Create(new) => create(&Api::find(api)?, new).await,
        KeysCommand::List(ListKeysArguments { client_id, state, list }) => {
            let filters = [("client_id", client_id.as_deref()), ("state", state.as_deref())];
            Api::find(api)?.list("/admin/api-keys", &list, &filters, KEY).await
        }
        KeysCommand::Show(KeyArguments { key_id }) => Api::find(api)?.show(&at(&key_id, &[])?, KEY).await,
        KeysCommand::Rotate(RotateArguments { key_id, emergency: false, overlap_days, reason }) => {
            let body = given(json!({ "overlap_days": overlap_days, "reason": reason }));
            Api::find(api)?.act("POST", &at(&key_id, &["rotate"])?, &body, KEY).await
        }
        KeysCommand::Rotate(RotateArguments { key_id, reason, .. }) => {
            let body = json!({ "reason": reason });
            show_code(&Api::find(api)?, &at(&key_id, &["emergency-rotate"])?, &body).await
        }
        KeysCommand::ClaimCode(KeyArguments { key_id }) => {
            show_code(&Api::find(api)?, &at(&key_id, &["claim-code"])?, &json!({})).await
        }
        KeysCommand::Unfreeze(KeyArguments { key_id }) => {
            Api::find(api)?.act("POST", &at(&key_id, &["unfreeze"])?, &json!({}), KEY).await
        }
        KeysCommand::Revoke(RevokeArguments { key_id, reason }) => {
            Api::find(api)?.act("DELETE", &at(&key_id, &[])?, &json!({ "reason": reason }), KEY).await
        }
        KeysCommand::Claim(ClaimArguments { claim_code_file }) => claim(api, claim_code_file).await,
        KeysCommand::Confirm => Api::with(api, key()?)?.act("POST", "/api/v1/keys/confirm", &json!({}), KEY).await,
        KeysCommand::Freeze(FreezeArguments { code_file }) => {
            let code = input::file_or_line(code_file.as_ref(), "Code from the notice")?;
            let body = json!({ "freeze_code": code.as_str() });
            Api::with(api, Credential::Body)?.act("POST", "/api/v1/keys/freeze", &body, KEY).await
        }
    }
}

/// The client's key.
fn key() -> Result<Credential, Error> {
    Ok(Credential::ApiKey(input::variable(API_KEY)?.ok_or(Error::NoKey)?))
}

async fn create(api: &Api, new: NewKeyArguments) -> Result<Exit, Error> {
    let NewKeyArguments { client_id, rate_limit, expiry_days, tickers, permissions } = new;
    let body = given(json!({
        "client_id": client_id,
        "rate_limit": rate_limit,
        "expiry_days": expiry_days,
        "tickers": tickers,
        "permissions": permissions,
    }));
    let issued = api.change("POST", "/admin/api-keys", &body).await?;
    api.print(&issued, ISSUED)?;
    if api.json() {
        return Ok(Exit::Done);
    }
    store_now("key");
    let Some(key_id) = issued["key_id"].as_str() else { return Ok(Exit::Done) };
    // The key is issued and shown: whoever may not read its metadata has still done what was asked.
    match api.read(&path(&["admin", "api-keys", key_id])).await {
        Ok(mut metadata) => {
            // Its id is above it.
            metadata.as_object_mut().and_then(|members| members.remove("key_id"));
            show::line("")?;
            render::object(&metadata, KEY)?;
        }
        Err(error) => eprintln!("The key was issued; its metadata cannot be shown: {error}"),
    }
    Ok(Exit::Done)
}

/// Does what is answered with a claim code.
async fn show_code(api: &Api, path: &str, body: &Value) -> Result<Exit, Error> {
    let done = api.act("POST", path, body, ISSUED).await?;
    if !api.json() {
        eprintln!(
            "Hand the claim code to the client by a way that only the client reads: it is kept nowhere, and is good once."
        );
    }
    Ok(done)
}

async fn claim(api: ApiArguments, claim_code_file: Option<PathBuf>) -> Result<Exit, Error> {
    let (credential, body) = match claim_code_file {
        Some(file) => (Credential::Body, json!({ "claim_code": input::file(&file)?.as_str() })),
        None => (key()?, json!({})),
    };
    let api = Api::with(api, credential)?;
    let done = api.act("POST", "/api/v1/keys/claim", &body, ISSUED).await?;
    if !api.json() {
        store_now("key");
        eprintln!("It takes effect once it is confirmed: API_KEY=<the new key> engine keys confirm");
    }
    Ok(done)
}

fn store_now(what: &str) {
    eprintln!("Store the {what} now, in a secret store: it is kept nowhere and cannot be shown again.");
}
