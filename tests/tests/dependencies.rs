//! What the packages depend on: licences and bans by `deny.toml`, and what the library must do without.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What `cargo metadata` says.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    license: Option<String>,
    source: Option<String>,
    publish: Option<Vec<String>>,
    description: Option<String>,
    keywords: Vec<String>,
    categories: Vec<String>,
    readme: Option<String>,
    rust_version: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Of this platform: what is built.
fn metadata() -> Metadata {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--all-features"]);
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let out = cargo.current_dir(repository()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// `deny.toml`, as far as it is looked at here.
#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

impl Licences {
    /// What is allowed for a package.
    fn of(&self, package: &str) -> BTreeSet<String> {
        let exceptions = self.exceptions.iter().filter(|exception| exception.name == package);
        exceptions.flat_map(|exception| &exception.allow).chain(&self.allow).cloned().collect()
    }
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    name: String,
}

fn deny() -> Deny {
    toml::from_str(&fs::read_to_string(repository().join("deny.toml")).unwrap()).unwrap()
}

/// Whether an SPDX expression can be met with these licences.
fn is_allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    let expression = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX).unwrap();
    expression.evaluate(|requirement| allow.contains(&requirement.to_string()))
}

#[test]
fn every_licence_is_allowed_and_nothing_banned_is_there() {
    let (metadata, deny) = (metadata(), deny());
    assert!(metadata.packages.len() > 50, "a list of all packages");
    let foreign = metadata.packages.iter().filter(|package| package.source.is_some());
    for Package { name, license, .. } in foreign {
        let expression = license.as_deref().unwrap_or_else(|| panic!("{name} says no licence"));
        assert!(is_allowed(expression, &deny.licenses.of(name)), "{name}: {expression} is not in deny.toml");
        assert!(!deny.bans.deny.iter().any(|banned| banned.name == *name), "{name} is banned in deny.toml");
    }
}

#[test]
fn what_is_not_allowed_would_be_found() {
    let allow = deny().licenses.allow;
    for good in ["MIT", "MIT OR GPL-3.0-only", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(is_allowed(good, &allow), "{good}");
    }
    for bad in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "MPL-2.0"] {
        assert!(!is_allowed(bad, &allow), "{bad}");
    }
}

/// The names of all that a package is built with, itself included; what tests need is left out.
fn built_with(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let names: BTreeMap<&str, &str> =
        metadata.packages.iter().map(|package| (&*package.id, &*package.name)).collect();
    let mut left = vec![metadata.packages.iter().find(|package| package.name == name).unwrap().id.as_str()];
    let mut found = BTreeSet::new();
    while let Some(id) = left.pop() {
        if !found.insert(names[id].to_owned()) {
            continue;
        }
        let node = metadata.resolve.nodes.iter().find(|node| node.id == id).unwrap();
        let built = node
            .deps
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev")));
        left.extend(built.map(|dependency| dependency.pkg.as_str()));
    }
    found
}

#[test]
fn the_library_does_without_what_only_a_program_needs() {
    let metadata = metadata();
    let program = ["clap", "signal-hook", "indicatif"].map(str::to_owned);
    let found = built_with(&metadata, "wta");
    assert!(found.contains("wta-core") && found.contains("rayon"), "{found:?}");
    assert!(program.iter().all(|name| !found.contains(name)), "{found:?}");
    let found = built_with(&metadata, "wta-cli");
    assert!(program.iter().all(|name| found.contains(name)), "{found:?}");
}

#[test]
fn the_core_stays_light() {
    let metadata = metadata();
    let found = built_with(&metadata, "wta-simd");
    for host in ["std", "rayon", "serde", "faer", "image"] {
        assert!(!found.contains(host), "{found:?}");
    }
}

#[test]
fn every_package_is_ready_to_be_published() {
    let metadata = metadata();
    let ours = metadata.packages.iter().filter(|package| package.source.is_none());
    let (kept, published): (Vec<&Package>, Vec<&Package>) = ours.partition(|p| p.publish == Some(Vec::new()));
    let names = |packages: &[&Package]| packages.iter().map(|p| p.name.clone()).collect::<BTreeSet<_>>();
    assert_eq!(names(&kept), ["wta-benches", "wta-tests"].map(str::to_owned).into());
    assert_eq!(
        names(&published),
        ["wta", "wta-c", "wta-cli", "wta-core", "wta-simd"].map(str::to_owned).into()
    );
    for package in published {
        let name = &package.name;
        assert!(package.description.as_ref().is_some_and(|text| text.len() > 20), "{name}: description");
        assert!((3..=5).contains(&package.keywords.len()), "{name}: keywords");
        assert!(!package.categories.is_empty(), "{name}: categories");
        assert!(package.readme.is_some() && package.rust_version.is_some(), "{name}: readme, rust-version");
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{name}");
    }
}

/// The lines of the library's code, without comments and tests.
fn code(folder: &Path, lines: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            code(&path, lines);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.extend(code.map(|line| (path.clone(), line.to_owned())));
        }
    }
}

#[test]
fn no_sentence_of_the_library_names_a_flag() {
    let mut lines = Vec::new();
    code(&repository().join("std-host/src"), &mut lines);
    assert!(lines.len() > 5_000, "the library's code");
    let names_a_flag = |line: &str| {
        line.match_indices("--").any(|(at, _)| line[at + 2..].starts_with(|c: char| c.is_ascii_lowercase()))
    };
    assert!(names_a_flag("give --steps"));
    let found: Vec<_> = lines.iter().filter(|(_, line)| names_a_flag(line)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Else `cargo run --release -- demo`, the README's first command, would not know which one is meant.
#[test]
fn the_workspace_has_one_program() {
    let own = metadata().packages.into_iter().filter(|package| package.source.is_none());
    let targets = own.flat_map(|package| package.targets);
    let programs = targets.filter(|target| target.kind.iter().any(|kind| kind == "bin"));
    assert_eq!(programs.map(|target| target.name).collect::<Vec<_>>(), ["wta"]);
}
