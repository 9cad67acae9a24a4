//! CloudWatch Logs: retention and searches.

use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use engine_test_support::logs::Logs;

const GROUP: &str = "/aws/lambda/pricing";

fn logs() -> Logs {
    let logs = Logs::new();
    for (at, message) in
        [(10, "start r1"), (20, "quote r1 AAPL"), (30, "quote r2 AAPL"), (40, "end r1"), (50, "end r2")]
    {
        logs.log(GROUP, "stream", at, message);
    }
    logs
}

#[tokio::test]
async fn only_the_days_that_cloudwatch_knows_are_taken() {
    let logs = logs();
    let put =
        |group: &str, days| logs.client().put_retention_policy().log_group_name(group).retention_in_days(days).send();
    for days in [0, 2, 2555, 2556, 4000] {
        assert!(put(GROUP, days).await.unwrap_err().into_service_error().is_invalid_parameter_exception(), "{days}");
    }
    assert_eq!(logs.retention(GROUP), None);
    put(GROUP, 2557).await.unwrap();
    assert_eq!(logs.retention(GROUP), Some(2557));
    assert!(put("another", 2557).await.unwrap_err().into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn groups_are_described_by_prefix_and_in_pages() {
    let logs = Logs::new();
    for name in ["/aws/lambda/a", "/aws/lambda/b", "/aws/lambda/c", "/aws/apigateway/a"] {
        logs.group(name);
    }
    logs.set_retention("/aws/lambda/b", Some(30));
    logs.set_kms_key("/aws/lambda/b", Some("a key"));
    for page in 1..=4 {
        let pages = logs.client().describe_log_groups().log_group_name_prefix("/aws/lambda/").limit(page);
        let mut pages = pages.into_paginator().items().send();
        let mut groups = Vec::new();
        while let Some(group) = pages.next().await {
            let group = group.unwrap();
            groups.push((group.log_group_name.unwrap(), group.retention_in_days, group.kms_key_id));
        }
        let expected = [("a", None, None), ("b", Some(30), Some("a key")), ("c", None, None)];
        let expected = expected.map(|(name, days, key)| (format!("/aws/lambda/{name}"), days, key.map(str::to_owned)));
        assert_eq!(groups, expected, "pages of {page}");
    }
}

#[tokio::test]
async fn a_search_finds_terms_within_its_times_on_whatever_page_they_are() {
    let logs = logs();
    for page in 1..=6 {
        logs.set_page(page);
        for (pattern, start, end, expected) in [
            (None, 0, 99, &[10, 20, 30, 40, 50][..]),
            (None, 20, 40, &[20, 30, 40]),
            (Some(r#""quote" "r1""#), 0, 99, &[20]),
            (Some("quote AAPL"), 0, 99, &[20, 30]),
            (Some(r#"?"r1" ?"end""#), 0, 99, &[10, 20, 40, 50]),
            (Some(r#""r1 AAPL""#), 0, 99, &[20]),
            (Some("nothing"), 0, 99, &[]),
        ] {
            let search = logs.client().filter_log_events().log_group_name(GROUP).start_time(start).end_time(end);
            let search = search.set_filter_pattern(pattern.map(str::to_owned));
            let mut pages = search.into_paginator().send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                found
                    .extend(page.unwrap().events.unwrap_or_default().into_iter().map(|event| event.timestamp.unwrap()));
            }
            assert_eq!(found, expected, "{pattern:?} in pages of {page}");
        }
    }
}

#[tokio::test]
async fn a_page_may_be_empty_while_others_follow() {
    let logs = logs();
    logs.set_page(2);
    let search = || logs.client().filter_log_events().log_group_name(GROUP).filter_pattern(r#""end""#);
    let first = search().send().await.unwrap();
    assert_eq!(first.events().len(), 0);
    let token = first.next_token.unwrap();
    assert_eq!(search().next_token(&token).send().await.unwrap().events().len(), 1);
    let other = search().filter_pattern(r#""start""#).next_token(token).send().await.unwrap_err();
    assert!(other.into_service_error().is_invalid_parameter_exception(), "a token is of one search");
}

#[tokio::test]
async fn what_cannot_be_searched_is_refused() {
    let logs = logs();
    let search = |group: &str, pattern: &str| {
        logs.client().filter_log_events().log_group_name(group).filter_pattern(pattern).send()
    };
    assert!(search("another", "r1").await.unwrap_err().into_service_error().is_resource_not_found_exception());
    let long = format!(r#""{}""#, "a".repeat(1023));
    for pattern in
        [&long, r#""r1"#, "{ $.request_id = \"r1\" }", "-r1", r#"?"r1" "end""#, "r-1", r#""""#, r#"r-1 "end""#]
    {
        let refused = search(GROUP, pattern).await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidParameterException"), "{pattern}");
    }
    search(GROUP, &long[1..long.len() - 1]).await.unwrap();
}
