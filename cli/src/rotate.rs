//! `engine rotate`: credentials that end at once and get successors, in an emergency.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use engine_core::rotation::CredentialKind;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::api::{Api, ApiArguments};
use crate::error::Error;
use crate::exit::Exit;
use crate::input;
use crate::rotations::{ROTATION, kind, place};
use crate::show;

/// Time between two looks at whether the rotation is done.
const POLL: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  engine rotate key 0Ab1Cd2Ef3Gh --reason 'left in a public repository'
  engine rotate client acme --reason 'incident 2026-17: their vault was read'
  engine rotate service-account svc-risk-batch --reason 'incident 2026-17'
  engine rotate all --kind api-key --reason 'incident 2026-17' --no-wait

Everything is revoked before the first successor is issued. Holders of keys claim theirs with a code: engine keys claim-code.
A planned rotation, in which nothing ends at once: engine keys rotate.";

/// End credentials at once and issue successors, in an emergency
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RotateArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: RotateCommand,
}

/// What every rotation takes.
#[derive(Debug, Args)]
struct HowArguments {
    /// Why, for the record: 10 to 1000 characters
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
    /// Do not wait until it is done
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait until it is done
    #[arg(long, value_name = "SECONDS", default_value_t = 1200, conflicts_with = "no_wait")]
    timeout: u64,
}

#[derive(Debug, Subcommand)]
enum RotateCommand {
    /// One API key
    Key(KeyArguments),
    /// All API keys of a client
    Client(ClientArguments),
    /// The credential of a service account
    ServiceAccount(ServiceAccountArguments),
    /// All credentials of a kind, whoever holds them
    All(AllArguments),
}

#[derive(Debug, Args)]
struct KeyArguments {
    /// Id of the key: the 12 characters after `bre_<environment>_`
    key_id: String,
    #[command(flatten)]
    how: HowArguments,
}

#[derive(Debug, Args)]
struct ClientArguments {
    /// Id of the client
    client_id: String,
    #[command(flatten)]
    how: HowArguments,
}

#[derive(Debug, Args)]
struct ServiceAccountArguments {
    /// Name of the service account
    name: String,
    #[command(flatten)]
    how: HowArguments,
}

#[derive(Debug, Args)]
struct AllArguments {
    /// Which kind
    #[arg(long, value_parser = kind(&CredentialKind::AT_ONCE))]
    kind: String,
    #[command(flatten)]
    how: HowArguments,
}

/// Runs the command.
pub(crate) async fn run(arguments: RotateArguments) -> Result<Exit, Error> {
    let (mut asked_for, HowArguments { reason, no_wait, timeout }) = target(arguments.command)?;
    asked_for["reason"] = json!(reason);
    let api = Api::find(arguments.api)?;
    let asked = api.change("POST", "/admin/rotations", &asked_for).await?;
    let id = asked["rotation_id"].as_str();
    let id = id.ok_or_else(|| Error::Answer("the API", "no rotation_id: check --api-url".to_owned()))?;
    if no_wait {
        api.print(&asked, ROTATION)?;
        return Ok(Exit::Done);
    }
    let id = show::plain(id);
    eprintln!("Rotation {id} has begun, and goes on without this command.");
    let done = wait(&api, &id, Duration::from_secs(timeout)).await?;
    api.print(&done, ROTATION)?;
    if done["state"] == "FAILED" {
        eprintln!("error: rotation {id} failed: look at what it says, and rotate again what is left");
        return Ok(Exit::Failed);
    }
    Ok(Exit::Done)
}

/// What ends, as the API is told it.
fn target(command: RotateCommand) -> Result<(Value, HowArguments), Error> {
    let [key, account] = CredentialKind::AT_ONCE.map(CredentialKind::as_str);
    Ok(match command {
        RotateCommand::Key(KeyArguments { key_id, how }) => {
            (json!({ "kind": key, "credential": input::key_id(&key_id)?.as_str() }), how)
        }
        RotateCommand::Client(ClientArguments { client_id, how }) => {
            (json!({ "kind": key, "client_id": client_id }), how)
        }
        RotateCommand::ServiceAccount(ServiceAccountArguments { name, how }) => {
            (json!({ "kind": account, "credential": name }), how)
        }
        RotateCommand::All(AllArguments { kind, how }) => (json!({ "kind": kind, "all": true }), how),
    })
}

/// Waits until the rotation has come to its end, well or not.
async fn wait(api: &Api, id: &str, longest: Duration) -> Result<Value, Error> {
    let (line, end) = (progress(), Instant::now() + longest);
    loop {
        let state = api.read(&place(id)).await?;
        match state["state"].as_str() {
            Some("DONE" | "FAILED") => {
                line.finish_and_clear();
                return Ok(state);
            }
            Some(_) => line.set_message(so_far(&state)),
            None => return Err(Error::Answer("the API", "no state of a rotation: check --api-url".to_owned())),
        }
        line.tick();
        if Instant::now() >= end {
            line.finish_and_clear();
            return Err(Error::RotationNotDone { rotation_id: id.to_owned(), seconds: longest.as_secs() });
        }
        sleep(POLL).await;
    }
}

/// How far it is, in a line: `REVOKING: clients 3, revoked 120`.
fn so_far(state: &Value) -> String {
    let counts = state["counts"].as_object().into_iter().flatten();
    let counts: Vec<_> = counts.map(|(name, count)| show::plain(&format!("{name} {count}"))).collect();
    format!("{}: {}", show::plain(state["state"].as_str().unwrap_or_default()), counts.join(", "))
}

/// A line on the terminal that says how far it is; nothing where there is none.
fn progress() -> ProgressBar {
    let line = ProgressBar::no_length();
    match ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        Ok(style) => line.with_style(style),
        Err(_) => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_is_a_line_that_moves_no_cursor() {
        let state = json!({ "state": "REVOKING", "counts": { "clients": 3, "revoked": 120 } });
        assert_eq!(so_far(&state), "REVOKING: clients 3, revoked 120");
        let state = json!({ "state": "A\u{1b}", "counts": { "b\n": "c\u{7}" } });
        assert!(!so_far(&state).contains(char::is_control), "{:?}", so_far(&state));
    }
}
