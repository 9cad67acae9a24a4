//! Counts that were seen, as runs without a gap: a key's calls come nearly in order, so there are few.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;

/// The runs of one key, by their first count.
#[derive(Debug, Default)]
pub(super) struct Runs(BTreeMap<u64, Run>);

#[derive(Clone, Copy, Debug)]
struct Run {
    last: u64,
    /// When the first and the last of them were recorded.
    times: (Timestamp, Timestamp),
}

/// Counts that were not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) first: u64,
    pub(super) last: u64,
    /// When the count before was recorded; none before the first.
    pub(super) after: Option<Timestamp>,
    /// When the count behind was.
    pub(super) before: Timestamp,
}

impl Gap {
    /// Whether the calls may have been made in that time.
    pub(super) fn may_be_of(&self, time: &Range<Timestamp>) -> bool {
        self.before >= time.start && self.after.is_none_or(|after| after < time.end)
    }

    pub(super) fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

impl Runs {
    /// Takes a count that was seen. Counts begin with 1.
    pub(super) fn see(&mut self, count: u64, time: Timestamp) {
        let before = self.0.range(..=count).next_back().map(|(first, run)| (*first, *run));
        if before.is_some_and(|(_, run)| run.last >= count) {
            return;
        }
        let (first, begin) = match before {
            Some((first, run)) if run.last + 1 == count => (first, run.times.0),
            _ => (count, time),
        };
        let (last, end) = match count.checked_add(1).and_then(|next| self.0.remove(&next)) {
            Some(run) => (run.last, run.times.1),
            None => (count, time),
        };
        self.0.insert(first, Run { last, times: (begin, end) });
    }

    /// The last count that was seen; 0 where none was.
    pub(super) fn last(&self) -> u64 {
        self.0.values().next_back().map_or(0, |run| run.last)
    }

    /// What was not seen between 1 and the last that was.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let (mut gaps, mut next, mut after) = (Vec::new(), 1, None);
        for (first, run) in &self.0 {
            if *first > next {
                gaps.push(Gap { first: next, last: first - 1, after, before: run.times.0 });
            }
            (next, after) = (run.last + 1, Some(run.times.1));
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn gaps(counts: &[u64]) -> Vec<(u64, u64)> {
        let mut runs = Runs::default();
        for count in counts {
            runs.see(*count, at(0));
        }
        runs.gaps().iter().map(|gap| (gap.first, gap.last)).collect()
    }

    #[test]
    fn what_lies_between_1_and_the_last_and_was_not_seen_is_a_gap() {
        for (counts, expected) in [
            (&[][..], &[][..]),
            (&[1, 2, 3], &[]),
            (&[3, 1, 2], &[]),
            (&[3], &[(1, 2)]),
            (&[1, 5, 3, 3, 9], &[(2, 2), (4, 4), (6, 8)]),
            (&[9, 5, 1, 7, 6, 8], &[(2, 4)]),
            (&[2, 4, 3, 1], &[]),
        ] {
            assert_eq!(gaps(counts), expected, "{counts:?}");
        }
    }

    #[test]
    fn in_any_order_the_same_gaps_are_found() {
        let seen: Vec<u64> = (1..400).filter(|count| count % 7 != 0 && count % 31 != 5).collect();
        let missing: Vec<u64> = (1..=*seen.last().unwrap()).filter(|count| !seen.contains(count)).collect();
        for step in [1, 5, 17, 101] {
            let shuffled: Vec<u64> = (0..seen.len()).map(|place| seen[place * step % seen.len()]).collect();
            let found: Vec<u64> = gaps(&shuffled).iter().flat_map(|(first, last)| *first..=*last).collect();
            assert_eq!(found, missing, "step {step}");
        }
    }

    #[test]
    fn a_gap_is_of_the_time_between_its_neighbours() {
        let mut runs = Runs::default();
        for (count, second) in [(2, 20), (3, 30), (6, 60)] {
            runs.see(count, at(second));
        }
        let gaps = runs.gaps();
        assert_eq!((gaps[0].after, gaps[0].before), (None, at(20)));
        assert_eq!((gaps[1].after, gaps[1].before, gaps[1].count()), (Some(at(30)), at(60), 2));
        for (from, to, expected) in
            [(0, 30, [true, false]), (0, 31, [true, true]), (21, 90, [false, true]), (61, 90, [false; 2])]
        {
            let found: Vec<_> = gaps.iter().map(|gap| gap.may_be_of(&(at(from)..at(to)))).collect();
            assert_eq!(found, expected, "{from} to {to}");
        }
    }
}
