//! `engine fsck`: derives the whole log again from the locked bucket, and compares DynamoDB with it.

mod audit_table;
mod derive;
mod report;
mod restore;
#[cfg(test)]
mod tests;

use aws_sdk_dynamodb::Client as DynamoDb;
use clap::Args;
use engine_aws::audit_log::AuditLog;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::{LogReader, LogTable};
use engine_core::audit::EntryId;
use engine_core::merkle::Hash;

use crate::error::Error;
use crate::exit::Exit;
use crate::input;
use crate::stack::{Stack, StackArguments, author, now};
use report::Report;

const EXAMPLES: &str = "\
Examples:
  engine fsck
  engine fsck --json
  engine fsck --restore

What is in the locked bucket is what was sealed. From it alone every hash is computed again, up to every signed checkpoint, and
compared with what is stored; then the items of the audit table and of the log's table with that. Each difference is a line, and exit
status 1 says that there is one. Only what a signed checkpoint proves is put back, and nothing as long as there is any other difference:
it has to be understood first. What can be made again at any time (partial tiles, search rows) proves nothing and is not looked for.";

/// Check the sealed log from the first entry to the last, and DynamoDB against it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FsckArguments {
    /// Put audit items that are missing or were written over back from the bucket, recorded in your name
    #[arg(long)]
    restore: bool,
    /// Do not ask before putting items back
    #[arg(long, requires = "restore")]
    yes: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is looked into.
pub(crate) struct Parts {
    pub(crate) records: RecordsBucket,
    pub(crate) work: WorkBucket,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) audit_table: String,
    pub(crate) log_table: String,
}

impl Parts {
    fn reader(&self) -> LogReader {
        LogReader::new(self.records.clone(), self.work.clone())
    }

    pub(crate) fn audit(&self) -> AuditLog {
        AuditLog::new(self.dynamodb.clone(), &self.audit_table)
    }

    fn log(&self) -> LogTable {
        LogTable::new(self.dynamodb.clone(), &self.log_table)
    }
}

/// An entry whose items in the audit table are not what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Its place in the log.
    pub(crate) index: u64,
    pub(crate) id: EntryId,
    /// The size of the log that it was found by.
    pub(crate) size: u64,
    /// Hash of its header, as it was when a signed checkpoint was found to prove it.
    pub(crate) leaf: Hash,
}

/// Runs the command.
pub(crate) async fn run(stack: &StackArguments, arguments: FsckArguments) -> Result<Exit, Error> {
    let stack = Stack::to_read(stack).await?;
    let caller = stack.caller().await?;
    let (records, work) = stack.log_buckets(&caller.account);
    let parts = Parts {
        records,
        work,
        dynamodb: stack.dynamodb(),
        audit_table: stack.table("audit"),
        log_table: stack.table("log"),
    };
    let (report, lost) = check(&parts, now()).await?;
    report.show(arguments.json)?;
    let mut left = report.differences.len();
    if arguments.restore {
        restore::allowed(&report, &lost)?;
    }
    if arguments.restore && !lost.is_empty() {
        if !arguments.yes && !confirmed(lost.len())? {
            return Ok(Exit::Failed);
        }
        let (actor_key, _) = stack.keys().await?;
        restore::restore(&parts, &report, &lost, &author(&caller, &actor_key)?, now()).await?;
        eprintln!("{} entries were put back and recorded.", lost.len());
        left -= lost.len();
    }
    Ok(if left == 0 { Exit::Done } else { Exit::Failed })
}

/// Looks at everything: what was found, and which entries the audit table no longer has as they were sealed.
pub(crate) async fn check(parts: &Parts, now: jiff::Timestamp) -> Result<(Report, Vec<Lost>), Error> {
    let mut report = Report::default();
    let mut table = audit_table::Comparison::new(parts);
    derive::derive(parts, &mut report, &mut table).await?;
    table.finish(&mut report, now).await?;
    Ok((report, table.into_lost()))
}

fn confirmed(entries: usize) -> Result<bool, Error> {
    let answer = input::line(&format!("Put {entries} entries back, recorded in your name? [y/N]"))?;
    match answer {
        Some(answer) => Ok(matches!(answer.trim(), "y" | "Y" | "yes")),
        None => Err(Error::NotConfirmed),
    }
}
