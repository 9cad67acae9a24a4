//! `engine break-glass`: clients and keys with AWS credentials alone, for when the API cannot be used.

mod clients;
mod keys;

use clap::{Args, Subcommand};

use crate::error::Error;
use crate::exit::Exit;
use crate::stack::StackArguments;

const NOTICE: &str = "break-glass: this acts on AWS credentials alone and is recorded under your ARN; \
                      it is for when the API cannot be used";

/// Change clients and keys with AWS credentials alone, when the API cannot be used
///
/// Neither a token nor a second factor nor a second person is asked for: IAM decides who may. Every change is recorded
/// under the ARN of the credentials, apart from what is changed through the API.
#[derive(Debug, Args)]
pub(crate) struct BreakGlassArguments {
    #[command(subcommand)]
    command: BreakGlassCommand,
}

#[derive(Debug, Subcommand)]
enum BreakGlassCommand {
    Clients(clients::ClientsArguments),
    Keys(keys::KeysArguments),
}

/// Runs the command, having said what it is.
pub(crate) async fn run(stack: &StackArguments, arguments: BreakGlassArguments) -> Result<Exit, Error> {
    eprintln!("{NOTICE}");
    match arguments.command {
        BreakGlassCommand::Clients(arguments) => Box::pin(clients::run(stack, arguments)).await,
        BreakGlassCommand::Keys(arguments) => Box::pin(keys::run(stack, arguments)).await,
    }
}
