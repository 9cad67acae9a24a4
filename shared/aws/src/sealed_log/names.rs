//! Names of the log's objects, apart from tiles and bundles, which are named by c2sp.org/tlog-tiles.

use std::fmt::Display;

/// Signed checkpoints in the locked bucket.
pub(super) const CHECKPOINTS: &str = "checkpoints/";
/// The key register in the locked bucket.
pub(super) const REGISTER: &str = "keys/";
/// Anchors of snapshots in the locked bucket.
pub(super) const SNAPSHOT_ANCHORS: &str = "anchors/snapshots/";

/// A number that sorts as text: 16 decimal digits, enough for every integer that JSON carries exactly.
pub(super) fn sortable(number: u64) -> String {
    format!("{number:016}")
}

/// The number of a key that ends in one, as [`sortable`] writes it.
pub(super) fn number(prefix: &str, key: &str) -> Option<u64> {
    let digits = key.strip_prefix(prefix)?;
    (digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The checkpoint of a tree of `size`.
pub(super) fn checkpoint(size: u64) -> String {
    format!("{CHECKPOINTS}{}", sortable(size))
}

/// A body that is stored apart.
pub(super) fn body(sha256: &str) -> String {
    format!("bodies/{sha256}")
}

/// The batch that was sequenced from `start`, by its content.
pub(super) fn batch(start: u64, sha256: &str) -> String {
    format!("batches/{}-{sha256}", sortable(start))
}

/// Where a client's reference is opened.
pub(super) fn client_anchor(client_ref: &str) -> String {
    format!("anchors/clients/{client_ref}")
}

/// The entry of a snapshot that has a list of references.
pub(super) fn snapshot_anchor(index: u64) -> String {
    format!("{SNAPSHOT_ANCHORS}{}", sortable(index))
}

/// The references that a snapshot anchors.
pub(super) fn references(snapshot: impl Display) -> String {
    format!("references/{snapshot}.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_keys_sort_as_they_count_and_read_back() {
        let keys = [0, 9, 10, 256, 1 << 53].map(checkpoint);
        assert!(keys.is_sorted());
        assert_eq!(number(CHECKPOINTS, &keys[3]), Some(256));
        for key in ["checkpoints/256", "checkpoints/00000000000000256", "checkpoints/+000000000000256", "other/0"] {
            assert_eq!(number(CHECKPOINTS, key), None, "{key}");
        }
    }
}
