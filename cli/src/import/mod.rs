//! `engine import`: hands market data files to the importer and reports what became of them.

mod upload;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::error::Error;
use crate::exit::Exit;
use crate::stack::{Stack, StackArguments};

const EXAMPLES: &str = "\
Examples:
  engine import usa.txt
  engine import minimums.json --source minimum-rates --json
  engine import list
  engine import accept 3f2a9c0b7d1e4f5a6b8c --reason 'index rebalance, checked against the lender'

A file is a full snapshot of its source. A file that moves too much is quarantined: nothing changes until a person accepts it.";

/// Import market data files, accept quarantined ones
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct ImportArguments {
    /// Files to import, in this order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files hold: short-stock, volatility, event-risk or minimum-rates [default: told from the content]
    #[arg(long)]
    source: Option<String>,
    /// Seconds to wait for the importer after each upload
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// Print one JSON object a file
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<ImportCommand>,
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Let a quarantined file take effect
    Accept(AcceptArguments),
    /// List imports, the latest first
    List,
}

#[derive(Debug, Args)]
struct AcceptArguments {
    /// Id of the import
    id: String,
    /// Why, for the record
    #[arg(long)]
    reason: String,
}

/// Runs the command.
pub(crate) async fn run(stack: &StackArguments, arguments: ImportArguments) -> Result<Exit, Error> {
    let stack = Stack::find(stack).await?;
    let caller = stack.caller().await?;
    for file in &arguments.files {
        let content = std::fs::read(file).map_err(|cause| Error::Open { path: file.clone(), cause })?;
        let uploaded = upload::upload(&stack, &caller.account, "short-stock", file, content).await?;
        println!("{uploaded:?}");
    }
    Ok(Exit::Done)
}
