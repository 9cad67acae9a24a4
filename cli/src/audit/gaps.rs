//! `engine audit gaps`: counts of calls without an entry.

use std::collections::BTreeMap;
use std::ops::Range;

use engine_aws::evidence::LogAt;
use engine_aws::sealed_log::LogReader;
use engine_core::evidence::SETTLING_SECONDS;
use engine_core::merkle::BUNDLE;
use engine_core::time::rfc3339;
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::runs::{Gap, Runs};
use crate::error::Error;
use crate::exit::Exit;
use crate::show;

/// A key's gaps.
#[derive(Debug)]
pub(super) struct KeyGaps {
    key_id: String,
    last_seen: u64,
    gaps: Vec<Gap>,
}

/// The gaps of that time, by key, of all that is in the log.
pub(super) async fn find(reader: &LogReader, time: &Range<Timestamp>) -> Result<Vec<KeyGaps>, Error> {
    let newest = reader.newest_checkpoint().await?;
    let size = newest.map(|newest| newest.checkpoint.size);
    let log = LogAt::new(reader, size.ok_or_else(|| Error::NotFound("signed checkpoint".to_owned()))?);
    let bar = ProgressBar::new(log.size());
    let mut keys: BTreeMap<String, Runs> = BTreeMap::new();
    for bundle in 0..log.size().div_ceil(BUNDLE) {
        let indices: Vec<u64> = (bundle * BUNDLE..log.size().min((bundle + 1) * BUNDLE)).collect();
        for entry in log.entries(bundle, &indices).await? {
            if let Some((key_id, count, time)) = counted(&entry.header, &entry.body) {
                keys.entry(key_id).or_default().see(count, time);
            }
        }
        bar.set_position(log.size().min((bundle + 1) * BUNDLE));
    }
    bar.finish_and_clear();
    let of_time = |runs: &Runs| runs.gaps().into_iter().filter(|gap| gap.may_be_of(time)).collect();
    let keys = keys.into_iter().map(|(key_id, runs)| KeyGaps { gaps: of_time(&runs), last_seen: runs.last(), key_id });
    Ok(keys.collect())
}

/// The key, the count and the time of a call that was counted.
fn counted(header: &str, body: &str) -> Option<(String, u64, Timestamp)> {
    // Most entries that are no calls of a client are told by this alone.
    if !body.contains("\"key_seq\"") {
        return None;
    }
    let (header, body): (Value, Value) = (serde_json::from_str(header).ok()?, serde_json::from_str(body).ok()?);
    let (key_id, count) = (body["details"]["key_id"].as_str()?, body["details"]["key_seq"].as_u64()?);
    Some((key_id.to_owned(), count, header["time"].as_str()?.parse().ok()?))
}

/// Prints the gaps of each key that has any.
pub(super) fn show(keys: &[KeyGaps], json: bool) -> Result<(), Error> {
    let with_gaps: Vec<&KeyGaps> = keys.iter().filter(|key| !key.gaps.is_empty()).collect();
    if json {
        return with_gaps.into_iter().try_for_each(|key| show::json(&key.document()));
    }
    if with_gaps.is_empty() {
        show::line(&format!("none, of {} keys", keys.len()))?;
    } else {
        let row = |key: &&KeyGaps| {
            [key.key_id.clone(), key.last_seen.to_string(), key.count().to_string(), key.ranges()]
                .map(|cell| show::plain(&cell))
        };
        let rows: Vec<_> = with_gaps.iter().map(row).collect();
        show::table(&["key_id", "last_seen", "missing", "counts"], &[false, true, true, false], &rows)?;
        eprintln!("A call that was counted and whose answer was lost leaves a gap too.");
    }
    eprintln!("What was done in the last {} minutes may not be in the log yet.", SETTLING_SECONDS / 60);
    Ok(())
}

/// A gap is a finding: it is for somebody to look into.
pub(super) fn exit(keys: &[KeyGaps]) -> Exit {
    if keys.iter().all(|key| key.gaps.is_empty()) { Exit::Done } else { Exit::Failed }
}

impl KeyGaps {
    fn count(&self) -> u64 {
        self.gaps.iter().map(Gap::count).sum()
    }

