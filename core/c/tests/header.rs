//! `include/wta.h` is what cbindgen makes of the source, and C and C++ compilers take it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests report by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const AGAIN: &str = "WTA_WRITE_HEADER";

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header() -> PathBuf {
    package().join("include/wta.h")
}

fn generated() -> Vec<u8> {
    let mut config = cbindgen::Config::from_file(package().join("cbindgen.toml")).unwrap();
    config.after_includes = Some(version());
    let mut builder = cbindgen::Builder::new().with_config(config);
    // In the order of the header.
    for file in [
        "status", "memory", "network", "images", "model", "infer", "whole", "train", "units", "learn",
        "detect",
    ] {
        builder = builder.with_src(package().join(format!("src/{file}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    without_tag(&String::from_utf8(text).unwrap()).into_bytes()
}

/// The package's version, as macros.
fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text =
        String::from("\n/* The version that this header is of; `wta_version` is the library's. */\n");
    for (name, number) in ["MAJOR", "MINOR", "PATCH"].iter().zip(version.split('.')) {
        text += &format!("#define WTA_VERSION_{name} {number}\n");
    }
    text + &format!("#define WTA_VERSION \"{version}\"\n")
}

/// In C, a status is an integer of 32 bits and its numbers are an enumeration without a name: one name for
/// both is not C++, of which `-Wc++-compat` warns.
fn without_tag(header: &str) -> String {
    const CONDITION: &str = "#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L\n";
    let tagged = format!("enum wta_status\n{CONDITION}  : int32_t\n");
    assert_eq!(header.matches(&tagged).count(), 1, "cbindgen writes the enumeration in another way");
    header.replace(&tagged, &format!("enum\n{CONDITION}  wta_status : int32_t\n"))
}

#[test]
fn the_header_is_made_of_the_source() {
    let generated = generated();
    if std::env::var_os(AGAIN).is_some() {
        fs::write(header(), &generated).unwrap();
    }
    assert!(
        fs::read(header()).unwrap_or_default() == generated,
        "core/c/include/wta.h is not what the source says: make it again with \
         `{AGAIN}=1 cargo test -p wta-c --test header`"
    );
}

/// A constant is a number or a text: the name of another constant of Rust's would be nothing in C.
#[test]
fn every_constant_has_its_value() {
    let header = fs::read_to_string(header()).unwrap();
    let constants = header.lines().filter_map(|line| line.strip_prefix("#define WTA_"));
    let mut found = 0;
    for (name, value) in constants.filter_map(|constant| constant.split_once(' ')) {
        let is_text = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
        let number = value.strip_prefix('-').unwrap_or(value);
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        assert!(is_text || is_number, "WTA_{name} is {value}");
        found += 1;
    }
    assert!(found > 20, "{found} constants");
}

/// All functions that the library exports are in the header, so that none is in a file that is left out.
#[test]
fn every_function_is_declared() {
    let header = fs::read_to_string(header()).unwrap();
    let mut exported = 0;
    for file in fs::read_dir(package().join("src")).unwrap() {
        let file = file.unwrap().path();
        if file.ends_with("no_panic.rs") {
            continue; // What it exports is for tests.
        }
        let source = fs::read_to_string(file).unwrap();
        for declaration in source.split("#[unsafe(no_mangle)]").skip(1) {
            let name = declaration.split("fn ").nth(1).unwrap().split('(').next().unwrap();
            assert!(header.contains(&format!("{name}(")), "{name} is not in wta.h");
            exported += 1;
        }
    }
    assert!(exported >= 15, "{exported} functions");
}

#[test]
fn c_and_cpp_compilers_take_the_header() {
    let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header.c");
    fs::write(&source, "#include \"wta.h\"\n#include \"wta.h\"\n").unwrap();
    for language in [
        &["-x", "c", "-std=c99", "-Wc++-compat"][..],
        &["-x", "c", "-std=c11", "-Wc++-compat"],
        &["-x", "c++", "-std=c++11"],
    ] {
        let mut cc = Command::new("cc");
        cc.args(strict).arg("-I").arg(package().join("include")).args(language).arg(&source);
        let output = cc.output().expect("`cc` must be there: Rust links with it");
        let said = String::from_utf8_lossy(&output.stderr);
        if language.contains(&"c++") && said.contains("cc1plus") {
            continue; // A compiler of C alone.
        }
        assert!(output.status.success(), "{language:?}: {said}");
    }
}
