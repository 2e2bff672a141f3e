//! Rust's sides of the contracts are what bindgen makes of the headers today.
//!
//! After a change of one of them:
//! `SHADOWFIT_UPDATE=1 cargo test --test contract -- --ignored` writes the files anew.

use std::path::Path;

/// Each header, and Rust's side of it.
const CONTRACTS: [(&str, &str); 2] = [
    ("c_shim/shadowfit_core.h", "src/slurmctld/contract.rs"),
    ("c_shim/shadow_contract.h", "src/shadow/contract.rs"),
];

fn generated(header: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    bindgen::Builder::default()
        .header(root.join(header).to_str().expect("a path in UTF-8"))
        .allowlist_type("shadowfit_.*")
        .allowlist_var("SHADOWFIT_.*")
        .disable_header_comment()
        .raw_line(format!(
            "// Made from {header} by bindgen; tests/contract.rs says how."
        ))
        .merge_extern_blocks(true)
        .generate()
        .expect("bindgen reads the header")
        .to_string()
}

#[test]
#[ignore = "needs libclang; scripts/test runs it"]
fn the_committed_bindings_are_what_the_headers_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (header, binding) in CONTRACTS {
        let (generated, path) = (generated(header), root.join(binding));
        if std::env::var_os("SHADOWFIT_UPDATE").is_some() {
            std::fs::write(&path, &generated).expect("the binding is writable");
        }
        let committed = std::fs::read_to_string(&path).expect("the binding is there");
        assert!(
            committed == generated,
            "{binding} is not what {header} says; SHADOWFIT_UPDATE=1 writes it anew"
        );
    }
}
