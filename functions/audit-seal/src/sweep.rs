//! The sweep: minute by minute over the audit table, for what the stream lost.

use engine_aws::sealed_log::CLOSES;
use engine_core::audit::{EntryId, SHARDS, partition};
use engine_http::logging::EventType;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::sealable::can_be_sealed;
use crate::tamper::{Reason, Tampering};
use crate::{AuditSeal, StepError};

/// How long after a minute's end its entries have all been written: no function has longer between giving out an
/// entry's id and writing it.
pub const SETTLED: SignedDuration = SignedDuration::from_mins(3);
/// How far back the first sweep begins: as long as a stream keeps its records, in which it may have told of them to nobody.
pub const FIRST_SWEEP: SignedDuration = SignedDuration::from_hours(24);
/// Age at which an entry that is not sealed is something that people should look at.
pub const UNSEALED: SignedDuration = CLOSES;
/// Most minutes with entries that one run sweeps, so that a run ends in time after an outage of any length.
pub const MOST_MINUTES: i64 = 60;
/// How long a run goes on sweeping. Minutes without entries take little of it, so that a long outage is caught up with.
pub const SWEEP_TIME: SignedDuration = SignedDuration::from_secs(20);
/// Partitions read at once.
const AT_ONCE: usize = 16;
/// Entries read and sealed in one go, so that memory stays bounded in a busy minute.
const GO: usize = 500;

/// What a minute came to.
pub(crate) struct Minute {
    /// Entries that it has.
    pub(crate) entries: usize,
    /// Entries among them that were sealed by this sweep.
    pub(crate) sealed: u64,
}

pub(crate) const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl AuditSeal {
    /// Seals what is not sealed of the minutes since the last sweep; answers how many entries that were.
    pub(crate) async fn sweep(&self, request_id: &str) -> Result<u64, StepError> {
        let started = self.clock.now();
        let until = minute_of(started - SETTLED);
        let (mut minute, mut sealed, mut busy) = (self.swept().await?, 0, 0);
        while minute < until && busy < MOST_MINUTES {
            let found = self.sweep_minute(minute, request_id).await?;
            minute += MINUTE;
            self.sealer.table().set_swept(minute).await?;
            sealed += found.sealed;
            busy += i64::from(found.entries > 0);
            if self.clock.now().duration_since(started) >= SWEEP_TIME {
                break;
            }
        }
        Ok(sealed)
    }

    /// The minute up to which every entry was found sealed. The first time, the one at which the table was created: before
    /// it there is nothing.
    pub(crate) async fn swept(&self) -> Result<Timestamp, StepError> {
        if let Some(minute) = self.sealer.table().swept().await? {
            return Ok(minute);
        }
        let now = self.clock.now();
        let minute = minute_of(self.audit.created().await?.max(now - FIRST_SWEEP).min(now));
        self.sealer.table().set_swept(minute).await?;
        Ok(minute)
    }

    /// Seals what is not sealed of one minute.
    pub(crate) async fn sweep_minute(&self, minute: Timestamp, request_id: &str) -> Result<Minute, StepError> {
        let ids = self.ids_of(minute, request_id).await?;
        let indices = self.sealer.table().indices(&ids).await?;
        let (entries, now) = (ids.len(), self.clock.now());
        let missing: Vec<_> = ids.into_iter().filter(|id| !indices.contains_key(id)).collect();
        self.report_late(&missing, request_id);
        let mut sealed = 0;
        for ids in missing.chunks(GO) {
            let mut entries = Vec::with_capacity(ids.len());
            for (id, entry) in self.audit.read_all(ids).await? {
                match entry.filter(|entry| can_be_sealed(entry, now)) {
                    Some(entry) => entries.push(entry),
                    None => foreign(id.partition(), id.to_string(), request_id),
                }
            }
            sealed += self.seal(entries).await?;
        }
        Ok(Minute { entries, sealed })
    }

    /// The ids of the entries of one minute, over all shards.
    async fn ids_of(&self, minute: Timestamp, request_id: &str) -> Result<Vec<EntryId>, StepError> {
        let (mut shards, mut reads, mut ids) = (0..SHARDS, JoinSet::new(), Vec::new());
        loop {
            while reads.len() < AT_ONCE
                && let Some(shard) = shards.next()
            {
                let audit = self.audit.clone();
                reads.spawn(async move { (shard, audit.partition_ids(minute, shard).await) });
            }
            let Some(read) = reads.join_next().await else { return Ok(ids) };
            let (shard, found) = read?;
            let found = found?;
            ids.extend(found.entries);
            for sort_key in found.foreign {
                foreign(partition(minute, shard), sort_key, request_id);
            }
        }
    }

    /// Says that entries were left unsealed for longer than they may be.
    fn report_late(&self, missing: &[EntryId], request_id: &str) {
        let limit = self.clock.now() - UNSEALED;
        let late: Vec<_> = missing.iter().filter(|id| id.time() < limit).collect();
        let Some(oldest) = late.iter().min() else { return };
        tracing::error!(
            event_type = EventType::SecurityEvent.as_str(),
            status = "FAILURE",
            action = "audit.seal",
            resource = format!("{}/{oldest}", oldest.partition()),
            request_id,
            details.reason = "unsealed_entry",
            details.entries = u64::try_from(late.len()).unwrap_or(u64::MAX),
            "unsealed_entry"
        );
    }
}

/// An item that the stream has told of, or will: there the entry about it is made.
fn foreign(partition: String, sort_key: String, request_id: &str) {
    Tampering { reason: Reason::Foreign, partition, sort_key }.log(request_id);
}

/// The minutes in `[from, until)`, at most [`MOST_MINUTES`] of them.
pub(crate) fn minutes(from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
    let most = (until - from).get_seconds() / 60;
    (0..most.clamp(0, MOST_MINUTES)).map(move |number| from + MINUTE * i32::try_from(number).unwrap_or(0))
}

/// The start of the minute that holds `time`.
pub(crate) fn minute_of(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_minute_begins_at_its_second_0() {
        for (time, minute) in [
            ("2026-01-15T22:00:00Z", "2026-01-15T22:00:00Z"),
            ("2026-01-15T22:00:59.999Z", "2026-01-15T22:00:00Z"),
            ("1969-12-31T23:59:30Z", "1969-12-31T23:59:00Z"),
        ] {
            assert_eq!(minute_of(at(time)), at(minute), "{time}");
        }
    }

    #[test]
    fn a_run_sweeps_whole_minutes_and_only_so_many() {
        let from = at("2026-01-15T22:00:00Z");
        let swept = |until: &str| minutes(from, at(until)).collect::<Vec<_>>();
        assert_eq!(swept("2026-01-15T22:02:00Z"), [from, from + MINUTE]);
        assert_eq!(swept("2026-01-15T22:00:00Z"), []);
        assert_eq!(swept("2026-01-15T21:00:00Z"), []);
        let many = swept("2026-01-16T22:00:00Z");
        assert_eq!((many.len(), many[59]), (60, at("2026-01-15T22:59:00Z")));
    }
}
