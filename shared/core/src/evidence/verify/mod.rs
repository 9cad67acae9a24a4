//! The verifier. It believes nothing that it has not proved from the keys it is given: the manifest only says what to prove.
//!
//! Checks come in one order and the first that fails ends it. Members are read a line at a time, some more than once.

mod anchors;
mod consistency;
mod entries;
mod range;
mod read;
mod sealed;

use std::fmt;
use std::io::{self, BufRead};

use super::{Completeness, Expectation, Manifest, Member, TimedKey, describe, readme};
use crate::audit::{Header, is_canonical};
use crate::time::rfc3339;

use jiff::Timestamp;

/// Where a bundle's members come from.
pub trait Bundle {
    /// Names of the members in their order in the archive, duplicates kept.
    fn names(&self) -> Vec<String>;

    /// A member from its beginning. Several may be open at once.
    fn open(&self, name: &str) -> Result<Box<dyn BufRead + '_>, BundleError>;
}

/// A member that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// There is none of this name.
    #[error("{0} is missing")]
    Absent(String),
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(String, io::Error),
}

/// What the auditor asks beyond the bundle's own word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// What was asked for: the bundle's filter must be this.
    pub expect: Option<&'a Expectation>,
    /// An older signed checkpoint of the same log (the note's text), which the bundle's must extend.
    pub against: Option<&'a str>,
    /// Whether a bundle without `manifest.note` is accepted, as one made without our functions is.
    pub unsigned: bool,
}

/// What is checked. The order of the values is the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckName {
    /// The archive is whole and holds the files that it must, in their order, and no other.
    Archive,
    /// The keys given are those of one log.
    Keys,
    /// The manifest is one, in canonical form, of the log that the keys are of.
    Manifest,
    /// The manifest is signed by the evidence key.
    ManifestSignature,
    /// Every file is what the manifest says.
    Files,
    /// The checkpoint is signed by the log's key, of this log and size.
    Checkpoint,
    /// The filter is what the auditor asked for.
    Filter,
    /// Every reference of the filter is opened, and opens.
    Openings,
    /// What a reference opens to was fixed in the log.
    Anchors,
    /// The headers of the range are those of the log.
    RangeProof,
    /// Nothing before the range is of the time asked for.
    RangeStart,
    /// Nothing after the range is of the time asked for.
    RangeEnd,
    /// The entries are those of the range that the filter matches: none less, none more.
    Completeness,
    /// Each entry's header and body belong together.
    Entries,
    /// Each entry is in the log.
    Inclusion,
    /// The table says what the entries say.
    Csv,
    /// The list of rotations says what the entries say, and is there only where one rotates.
    Rotations,
    /// The text for the auditor says what the manifest says.
    Readme,
    /// The log extends the older checkpoint.
    Consistency,
    /// The annex can be read.
    LogEvents,
}

impl CheckName {
    /// The name as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Keys => "keys",
            Self::Manifest => "manifest",
            Self::ManifestSignature => "manifest signature",
            Self::Files => "files",
            Self::Checkpoint => "checkpoint",
            Self::Filter => "filter",
            Self::Openings => "openings",
            Self::Anchors => "anchors",
            Self::RangeProof => "range proof",
            Self::RangeStart => "range start",
            Self::RangeEnd => "range end",
            Self::Completeness => "completeness",
            Self::Entries => "entries",
            Self::Inclusion => "inclusion",
            Self::Csv => "entries.csv",
            Self::Rotations => "rotations.csv",
            Self::Readme => "README.txt",
            Self::Consistency => "consistency",
            Self::LogEvents => "log events",
        }
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds; what was seen.
    Passed(String),
    /// It does not; why.
    Failed(String),
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub name: CheckName,
    /// How it ended.
    pub outcome: Outcome,
}

/// What the bundle proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What it holds, and that nothing which meets the conditions is left out.
    Complete,
    /// What it holds, and nothing about what is absent.
    SelectionOnly,
    /// Nothing: a check failed.
    Failed,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The bundle's filter in plain words, to be compared with what was asked; empty where there is no readable manifest.
    pub filter: Vec<String>,
    /// Who is behind the actor references of the filter, in words: the entries' word, or that none says it.
    pub actors: Vec<String>,
    /// The checks in order. The last is the one that failed, where one did.
    pub checks: Vec<Check>,
    /// What the bundle proves.
    pub verdict: Verdict,
}

