//! The tree against a naive one: roots, proofs of every index and pair of sizes, ranges, and forgeries of each.

use engine_core::merkle::{
    Frontier, FrontierError, Hash, ProofError, RangeVerifier, Subtree, consistency_ranges, empty_root, fold, fold_row,
    inclusion_ranges, leaf_hash, node_hash, range_subtrees, tiling, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::merkle_naive as naive;

fn place(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

fn frontier(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier
}

/// The hash of a range as a reader of tiles gets it: nodes of its tiling, folded.
fn range_hash(leaves: &[Hash], range: std::ops::Range<u64>) -> Hash {
    fold(&nodes(leaves, &tiling(range)))
}

fn nodes(leaves: &[Hash], nodes: &[Subtree]) -> Vec<Hash> {
    nodes.iter().map(|node| naive::root(&leaves[place(node.start)..place(node.end().unwrap())])).collect()
}

#[test]
fn leaves_and_nodes_are_hashed_apart() {
    let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let node = node_hash(&left, &right);
    assert_eq!(node, naive::root(&[left, right]));
    assert_ne!(node, leaf_hash(&[left.as_bytes().as_slice(), right.as_bytes()].concat()));
}

#[test]
fn every_leaf_of_every_small_tree_has_its_proof_and_no_other_place() {
    let leaves = naive::leaves(40);
    for size in 1..=40 {
        let tree = &leaves[..place(size)];
        let root = naive::root(tree);
        for index in 0..size {
            let proof: Vec<_> =
                inclusion_ranges(index, size).unwrap().into_iter().map(|range| range_hash(tree, range)).collect();
            assert_eq!(proof, naive::inclusion(place(index), tree), "{index} of {size}");
            let leaf = tree[place(index)];
            assert_eq!(verify_inclusion(index, size, leaf, &proof, root), Ok(()), "{index} of {size}");
            for other in (0..=size).filter(|other| *other != index) {
                assert!(verify_inclusion(other, size, leaf, &proof, root).is_err(), "{index} at {other} of {size}");
            }
        }
        assert_eq!(inclusion_ranges(size, size), None);
        assert_eq!(verify_inclusion(size, size, leaves[0], &[], root), Err(ProofError::Position));
    }
    assert_eq!(inclusion_ranges(0, 0), None);
    assert_eq!(verify_inclusion(0, 0, leaves[0], &[], empty_root()), Err(ProofError::Position));
}

#[test]
fn every_small_tree_is_shown_to_begin_every_larger_one_and_no_other() {
    let leaves = naive::leaves(40);
    let roots: Vec<_> = (0..=leaves.len()).map(|size| naive::root(&leaves[..size])).collect();
    let root = |size| roots[place(size)];
    for new in 1..=40 {
        for old in 1..=new {
            let proof: Vec<_> =
                consistency_ranges(old, new).unwrap().into_iter().map(|range| range_hash(&leaves, range)).collect();
            assert_eq!(proof, naive::consistency(place(old), &leaves[..place(new)]), "{old} to {new}");
            assert_eq!(verify_consistency(old, new, root(old), root(new), &proof), Ok(()), "{old} to {new}");
            for other in (1..=new).filter(|other| *other != old) {
                let verdict = verify_consistency(other, new, root(old), root(new), &proof);
                assert!(verdict.is_err(), "{old} passed for {other} of {new}");
            }
        }
    }
}

#[test]
fn the_empty_tree_begins_every_tree_and_a_larger_one_begins_none() {
    let (one, root) = (naive::leaf(0), naive::root(&naive::leaves(7)));
    assert_eq!(consistency_ranges(0, 7), Some(Vec::new()));
    assert_eq!(verify_consistency(0, 7, empty_root(), root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, 7, one, root, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(0, 7, empty_root(), root, &[one]), Err(ProofError::Length));
    assert_eq!(verify_consistency(0, 0, empty_root(), empty_root(), &[]), Ok(()));
    assert_eq!(verify_consistency(0, 0, one, one, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(7, 7, root, root, &[]), Ok(()));
    assert_eq!(verify_consistency(7, 7, root, one, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(7, 7, root, root, &[one]), Err(ProofError::Length));
    assert_eq!(consistency_ranges(8, 7), None);
    assert_eq!(verify_consistency(8, 7, root, root, &[]), Err(ProofError::Position));
}

#[test]
fn sizes_of_64_bits_neither_panic_nor_verify() {
    let hash = naive::leaf(0);
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1] {
        for index in [0, 1, size / 2, size - 2, size - 1] {
            let ranges = inclusion_ranges(index, size).unwrap();
            let proof = vec![hash; ranges.len()];
            assert_eq!(verify_inclusion(index, size, hash, &proof, hash), Err(ProofError::Root));
            assert_eq!(verify_inclusion(index, size, hash, &[], hash), Err(ProofError::Length));
            let proof = vec![hash; consistency_ranges(index + 1, size).unwrap().len()];
            let verdict = verify_consistency(index + 1, size, hash, naive::leaf(1), &proof);
            assert_eq!(verdict, Err(ProofError::Root), "{index} of {size}");
        }
        let (left, right) = range_subtrees(3, 5, size).unwrap();
        let (left, right) = (vec![hash; left.len()], vec![hash; right.len()]);
        let mut range = RangeVerifier::new(3, 5, size, &left, &right).unwrap();
        range.push(hash).unwrap();
        range.push(hash).unwrap();
        assert!(range.finish(hash).is_err());
    }
}

#[test]
fn a_subtree_must_be_aligned_and_continue_the_tree() {
    let hash = naive::leaf(0);
    let mut tree = frontier(&naive::leaves(4));
    let before = tree.clone();
    for (start, level, refusal) in [
        (4, 3, FrontierError::Shape),
        (5, 1, FrontierError::Shape),
        (4, 64, FrontierError::Shape),
        (4, 255, FrontierError::Shape),
        (1 << 63, 63, FrontierError::Shape),
        (0, 2, FrontierError::Position),
        (8, 2, FrontierError::Position),
        (5, 0, FrontierError::Position),
    ] {
        assert_eq!(tree.push_subtree(Subtree { start, level }, hash), Err(refusal), "{start} {level}");
        assert_eq!(tree, before);
    }
    tree.push_subtree(Subtree { start: 4, level: 2 }, hash).unwrap();
    assert_eq!(tree.size(), 8);
    let mut largest = Frontier::new();
    largest.push_subtree(Subtree { start: 0, level: 63 }, hash).unwrap();
    assert_eq!(largest.push_subtree(Subtree::leaf(1 << 63), hash), Err(FrontierError::Shape));
}

#[test]
fn hashes_are_read_in_canonical_base64_alone() {
    let hash = leaf_hash(b"");
    let text = hash.to_string();
    assert_eq!(text, "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
    assert_eq!(text.parse(), Ok(hash));
    assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Hash>(&format!("\"{text}\"")).unwrap(), hash);
    for other in [
        "",
        "bjQLnP",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB1=",
        "bjQLnP-zepicpUTmu3gKLHiQHT-zNzh2hRGjBhevoB0=",
        " bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0dHQ==",
    ] {
        assert!(Hash::parse(other).is_err(), "{other:?}");
    }
}

/// What somebody may do to a proof.
#[derive(Clone, Debug)]
enum Forgery {
    Bit(Index, Index),
    Drop(Index),
    Insert(Index),
    Swap(Index, Index),
}

fn forgery() -> impl Strategy<Value = Forgery> {
    let index = any::<Index>;
    prop_oneof![
        (index(), index()).prop_map(|(hash, bit)| Forgery::Bit(hash, bit)),
        index().prop_map(Forgery::Drop),
        index().prop_map(Forgery::Insert),
        (index(), index()).prop_map(|(one, other)| Forgery::Swap(one, other)),
    ]
}

fn flip(hash: Hash, bit: Index) -> Hash {
    let mut bytes = *hash.as_bytes();
    let bit = bit.index(256);
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

fn forge(proof: &[Hash], forgery: &Forgery) -> Vec<Hash> {
    let mut forged = proof.to_vec();
    let length = forged.len();
    match forgery {
        Forgery::Insert(at) => forged.insert(at.index(length + 1), naive::leaf(0)),
        _ if length == 0 => {}
        Forgery::Bit(at, bit) => forged[at.index(length)] = flip(forged[at.index(length)], *bit),
        Forgery::Drop(at) => drop(forged.remove(at.index(length))),
        Forgery::Swap(one, other) => forged.swap(one.index(length), other.index(length)),
    }
    forged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_tiling_covers_its_range_with_maximal_aligned_subtrees(start in any::<u64>(), length in prop_oneof![0..300_u64, any::<u64>()]) {
        let end = start.saturating_add(length);
        let tiles = tiling(start..end);
        let mut next = start;
        for (place, tile) in tiles.iter().enumerate() {
            prop_assert_eq!(tile.start, next);
            next = tile.end().unwrap();
            // The parent begins before the range or ends after it.
            let parent = Subtree { start: tile.start & !(1 << tile.level), level: tile.level + 1 };
            let within = parent.start >= start && parent.end().is_some_and(|parent_end| parent_end <= end);
            prop_assert!(!within, "{} could be larger", place);
        }
        prop_assert_eq!(next, end);
    }

    #[test]
    fn a_frontier_grown_by_leaves_or_by_subtrees_has_the_naive_root(size in 0_u64..700, cut in any::<Index>()) {
        let leaves = naive::leaves(size);
        let grown = frontier(&leaves);
        prop_assert_eq!(grown.root(), naive::root(&leaves));
        prop_assert_eq!(grown.size(), size);
        prop_assert_eq!(fold_row(&leaves), naive::root(&leaves));
        prop_assert_eq!(range_hash(&leaves, 0..size), naive::root(&leaves));

        let cut = cut.index(place(size) + 1) as u64;
        let mut pieces = Frontier::new();
        for piece in tiling(0..cut).into_iter().chain(tiling(cut..size)) {
            pieces.push_subtree(piece, nodes(&leaves, &[piece])[0]).unwrap();
        }
        prop_assert_eq!(pieces, grown);
    }

    #[test]
    fn an_inclusion_proof_verifies_and_its_forgeries_do_not(
        size in 1_u64..700, at in any::<Index>(), forgery in forgery(), other in 1_u64..700, bit in any::<Index>(),
    ) {
        let leaves = naive::leaves(size);
        let index = at.index(place(size)) as u64;
        let (leaf, root) = (leaves[place(index)], naive::root(&leaves));
        let ranges = inclusion_ranges(index, size).unwrap();
        let proof: Vec<_> = ranges.into_iter().map(|range| range_hash(&leaves, range)).collect();
        prop_assert_eq!(&proof, &naive::inclusion(place(index), &leaves));
        prop_assert_eq!(verify_inclusion(index, size, leaf, &proof, root), Ok(()));

        let forged = forge(&proof, &forgery);
        prop_assert_eq!(verify_inclusion(index, size, leaf, &forged, root).is_ok(), forged == proof);
        prop_assert!(verify_inclusion(index, size, flip(leaf, bit), &proof, root).is_err());
        prop_assert!(verify_inclusion(index, size, leaf, &proof, flip(root, bit)).is_err());
        if other != size {
            prop_assert!(verify_inclusion(index, other, leaf, &proof, naive::root(&naive::leaves(other))).is_err());
        }
    }

    #[test]
    fn a_consistency_proof_verifies_and_its_forgeries_do_not(
        new in 1_u64..700, at in any::<Index>(), forgery in forgery(), bit in any::<Index>(),
    ) {
        let leaves = naive::leaves(new);
        let old = at.index(place(new)) as u64 + 1;
        let (old_root, new_root) = (naive::root(&leaves[..place(old)]), naive::root(&leaves));
        let ranges = consistency_ranges(old, new).unwrap();
        let proof: Vec<_> = ranges.into_iter().map(|range| range_hash(&leaves, range)).collect();
        prop_assert_eq!(&proof, &naive::consistency(place(old), &leaves));
        prop_assert_eq!(verify_consistency(old, new, old_root, new_root, &proof), Ok(()));

        let forged = forge(&proof, &forgery);
        prop_assert_eq!(verify_consistency(old, new, old_root, new_root, &forged).is_ok(), forged == proof);
        prop_assert!(verify_consistency(old, new, flip(old_root, bit), new_root, &proof).is_err());
        prop_assert!(verify_consistency(old, new, old_root, flip(new_root, bit), &proof).is_err());
        // A log that rewrote one of the old entries.
        let mut rewritten = leaves.clone();
        rewritten[bit.index(place(old))] = leaf_hash(b"rewritten");
        let proof = naive::consistency(place(old), &rewritten);
        prop_assert!(verify_consistency(old, new, old_root, naive::root(&rewritten), &proof).is_err());
    }

    #[test]
    fn a_range_verifies_whole_and_in_order_alone(
        size in 1_u64..700, ends in any::<(Index, Index)>(), forgery in forgery(), forge_left in any::<bool>(), at in any::<Index>(),
    ) {
        let leaves = naive::leaves(size);
        let root = naive::root(&leaves);
        let mut ends = [ends.0.index(place(size) + 1), ends.1.index(place(size) + 1)];
        ends.sort_unstable();
        let [first, end] = ends.map(|end| end as u64);
        let (before, after) = range_subtrees(first, end, size).unwrap();
        let (left, right) = (nodes(&leaves, &before), nodes(&leaves, &after));
        let check = |first: u64, end: u64, left: &[Hash], right: &[Hash], range: &[Hash]| {
            let mut verifier = RangeVerifier::new(first, end, size, left, right)?;
            range.iter().try_for_each(|leaf| verifier.push(*leaf))?;
            verifier.finish(root)
        };
        let range = &leaves[place(first)..place(end)];
        prop_assert_eq!(check(first, end, &left, &right, range), Ok(()));

        let forged = if forge_left { forge(&left, &forgery) } else { forge(&right, &forgery) };
        let same = forged == if forge_left { left.clone() } else { right.clone() };
        let (forged_left, forged_right) = if forge_left { (&forged, &right) } else { (&left, &forged) };
        prop_assert_eq!(check(first, end, forged_left, forged_right, range).is_ok(), same);

        let mut longer = range.to_vec();
        longer.insert(at.index(range.len() + 1), naive::leaf(0));
        prop_assert_eq!(check(first, end, &left, &right, &longer), Err(ProofError::Length));
        if !range.is_empty() {
            let mut shorter = range.to_vec();
            shorter.remove(at.index(range.len()));
            prop_assert_eq!(check(first, end, &left, &right, &shorter), Err(ProofError::Length));
            prop_assert!(check(first, end - 1, &left, &right, &shorter).is_err());
        }
        if range.len() > 1 {
            let mut reordered = range.to_vec();
            let one = at.index(range.len() - 1);
            reordered.swap(one, one + 1);
            prop_assert_eq!(check(first, end, &left, &right, &reordered), Err(ProofError::Root));
        }
        prop_assert!(check(end + 1, end, &left, &right, &[]).is_err());
        prop_assert_eq!(RangeVerifier::new(first, size + 1, size, &left, &[]), Err(ProofError::Position));
    }

    #[test]
    fn a_range_verifier_passes_the_roots_of_the_checkpoints_at_its_ends(size in 1_u64..300, ends in any::<(Index, Index)>()) {
        let leaves = naive::leaves(size);
        let mut ends = [ends.0.index(place(size) + 1), ends.1.index(place(size) + 1)];
        ends.sort_unstable();
        let (before, after) = range_subtrees(ends[0] as u64, ends[1] as u64, size).unwrap();
        let (left, right) = (nodes(&leaves, &before), nodes(&leaves, &after));
        let mut range = RangeVerifier::new(ends[0] as u64, ends[1] as u64, size, &left, &right).unwrap();
        prop_assert_eq!(range.root(), naive::root(&leaves[..ends[0]]));
        for (index, leaf) in leaves.iter().enumerate().take(ends[1]).skip(ends[0]) {
            prop_assert_eq!(range.next_index(), index as u64);
            range.push(*leaf).unwrap();
        }
        prop_assert_eq!(range.root(), naive::root(&leaves[..ends[1]]));
    }
}
