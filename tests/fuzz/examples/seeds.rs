//! Writes the valid inputs that every target starts from: `corpus/TARGET/seed-NUMBER`, where cargo-fuzz
//! looks.

#![allow(clippy::unwrap_used, reason = "ends with what is wrong")]

use std::fs;
use std::path::Path;

fn main() {
    for target in wta_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}
