#![doc = include_str!("../README.md")]

mod clients;
mod error;
mod exit;
mod import;
mod keys;
mod price;
mod replay;
mod show;
mod stack;

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
    Clients(clients::ClientsArguments),
    Keys(keys::KeysArguments),
    Replay(replay::ReplayArguments),
}

/// Runs one command and says on standard error what went wrong.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let stack = &arguments.stack;
    let done = match arguments.command {
        Command::Price(arguments) => price::run(&arguments),
        Command::Import(arguments) => wait(import::run(stack, arguments)),
        Command::Clients(arguments) => wait(clients::run(stack, arguments)),
        Command::Keys(arguments) => wait(keys::run(stack, arguments)),
        Command::Replay(arguments) => wait(replay::run(stack, arguments)),
    };
    done.unwrap_or_else(|error| {
        if !error.is_broken_pipe() {
            eprintln!("error: {error}");
        }
        error.exit()
    })
}

/// Runs a command that talks to AWS.
fn wait(command: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::Runtime)?.block_on(command)
}
