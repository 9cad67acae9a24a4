//! Published vectors: the tree of the certificate-transparency test suite (`merkletree/merkle_tree_test.cc`, and
//! `testonly` of transparency-dev/merkle), the notes of `golang.org/x/mod/sumdb/note` and of c2sp.org/signed-note, the
//! paths of c2sp.org/tlog-tiles and of Tessera's `api/layout`.

use engine_core::merkle::{
    BODIES, ENTRIES, Edge, Frontier, Hash, SignedNote, TileId, VerifierKey, bundle_path, consistency_ranges,
    empty_root, fold, fold_row, inclusion_ranges, leaf_hash, parse_bundle_path, sign_line, tiling, verify_consistency,
    verify_inclusion,
};

const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Roots of the trees of 0 to 8 of the leaves.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Index, size, proof.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// Old size, new size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hash(hex: &str) -> Hash {
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap()).collect();
    Hash::from_bytes(bytes.try_into().unwrap())
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().copied().map(hash).collect()
}

fn leaves() -> Vec<Hash> {
    LEAVES.iter().map(|data| leaf_hash(data)).collect()
}

#[test]
fn the_trees_of_the_certificate_transparency_suite_have_their_roots() {
    let (mut frontier, mut edge) = (Frontier::new(), Edge::empty());
    assert_eq!(empty_root(), hash(ROOTS[0]));
    assert_eq!((frontier.root(), edge.root()), (empty_root(), empty_root()));
    for (leaf, root) in leaves().into_iter().zip(&ROOTS[1..]) {
        frontier.push(leaf);
        edge.push(leaf);
        assert_eq!(frontier.root(), hash(root));
        assert_eq!(edge.root(), hash(root));
    }
}

#[test]
fn the_inclusion_proofs_of_the_certificate_transparency_suite_are_made_and_verify() {
    for (index, size, proof) in INCLUSION {
        let (leaves, proof) = (leaves(), hashes(proof));
        let made = inclusion_ranges(index, size).unwrap().into_iter().map(|range| range_hash(&leaves, range));
        assert_eq!(made.collect::<Vec<_>>(), proof, "{index} of {size}");
        let (place, size_place) = (usize::try_from(index).unwrap(), usize::try_from(size).unwrap());
        verify_inclusion(index, size, leaves[place], &proof, hash(ROOTS[size_place])).unwrap();
    }
}

#[test]
fn the_consistency_proofs_of_the_certificate_transparency_suite_are_made_and_verify() {
    for (old, new, proof) in CONSISTENCY {
        let (leaves, proof) = (leaves(), hashes(proof));
        let made = consistency_ranges(old, new).unwrap().into_iter().map(|range| range_hash(&leaves, range));
        assert_eq!(made.collect::<Vec<_>>(), proof, "{old} to {new}");
        let root = |size| hash(ROOTS[usize::try_from(size).unwrap()]);
        verify_consistency(old, new, root(old), root(new), &proof).unwrap();
    }
}

/// The hash of a range of leaves, by way of its tiling.
fn range_hash(leaves: &[Hash], range: std::ops::Range<u64>) -> Hash {
    let peaks = tiling(range).into_iter().map(|node| {
        let (start, end) = (usize::try_from(node.start).unwrap(), usize::try_from(node.end().unwrap()).unwrap());
        fold_row(&leaves[start..end])
    });
    fold(&peaks.collect::<Vec<_>>())
}

/// Verifier key and note of each published example.
const NOTES: [(&str, &str); 3] = [
    (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
         — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    ),
    (
        "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
         — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n\
         — EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n",
    ),
    (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n\n\
         — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
    ),
];

#[test]
fn published_notes_verify_and_are_written_as_they_were_read() {
    for (key, text) in NOTES {
        let key: VerifierKey = key.parse().unwrap();
        let note = SignedNote::parse(text).unwrap();
        assert_eq!(note.verify(std::slice::from_ref(&key)), Ok(key));
        assert_eq!(note.to_string(), text);
    }
}

#[test]
fn a_note_of_two_known_keys_names_both() {
    let keys: Vec<VerifierKey> = NOTES[..2].iter().map(|(key, _)| key.parse().unwrap()).collect();
    let note = SignedNote::parse(NOTES[1].1).unwrap();
    assert_eq!(note.signers(&keys), Ok(keys.clone()));
    assert_eq!(note.verify(&keys), Ok(keys[0].clone()));
}

#[test]
fn a_published_signature_makes_the_published_line() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (key, text) = NOTES[0];
    let key: VerifierKey = key.parse().unwrap();
    let line = text.lines().last().unwrap();
    let signature = STANDARD.decode(line.rsplit(' ').next().unwrap()).unwrap()[4..].try_into().unwrap();
    assert_eq!(sign_line(key.name(), key.public_key(), &signature), format!("{line}\n"));
}

#[test]
fn published_verifier_keys_are_written_as_they_were_read() {
    // The last is that of the Go checksum database (cmd/go).
    let database = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    for text in NOTES.map(|(key, _)| key).into_iter().chain([database]) {
        assert_eq!(VerifierKey::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn tiles_and_bundles_have_the_paths_of_the_specification() {
    let tiles = [
        (0, 0, 256, "tile/0/000"),
        (0, 1_234_067, 256, "tile/0/x001/x234/067"),
        (0, 1_234_067, 8, "tile/0/x001/x234/067.p/8"),
        (0, 999, 256, "tile/0/999"),
        (0, 1000, 1, "tile/0/x001/000.p/1"),
        (1, 1, 17, "tile/1/001.p/17"),
        (3, 1_000_000, 255, "tile/3/x001/x000/000.p/255"),
    ];
    for (level, index, width, path) in tiles {
        let tile = TileId { level, index, width };
        assert_eq!(tile.path(), path);
        assert_eq!(TileId::from_path(path), Some(tile));
    }
    let bundles = [
        (ENTRIES, 1_234_067, 256, "tile/entries/x001/x234/067"),
        (ENTRIES, 1_234_067, 8, "tile/entries/x001/x234/067.p/8"),
        (BODIES, 0, 255, "tile/bodies/000.p/255"),
    ];
    for (kind, index, width, path) in bundles {
        assert_eq!(bundle_path(kind, index, width), path);
        assert_eq!(parse_bundle_path(kind, path), Some((index, width)));
    }
}

#[test]
fn a_tree_of_70000_has_the_partial_tiles_of_the_specification() {
    let paths: Vec<String> = Edge::tiles(70_000).iter().map(TileId::path).collect();
    assert_eq!(paths, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
}
