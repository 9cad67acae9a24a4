//! Which entries can be sealed: those that every reader of the log can read, and every store of it can hold.

use engine_aws::sealed_log::CLOSES;
use engine_core::audit::{Entry, Event, Header, is_canonical};
use engine_core::merkle::LONGEST_ENTRY;
use engine_core::time::rfc3339;
use jiff::{SignedDuration, Timestamp};

use crate::FUNCTION;

/// Longest name in a header, in bytes: keys of search rows are made of them, which may have 2,048.
const LONGEST_NAME: usize = 256;
/// Hexadecimal digits of a reference.
const REFERENCE: usize = 64;
/// The years that a time may be of: RFC 3339 has four digits, and the engine is of this millennium.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=9999;
/// How far the time of an entry may be from the one in its id, and ahead of the clock: as long as ranges take to settle.
const MOST_APART: SignedDuration = CLOSES;
/// What this function records of facts: they are told at any time after the one in their ids.
const OWN_FACTS: [Event; 3] = [Event::AuditTamper, Event::ControlTotal, Event::KeyRegister];

/// Whether an entry that is whole can be sealed at `now`. Its header is canonical (RFC 8785), so that it is one line; it is
/// no longer than a bundle can say; its members can be keys; its time is written as the engine writes times, near the
/// one in its id and not in the future; and there is a body.
pub(crate) fn can_be_sealed(entry: &Entry, now: Timestamp) -> bool {
    let text = entry.header();
    if entry.body().is_empty() || text.len() > LONGEST_ENTRY {
        return false;
    }
    let Some(header) = entry.read_header().filter(|_| is_canonical(text)) else { return false };
    let names = [&header.event, &header.outcome, &header.request_id, &header.function, &header.actor_ref];
    let references = [&header.client_ref, &header.subject_ref];
    names.into_iter().all(|name| is_name(name))
        && references.into_iter().flatten().all(|reference| is_reference(reference))
        && is_of_its_time(&header, entry.id().time(), now)
}

fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn is_reference(text: &str) -> bool {
    text.len() == REFERENCE && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_of_its_time(header: &Header, made: Timestamp, now: Timestamp) -> bool {
    let Ok(time) = header.time.parse::<Timestamp>() else { return false };
    let years = [time, made].map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).year());
    let own = header.function == FUNCTION && OWN_FACTS.iter().any(|event| event.as_str() == header.event);
    rfc3339(time) == header.time
        && years.iter().all(|year| YEARS.contains(year))
        && (time.duration_since(made).abs() <= MOST_APART || (own && time > made))
        && time.max(made).duration_since(now) <= MOST_APART
}