impl Report {
    fn new() -> Self {
        Self { filter: Vec::new(), actors: Vec::new(), checks: Vec::new(), verdict: Verdict::Failed }
    }

    /// The report on an archive that cannot be read.
    #[must_use]
    pub fn of_unreadable(why: &impl fmt::Display) -> Self {
        let check = Check { name: CheckName::Archive, outcome: Outcome::Failed(why.to_string()) };
        Self { checks: vec![check], ..Self::new() }
    }

    /// The check that failed, and why.
    #[must_use]
    pub fn failure(&self) -> Option<(CheckName, &str)> {
        self.checks.iter().find_map(|check| match &check.outcome {
            Outcome::Failed(why) => Some((check.name, why.as_str())),
            Outcome::Passed(_) => None,
        })
    }

    fn passed(&mut self, name: CheckName, seen: impl Into<String>) {
        self.checks.push(Check { name, outcome: Outcome::Passed(seen.into()) });
    }

    /// Notes how a check ended whose success is still to be described.
    fn require<T>(&mut self, name: CheckName, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.checks.push(Check { name, outcome: Outcome::Failed(why) })).ok()
    }
}

/// Verifies a bundle with nothing but the keys given.
#[must_use]
pub fn verify(bundle: &impl Bundle, keys: &[TimedKey], options: &Options<'_>) -> Report {
    let mut report = Report::new();
    if let Some(verdict) = run(bundle, keys, options, &mut report) {
        report.verdict = verdict;
    }
    report
}

/// Runs the checks; `None` as soon as one failed.
fn run(bundle: &impl Bundle, keys: &[TimedKey], options: &Options<'_>, report: &mut Report) -> Option<Verdict> {
    use CheckName as Name;

    let members = report.require(Name::Archive, sealed::members(&bundle.names()))?;
    report.passed(Name::Archive, format!("{} files, whole and in order", members.len()));
    let log = report.require(Name::Keys, sealed::log_of(keys))?;
    report.passed(Name::Keys, format!("{} of {log}", keys.len()));
    let (manifest, sha256) = report.require(Name::Manifest, sealed::manifest(bundle, &members, log))?;
    report.filter = describe(&manifest.filter, &manifest.opened);
    report.passed(Name::Manifest, format!("{}, {} entries of {}", manifest.format, manifest.matched, manifest.origin));
    let signed = sealed::signature(bundle, &members, &manifest, &sha256, keys, options.unsigned);
    let evidence_key = report.require(Name::ManifestSignature, signed)?;
    report.passed(
        Name::ManifestSignature,
        evidence_key.map_or("none, and none was demanded".to_owned(), |key| format!("by {}", key.key)),
    );
    report.require(Name::Files, sealed::files(bundle, &manifest))?;
    report.passed(Name::Files, format!("{} digests and lengths", manifest.files.len()));
    let checkpoint = report.require(Name::Checkpoint, sealed::checkpoint(bundle, &manifest, evidence_key, keys))?;
    let time = rfc3339(checkpoint.time);
    report.passed(Name::Checkpoint, format!("size {}, {time}, root {}", checkpoint.size, checkpoint.root));

    let compared = report.require(Name::Filter, compare(&manifest, options.expect, checkpoint.time))?;
    report.passed(Name::Filter, format!("{compared}, as of {time}"));
    report.require(Name::Openings, anchors::openings(&manifest))?;
    report.passed(Name::Openings, format!("{} references opened", manifest.opened.len()));
    report.require(Name::Anchors, anchors::anchors(bundle, &members, &manifest, &checkpoint))?;
    report.passed(Name::Anchors, format!("{} references fixed in the log", manifest.opened.len()));

    let older = options.against.map(|note| sealed::open(note, &manifest.origin, keys));
    let older_size = older.as_ref().and_then(|older| older.as_ref().ok()).map(|older| older.size);
    let mut older_root = None;
    if let Some(indices) = manifest.range {
        let seen = range::read(bundle, &manifest, indices, &checkpoint, older_size);
        let seen = report.require(Name::RangeProof, seen)?;
        let headers = indices.end - indices.first;
        report.passed(Name::RangeProof, format!("{headers} headers from {} to before {}", indices.first, indices.end));
        let start = range::start(bundle, &members, &manifest, indices, seen.first_root, keys);
        let start = report.require(Name::RangeStart, start)?;
        report.passed(Name::RangeStart, start);
        let end = range::end(bundle, &members, &manifest, indices, seen.end_root, &checkpoint, keys);
        let end = report.require(Name::RangeEnd, end)?;
        report.passed(Name::RangeEnd, end);
        report.require(Name::Completeness, seen.completeness)?;
        report.passed(Name::Completeness, format!("the filter run again over {headers} headers: {}", manifest.matched));
        older_root = seen.older_root;
    }

    let seen = entries::read(bundle, &members, &manifest, &checkpoint);
    report.require(Name::Entries, seen.entries)?;
    report.actors = seen.actors;
    report.passed(Name::Entries, format!("{} headers and bodies", manifest.matched));
    report.require(Name::Inclusion, seen.inclusion)?;
    report.passed(Name::Inclusion, format!("{} proofs (RFC 6962)", manifest.matched));
    report.require(Name::Csv, seen.csv)?;
    report.passed(Name::Csv, "made again, the same");
    let rotations = report.require(Name::Rotations, seen.rotations)?;
    report.passed(
        Name::Rotations,
        if rotations { "made again, the same" } else { "none, and no entry rotates a credential" },
    );
    report.require(Name::Readme, same_readme(bundle, &manifest))?;
    report.passed(Name::Readme, "made again, the same");
    let consistency = consistency::check(bundle, &members, &manifest, &checkpoint, older, older_root);
    if let Some(seen) = report.require(Name::Consistency, consistency)? {
        report.passed(Name::Consistency, seen);
    }
    if members.contains(&Member::LogEvents) {
        let lines = report.require(Name::LogEvents, entries::log_events(bundle))?;
        report.passed(
            Name::LogEvents,
            format!("{lines} lines, an annex that nothing proves but the manifest's signature"),
        );
    }
    Some(match manifest.completeness {
        Completeness::Range => Verdict::Complete,
        Completeness::Selected => Verdict::SelectionOnly,
    })
}

