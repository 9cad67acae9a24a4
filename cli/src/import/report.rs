//! What became of files, for people and for scripts.

use engine_core::time::rfc3339;
use jiff::Timestamp;
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

/// What follows from putting a file in force whose time has not come yet; `None` of any other.
pub(super) fn ahead(record: &ImportRecord, now: Timestamp) -> Option<String> {
    let as_of = record.as_of.filter(|as_of| *as_of > now && record.status == ImportStatus::Published)?;
    Some(format!(
        "Its time, {}, is in the future: until then every {} file with the present time is older, \
         and is quarantined until a person accepts it.",
        rfc3339(as_of),
        record.source
    ))
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
        &["import_id", "source", "status", "finished_at", "as_of", "read", "written", "file"],
        &[false, false, false, false, false, true, true, false],
        &records.iter().map(row).collect::<Vec<_>>(),
    )
}

fn to_json(record: &ImportRecord) -> Result<Value, Error> {
    serde_json::to_value(record)
        .map_err(|error| Error::Corrupt { what: "import record".to_owned(), cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(status: &str) -> ImportRecord {
        let record = serde_json::json!({
            "import_id": "i", "source": "short-stock", "bucket": "b", "object": "o", "object_version": null,
            "uploader": "u", "status": status, "reasons": [], "file_sha256": null, "counts": null, "rejections": [],
            "rejected": 0, "snapshot_id": null, "as_of": "2026-02-01T00:00:00Z",
            "started_at": "2026-01-16T00:00:00Z", "finished_at": "2026-01-16T00:00:00Z",
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn what_follows_from_a_time_in_the_future_is_said_of_what_was_put_in_force() {
        let at = |text: &str| text.parse().unwrap();
        let told = ahead(&record("PUBLISHED"), at("2026-01-16T00:00:00Z")).unwrap();
        assert!(told.contains("2026-02-01T00:00:00") && told.contains("short-stock"), "{told}");
        assert_eq!(ahead(&record("PUBLISHED"), at("2026-02-01T00:00:00Z")), None);
        assert_eq!(ahead(&record("REFUSED"), at("2026-01-16T00:00:00Z")), None);
    }
}
