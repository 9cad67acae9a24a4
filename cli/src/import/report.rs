//! What became of files, for people and for scripts.

use engine_core::time::rfc3339;
use market_data::{ImportRecord, ImportStatus};
use serde_json::Value;

use crate::error::Error;
use crate::show;

/// Says what became of one file: figures on standard output; what was left out, and what to do, on standard error.
pub(super) fn outcome(file: &str, record: &ImportRecord, json: bool) -> Result<(), Error> {
    if json {
        show::json(&to_json(record)?)?;
    } else {
        figures(file, record)?;
    }
    for rejection in &record.rejections {
        eprintln!("{file}: line {}: {}", rejection.line, rejection.reason);
    }
    let untold = record.rejected.saturating_sub(record.rejections.len());
    if untold > 0 {
        eprintln!("{file}: and {untold} more rows rejected");
    }
    // An accepted file keeps the reasons for which it was held back; they are no longer news.
    let stopped = matches!(record.status, ImportStatus::Refused | ImportStatus::Quarantined);
    for reason in record.reasons.iter().filter(|_| stopped) {
        eprintln!("{file}: {}: {reason}", record.status.as_str().to_ascii_lowercase());
    }
    if record.status == ImportStatus::Quarantined {
        eprintln!(
            "Nothing was changed. If the file is right: engine import accept {} --reason \"…\"",
            record.import_id
        );
    }
    Ok(())
}

fn figures(file: &str, record: &ImportRecord) -> Result<(), Error> {
    let mut pairs = vec![
        ("file", file.to_owned()),
        ("import_id", record.import_id.clone()),
        ("source", record.source.to_string()),
        ("status", record.status.to_string()),
    ];
    pairs.extend(record.as_of.map(|as_of| ("as_of", rfc3339(as_of))));
    pairs.extend(record.snapshot_id.clone().map(|snapshot_id| ("snapshot_id", snapshot_id)));
    if let Some(counts) = &record.counts {
        let counted = [
            ("rows read", counts.read),
            ("written", counts.written),
            ("unchanged", counts.unchanged),
            ("rejected", counts.rejected),
            ("carried", counts.carried),
            ("dropped", counts.dropped),
            ("without a rate", counts.without_rate),
            ("off benchmark", counts.off_benchmark),
        ];
        pairs.extend(counted.map(|(name, count)| (name, count.to_string())));
    }
    if let Some(acceptance) = &record.acceptance {
        pairs.push(("accepted_by", acceptance.accepted_by.clone()));
        pairs.push(("reason", acceptance.reason.clone()));
    }
    show::pairs(&pairs)
}

/// Prints one line an import.
pub(super) fn list(records: &[ImportRecord], json: bool) -> Result<(), Error> {
    if json {
        return records.iter().try_for_each(|record| show::json(&to_json(record)?));
    }
    let row = |record: &ImportRecord| {
        let count = |count: usize| if record.counts.is_some() { count.to_string() } else { String::new() };
        let counts = record.counts.unwrap_or_default();
        [
            record.import_id.clone(),
            record.source.to_string(),
            record.status.to_string(),
            rfc3339(record.finished_at),
            record.as_of.map(rfc3339).unwrap_or_default(),
            count(counts.read),
            count(counts.written),
            record.object.rsplit('/').next().unwrap_or_default().to_owned(),
        ]
    };
    show::table(
        ["import_id", "source", "status", "finished_at", "as_of", "read", "written", "file"],
        [false, false, false, false, false, true, true, false],
        &records.iter().map(row).collect::<Vec<_>>(),
    )
}

fn to_json(record: &ImportRecord) -> Result<Value, Error> {
    serde_json::to_value(record)
        .map_err(|error| Error::Corrupt { what: "import record".to_owned(), cause: error.to_string() })
}
