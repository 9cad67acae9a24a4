//! `engine import`: hands market data files to the importer, says what became of them, and accepts what was held back.

mod report;
mod upload;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use engine_aws::audit_log::AuditLog;
use engine_aws::clock::SystemClock;
use engine_aws::market::MarketStore;
use engine_aws::objects::ObjectStore;
use engine_aws::records::RecordsBucket;
use engine_core::field::Fields;
use engine_core::market::{MAX_FILE, Source};
use indicatif::ProgressBar;
use jiff::tz::TimeZone;
use market_data::{Buckets, ImportRecord, ImportStatus, Importer, Keys};
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::exit::Exit;
use crate::stack::{Stack, StackArguments, author, now};

const EXAMPLES: &str = "\
Examples:
  engine import usa.txt
  engine import volatility.json minimums.json --json
  engine import list
  engine import accept 3f2a9c0b7d1e4f5a6b8c --reason 'index rebalance, checked with the lender'

A file is a full snapshot of its source: a name that it lacks is carried with nothing available. A file that moves too much
is quarantined (exit status 3): nothing changes until a person accepts it.";

/// Time between two looks at whether the importer is done.
const POLL: Duration = Duration::from_millis(250);

/// Import market data files; list imports; accept a quarantined one
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct ImportArguments {
    /// Files to import, in this order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files hold [default: told from the content]
    #[arg(long, value_parser = source_parser())]
    source: Option<Source>,
    /// Seconds to wait for the importer after an upload
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// Print one JSON object a file
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<ImportCommand>,
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Put a quarantined file in force, in your name
    Accept(AcceptArguments),
    /// List imports, the latest first
    List(ListArguments),
}

#[derive(Debug, Args)]
struct AcceptArguments {
    /// Id of the import
    id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The stack's `FileTimeZone`, in which times without a zone are read
    #[arg(long, env = "ENGINE_FILE_TIME_ZONE", value_name = "ZONE", default_value = "America/New_York")]
    time_zone: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Print one JSON object an import
    #[arg(long)]
    json: bool,
}

fn source_parser() -> impl TypedValueParser<Value = Source> {
    let names = PossibleValuesParser::new(Source::ALL.map(Source::as_str));
    names.try_map(|name| Source::from_name(&name).ok_or("not a source"))
}

/// Runs the command.
pub(crate) async fn run(stack: &StackArguments, arguments: ImportArguments) -> Result<Exit, Error> {
    let stack = Stack::find(stack).await?;
    let store = MarketStore::new(stack.dynamodb(), stack.table("market"));
    match &arguments.command {
        None => import(&stack, &store, &arguments).await,
        Some(ImportCommand::Accept(arguments)) => accept(&stack, store, arguments).await,
        Some(ImportCommand::List(arguments)) => list(&store, arguments).await,
    }
}

/// Imports file after file. The worst outcome is the command's: refused before quarantined before done.
async fn import(stack: &Stack, store: &MarketStore, arguments: &ImportArguments) -> Result<Exit, Error> {
    let account = stack.caller().await?.account;
    let mut exit = Exit::Done;
    for file in &arguments.files {
        let content = read(file)?;
        let source = arguments.source.or_else(|| guess_source(&content));
        let source = source.ok_or_else(|| Error::UnknownSource { path: file.clone() })?;
        let import_id = upload::upload(stack, &account, source, file, content).await?;
        let record = wait(store, &import_id, Duration::from_secs(arguments.timeout)).await?;
        report::outcome(&file.display().to_string(), &record, arguments.json)?;
        exit = match record.status {
            ImportStatus::Refused => Exit::Failed,
            ImportStatus::Quarantined if exit == Exit::Done => Exit::Quarantined,
            _ => exit,
        };
    }
    Ok(exit)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let open = |cause| Error::Open { path: path.to_owned(), cause };
    let file = File::open(path).map_err(open)?;
    let mut content = Vec::new();
    // One byte more than is taken: enough to tell, whatever the file's length claims to be.
    let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut content).map_err(open)?;
    if content.len() > MAX_FILE { Err(Error::TooLarge { path: path.to_owned() }) } else { Ok(content) }
}

