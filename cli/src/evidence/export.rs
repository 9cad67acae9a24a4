//! `engine evidence export`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::filter::FilterArguments;
use super::{bucket, download};
use crate::api::{Api, ApiArguments, path};
use crate::error::Error;
use crate::exit::Exit;
use crate::show;
use crate::stack::StackArguments;

/// Time between two looks at whether the export is done.
const POLL: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    filter: FilterArguments,
    /// File that the bundle goes to; one that is there is replaced once the bundle is whole
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Make the bundle here, out of the log's buckets alone, with AWS credentials
    #[arg(long)]
    from_bucket: bool,
    /// Seconds to wait for the stack to make the bundle
    #[arg(long, value_name = "SECONDS", default_value_t = 1200)]
    timeout: u64,
}

/// What is told of a bundle in the end.
pub(super) struct Exported {
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) matched: u64,
    pub(super) completeness: String,
    pub(super) size: u64,
}

/// Runs the command.
pub(super) async fn run(stack: &StackArguments, api: ApiArguments, arguments: &ExportArguments) -> Result<Exit, Error> {
    let json = api.json();
    let exported = if arguments.from_bucket {
        bucket::export(stack, &arguments.filter, &arguments.out).await?
    } else {
        by_api(&Api::find(api)?, arguments).await?
    };
    show_exported(&exported, &arguments.out, json)?;
    Ok(Exit::Done)
}

async fn by_api(api: &Api, arguments: &ExportArguments) -> Result<Exported, Error> {
    let asked = api.change("POST", "/api/v1/evidence", &arguments.filter.body()?).await?;
    let id = text(&asked, "evidence_id")?;
    let path = path(&["api", "v1", "evidence", id]);
    let done = wait(api, &path, id, Duration::from_secs(arguments.timeout)).await?;
    let exported = Exported {
        sha256: text(&done, "sha256")?.to_owned(),
        bytes: number(&done, "bytes")?,
        matched: number(&done, "matched")?,
        completeness: text(&done, "completeness")?.to_owned(),
        size: number(&done, "size")?,
    };
    download::download(api, &path, &done, &exported, &arguments.out).await?;
    Ok(exported)
}

/// Waits until the export has come to its end, well or not.
async fn wait(api: &Api, path: &str, id: &str, longest: Duration) -> Result<Value, Error> {
    let bar = bar("making the bundle");
    let end = Instant::now() + longest;
    loop {
        let state = api.read(path).await?;
        match state["state"].as_str() {
            Some("done") => {
                bar.finish_and_clear();
                return Ok(state);
            }
            Some("failed") => {
                bar.finish_and_clear();
                let cause = state["cause"].as_str().unwrap_or("the stack does not say why");
                return Err(Error::NotExported(show::plain(cause)));
            }
            Some("expired") => {
                bar.finish_and_clear();
                return Err(Error::NotExported("it is no longer kept: ask for it again".to_owned()));
            }
            Some("pending" | "running") => {}
            _ => return Err(Error::Answer("the API", "no state of an export".to_owned())),
        }
        if let (Some(done), Some(total)) = (state["progress"]["done"].as_u64(), state["progress"]["total"].as_u64()) {
            bar.set_length(total);
            bar.set_position(done);
        }
        if Instant::now() >= end {
            return Err(Error::ExportNotDone { evidence_id: show::plain(id), seconds: longest.as_secs() });
        }
        sleep(POLL).await;
    }
}

/// A bar of steps on the terminal; nowhere where there is none.
pub(super) fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    match ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

pub(super) fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, Error> {
    answer[name].as_str().ok_or_else(|| Error::Answer("the API", format!("no {name}: check --api-url")))
}

fn number(answer: &Value, name: &str) -> Result<u64, Error> {
    answer[name].as_u64().ok_or_else(|| Error::Answer("the API", format!("no {name}: check --api-url")))
}

fn show_exported(exported: &Exported, out: &Path, json: bool) -> Result<(), Error> {
    let Exported { sha256, bytes, matched, completeness, size } = exported;
    if json {
        return show::json(&json!({
            "file": out.display().to_string(), "sha256": sha256, "bytes": bytes, "matched": matched,
            "completeness": completeness, "size": size,
        }));
    }
    show::pairs(&[
        ("file", out.display().to_string()),
        ("sha256", show::plain(sha256)),
        ("bytes", bytes.to_string()),
        ("entries", matched.to_string()),
        ("completeness", show::plain(completeness)),
        ("tree_size", size.to_string()),
    ])?;
    if completeness == "selected" {
        eprintln!(
            "SELECTION ONLY: the range is too long to carry whole, so the bundle proves nothing about what is absent."
        );
    }
    Ok(())
}
