//! What genuine bundles prove.

use std::io::Cursor;

use engine_core::evidence::{
    Archive, CheckName, Expectation, Member, Options, Outcome, Report, TimedKey, Verdict, verify,
};
use jiff::{SignedDuration, Timestamp};

use crate::evidence_bundle::{Log, ORIGIN, ROTATING, SIZE, Shape, Signer, minute, text};

/// Verifies archive bytes.
pub(crate) fn check(bytes: &[u8], keys: &[TimedKey], options: &Options<'_>) -> Report {
    match Archive::open(Cursor::new(bytes)) {
        Ok(archive) => verify(&archive, keys, options),
        Err(error) => Report::of_unreadable(&error),
    }
}

/// The bundle of minutes 10 to 20 of one client and one ticker.
pub(crate) fn of_client(log: &Log) -> Shape {
    log.shape(10, 20, |filter| {
        filter.client_ref.insert(text(&log.client("acme").reference()));
        filter.subject_ref.insert(text(&log.ticker("AAPL").reference()));
    })
}

fn names(report: &Report) -> Vec<CheckName> {
    report.checks.iter().map(|check| check.name).collect()
}

#[test]
fn a_genuine_bundle_is_complete_whatever_was_asked_for() {
    let log = Log::new();
    let shapes = [
        of_client(&log),
        log.shape(10, 20, |_| ()),
        log.shape(0, 34, |_| ()),
        log.shape(-60, 5, |filter| {
            filter.event.insert("client.create".to_owned());
        }),
        log.shape(20, 30, |filter| {
            filter.outcome.insert("refused".to_owned());
            filter.request_id.extend(["request-24".to_owned(), "request-25".to_owned()]);
        }),
        log.shape(10, 20, |filter| {
            filter.request_id.insert("request-unknown".to_owned());
        }),
        log.shape(-30, -20, |_| ()),
    ];
    for (place, shape) in shapes.iter().enumerate() {
        let report = check(&log.bundle(shape), &log.keys(), &Options::default());
        assert_eq!((report.failure(), report.verdict), (None, Verdict::Complete), "shape {place}");
    }
    assert_eq!(shapes[0].indices, [12, 18]);
    assert_eq!(shapes[4].indices, [24]);
}

#[test]
fn the_checks_come_in_order_and_say_what_was_seen() {
    let log = Log::new();
    let shape = Shape { log_events: true, consistent_with: Some(3), ..of_client(&log) };
    let report = check(&log.bundle(&shape), &log.keys(), &Options::default());
    assert_eq!(report.verdict, Verdict::Complete, "{:?}", report.failure());
    let mut sorted = names(&report);
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names(&report), sorted);
    assert_eq!(sorted.len(), 20);
    assert_eq!(
        report.filter,
        [
            "time from 2026-11-22T03:10:00.000Z to before 2026-11-22T03:20:00.000Z".to_owned(),
            format!("client: acme (reference {})", log.client("acme").reference()),
            format!("ticker: AAPL (reference {})", log.ticker("AAPL").reference()),
        ]
    );
    let range = report.checks.iter().find(|check| check.name == CheckName::RangeProof).unwrap();
    assert_eq!(range.outcome, Outcome::Passed("16 headers from 10 to before 26".to_owned()));
}

#[test]
fn what_rotates_is_listed_and_that_nothing_does_is_said() {
    let log = Log::new();
    let seen = |shape: &Shape| {
        let report = check(&log.bundle(shape), &log.keys(), &Options::default());
        let rotations = report.checks.into_iter().find(|check| check.name == CheckName::Rotations).unwrap();
        rotations.outcome
    };
    let whole = log.shape(10, 20, |_| ());
    assert_eq!(seen(&whole), Outcome::Passed("made again, the same".to_owned()));
    assert_eq!(seen(&of_client(&log)), Outcome::Passed("none, and no entry rotates a credential".to_owned()));
    let selected = Shape { range: None, indices: ROTATING.to_vec(), ..log.shape(0, 40, |_| ()) };
    let pack = log.pack(&selected);
    let listed = String::from_utf8(pack.members[&Member::Rotations].clone()).unwrap();
    let reason = "\"said \"\"so\"\",\nthen left\",2026-12-06T03:00:00.000Z\r\n";
    assert_eq!(
        listed,
        format!(
            "index,time,kind,credential,event,outcome,actor_type,actor_id,reason,next_due_at\r\n\
             16,2026-11-22T03:16:00.000Z,api_key,\"'=key\",api_key.rotate,success,client,\"'=zeta\",{reason}\
             33,2026-11-22T03:33:00.000Z,api_key,\"'=key\",api_key.rotate,success,client,acme,{reason}"
        )
    );
}

