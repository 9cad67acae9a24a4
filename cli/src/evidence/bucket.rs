//! The same bundle out of the log's buckets alone.

use std::path::Path;

use engine_aws::evidence::{FileSink, LogResolver, LogSource, build};
use engine_aws::sealed_log::LogReader;

use super::export::{Exported, bar};
use super::filter::FilterArguments;
use crate::error::Error;
use crate::stack::{Stack, StackArguments};

/// Makes the bundle.
pub(super) async fn export(stack: &StackArguments, filter: &FilterArguments, out: &Path) -> Result<Exported, Error> {
    let stack = Stack::to_read(stack).await?;
    let reader = stack.log_reader(&stack.caller().await?.account);
    let logs = if filter.request(0)?.include_logs { Some(stack.log_source().await?) } else { None };
    make(&reader, filter, logs.as_ref(), out).await
}

/// Makes the bundle of the log that `reader` reads.
pub(super) async fn make(
    reader: &LogReader,
    filter: &FilterArguments,
    logs: Option<&LogSource>,
    out: &Path,
) -> Result<Exported, Error> {
    let size = match filter.size() {
        Some(size) => size,
        None => newest(reader).await?,
    };
    let request = filter.request(size)?;
    let mut sink = FileSink::create(out).map_err(|cause| Error::Open { path: out.to_owned(), cause })?;
    let bar = bar("making the bundle");
    let built = build(reader, &LogResolver, &request, logs, None, &mut sink, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    });
    let built = built.await?;
    bar.finish_and_clear();
    Ok(Exported {
        sha256: built.sha256,
        bytes: built.bytes,
        matched: built.matched,
        completeness: built.completeness.as_str().to_owned(),
        size,
    })
}

async fn newest(reader: &LogReader) -> Result<u64, Error> {
    let newest = reader.newest_checkpoint().await?;
    newest.map(|newest| newest.checkpoint.size).ok_or_else(|| Error::NotFound("signed checkpoint".to_owned()))
}
