//! `engine token`: an access token for the administrator that a stack starts with.

use clap::Args;
use serde_json::{Value, json};

use crate::api::Refusal;
use crate::error::Error;
use crate::exit::Exit;
use crate::input::{Code, ask_for_code};
use crate::show;
use crate::stack::{Stack, StackArguments};

const INVOKE: &str = "lambda:Invoke";

const EXAMPLES: &str = "\
Examples:
  export ENGINE_TOKEN=$(engine token)
  export ENGINE_TOKEN=$(engine token --totp 123456)

Invokes the stack's function `token` with your AWS credentials. It answers only as long as the stack has fewer than two active
administrators; whoever has an account gets tokens from the company's own sign-in.";

/// Get an access token as the administrator that a stack starts with
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TokenArguments {
    /// Code of the bootstrap administrator's second factor [default: asked for on a terminal]
    #[arg(long, env = "ENGINE_TOTP", hide_env_values = true, value_name = "CODE")]
    totp: Option<Code>,
    /// Print one JSON object: `access_token`, `token_type`, `expires_in`
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(stack: &StackArguments, arguments: TokenArguments) -> Result<Exit, Error> {
    let code = match arguments.totp {
        Some(code) => code,
        None => ask_for_code()?.ok_or(Error::NoCode)?,
    };
    let question = json!({ "bootstrap": { "totp": code.digits()?.as_str() } });
    let answer = Stack::find(stack).await?.invoke("token", &question).await?;
    if answer["problem"].is_object() {
        return Err(Error::Api(Box::new(Refusal::of_problem(&answer["problem"]))));
    }
    let Some(token) = answer["access_token"].as_str() else {
        return Err(Error::Answer(INVOKE, "neither a token nor a problem".to_owned()));
    };
    if arguments.json {
        show::json(&answer)?;
    } else {
        show::line(token)?;
    }
    eprintln!("{}", lifetime(&answer["expires_in"]));
    Ok(Exit::Done)
}

fn lifetime(seconds: &Value) -> String {
    match seconds.as_u64() {
        Some(seconds) if seconds % 60 == 0 => format!("The token is good for {} minutes.", seconds / 60),
        Some(seconds) => format!("The token is good for {seconds} s."),
        None => "The token does not say how long it is good for.".to_owned(),
    }
}
