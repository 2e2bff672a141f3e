//! The snapshot, its checksum made right: what an agent of another build, or a faulty one, may have written.
#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::fingerprint::{Key, Kind};
use shadowfit_core::model::predict::KnownKinds;
use shadowfit_core::model::snapshot::{Loading, Snapshot};
use std::sync::LazyLock;

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::new("snapshot"));

/// Where the header holds the file's size and checksum, and where it ends; `src/model/snapshot/layout.rs`.
const TOTAL: usize = 16;
const HASH: usize = 48;
const HEADER: usize = 80;

/// With its size and checksum as they must be.
fn sealed(input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    if bytes.len() >= HEADER {
        let total = bytes.len() as u64;
        bytes[TOTAL..TOTAL + 8].copy_from_slice(&total.to_le_bytes());
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..HASH]).update(&bytes[HEADER..]);
        bytes[HASH..HEADER].copy_from_slice(hasher.finalize().as_bytes());
    }
    bytes
}

fuzz_target!(|input: &[u8]| {
    let path = FOLDER.write("snapshot", &sealed(input));
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