    fn ranges(&self) -> String {
        let range = |gap: &Gap| {
            if gap.first == gap.last { gap.first.to_string() } else { format!("{}-{}", gap.first, gap.last) }
        };
        self.gaps.iter().map(range).collect::<Vec<_>>().join(", ")
    }

    fn document(&self) -> Value {
        let gap = |gap: &Gap| {
            json!({
                "first": gap.first, "last": gap.last,
                "after": gap.after.map(rfc3339), "before": rfc3339(gap.before),
            })
        };
        json!({
            "key_id": self.key_id, "last_seen": self.last_seen, "missing": self.count(),
            "gaps": self.gaps.iter().map(gap).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use engine_core::audit::{Event, Outcome};
    use engine_test_support::audit::{draft, finish};

    use super::*;
    use crate::sealed::{Log, time};

    #[test]
    fn a_counted_call_is_told_by_its_details_whether_done_or_refused() {
        let time: Timestamp = "2026-11-25T03:00:00.000Z".parse().unwrap();
        let of = |details: Value| {
            let mut draft = draft(1, Event::QuoteCreate, time);
            draft.body.details = details;
            let entry = finish(draft);
            counted(entry.header(), entry.body())
        };
        assert_eq!(of(json!({ "key_id": "k", "key_seq": 7, "refusal": {} })), Some(("k".to_owned(), 7, time)));
        for other in
            [json!({ "key_id": "k" }), json!({ "key_seq": 7 }), json!({ "quote": { "key_seq": 7, "key_id": "k" } })]
        {
            assert_eq!(of(other.clone()), None, "{other}");
        }
    }

    #[tokio::test]
    async fn every_count_up_to_the_last_that_has_no_entry_is_found_in_the_log() {
        let second = |n: u64| time("2026-11-22T03:00:00Z") + jiff::SignedDuration::from_secs(i64::try_from(n).unwrap());
        let call = |key: &str, n: u64, seen: u64| {
            let mut draft = draft(n, Event::QuoteCreate, second(seen));
            if seen.is_multiple_of(5) {
                draft.outcome = Outcome::Refused;
            }
            draft.body.details = json!({ "key_id": key, "key_seq": seen });
            finish(draft)
        };
        let mut entries: Vec<_> =
            (1..=300).filter(|n| ![7, 120, 121].contains(n)).map(|n| call("first", n, n)).collect();
        entries.extend([2, 1, 4].map(|n| call("other", 1000 + n, n)));
        entries.extend([1, 2].map(|n| call("whole", 2000 + n, n)));
        let log = Log::of(&entries).await;
        let find = async |from: Timestamp, to: Timestamp| {
            let keys = super::find(&log.reader(), &(from..to)).await.unwrap();
            keys.iter().map(|key| (key.key_id.clone(), key.ranges(), key.last_seen)).collect::<Vec<_>>()
        };
        let told = |key: &str, ranges: &str, last: u64| (key.to_owned(), ranges.to_owned(), last);
        assert_eq!(
            find(Timestamp::MIN, Timestamp::MAX).await,
            [told("first", "7, 120-121", 300), told("other", "3", 4), told("whole", "", 2)]
        );
        let later = find(second(100), Timestamp::MAX).await;
        assert_eq!(later, [told("first", "120-121", 300), told("other", "", 4), told("whole", "", 2)]);
    }

    #[test]
    fn gaps_are_shown_compactly() {
        let mut runs = Runs::default();
        for count in [1, 2, 4, 9, 11] {
            runs.see(count, Timestamp::UNIX_EPOCH);
        }
        let key = KeyGaps { key_id: "k".to_owned(), last_seen: runs.last(), gaps: runs.gaps() };
        assert_eq!((key.ranges().as_str(), key.count(), key.last_seen), ("3, 5-8, 10", 6, 11));
        assert_eq!(key.document()["gaps"][1]["last"], 8);
        let whole = KeyGaps { key_id: "w".to_owned(), last_seen: 3, gaps: Vec::new() };
        assert_eq!(exit(std::slice::from_ref(&whole)), Exit::Done);
        assert_eq!(exit(&[whole, key]), Exit::Failed);
    }
}
