//! `README.txt`: what the bundle is and how to check it, in plain words. It comes first, so it says only what is known first.

use std::collections::BTreeSet;

use super::{Completeness, FORMAT, Filter, Indices, Manifest, Member, Openings};
use crate::time::rfc3339;

/// What the text is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Name of the log.
    pub origin: &'a str,
    /// The bundle's tree size.
    pub size: u64,
    /// The range whose headers are here; `None` for a selection.
    pub range: Option<Indices>,
    /// What was asked for.
    pub filter: &'a Filter,
    /// What opens the filter's references.
    pub opened: &'a Openings,
    /// Whether operational logs are here.
    pub log_events: bool,
}

impl Manifest {
    /// What the bundle's `README.txt` is made from.
    #[must_use]
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            origin: &self.origin,
            size: self.size,
            range: self.range.filter(|_| self.completeness == Completeness::Range),
            filter: &self.filter,
            opened: &self.opened,
            log_events: self.file(&Member::LogEvents).is_some(),
        }
    }
}

/// The filter in plain words, a line for each condition. Control characters are shown as `\u{fffd}`.
#[must_use]
pub fn describe(filter: &Filter, opened: &Openings) -> Vec<String> {
    let mut lines = vec![format!("time from {} to before {}", rfc3339(filter.from), rfc3339(filter.to))];
    let plain = |text: &str| -> String {
        text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
    };
    let mut condition = |what: &str, values: &BTreeSet<String>, named: bool| {
        if values.is_empty() {
            return;
        }
        let name = |value: &String| match opened.get(value).filter(|_| named) {
            Some(opening) => format!("{} (reference {})", plain(&opening.value), plain(value)),
            None => plain(value),
        };
        lines.push(format!("{what}: {}", values.iter().map(name).collect::<Vec<_>>().join(" or ")));
    };
    condition("event", &filter.event, false);
    condition("outcome", &filter.outcome, false);
    condition(
        "actor reference (whose it is, is the exporter's word; see the entries' bodies)",
        &filter.actor_ref,
        false,
    );
    condition("client", &filter.client_ref, true);
    condition("ticker", &filter.subject_ref, true);
    condition("request id", &filter.request_id, false);
    if lines.len() == 1 {
        lines.push("every entry of that time".to_owned());
    }
    lines
}

/// The exact text of `README.txt`.
#[must_use]
pub fn readme(facts: &Facts<'_>) -> String {
    let asked = describe(facts.filter, facts.opened).join("\n  ");
    let Facts { origin, size, .. } = facts;
    let shows = match facts.range {
        Some(Indices { first, end }) => format!(
            "What it shows: every entry that meets these conditions, and no other. The headers of all entries from index {first}
to before index {end} are here. Signed checkpoints show that no entry of the time asked for lies outside them, so
the conditions can be applied again, by anybody, to see that none was left out."
        ),
        None => "SELECTION ONLY. Each entry here is in the log, unchanged. The range asked for is too long to carry whole, so
this bundle proves nothing about what is absent."
            .to_owned(),
    };
    let actors = if facts.filter.actor_ref.is_empty() {
        ""
    } else {
        "An actor reference is made with a key that stays with us. That it is the actor's whom you asked for is the exporter's
word, unless an entry shown names the actor in its body: engine verify says which does. Clients and tickers are not
taken on our word: entries of the log, sealed before, fix what each of their references stands for.

"
    };
    let range = match facts.range {
        Some(_) => {
            "  range/               the headers of the range, its proof, and the signed checkpoints before and after it\n"
        }
        None => "",
    };
    let logs = if facts.log_events {
        "  log-events.jsonl     operational logs of the same requests: an annex, not part of the sealed log\n"
    } else {
        ""
    };
    format!(
        "EVIDENCE FROM THE AUDIT LOG OF THE BORROW RATE ENGINE

Format: {FORMAT}
Log:    {origin}
Size:   {size} entries, at the signed checkpoint in this bundle

What was asked for (all conditions hold together):
  {asked}

{shows}

{actors}How to check it. You need this file and public keys, from a source that is not this file; no access to us.
  engine verify BUNDLE --keys KEYS
or with Python alone:
  python3 verify_evidence.py BUNDLE KEYS
The keys are named
  {origin}             signs the log's checkpoints
  {origin}/evidence    signs manifest.json
Compare the conditions above with what you asked for. Keep the checkpoint: with it, you can check that any later bundle
comes from the same log, grown and not rewritten (engine verify --against CHECKPOINT).

What is in it:
  checkpoint           the log's size and root hash, signed (c2sp.org/tlog-checkpoint)
{range}  entries.jsonl        the entries: index, header and body as they were stored
  inclusion.jsonl      a Merkle proof of each (RFC 6962)
  anchors.jsonl        the entries that fixed, when a client was created or prices were imported, what each opened
                       reference stands for; with references-*.jsonl, the lists that such an entry names by digest
  entries.csv          the same entries for a spreadsheet; a cell that it might run begins with an apostrophe
  rotations.csv        where there are any: which of them rotated a credential or ended one, by whom, why, next due
{logs}  manifest.json        what was asked for, and the SHA-256 of every file
  manifest.note        its signature (c2sp.org/signed-note)

A header's leaf hash is SHA-256(0x00 header). A header names its body by SHA-256, and clients and tickers by
SHA-256(salt value). The log's tree is that of RFC 6962.
"
    )
}
