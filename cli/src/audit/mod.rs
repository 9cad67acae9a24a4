//! `engine audit`: questions to the sealed log.

mod gaps;
mod runs;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::error::Error;
use crate::exit::Exit;
use crate::stack::{Stack, StackArguments};

const EXAMPLES: &str = "\
Examples:
  engine audit gaps
  engine audit gaps --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --json

Every call with an API key that owes an entry is counted before it is carried out, and its entry, done or refused, has the count. A count
without an entry is a gap: a call that was counted and whose entry could not be written, which is answered with 503, or an
entry that was lost. A call whose count was taken and whose answer did not arrive is such a gap too: the client tries again, and
is counted again. Exit status 1 says that there is a gap.";

/// Ask the sealed log
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AuditArguments {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List the calls of each API key that were counted and have no entry
    Gaps(GapsArguments),
}

#[derive(Debug, Args)]
struct GapsArguments {
    /// Only gaps that may be of that time or later, RFC 3339
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only gaps that may be of before that time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Print one JSON object a key
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(stack: &StackArguments, arguments: AuditArguments) -> Result<Exit, Error> {
    let AuditCommand::Gaps(arguments) = arguments.command;
    let stack = Stack::to_read(stack).await?;
    let reader = stack.log_reader(&stack.caller().await?.account);
    let time = arguments.from.unwrap_or(Timestamp::MIN)..arguments.to.unwrap_or(Timestamp::MAX);
    let keys = gaps::find(&reader, &time).await?;
    gaps::show(&keys, arguments.json)?;
    Ok(gaps::exit(&keys))
}
