//! `engine verify`: verifies an evidence bundle, offline, with nothing but public keys.

mod input;

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use engine_core::evidence::{Archive, Check, Options, Outcome, Report, Verdict, verify};
use serde_json::{Value, json};

use crate::error::Error;
use crate::exit::Exit;
use crate::show;

const EXAMPLES: &str = "\
Examples:
  engine verify evidence.zip --keys keys.txt
  engine verify evidence.zip --keys keys.txt --against checkpoint-of-last-year
  engine verify evidence.zip --keys keys.txt \\
    --expect '{\"from\": \"2026-11-01T00:00:00Z\", \"to\": \"2026-12-01T00:00:00Z\", \"client\": [\"acme\"], \"ticker\": [\"AAPL\"]}'

Keys come from `engine evidence keys`, on a way that is not the bundle's: one a line, and after a tab each when it began and when it
ended. The log's key and the evidence key are both needed, and no key of another log is taken: which log it is, the keys say.

--expect takes what `manifest.json` has under `filter` (from, to, event, outcome, actor_ref, client_ref, subject_ref, request_id), and
client and ticker in clear. What it does not name must not be a condition of the bundle. Without \"to\" an old bundle passes too: see as of
when it is.

Keep the bundle's checkpoint: --against it, any later bundle shows that the log has only grown.";

/// Verify an evidence bundle, offline, with public keys alone
///
/// Prints what the bundle was asked for in plain words, then a line for each check. The first that fails ends it, with exit
/// status 1. A bundle that is a selection only proves what it holds and nothing about what is absent: exit status 3.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArguments {
    /// The bundle
    bundle: PathBuf,
    /// A public key, as `engine evidence keys` prints it; may be given more than once
    #[arg(long, value_name = "VKEY", required_unless_present = "keys")]
    key: Vec<String>,
    /// A file of public keys, one a line
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// What was asked for, in JSON or the name of a file of it: fails unless the bundle's filter is this
    #[arg(long, value_name = "FILTER")]
    expect: Option<String>,
    /// A file with an older signed checkpoint of the log, which the bundle's must extend
    #[arg(long, value_name = "CHECKPOINT")]
    against: Option<PathBuf>,
    /// Accept a bundle whose manifest nobody signed, as `engine evidence export --from-bucket` makes it
    #[arg(long)]
    unsigned: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &VerifyArguments) -> Result<Exit, Error> {
    let keys = input::keys(&arguments.key, arguments.keys.as_deref())?;
    let expect = arguments.expect.as_deref().map(input::expectation).transpose()?;
    let against = arguments.against.as_deref().map(input::text).transpose()?;
    let options = Options { expect: expect.as_ref(), against: against.as_deref(), unsigned: arguments.unsigned };
    let path = &arguments.bundle;
    let file = File::open(path).map_err(|cause| Error::Open { path: path.clone(), cause })?;
    let report = match Archive::open(file) {
        Ok(archive) => verify(&archive, &keys, &options),
        Err(error) => Report::of_unreadable(&error),
    };
    if arguments.json {
        show::json(&as_json(&report))?;
    } else {
        print(&report, expect.is_some())?;
    }
    match (report.failure(), report.verdict) {
        (None, Verdict::Complete) => Ok(Exit::Done),
        (None, Verdict::SelectionOnly) => Ok(Exit::SelectionOnly),
        (failure, _) => {
            let (check, why) = failure.map_or(("", ""), |(name, why)| (name.as_str(), why));
            Err(Error::NotVerified { check, why: show::plain(why) })
        }
    }
}

fn print(report: &Report, expected: bool) -> Result<(), Error> {
    if !report.filter.is_empty() {
        show::line("The bundle says that it was asked for:")?;
        report.filter.iter().try_for_each(|line| show::line(&format!("  {}", show::plain(line))))?;
        if !expected {
            show::line("Compare this with what you asked for.")?;
        }
        show::line("")?;
    }
    for Check { name, outcome } in &report.checks {
        let (mark, words) = match outcome {
            Outcome::Passed(seen) => ("ok", seen),
            Outcome::Failed(why) => ("FAILED", why),
        };
        show::line(&format!("{mark:<6}  {name:<18}  {}", show::plain(words)))?;
    }
    if !report.actors.is_empty() {
        show::line("Actors, as the bodies of entries name them (nothing else proves it):")?;
        report.actors.iter().try_for_each(|line| show::line(&format!("  {}", show::plain(line))))?;
    }
    match report.verdict {
        Verdict::Complete => show::line("COMPLETE: every entry that meets these conditions is here, and no other"),
        Verdict::SelectionOnly => show::line("SELECTION ONLY: proves nothing about what is absent"),
        Verdict::Failed => Ok(()),
    }
}

fn as_json(report: &Report) -> Value {
    let check = |check: &Check| {
        let (passed, words) = match &check.outcome {
            Outcome::Passed(seen) => (true, seen),
            Outcome::Failed(why) => (false, why),
        };
        json!({ "check": check.name.as_str(), "passed": passed, "detail": words })
    };
    json!({
        "verdict": match report.verdict {
            Verdict::Complete => "complete",
            Verdict::SelectionOnly => "selection_only",
            Verdict::Failed => "failed",
        },
        "filter": report.filter,
        "actors": report.actors,
        "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
    })
}
