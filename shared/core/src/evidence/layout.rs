//! The files of a bundle and their order, in one place.

use std::borrow::Cow;

const REFERENCES: &str = "references-";
const JSONL: &str = ".jsonl";
/// Longest snapshot id in a file name.
const LONGEST_SNAPSHOT: usize = 100;

/// A file of a bundle. The order of the values is the order of the files in the archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// `README.txt`: what the bundle is, for the auditor.
    Readme,
    /// `checkpoint`: the log's signed checkpoint at the bundle's tree size.
    Checkpoint,
    /// `range/checkpoint-first`: the signed checkpoint before the range. Absent where the range begins with the log.
    CheckpointFirst,
    /// `range/checkpoint-end`: the signed checkpoint at the end of the range. Absent where it is [`Member::Checkpoint`].
    CheckpointEnd,
    /// `range/proof.json`: the roots left and right of the range.
    RangeProof,
    /// `range/headers.jsonl`: the exact header of every index of the range, a line each.
    RangeHeaders,
    /// `entries.jsonl`: the entries that the filter matches.
    Entries,
    /// `inclusion.jsonl`: a proof for each of them.
    Inclusion,
    /// `anchors.jsonl`: the entry that anchors each opened reference. Empty where nothing is opened.
    Anchors,
    /// `references-<snapshot>.jsonl`: the list of a snapshot that anchors a ticker's reference.
    References(String),
    /// `consistency.json`: the proof from an older tree size, where asked for.
    Consistency,
    /// `entries.csv`: the entries once more, for a spreadsheet.
    Csv,
    /// `rotations.csv`: what of them rotated a credential or ended one. Absent where none did.
    Rotations,
    /// `log-events.jsonl`: operational logs, where asked for. An annex: it need not repeat byte for byte.
    LogEvents,
    /// `manifest.json`.
    Manifest,
    /// `manifest.note`: the manifest's signature.
    Note,
}

impl Member {
    /// What no bundle is without. One made without our functions lacks the note.
    pub const ALWAYS: [Self; 7] =
        [Self::Readme, Self::Checkpoint, Self::Entries, Self::Inclusion, Self::Anchors, Self::Csv, Self::Manifest];

    /// The file's name in the archive.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Readme => "README.txt",
            Self::Checkpoint => "checkpoint",
            Self::CheckpointFirst => "range/checkpoint-first",
            Self::CheckpointEnd => "range/checkpoint-end",
            Self::RangeProof => "range/proof.json",
            Self::RangeHeaders => "range/headers.jsonl",
            Self::Entries => "entries.jsonl",
            Self::Inclusion => "inclusion.jsonl",
            Self::Anchors => "anchors.jsonl",
            Self::References(snapshot) => return Cow::Owned(format!("{REFERENCES}{snapshot}{JSONL}")),
            Self::Consistency => "consistency.json",
            Self::Csv => "entries.csv",
            Self::Rotations => "rotations.csv",
            Self::LogEvents => "log-events.jsonl",
            Self::Manifest => "manifest.json",
            Self::Note => "manifest.note",
        })
    }

    /// The file of a name; `None` where a bundle has no such file.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        const FIXED: [Member; 15] = [
            Member::Readme,
            Member::Checkpoint,
            Member::CheckpointFirst,
            Member::CheckpointEnd,
            Member::RangeProof,
            Member::RangeHeaders,
            Member::Entries,
            Member::Inclusion,
            Member::Anchors,
            Member::Consistency,
            Member::Csv,
            Member::Rotations,
            Member::LogEvents,
            Member::Manifest,
            Member::Note,
        ];
        if let Some(member) = FIXED.into_iter().find(|member| member.name() == name) {
            return Some(member);
        }
        let snapshot = name.strip_prefix(REFERENCES)?.strip_suffix(JSONL)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let id = (1..=LONGEST_SNAPSHOT).contains(&snapshot.len()) && snapshot.bytes().all(plain);
        id.then(|| Self::References(snapshot.to_owned()))
    }

    /// Whether it is one of the files under `range/`.
    #[must_use]
    pub fn is_of_range(&self) -> bool {
        matches!(self, Self::CheckpointFirst | Self::CheckpointEnd | Self::RangeProof | Self::RangeHeaders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_no_other() {
        let names = [
            "README.txt",
            "checkpoint",
            "range/proof.json",
            "references-0a-b.jsonl",
            "entries.csv",
            "rotations.csv",
            "manifest.note",
        ];
        for name in names {
            assert_eq!(Member::of(name).unwrap().name(), name);
        }
        for name in ["readme.txt", "/checkpoint", "references-.jsonl", "references-../x.jsonl", "references-a", ""] {
            assert_eq!(Member::of(name), None, "{name}");
        }
    }

    #[test]
    fn the_manifest_and_its_note_come_last_so_that_a_bundle_streams() {
        assert!(Member::References("z".into()) < Member::Consistency);
        assert!(Member::LogEvents < Member::Manifest && Member::Manifest < Member::Note);
        assert!(Member::References("a".into()) < Member::References("b".into()));
    }
}