/// Tells a file's source from its content; `None` where it looks like none.
fn guess_source(content: &[u8]) -> Option<Source> {
    let text = str::from_utf8(content).ok()?.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('#') {
        return Some(Source::ShortStock);
    }
    let fields = Fields::from_json(text).ok()?;
    [
        ("events", Source::EventRisk),
        ("minimum_rates", Source::MinimumRates),
        ("value", Source::Volatility),
        ("stocks", Source::Volatility),
    ]
    .into_iter()
    .find_map(|(member, source)| fields.has(member).then_some(source))
}

/// Waits until the importer has recorded what became of the file.
async fn wait(store: &MarketStore, import_id: &str, longest: Duration) -> Result<ImportRecord, Error> {
    let spinner = ProgressBar::new_spinner().with_message(format!("waiting for import {import_id}"));
    let end = Instant::now() + longest;
    loop {
        if let Some(record) = store.import(import_id).await? {
            spinner.finish_and_clear();
            return Ok(ImportRecord::from_document(&record)?);
        }
        if Instant::now() >= end {
            spinner.finish_and_clear();
            return Err(Error::NotImported { import_id: import_id.to_owned(), seconds: longest.as_secs() });
        }
        spinner.tick();
        sleep(POLL).await;
    }
}

async fn accept(stack: &Stack, store: MarketStore, arguments: &AcceptArguments) -> Result<Exit, Error> {
    let zone = TimeZone::get(&arguments.time_zone).map_err(|_| Error::NotAnId {
        text: arguments.time_zone.clone(),
        expected: "an IANA time zone, as America/New_York",
    })?;
    let (caller, (actor, reference)) = tokio::try_join!(stack.caller(), stack.keys())?;
    let author = author(&caller, &actor)?;
    let files = ObjectStore::new(stack.s3());
    let records = RecordsBucket::new(stack.s3(), stack.records_bucket(&caller.account));
    let importer = Importer::new(
        Buckets { files, records },
        store,
        AuditLog::new(stack.dynamodb(), stack.table("audit")),
        Keys { actor, reference },
        stack.market_bucket(&caller.account),
        zone,
        Arc::new(SystemClock),
    );
    let record = importer.accept(&arguments.id, &arguments.reason, &author).await?;
    report::outcome(&record.object, &record, arguments.json)?;
    if let Some(warning) = report::ahead(&record, now()) {
        eprintln!("{warning}");
    }
    Ok(if record.status == ImportStatus::Published { Exit::Done } else { Exit::Failed })
}

async fn list(store: &MarketStore, arguments: &ListArguments) -> Result<Exit, Error> {
    let stored = store.imports().await?;
    let mut records = stored.iter().map(ImportRecord::from_document).collect::<Result<Vec<_>, _>>()?;
    records.sort_by_key(|record| std::cmp::Reverse(record.started_at));
    report::list(&records, arguments.json)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_from_the_content() {
        let guess = |text: &str| guess_source(text.as_bytes());
        assert_eq!(guess("#BOF|2026.01.15|16:30:00\n"), Some(Source::ShortStock));
        assert_eq!(guess("\u{feff} {\"events\": []}"), Some(Source::EventRisk));
        assert_eq!(guess("{\"minimum_rates\": []}"), Some(Source::MinimumRates));
        assert_eq!(guess("{\"value\": 1, \"stocks\": []}"), Some(Source::Volatility));
        assert_eq!(guess("{\"events\": null}"), Some(Source::EventRisk), "the importer says what is wrong with it");
        for other in ["", "{}", "[]", "AAPL,1"] {
            assert_eq!(guess(other), None, "{other}");
        }
    }
}
