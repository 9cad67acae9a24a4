#![doc = include_str!("../README.md")]

mod api;
mod audit;
mod break_glass;
mod clients;
mod error;
mod evidence;
mod exit;
mod fsck;
mod import;
mod input;
mod keys;
mod price;
mod principals;
mod render;
mod replay;
mod requests;
mod review;
mod rotate;
mod rotations;
#[cfg(test)]
mod sealed;
mod service_accounts;
mod show;
mod stack;
mod token;
mod verify;

use std::future::Future;

use clap::{Parser, Subcommand};

use error::Error;
pub use exit::Exit;
use stack::StackArguments;

/// The operator's command line of the Borrow Rate Engine.
#[derive(Debug, Parser)]
#[command(name = "engine", version, arg_required_else_help = true, after_help = exit::HELP)]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Price(price::PriceArguments),
    Import(import::ImportArguments),
    Replay(replay::ReplayArguments),
    Token(token::TokenArguments),
    Keys(keys::KeysArguments),
    Clients(clients::ClientsArguments),
    Principals(principals::PrincipalsArguments),
    Requests(requests::RequestsArguments),
    ServiceAccounts(service_accounts::ServiceAccountsArguments),
    Roles(review::RolesArguments),
    AccessReview(review::AccessReviewArguments),
    Rotations(rotations::RotationsArguments),
    Rotate(rotate::RotateArguments),
    BreakGlass(break_glass::BreakGlassArguments),
    Evidence(evidence::EvidenceArguments),
    Audit(audit::AuditArguments),
    Fsck(fsck::FsckArguments),
    Verify(verify::VerifyArguments),
}

/// Runs one command and says on standard error what went wrong.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let stack = &arguments.stack;
    let done = match arguments.command {
        Command::Price(arguments) => price::run(&arguments),
        Command::Import(arguments) => wait(import::run(stack, arguments)),
        Command::Replay(arguments) => wait(replay::run(stack, arguments)),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Evidence(arguments) => wait(evidence::run(stack, arguments)),
        Command::Audit(arguments) => wait(audit::run(stack, arguments)),
        Command::Fsck(arguments) => wait(fsck::run(stack, arguments)),
        Command::Token(arguments) => wait(token::run(stack, arguments)),
        Command::Keys(arguments) => wait(keys::run(arguments)),
        Command::Clients(arguments) => wait(clients::run(arguments)),
        Command::Principals(arguments) => wait(principals::run(arguments)),
        Command::Requests(arguments) => wait(requests::run(arguments)),
        Command::ServiceAccounts(arguments) => wait(service_accounts::run(arguments)),
        Command::Roles(arguments) => wait(review::roles(arguments)),
        Command::AccessReview(arguments) => wait(review::access(arguments)),
        Command::Rotations(arguments) => wait(rotations::run(arguments)),
        Command::Rotate(arguments) => wait(rotate::run(arguments)),
        Command::BreakGlass(arguments) => wait(break_glass::run(stack, arguments)),
    };
    done.unwrap_or_else(|error| {
        if !error.is_broken_pipe() {
            eprintln!("error: {error}");
        }
        error.exit()
    })
}

/// Runs a command that talks to AWS or to the API.
fn wait(command: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::Runtime)?.block_on(command)
}
