//! Notices, as what listens on the topic receives them.

use std::collections::BTreeSet;

use engine_aws::Error;
use engine_aws::notices::{Notice, NoticeKind, Notices};
use engine_test_support::sns::{Sns, TOPIC_ARN};
use zeroize::Zeroizing;

const KINDS: [NoticeKind; 5] = [
    NoticeKind::ContactVerification,
    NoticeKind::KeyClaimed,
    NoticeKind::KeyConfirmed,
    NoticeKind::KeyRevoked,
    NoticeKind::KeyOffered,
];

fn notice(kind: NoticeKind) -> Notice {
    Notice {
        kind,
        to: vec![Zeroizing::new("desk@example.com".to_owned()), Zeroizing::new("risk@example.com".to_owned())],
        subject: "A key was claimed".to_owned(),
        lines: Zeroizing::new("Not you? Freeze it: \"4711\" & <more>\nünicode".to_owned()),
    }
}

#[tokio::test]
async fn a_notice_is_one_json_message_with_its_kind_as_attribute() {
    let sns = Sns::new();
    Notices::new(sns.client(), TOPIC_ARN).publish(&notice(NoticeKind::KeyClaimed)).await.unwrap();
    let [published] = &sns.published()[..] else { panic!("one message") };
    let expected = serde_json::json!({
        "kind": "key.claimed",
        "to": ["desk@example.com", "risk@example.com"],
        "subject": "A key was claimed",
        "text": "Not you? Freeze it: \"4711\" & <more>\nünicode",
    });
    assert_eq!(published.json(), expected);
    assert_eq!(published.attributes, [("kind".to_owned(), "key.claimed".to_owned())].into());
}

#[tokio::test]
async fn every_kind_has_a_name_of_its_own() {
    let sns = Sns::new();
    let notices = Notices::new(sns.client(), TOPIC_ARN);
    for kind in KINDS {
        notices.publish(&notice(kind)).await.unwrap();
    }
    let names: BTreeSet<_> = sns.published().iter().map(|published| published.attributes["kind"].clone()).collect();
    let expected = ["contact.verification", "key.claimed", "key.confirmed", "key.revoked", "key.successor_offered"];
    assert_eq!(names, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn a_notice_that_the_topic_did_not_take_is_an_error_that_quotes_nothing_of_it() {
    let sns = Sns::new();
    let notices = Notices::new(sns.client(), TOPIC_ARN);
    sns.control().fail("Publish", 1);
    let failed = notices.publish(&notice(NoticeKind::KeyClaimed)).await.unwrap_err();
    let elsewhere = Notices::new(sns.client(), format!("{TOPIC_ARN}-2"));
    let missing = elsewhere.publish(&notice(NoticeKind::KeyClaimed)).await.unwrap_err();
    assert!(missing.to_string().contains("NotFound"), "{missing}");
    for error in [failed, missing] {
        assert!(matches!(error, Error::Unavailable { operation: "sns:Publish", .. }), "{error}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("4711") && !text.contains("example.com"), "{text}");
    }
    assert!(sns.published().is_empty());
}

#[test]
fn a_notice_does_not_show_its_recipients_or_its_text() {
    let shown = format!("{:?}", notice(NoticeKind::KeyClaimed));
    assert!(shown.contains("KeyClaimed"));
    assert!(!shown.contains("4711") && !shown.contains("example.com"), "{shown}");
}
