//! Files import only what lies below them, in the order that docs/floors.md writes down.

use std::fs;
use std::path::Path;

use wta_tests::floors::{Floors, sources};

#[test]
fn every_file_imports_only_from_floors_below() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let floors = Floors::of_document(&fs::read_to_string(repository.join("docs/floors.md")).unwrap());
    let mut violations = Vec::new();
    for crate_sources in ["core/src", "core/c/src", "simd/src", "std-host/src", "std-host/cli/src"] {
        violations.extend(floors.violations(crate_sources, &sources(&repository, crate_sources).unwrap()));
    }
    assert!(violations.is_empty(), "against docs/floors.md:\n{}", violations.join("\n"));
}