fn same_readme(bundle: &impl Bundle, manifest: &Manifest) -> Result<(), String> {
    let mut comparison = read::Comparison::open(bundle, &Member::Readme)?;
    comparison.expect(&readme(&manifest.facts()))?;
    comparison.end()
}

/// The filter asks for some time, and is what was expected.
fn compare(manifest: &Manifest, expected: Option<&Expectation>, time: Timestamp) -> Result<String, String> {
    let filter = &manifest.filter;
    let (from, to) = (rfc3339(filter.from), rfc3339(filter.to));
    if filter.from >= filter.to {
        return Err(format!("it asks for no time: from {from} to {to}"));
    }
    if !has_four_digits(&from, "0001") || !has_four_digits(&to, "0001") {
        return Err("its times are not of the years 0001 to 9999".to_owned());
    }
    let Some(expected) = expected else {
        return Ok("compare the conditions with what was asked for".to_owned());
    };
    if let Some(difference) = expected.difference(filter, &manifest.opened, time) {
        return Err(format!("not what was expected: {difference}"));
    }
    // Without an end the expectation holds of an old bundle too: its time is for the auditor to judge.
    let open_end = || format!("as expected; no end was, so it is {to}, five minutes before the checkpoint");
    Ok(if expected.to.is_some() { "as expected".to_owned() } else { open_end() })
}

/// Whether a time as [`rfc3339`] writes it has a year of four digits, at least `least`. Readers in other languages take
/// no other years.
fn has_four_digits(time: &str, least: &str) -> bool {
    time.len() == "2000-01-01T00:00:00.000Z".len() && time.get(..4).is_some_and(|year| year >= least)
}

/// Reads a header, which must be in canonical form: readers that take duplicate names differently would else disagree.
/// Its time is written as the engine writes times, of the years 2000 to 9999: all readers agree on those.
fn header(text: &str) -> Result<Header, String> {
    let header: Header = serde_json::from_str(text).map_err(|error| format!("not a header: {error}"))?;
    if !is_canonical(text) {
        return Err("the header is not in canonical form".to_owned());
    }
    let time: Option<Timestamp> = header.time.parse().ok();
    if !has_four_digits(&header.time, "2000") || time.is_none_or(|time| rfc3339(time) != header.time) {
        return Err(format!("{:?} is no time of the years 2000 to 9999 as the engine writes it", header.time));
    }
    Ok(header)
}