#[test]
fn a_selection_proves_nothing_about_what_is_absent() {
    let log = Log::new();
    let shape = Shape { range: None, ..of_client(&log) };
    let report = check(&log.bundle(&shape), &log.keys(), &Options::default());
    assert_eq!((report.failure(), report.verdict), (None, Verdict::SelectionOnly));
    assert!(!names(&report).contains(&CheckName::Completeness));
}

#[test]
fn a_bundle_without_a_note_is_accepted_only_where_none_is_demanded() {
    let log = Log::new();
    let unsigned = log.pack(&of_client(&log)).seal(None);
    let keys = [log.signer.timed()];
    let report = check(&unsigned, &keys, &Options { unsigned: true, ..Options::default() });
    assert_eq!((report.failure(), report.verdict), (None, Verdict::Complete));
    let report = check(&unsigned, &log.keys(), &Options::default());
    assert_eq!(report.failure().unwrap().0, CheckName::ManifestSignature);
    let forged = log.pack(&of_client(&log)).seal(Some(&Signer::new(&format!("{ORIGIN}/evidence"), 99)));
    let report = check(&forged, &log.keys(), &Options { unsigned: true, ..Options::default() });
    assert_eq!(report.failure().unwrap().0, CheckName::ManifestSignature, "a note that is there must be right");
}

#[test]
fn keys_count_only_in_their_time_and_under_their_name() {
    let log = Log::new();
    let bundle = log.bundle(&of_client(&log));
    let run = |keys: &[TimedKey]| check(&bundle, keys, &Options::default()).failure().map(|(name, _)| name);
    let timed = |from, until| TimedKey { from, until, ..log.signer.timed() };
    let [whole, first, end] = [SIZE, 10, 26].map(|size| log.checkpoint(size).time);
    let instant = SignedDuration::from_millis(1);
    let evidence = log.evidence.timed();
    for (key, failure) in [
        (timed(None, None), None),
        (timed(Some(first), Some(whole + instant)), None),
        (timed(Some(first), Some(whole)), Some(CheckName::Checkpoint)),
        (timed(Some(first + instant), None), Some(CheckName::RangeStart)),
        (timed(Some(end + instant), None), Some(CheckName::RangeStart)),
        (timed(Some(whole + instant), None), Some(CheckName::Checkpoint)),
    ] {
        assert_eq!(run(&[key.clone(), evidence.clone()]), failure, "{key}");
    }
    assert_eq!(run(&[log.signer.timed()]), Some(CheckName::ManifestSignature));
    assert_eq!(run(&[log.evidence.timed()]), Some(CheckName::Checkpoint));
    assert_eq!(run(&[]), Some(CheckName::Keys));
    let over = TimedKey { until: Some(whole), ..evidence };
    assert_eq!(run(&[log.signer.timed(), over]), Some(CheckName::Checkpoint), "a retired key signs nothing later");
}

