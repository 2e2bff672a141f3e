//! The snapshot, its checksum made right: what an agent of another build, or a faulty one, may have written.
#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::fingerprint::{Key, Kind};
use shadowfit_core::job::directory::{Directory, Watermark};
use shadowfit_core::model::curve::{Curve, Knot};
use shadowfit_core::model::learned::Learned;
use shadowfit_core::model::predict::KnownKinds;
use shadowfit_core::model::seats::SeatUse;
use shadowfit_core::model::snapshot::{Loading, Snapshot};
use std::sync::{LazyLock, Once};

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::new("snapshot"));

/// Where the header holds the file's size and checksum, and where it ends; `src/model/snapshot/layout.rs`.
const TOTAL: usize = 16;
const HASH: usize = 56;
const HEADER: usize = 88;

/// As the agent writes it: two kinds, one with curves, one with a license.
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let knot = |input| Knot {
        input,
        enough: input / 2.0,
    };
    let by_input = Learned {
        memory: Curve(vec![knot(9.0), knot(20.0)]),
        time: Curve(vec![knot(9.0)]),
        ..Learned::default()
    };
    let licensed = Learned {
        seats: vec![SeatUse::default()],
        ..Learned::default()
    };
    let kinds = [(Key(7), by_input), (Key(9), licensed)];
    Snapshot::encode(kinds.iter(), Watermark::default(), &Directory::default())
});

/// An input says how the good one is changed: a `0` leaves its byte as it is, so that the corpus is text. What is longer
/// is appended; what is shorter cuts it off.
fn changed(input: &[u8]) -> Vec<u8> {
    let mut bytes = GOOD.clone();
    bytes.resize(input.len().max(HEADER), b'0');
    for (byte, change) in bytes.iter_mut().zip(input) {
        *byte ^= change ^ b'0';
    }
    bytes
}

/// With its size and checksum as they must be.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let total = bytes.len() as u64;
    bytes[TOTAL..TOTAL + 8].copy_from_slice(&total.to_le_bytes());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..HASH]).update(&bytes[HEADER..]);
    bytes[HASH..HEADER].copy_from_slice(hasher.finalize().as_bytes());
    bytes
}

/// Otherwise nothing is read behind the header, and nobody would notice.
fn knows_the_header() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let path = FOLDER.write("snapshot", &sealed(GOOD.clone()));
        assert_eq!(Snapshot::load(&path).map(|good| good.len()).ok(), Some(2));
        assert!(
            sealed(GOOD.clone()) == *GOOD,
            "where size and checksum stand"
        );
    });
}

fuzz_target!(|input: &[u8]| {
    knows_the_header();
    let path = FOLDER.write("snapshot", &sealed(changed(input)));
    let Ok(snapshot) = Snapshot::load(&path) else {
        return;
    };
    let mut keys: Vec<Key> = snapshot.entries().map(|(key, _)| key).take(100).collect();
    keys.push(Key(7));
    for key in keys {
        for bytes in [None, Some(0), Some(1 << 30), Some(u64::MAX)] {
            let _evidence = snapshot.find(key, bytes);
        }
        let kind = Kind {
            name: Some(key),
            ..Kind::default()
        };
        let _seats = snapshot.seats(&kind, 1);
    }
    let mut opened = Snapshot::load(&path).expect("it was loaded just now");
    let _differs = opened.open(|_, left| left / 2);
    let sealed = opened.sealed(7).to_vec();
    assert!(Snapshot::read(sealed).is_ok_and(|read| read.looked() == 7));
    let mut loading = Loading::begin(&path).expect("it was loaded just now");
    let pieces = std::iter::from_fn(|| {
        loading
            .advance(1000)
            .expect("as before")
            .map_or(Some(None), |whole| Some(Some(whole)))
    });
    let whole = pieces.flatten().next();
    assert_eq!(whole.map(|whole| whole.len()), Some(snapshot.len()));
});
