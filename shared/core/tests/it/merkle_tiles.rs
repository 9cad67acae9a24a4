//! Tiles against a naive tree, and the codecs of tiles and bundles.

use std::collections::BTreeMap;

use engine_core::merkle::{
    BODIES, BundleError, ENTRIES, Edge, EdgeError, Frontier, Hash, INLINE_BODY_LIMIT, StoredBody, Subtree, TileError,
    TileId, bundle_path, bundle_width, decode_bodies, decode_entries, decode_tile, encode_bodies, encode_entries,
    encode_tile, fold, hash_in_tile, inclusion_ranges, parse_bundle_path, tile_of, tiling, verify_inclusion,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::merkle_naive as naive;

fn place(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

/// The tiles of a tree by path: the full ones as the edge gave them, the partial ones at the end.
fn tiles(leaves: &[Hash]) -> (Edge, BTreeMap<String, Vec<Hash>>) {
    let mut edge = Edge::empty();
    let mut tiles = BTreeMap::new();
    for leaf in leaves {
        for (id, hashes) in edge.push(*leaf) {
            assert!(id.is_full() && hashes.len() == 256);
            assert_eq!(tiles.insert(id.path(), hashes), None, "{} came twice", id.path());
        }
    }
    for (id, hashes) in edge.partials() {
        assert_eq!(usize::from(id.width), hashes.len());
        tiles.insert(id.path(), hashes);
    }
    (edge, tiles)
}

fn stored_node(tiles: &BTreeMap<String, Vec<Hash>>, node: Subtree, size: u64) -> Hash {
    let (id, slice) = tile_of(node, size);
    hash_in_tile(&tiles[&id.path()], slice).unwrap()
}

#[test]
fn every_node_of_a_tree_is_found_in_its_tile() {
    // Around the first full tile, a second level that is just begun, and one that has more than one hash.
    for size in [1, 2, 255, 256, 257, 511, 512, 515, 1300] {
        let leaves = naive::leaves(size);
        let (edge, tiles) = tiles(&leaves);
        assert_eq!(edge.root(), naive::root(&leaves), "{size}");
        for level in 0..11 {
            let width = 1 << level;
            for start in (0..size).step_by(place(width)).take_while(|start| start + width <= size) {
                let expected = naive::root(&leaves[place(start)..place(start + width)]);
                assert_eq!(stored_node(&tiles, Subtree { start, level }, size), expected, "{start} {level} of {size}");
            }
        }
    }
}

#[test]
fn a_tree_of_three_tile_levels_serves_proofs_from_its_tiles() {
    let size = 70_000;
    let leaves = naive::leaves(size);
    let (edge, tiles) = tiles(&leaves);
    let mut frontier = Frontier::new();
    for leaf in &leaves {
        frontier.push(*leaf);
    }
    let root = naive::root(&leaves);
    assert_eq!((edge.root(), frontier.root()), (root, root));
    assert_eq!(tiles.len(), 274 + 2 + 1);
    for index in (0..size).step_by(997).chain([255, 256, 65_535, 65_536, 69_999]) {
        let ranges = inclusion_ranges(index, size).unwrap().into_iter();
        let proof: Vec<_> = ranges
            .map(|range| {
                fold(&tiling(range).into_iter().map(|node| stored_node(&tiles, node, size)).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(verify_inclusion(index, size, leaves[place(index)], &proof, root), Ok(()), "{index}");
    }
}

#[test]
fn a_node_beyond_the_tree_is_not_in_its_tile() {
    let (_, tiles) = tiles(&naive::leaves(5));
    let (id, slice) = tile_of(Subtree { start: 4, level: 1 }, 5);
    assert_eq!(hash_in_tile(&tiles[&id.path()], slice), None);
    let (id, _) = tile_of(Subtree { start: 0, level: 63 }, u64::MAX);
    assert_eq!((id.level, id.index, id.width), (7, 0, 255));
}

#[test]
fn the_width_of_a_bundle_follows_from_the_size() {
    for (index, size, width) in [
        (0, 0, 0),
        (0, 1, 1),
        (0, 255, 255),
        (0, 256, 256),
        (0, 300, 256),
        (1, 300, 44),
        (2, 300, 0),
        (u64::MAX, 300, 0),
    ] {
        assert_eq!(bundle_width(index, size), width, "{index} of {size}");
    }
}

#[test]
fn an_edge_takes_only_the_tiles_its_size_has() {
    let hash = naive::leaf(0);
    let row = |width| vec![hash; width];
    assert_eq!(Edge::from_partials(0, Vec::new()), Ok(Edge::empty()));
    assert!(Edge::from_partials(256, vec![Vec::new(), row(1)]).is_ok());
    assert!(Edge::from_partials(256, vec![Vec::new(), row(1), Vec::new()]).is_ok());
    for (size, levels, refused) in [
        (1, vec![], 0),
        (1, vec![row(2)], 0),
        (0, vec![row(1)], 0),
        (256, vec![row(256)], 0),
        (256, vec![Vec::new()], 1),
        (257, vec![row(1), row(2)], 1),
        (1, vec![row(1), row(1)], 1),
    ] {
        assert_eq!(Edge::from_partials(size, levels.clone()), Err(EdgeError::Width(refused)), "{size} {levels:?}");
    }
    assert!(Edge::from_tiles(256, vec![row(1)]).is_ok());
    assert!(Edge::from_tiles(256, vec![]).is_err());
    assert!(Edge::from_tiles(256, vec![row(1), row(1)]).is_err());
}

#[test]
fn paths_have_one_spelling() {
    for path in [
        "",
        "tile/0",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/1000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x000/001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/00/000",
        "tile/8/000",
        "tile/-1/000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/entries/000",
        "tile/0/x99999999999999999999/000",
    ] {
        assert_eq!(TileId::from_path(path), None, "{path}");
    }
    assert_eq!(parse_bundle_path(ENTRIES, "tile/entries/000"), Some((0, 256)));
    for path in ["tile/bodies/000", "tile/entries/0", "tile/entries000", "tile/entries/000.p/256"] {
        assert_eq!(parse_bundle_path(ENTRIES, path), None, "{path}");
    }
}

#[test]
fn a_tile_is_1_to_256_whole_hashes() {
    for length in [0, 1, 31, 33, 256 * 32 + 1, 257 * 32] {
        assert_eq!(decode_tile(&vec![0; length]), Err(TileError::Length(length)));
    }
    let id = TileId { level: 0, index: 0, width: 3 };
    assert_eq!(id.decode(&encode_tile(&naive::leaves(3))), Ok(naive::leaves(3)));
    assert_eq!(id.decode(&encode_tile(&naive::leaves(4))), Err(TileError::Length(128)));
}

#[test]
fn entry_bundles_are_length_prefixed_and_refuse_what_is_malformed() {
    assert_eq!(encode_entries(&["a", "", "bc"]).unwrap(), b"\0\x01a\0\0\0\x02bc");
    let long = "x".repeat(65_535);
    assert_eq!(decode_entries(&encode_entries(&[&long]).unwrap()), Ok(vec![long.clone()]));
    assert_eq!(encode_entries(&["", &(long + "x")]), Err(BundleError::Length(1)));
    assert_eq!(encode_entries::<&str>(&[]), Err(BundleError::Count));
    assert_eq!(encode_entries(&[""; 257]), Err(BundleError::Count));
    assert!(encode_entries(&[""; 256]).is_ok());
    for (bytes, refusal) in [
        (&b""[..], BundleError::Count),
        (b"\0", BundleError::Truncated(0)),
        (b"\0\x02a", BundleError::Truncated(0)),
        (b"\0\x01a\0", BundleError::Truncated(1)),
        (b"\0\x01\xff", BundleError::Text(0)),
        (&[0; 257 * 2], BundleError::Count),
    ] {
        assert_eq!(decode_entries(bytes), Err(refusal), "{bytes:?}");
    }
}

#[test]
fn body_bundles_hold_short_bodies_and_say_which_are_apart() {
    let inline = |text: &str| StoredBody::Inline(text.to_owned());
    let (limit, longer) = ("x".repeat(INLINE_BODY_LIMIT), "x".repeat(INLINE_BODY_LIMIT + 1));
    assert_eq!(StoredBody::of(&limit), inline(&limit));
    assert_eq!(StoredBody::of(&longer), StoredBody::Apart);
    assert_eq!(encode_bodies(&[inline("ab"), StoredBody::Apart]).unwrap(), b"\0\0\0\x02ab\0\0\0\0");
    assert_eq!(encode_bodies(&[inline("")]), Err(BundleError::Length(0)));
    assert_eq!(encode_bodies(&[StoredBody::Apart, inline(&longer)]), Err(BundleError::Length(1)));
    assert_eq!(encode_bodies(&[]), Err(BundleError::Count));
    assert_eq!(encode_bodies(&vec![StoredBody::Apart; 257]), Err(BundleError::Count));
    for (bytes, refusal) in [
        (&b""[..], BundleError::Count),
        (b"\0\0\0", BundleError::Truncated(0)),
        (b"\0\0\0\x02a", BundleError::Truncated(0)),
        (b"\0\0\0\0\0", BundleError::Truncated(1)),
        (b"\0\0\0\x01\xff", BundleError::Text(0)),
        (b"\0\0\x40\x01", BundleError::Length(0)),
        (b"\xff\xff\xff\xff", BundleError::Length(0)),
        (&[0; 257 * 4], BundleError::Count),
    ] {
        assert_eq!(decode_bodies(bytes), Err(refusal), "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_edge_that_was_stored_grows_like_one_that_was_not(size in 0_u64..1200, cut in any::<Index>()) {
        let leaves = naive::leaves(size);
        let cut = cut.index(place(size) + 1);
        let mut edge = Edge::empty();
        leaves[..cut].iter().for_each(|leaf| drop(edge.push(*leaf)));
        prop_assert_eq!(edge.root(), naive::root(&leaves[..cut]));

        let partials = edge.partials();
        prop_assert_eq!(partials.iter().map(|(id, _)| *id).collect::<Vec<_>>(), Edge::tiles(cut as u64));
        let stored = partials.iter().map(|(id, tile)| id.decode(&encode_tile(tile)).unwrap()).collect();
        let mut restored = Edge::from_tiles(cut as u64, stored).unwrap();
        prop_assert_eq!(&restored, &edge);
        for leaf in &leaves[cut..] {
            prop_assert_eq!(restored.push(*leaf), edge.push(*leaf));
        }
        prop_assert_eq!((restored.size(), restored.root()), (size, naive::root(&leaves)));
        prop_assert_eq!(restored, edge);
    }

    #[test]
    fn tile_paths_are_read_as_they_are_written(level in 0_u8..8, index in any::<u64>(), width in 1_u16..=256) {
        let tile = TileId { level, index, width };
        prop_assert_eq!(TileId::from_path(&tile.path()), Some(tile));
        prop_assert_eq!(parse_bundle_path(BODIES, &bundle_path(BODIES, index, width)), Some((index, width)));
    }

    #[test]
    fn entries_and_bodies_are_read_as_they_were_written(texts in proptest::collection::vec("\\PC{0,40}", 1..=256)) {
        prop_assert_eq!(decode_entries(&encode_entries(&texts).unwrap()).unwrap(), texts.clone());
        let bodies: Vec<_> = texts.iter().map(|text| StoredBody::of(text)).collect();
        prop_assert_eq!(decode_bodies(&encode_bodies(&bodies).unwrap()).unwrap(), bodies);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic_and_what_is_read_has_one_form(bytes in proptest::collection::vec(0_u8..6, 0..60)) {
        if let Ok(entries) = decode_entries(&bytes) {
            prop_assert_eq!(encode_entries(&entries).unwrap(), bytes.clone());
        }
        if let Ok(bodies) = decode_bodies(&bytes) {
            prop_assert_eq!(encode_bodies(&bodies).unwrap(), bytes);
        }
    }
}
