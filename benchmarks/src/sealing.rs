//! Seals a day and takes the time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine_aws::Error;
use engine_aws::sealed_log::SealError;
use engine_core::audit::{CanonicalError, Entry};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{Day, Rig};

/// Entries that are handed to the sealer at once, and then integrated: as many as a stream batch may have.
const RUN: u64 = 1000;
/// Entries that are put singly, to compare with.
const PUT: u64 = 1000;

/// So many entries in that time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pace {
    /// Entries.
    pub entries: u64,
    /// Milliseconds.
    pub millis: u128,
}

/// What sealing a day took. Making the entries is not in it.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Plain puts of entries into the audit table, one after the other: what sealing is compared with.
    pub put: Pace,
    /// Giving entries their indices.
    pub sequenced: Pace,
    /// Tiles, bundles, search rows, checkpoints.
    pub integrated: Pace,
    /// Both.
    pub sealed: Pace,
    /// Checkpoints signed over the day.
    pub checkpoints: u64,
    /// Bytes of the day's headers and bodies.
    pub entry_bytes: u64,
    /// Calls to AWS while the day was sealed, by operation.
    pub calls: BTreeMap<String, u64>,
    /// Most memory that the process had resident, in KiB; where the stores are in the process, they are in it.
    pub peak_resident_kib: Option<u64>,
}

/// Puts some entries into the audit table, then seals what comes before the day, the day, and what comes after.
pub async fn measure(rig: &Rig, day: &Day) -> Result<Figures, SealError> {
    let put = put(rig, day).await?;
    seal(rig, made(day.beginning())?, Day::start() - SignedDuration::from_mins(30)).await?;
    let _ = rig.calls.take();
    let (mut sequencing, mut integrating, mut checkpoints, mut entry_bytes) = (Duration::ZERO, Duration::ZERO, 0, 0);
    let mut from = 0;
    while from < day.entries() {
        let entries = made(day.quotes(from, from + RUN))?;
        entry_bytes += entries.iter().map(|entry| (entry.header().len() + entry.body().len()) as u64).sum::<u64>();
        from += entries.len() as u64;
        let last = entries.last().map_or(Day::start(), |entry| entry.id().time());
        // The day's last checkpoint closes it: five minutes after its end at the earliest.
        let now = if from < day.entries() {
            last + SignedDuration::from_secs(60)
        } else {
            Day::end() + SignedDuration::from_mins(6)
        };
        let (sequenced, integrated) = seal(rig, entries, now).await?;
        (sequencing, integrating, checkpoints) = (sequencing + sequenced, integrating + integrated, checkpoints + 1);
    }
    let calls = rig.calls.take();
    seal(rig, made(day.after())?, Day::end() + SignedDuration::from_mins(20)).await?;
    let pace = |time: Duration| Pace { entries: day.entries(), millis: time.as_millis() };
    Ok(Figures {
        put,
        sequenced: pace(sequencing),
        integrated: pace(integrating),
        sealed: pace(sequencing + integrating),
        checkpoints,
        entry_bytes,
        calls,
        peak_resident_kib: peak_resident(),
    })
}

/// The time that sequencing took, and the time that integrating took.
async fn seal(rig: &Rig, entries: Vec<Entry>, now: Timestamp) -> Result<(Duration, Duration), SealError> {
    let began = Instant::now();
    rig.sealer.sequence(entries).await?;
    let sequenced = began.elapsed();
    let began = Instant::now();
    let integrated = rig.sealer.integrate(now).await?;
    if integrated.checkpoint.is_none() {
        let cause = format!("no checkpoint was signed at {now}");
        return Err(Error::Conflict(cause).into());
    }
    Ok((sequenced, began.elapsed()))
}

async fn put(rig: &Rig, day: &Day) -> Result<Pace, SealError> {
    let entries = made(day.quotes(0, PUT))?;
    let began = Instant::now();
    for entry in &entries {
        rig.audit.append(entry).await?;
    }
    Ok(Pace { entries: entries.len() as u64, millis: began.elapsed().as_millis() })
}

fn made<T>(entries: Result<T, CanonicalError>) -> Result<T, Error> {
    entries.map_err(|error| Error::corrupt("audit entry", error))
}

/// `VmHWM` of this process.
fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}
