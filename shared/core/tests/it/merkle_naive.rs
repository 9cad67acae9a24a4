//! RFC 6962 section 2.1 as it is written, recursively: what the tree is tested against.

use engine_core::merkle::Hash;
use sha2::{Digest, Sha256};

/// The hash of leaf `index` of the test tree.
pub(crate) fn leaf(index: u64) -> Hash {
    let data = format!("entry {index}");
    Hash::from_bytes(Sha256::digest([&[0], data.as_bytes()].concat()).into())
}

/// The leaves `[0, size)` of the test tree.
pub(crate) fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

/// The largest power of two smaller than `size`.
fn split(size: usize) -> usize {
    let mut k = 1;
    while k * 2 < size {
        k *= 2;
    }
    k
}

/// MTH(D), from the hashes of the leaves.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::from_bytes(Sha256::digest([]).into()),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            let (left, right) = (root(left), root(right));
            Hash::from_bytes(Sha256::digest([&[1], &left.as_bytes()[..], right.as_bytes()].concat()).into())
        }
    }
}

/// PATH(m, D).
pub(crate) fn inclusion(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) =
        if m < k { (inclusion(m, left), root(right)) } else { (inclusion(m - k, right), root(left)) };
    path.push(sibling);
    path
}

/// PROOF(m, D), for 0 < m <= the number of leaves.
pub(crate) fn consistency(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    fn subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if m == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let k = split(leaves.len());
        let (left, right) = leaves.split_at(k);
        let (mut proof, sibling) =
            if m <= k { (subproof(m, left, whole), root(right)) } else { (subproof(m - k, right, false), root(left)) };
        proof.push(sibling);
        proof
    }
    subproof(m, leaves, true)
}