#[test]
fn a_key_is_a_line_with_its_times_behind_tabs() {
    let signer = Signer::new(ORIGIN, 1);
    let time: Timestamp = "2026-11-22T03:00:00.000Z".parse().unwrap();
    for key in [
        signer.timed(),
        TimedKey { from: Some(time), ..signer.timed() },
        TimedKey { from: Some(time), until: Some(minute(60)), ..signer.timed() },
    ] {
        assert_eq!(TimedKey::parse(&key.to_string()), Ok(key));
    }
    let line = signer.timed().to_string();
    for wrong in ["", "key", &format!("{line}\t"), &format!("{line}\tnow"), &format!("{line}\t{time}\t{time}\t{time}")]
    {
        assert!(TimedKey::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_was_asked_for_is_compared_in_clear_or_by_reference() {
    let log = Log::new();
    let bundle = log.bundle(&of_client(&log));
    let time = r#""from":"2026-11-22T03:10:00Z","to":"2026-11-22T03:20:00.000Z""#;
    let (client, ticker) = (log.client("acme").reference(), log.ticker("AAPL").reference());
    for (expected, same) in [
        (format!(r#"{{{time},"client":["acme"],"ticker":["AAPL"]}}"#), true),
        (format!(r#"{{{time},"client_ref":["{client}"],"subject_ref":["{ticker}"]}}"#), true),
        (format!(r#"{{{time},"client_ref":["{client}"],"client":["acme"],"ticker":["AAPL"]}}"#), true),
        (format!(r#"{{{time},"client":["acme"]}}"#), false),
        (format!(r#"{{{time},"client":["zeta"],"ticker":["AAPL"]}}"#), false),
        (format!(r#"{{{time},"client":["acme","zeta"],"ticker":["AAPL"]}}"#), false),
        (format!(r#"{{{time},"client_ref":["{client}"],"client":["zeta"],"ticker":["AAPL"]}}"#), false),
        (format!(r#"{{{time},"client_ref":["{ticker}"],"client":["acme"],"ticker":["AAPL"]}}"#), false),
        (format!(r#"{{{time},"client":["acme"],"ticker":["AAPL"],"event":["quote.create"]}}"#), false),
        (r#"{"to":"2026-11-22T03:20:00.000Z","client":["acme"],"ticker":["AAPL"]}"#.to_owned(), false),
        (r#"{"from":"2026-11-22T03:10:00.000Z","client":["acme"],"ticker":["AAPL"]}"#.to_owned(), false),
    ] {
        let expected = Expectation::parse(&expected).unwrap();
        let report = check(&bundle, &log.keys(), &Options { expect: Some(&expected), ..Options::default() });
        let failure = report.failure().map(|(name, _)| name);
        assert_eq!(failure, (!same).then_some(CheckName::Filter), "{expected:?}");
    }
    assert!(Expectation::parse(r#"{"clients":["acme"]}"#).is_err(), "a misspelt condition is no condition met");
}

#[test]
fn a_value_may_have_several_references_and_each_must_open_to_it() {
    let rekeyed = |letter: &str| {
        let document = format!(r#"{{"current":"k2","k2":"{}"}}"#, letter.repeat(64));
        engine_core::audit::SecretKey::from_document(&document).unwrap()
    };
    let (again, other) = (rekeyed("t").commitment("ticker", "AAPL"), rekeyed("t").commitment("ticker", "MSFT"));
    let log = Log::new().with_openings(&[again.clone(), other.clone()]);
    let time = r#""from":"2026-11-22T03:10:00.000Z","to":"2026-11-22T03:20:00.000Z""#;
    let expected = Expectation::parse(&format!(r#"{{{time},"client":["acme"],"ticker":["AAPL"]}}"#)).unwrap();
    for (second, failure) in [(&again, None), (&other, Some(CheckName::Filter))] {
        let mut shape = of_client(&log);
        shape.filter.subject_ref.insert(text(&second.reference()));
        shape.opened.insert(text(&second.reference()), second.into());
        let bundle = log.bundle(&shape);
        let report = check(&bundle, &log.keys(), &Options::default());
        assert_eq!((report.failure(), report.verdict), (None, Verdict::Complete), "true, whatever was asked for");
        let report = check(&bundle, &log.keys(), &Options { expect: Some(&expected), ..Options::default() });
        assert_eq!(report.failure().map(|(name, _)| name), failure, "{:?}", report.failure());
    }
    // The value in the manifest alone is not what the second reference opens to.
    let mut shape = of_client(&log);
    shape.filter.subject_ref.insert(text(&other.reference()));
    let opening = engine_core::evidence::Opening { value: "AAPL".to_owned(), salt: other.salt() };
    shape.opened.insert(text(&other.reference()), opening);
    let report = check(&log.bundle(&shape), &log.keys(), &Options { expect: Some(&expected), ..Options::default() });
    assert_eq!(report.failure().unwrap().0, CheckName::Openings);
}

#[test]
fn who_an_actor_reference_is_of_is_told_only_where_an_entry_says_it() {
    let log = Log::new();
    let (actor, nobody) = (log.actor("acme"), log.actor("nobody"));
    let shape = log.shape(10, 20, |filter| filter.actor_ref.extend([actor.clone(), nobody.clone()]));
    let report = check(&log.bundle(&shape), &log.keys(), &Options::default());
    assert_eq!((report.failure(), report.verdict), (None, Verdict::Complete));
    let mut told = [format!("{actor}: client acme in index 12"), format!("{nobody}: no entry here says who that is")];
    told.sort_unstable();
    assert_eq!(report.actors, told);
    assert!(report.filter[1].contains("exporter's word"), "{:?}", report.filter);
    let readme = |shape: &Shape| {
        let members = log.pack(shape).sealed(Some(&log.evidence));
        String::from_utf8(members[0].1.clone()).unwrap()
    };
    let says = "word, unless an entry shown names the actor in its body";
    assert!(readme(&shape).contains(says) && !readme(&of_client(&log)).contains(says));
    assert!(check(&log.bundle(&of_client(&log)), &log.keys(), &Options::default()).actors.is_empty());
}

#[test]
fn an_expectation_without_an_end_says_as_of_when_it_holds() {
    let log = Log::new();
    let mut shape = log.shape(10, 20, |_| ());
    shape.filter.to = log.checkpoint(SIZE).time - SignedDuration::from_mins(5);
    shape.range = Some(engine_core::evidence::Indices { first: 10, end: SIZE });
    shape.indices = log.matched(&shape);
    let bundle = log.bundle(&shape);
    let seen = |expected: Option<&str>| {
        let expected = expected.map(|text| Expectation::parse(text).unwrap());
        let report = check(&bundle, &log.keys(), &Options { expect: expected.as_ref(), ..Options::default() });
        let filter = report.checks.into_iter().find(|check| check.name == CheckName::Filter).unwrap();
        let Outcome::Passed(seen) = filter.outcome else { panic!("{filter:?}") };
        seen
    };
    let as_of = "as of 2026-11-22T03:39:30.000Z";
    let from = r#""from":"2026-11-22T03:10:00.000Z""#;
    assert_eq!(
        seen(Some(&format!("{{{from}}}"))),
        format!(
            "as expected; no end was, so it is 2026-11-22T03:34:30.000Z, five minutes before the checkpoint, {as_of}"
        )
    );
    let ended = format!(r#"{{{from},"to":"2026-11-22T03:34:30.000Z"}}"#);
    assert_eq!(seen(Some(&ended)), format!("as expected, {as_of}"));
    assert_eq!(seen(None), format!("compare the conditions with what was asked for, {as_of}"));
}

#[test]
fn absent_times_mean_what_they_mean_in_a_request() {
    let log = Log::new();
    let mut shape = log.shape(0, 0, |_| ());
    (shape.filter.from, shape.filter.to) =
        (Timestamp::UNIX_EPOCH, log.checkpoint(SIZE).time - SignedDuration::from_mins(5));
    shape.range = Some(engine_core::evidence::Indices { first: 0, end: SIZE });
    shape.indices = log.matched(&shape);
    assert_eq!(shape.indices.len(), 35);
    let expected = Expectation::parse("{}").unwrap();
    let report = check(&log.bundle(&shape), &log.keys(), &Options { expect: Some(&expected), ..Options::default() });
    assert_eq!((report.failure(), report.verdict), (None, Verdict::Complete));
}

#[test]
fn an_older_checkpoint_is_compared_by_what_the_bundle_carries() {
    let log = Log::new();
    let ranged = of_client(&log);
    let selected = Shape { range: None, ..ranged.clone() };
    let with_proof = |first, shape: &Shape| Shape { consistent_with: Some(first), ..shape.clone() };
    let failed = Some(CheckName::Consistency);
    // The range is [10, 26) of 40: what tiles the rest begins at 0, 8, 26, 28 and 32.
    for (shape, older, failure) in [
        (&ranged, SIZE, None),
        (&ranged, 10, None),
        (&ranged, 17, None),
        (&ranged, 26, None),
        (&ranged, 8, None),
        (&ranged, 28, None),
        (&ranged, 32, None),
        (&ranged, 9, failed),
        (&ranged, 33, failed),
        (&with_proof(9, &ranged), 9, None),
        (&with_proof(33, &ranged), 33, None),
        (&with_proof(33, &ranged), 34, failed),
        (&selected, SIZE, None),
        (&selected, 17, failed),
        (&with_proof(17, &selected), 17, None),
    ] {
        let older_note = log.signed_checkpoint(older);
        let report =
            check(&log.bundle(shape), &log.keys(), &Options { against: Some(&older_note), ..Options::default() });
        assert_eq!(report.failure().map(|(name, _)| name), failure, "from {older}: {:?}", report.failure());
        if let Some((_, why)) = report.failure() {
            assert_eq!(why, format!("not comparable: export with consistent_with {older}"));
        }
        // A log whose first entries are other ones signed otherwise: nothing that a bundle carries hides it.
        let other = Log::of(ORIGIN, 2, SIZE).signed_checkpoint(older);
        let report = check(&log.bundle(shape), &log.keys(), &Options { against: Some(&other), ..Options::default() });
        assert_eq!(report.failure().unwrap().0, CheckName::Consistency);
    }
}

#[test]
fn an_older_checkpoint_counts_only_if_the_log_signed_it() {
    let log = Log::new();
    let bundle = log.bundle(&of_client(&log));
    let text = log.checkpoint(17).text();
    for older in [log.evidence.sign(&text), Signer::new(ORIGIN, 99).sign(&text), text.clone(), String::new()] {
        let report = check(&bundle, &log.keys(), &Options { against: Some(&older), ..Options::default() });
        assert_eq!(report.failure().unwrap().0, CheckName::Consistency);
    }
}

#[test]
fn the_text_for_the_auditor_names_conditions_and_keys() {
    let log = Log::new();
    let members = log.pack(&of_client(&log)).sealed(Some(&log.evidence));
    let readme = members.iter().find(|(name, _)| *name == Member::Readme.name()).unwrap();
    let readme = String::from_utf8(readme.1.clone()).unwrap();
    for part in ["client: acme", "ticker: AAPL", "index 10\n", "before index 26", "/evidence    signs"] {
        assert!(readme.contains(part), "{part}: {readme}");
    }
    let longest = readme.lines().map(str::len).max().unwrap();
    assert!(longest < 140, "{longest}");
}
