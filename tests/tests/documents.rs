//! Documents and comments: how long they are, where their links lead, and that what they quote is the code.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The most columns of a line of prose or comment.
const COLUMNS: usize = 110;

/// The most bytes of ARCHITECTURE.md.
const ARCHITECTURE: usize = 9 << 10;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of the repository with this ending, and their texts; records are dated history, and left out.
fn files(ending: &str) -> Vec<(PathBuf, String)> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", &format!("*.{ending}")]);
    let out = git.current_dir(repository()).output().unwrap();
    let names = String::from_utf8(out.stdout).unwrap();
    let names = names.lines().filter(|name| !name.starts_with("benches/records/"));
    let files = names.map(PathBuf::from).filter(|name| repository().join(name).is_file());
    let files: Vec<_> =
        files.map(|name| (name.clone(), fs::read_to_string(repository().join(name)).unwrap())).collect();
    assert!(files.len() > 20, "files of the repository");
    files
}

/// The document without what stands in code blocks, line by line with its number.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code && !line.starts_with("    ") {
            lines.push((number + 1, line));
        }
    }
    lines
}

#[test]
fn lines_of_prose_end_at_110_columns() {
    let mut long = Vec::new();
    for (name, text) in files("md").iter().filter(|(name, _)| !name.ends_with("recipes.md")) {
        for (number, line) in prose(text) {
            let is_prose = !line.trim_start().starts_with(['|', '!', '[']);
            if is_prose && line.chars().count() > COLUMNS {
                long.push(format!("{}:{number}", name.display()));
            }
        }
    }
    for (name, text) in &files("rs") {
        for (number, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            // Tables and drawings cannot be broken.
            let is_comment = comment.starts_with("//") && !comment.contains("| ") && !comment.contains("──");
            if is_comment && line.chars().count() > COLUMNS {
                long.push(format!("{}:{}", name.display(), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "longer than {COLUMNS} columns:\n{}", long.join("\n"));
}

#[test]
fn every_link_leads_to_a_file() {
    let mut broken = Vec::new();
    for (name, text) in &files("md") {
        let folder = repository().join(name).parent().unwrap().to_path_buf();
        for (number, line) in prose(text) {
            for (start, _) in line.match_indices("](") {
                let target = line[start + 2..].split([')', '#', ' ']).next().unwrap();
                if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                    broken.push(format!("{}:{number}: {target}", name.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expanded(path: &str) -> Vec<String> {
    let Some((start, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (names, end) = rest.split_once('}').unwrap();
    names.split(',').flat_map(|name| expanded(&format!("{start}{name}{end}"))).collect()
}

#[test]
fn every_path_that_a_document_names_is_there() {
    let rooms = ["core/", "simd/", "std-host/", "tests/", "fixtures/", "benches/", "docs/"];
    let mut missing = Vec::new();
    for (name, text) in &files("md") {
        for (number, line) in prose(text) {
            let quoted = line.split('`').skip(1).step_by(2);
            let paths = quoted.filter(|path| rooms.iter().any(|room| path.starts_with(room)));
            for path in
                paths.filter(|path| !path.contains([' ', '*']) && !path.contains("NAME")).flat_map(expanded)
            {
                // What is planned is not there yet.
                if !repository().join(&path).exists() {
                    missing.push(format!("{}:{number}: {path}", name.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "documents name what is not there:\n{}", missing.join("\n"));
}

#[test]
fn the_architecture_is_short() {
    let bytes = fs::read(repository().join("ARCHITECTURE.md")).unwrap().len();
    assert!(bytes <= ARCHITECTURE, "{bytes} bytes");
}

#[test]
fn the_readme_quotes_the_example() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let example = fs::read_to_string(repository().join("std-host/examples/train_from_rust.rs")).unwrap();
    let (_, code) = readme.split_once("examples/train_from_rust.rs):\n\n```rust\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    assert!(example.ends_with(code), "{code}");
    let main = code.split_once("fn main() -> wta::Result<()> {\n").unwrap().1;
    assert!(main.lines().count() <= 16, "fifteen lines and the brace");
}
