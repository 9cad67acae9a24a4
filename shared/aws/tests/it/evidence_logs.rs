//! The annex: the lines of the requests that are shown, all of them and no other's.

use std::io::{Cursor, Read};

use engine_aws::evidence::{ExportError, ExportRequest, LogResolver, LogSource, LogsError};
use engine_core::evidence::{LogEvent, Verdict};
use engine_test_support::audit::entries;
use engine_test_support::logs::Logs;

use crate::evidence_log::{Log, WORK, time};

const GROUPS: [&str; 2] = ["/aws/lambda/test-token", "/aws/lambda/test-pricing"];

fn source(logs: &Logs) -> LogSource {
    LogSource::new(logs.client(), GROUPS.map(str::to_owned).to_vec())
}

fn line(request: &str, text: &str) -> String {
    format!(r#"{{"request_id":"{request}","details":"{text}"}}"#)
}

fn lines(bundle: &[u8]) -> Vec<LogEvent> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bundle)).unwrap();
    let mut text = String::new();
    archive.by_name("log-events.jsonl").unwrap().read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn export(log: &Log, request: &ExportRequest, logs: &Logs) -> Result<Vec<u8>, ExportError> {
    let built = log.export_with(&log.reader(), &LogResolver, request, Some(&source(logs)), Some(&log.evidence)).await;
    built.map(|(_, bundle)| bundle)
}

#[tokio::test]
async fn the_lines_of_the_requests_shown_are_there_in_order_and_no_others() {
    let log = Log::of(&entries(60)).await;
    let logs = Logs::new();
    logs.set_page(50);
    let start = time("2026-11-22T03:00:00Z").as_millisecond();
    for group in GROUPS {
        logs.group(group);
        for n in 0..60 {
            let at = start + n * 100;
            logs.log(group, "stream", at + 5, &line(&format!("request-{n}"), "about it"));
            logs.log(group, "stream", at + 6, &line("other", &format!("beside request-{n}")));
            logs.log(group, "stream", at + 7, "START RequestId: request-3");
        }
    }
    // A line of the same request that is longer before or after than any call lasts belongs to another life of the id.
    logs.log(GROUPS[0], "stream", start - 700_000, &line("request-0", "long before"));
    logs.log(GROUPS[0], "late", start + 300_000, &line("request-0", "late"));
    let request = ExportRequest {
        size: log.size().await,
        from: Some(time("2026-11-22T03:00:00Z")),
        to: Some(time("2026-11-22T03:00:05Z")),
        include_logs: true,
        ..ExportRequest::default()
    };
    let bundle = export(&log, &request, &logs).await.unwrap();
    let found = lines(&bundle);
    assert_eq!(found.len(), 2 * 50 + 1);
    assert!(found.is_sorted_by_key(|line| (line.time.clone(), line.group.clone())));
    assert_eq!(
        (found[0].group.as_str(), found[0].message.as_str()),
        (GROUPS[1], line("request-0", "about it").as_str())
    );
    assert_eq!(found.last().unwrap().message, line("request-0", "late"));
    assert_eq!(log.verify(&bundle, false).await.verdict, Verdict::Complete);
    // Two questions to each group, of four pages each; a question for each request would be a hundred.
    assert!(logs.control().count("FilterLogEvents") < 20, "{:?}", logs.control().calls());
}

#[tokio::test]
async fn a_group_that_cannot_be_read_fails_the_export_by_name() {
    let log = Log::of(&entries(20)).await;
    let request = ExportRequest { size: log.size().await, include_logs: true, ..ExportRequest::default() };
    let logs = Logs::new();
    logs.group(GROUPS[0]);
    let told = export(&log, &request, &logs).await.unwrap_err().to_string();
    assert!(told.starts_with(&format!("log group {} cannot be read: ", GROUPS[1])), "{told}");
    logs.group(GROUPS[1]);
    assert_eq!(lines(&export(&log, &request, &logs).await.unwrap()), []);
    logs.control().deny("FilterLogEvents");
    assert!(matches!(export(&log, &request, &logs).await, Err(ExportError::Logs(_))));
    let nowhere = log.export_with(&log.reader(), &LogResolver, &request, None, None).await.unwrap_err();
    assert!(matches!(nowhere, ExportError::Missing(_)));
}

#[tokio::test]
async fn a_service_that_does_not_answer_may_be_tried_again_and_a_refusal_may_not() {
    let log = Log::of(&entries(20)).await;
    let request = ExportRequest { size: log.size().await, include_logs: true, ..ExportRequest::default() };
    let logs = Logs::new();
    for group in GROUPS {
        logs.group(group);
    }
    logs.control().fail("FilterLogEvents", 100);
    let failed = export(&log, &request, &logs).await.unwrap_err();
    assert!(matches!(failed, ExportError::Store(_)), "{failed:?}");
    assert!(failed.to_string().contains(GROUPS[1]), "{failed}");
}

#[tokio::test]
async fn what_was_logged_meanwhile_is_looked_through_for_many_requests_up_to_a_bound() {
    let log = Log::of(&entries(1010)).await;
    let logs = Logs::new();
    logs.set_page(1);
    for group in GROUPS {
        logs.group(group);
    }
    let start = time("2026-11-22T03:00:00Z").as_millisecond();
    for n in 0..12 {
        logs.log(GROUPS[0], "stream", start + n, &line("other", "of nobody here"));
    }
    let day = ExportRequest {
        size: log.size().await,
        from: Some(time("2026-11-22T03:00:00Z")),
        include_logs: true,
        ..ExportRequest::default()
    };
    let export = async |most_pages: usize, request: &ExportRequest| {
        let source = source(&logs).with_most_pages(most_pages);
        log.export_with(&log.reader(), &LogResolver, request, Some(&source), Some(&log.evidence)).await
    };
    let refused = export(10, &day).await.unwrap_err();
    assert!(matches!(refused, ExportError::Logs(LogsError::TooBusy)), "{refused:?}");
    export(20, &day).await.unwrap();
    // Few requests are asked for by id.
    export(0, &ExportRequest { outcome: vec!["refused".to_owned()], ..day }).await.unwrap();
}

#[tokio::test]
async fn many_requests_over_a_long_time_are_refused() {
    let log = Log::of(&entries(1010)).await;
    let logs = Logs::new();
    for group in GROUPS {
        logs.group(group);
    }
    let months = ExportRequest { size: log.size().await, include_logs: true, ..ExportRequest::default() };
    let refused = export(&log, &months, &logs).await.unwrap_err();
    assert!(matches!(refused, ExportError::Invalid { field: "include_logs", .. }), "{refused}");
    let fewer = ExportRequest { outcome: vec!["refused".to_owned()], ..months.clone() };
    export(&log, &fewer, &logs).await.unwrap();
    let shorter = ExportRequest { from: Some(time("2026-11-22T00:00:00Z")), ..months };
    export(&log, &shorter, &logs).await.unwrap();
}

#[tokio::test]
async fn too_many_requests_are_refused_by_the_first_one_too_many() {
    let log = Log::of(&entries(1400)).await;
    let months = ExportRequest { size: log.size().await, include_logs: true, ..ExportRequest::default() };
    // What cannot be read is behind it.
    assert!(log.s3.current(WORK, "tile/entries/005.p/125").is_some(), "{:?}", log.s3.keys(WORK));
    log.s3.remove(WORK, "tile/entries/005.p/125");
    let refused = export(&log, &months, &Logs::new()).await.unwrap_err();
    assert!(matches!(refused, ExportError::Invalid { field: "include_logs", .. }), "{refused}");
}
