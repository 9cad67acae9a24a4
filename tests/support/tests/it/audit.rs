//! Ready-made entries.

use std::collections::BTreeSet;

use engine_core::audit::Event;
use engine_test_support::audit;

#[test]
fn the_same_number_gives_the_same_entry_and_another_gives_another() {
    assert_eq!(audit::entries(20), audit::entries(30)[..20]);
    let ids: BTreeSet<_> = audit::entries(1000).iter().map(|entry| entry.id().to_string()).collect();
    assert_eq!(ids.len(), 1000);
    let shards: BTreeSet<_> = audit::entries(64).iter().map(|entry| entry.id().partition()).collect();
    assert_eq!(shards.len(), 64);
}

#[test]
fn an_entry_says_what_it_was_asked_to() {
    let at = audit::START.parse().unwrap();
    let header = audit::entry(7, Event::ClientCreate, at, Some("alpha"), None).read_header().unwrap();
    assert_eq!(header.event, "client.create");
    assert_eq!(header.time, "2026-11-22T03:00:00.000Z");
    assert_eq!(header.request_id, audit::request_id(7));
    assert_eq!(header.client_ref.as_deref(), Some(audit::client_ref("alpha").as_str()));
    assert_eq!(header.subject_ref, None);
}
