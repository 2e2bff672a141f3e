//! Rust's side of the contract is what bindgen makes of the header today.
//!
//! After a change of `c_shim/shadowfit_core.h`:
//! `SHADOWFIT_UPDATE=1 cargo test --test contract -- --ignored` writes the file anew.

use std::path::Path;

const HEADER: &str = "c_shim/shadowfit_core.h";
const BINDING: &str = "src/slurmctld/contract.rs";

#[test]
#[ignore = "needs libclang; scripts/test runs it"]
fn the_committed_binding_is_what_the_header_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generated = bindgen::Builder::default()
        .header(root.join(HEADER).to_str().expect("a path in UTF-8"))
        .allowlist_type("shadowfit_.*")
        .allowlist_var("SHADOWFIT_.*")
        .disable_header_comment()
        .raw_line(format!(
            "// Made from {HEADER} by bindgen; tests/contract.rs says how."
        ))
        .merge_extern_blocks(true)
        .generate()
        .expect("bindgen reads the header")
        .to_string();
    let path = root.join(BINDING);
    if std::env::var_os("SHADOWFIT_UPDATE").is_some() {
        std::fs::write(&path, &generated).expect("the binding is writable");
    }
    let committed = std::fs::read_to_string(&path).expect("the binding is there");
    assert!(
        committed == generated,
        "{BINDING} is not what {HEADER} says; SHADOWFIT_UPDATE=1 writes it anew"
    );
}
