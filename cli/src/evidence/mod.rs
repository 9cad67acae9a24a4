//! `engine evidence`: bundles for auditors, and the keys that verify them.

mod bucket;
mod download;
mod export;
mod filter;
mod keys;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};

use crate::api::ApiArguments;
use crate::error::Error;
use crate::exit::Exit;
use crate::stack::StackArguments;

const EXAMPLES: &str = "\
Examples:
  engine evidence export --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --client acme --out acme.zip
  engine evidence export --request-id 019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b --include-logs --out quote.zip
  engine evidence export --against last-years-checkpoint --out year.zip
  engine evidence export --from-bucket --event snapshot.import --out imports.zip
  engine evidence keys > keys.txt
  engine verify acme.zip --keys keys.txt

An export with a token is asked for, made by the stack and fetched when it is done. With --from-bucket the same bundle is made here,
out of the buckets of the sealed log alone, with AWS credentials and without any function of the stack.";

/// Export evidence from the audit log; print the keys that verify it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EvidenceArguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Export every entry that meets the conditions as a bundle that anybody can verify
    Export(Box<export::ExportArguments>),
    /// Print the public keys of the log and of its bundles, one a line, each with the time in which it was valid
    Keys,
}

/// Runs the command.
pub(crate) async fn run(stack: &StackArguments, arguments: EvidenceArguments) -> Result<Exit, Error> {
    match arguments.command {
        EvidenceCommand::Export(export) => export::run(stack, arguments.api, &export).await,
        EvidenceCommand::Keys => keys::run(stack).await,
    }
}
