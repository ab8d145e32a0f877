//! The C library as C programmers get it: installed by `core/c/install.sh`, found by CMake and pkg-config, on
//! this computer and for a Cortex-M4F in QEMU; and the header with every compiler and standard.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wta_tests::{Cross, emulator, require, run};

const TMPDIR: &str = env!("CARGO_TARGET_TMPDIR");
const ARM: &str = "thumbv7em-none-eabihf";

/// What a header must bear, and more than that.
const STRICT: &[&str] =
    &["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Wcast-align", "-Werror"];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn script() -> Command {
    Command::new(workspace().join("core/c/install.sh"))
}

/// Runs a command, which must succeed, and returns what it printed.
#[track_caller]
fn good(command: Command) -> String {
    let what = format!("{command:?}");
    let finished = run(command).unwrap();
    assert!(finished.success(), "{what}: {}\n{}", finished.ending(), finished.output);
    finished.output
}

fn tool(program: &str, package: &str) -> Option<PathBuf> {
    require(emulator::find(program, package))
}

/// A folder of CMake, configured, built and tested.
#[track_caller]
fn builds_and_passes(source: &Path, build: &Path, settings: &[String]) {
    let (Some(cmake), Some(ctest)) = (tool("cmake", "cmake"), tool("ctest", "cmake")) else { return };
    if tool("ninja", "ninja-build").is_none() {
        return;
    }
    let mut configure = Command::new(&cmake);
    configure.arg("-G").arg("Ninja").arg("-S").arg(source).arg("-B").arg(build).args(settings);
    good(configure);
    let mut compile = Command::new(cmake);
    compile.arg("--build").arg(build);
    good(compile);
    let mut test = Command::new(ctest);
    test.current_dir(build).args(["-j2", "--output-on-failure", "--no-tests=error"]);
    good(test);
}

#[test]
fn a_host_finds_the_installed_library() {
    let folder = TempDir::new().unwrap();
    // As a packager does: what is installed is not where it was said to be.
    let mut install = script();
    install.env("DESTDIR", folder.path()).args(["--prefix", "/opt/wta", "--libdir=lib/some/where"]);
    install.arg("--build").arg(Path::new(TMPDIR).join("c-host"));
    good(install);
    let prefix = folder.path().join("moved");
    fs::rename(folder.path().join("opt/wta"), &prefix).unwrap();
    let at = |path: &str| prefix.join(path).to_str().unwrap().to_owned();
    let (include, library) = (at("include"), at("lib/some/where/libwta_c.a"));
    let example = workspace().join("core/c/example");

    for (compiler, package) in [("gcc", "gcc"), ("clang", "clang")] {
        let Some(cc) = tool(compiler, package) else { continue };
        let settings = [
            format!("-DCMAKE_C_COMPILER={}", cc.display()),
            format!("-DCMAKE_PREFIX_PATH={}", prefix.display()),
            format!("-Dwta_DIR={}", at("lib/some/where/cmake/wta")),
            format!("-DCMAKE_C_FLAGS={}", STRICT.join(" ")),
        ];
        builds_and_passes(&example, &folder.path().join(compiler), &settings);

        // Every function in a shared library, and a program of that; or what a program uses alone.
        let run_in = |arguments: &[&str]| {
            let mut command = Command::new(&cc);
            command.current_dir(folder.path()).args(["-std=c99", "-I", &include]).args(arguments);
            good(command);
        };
        let learn = example.join("learn.c").to_str().unwrap().to_owned();
        let whole = ["-Wl,--whole-archive", &library, "-Wl,--no-whole-archive"];
        run_in(&[&["-shared", "-Wl,-z,defs", "-o", "libwta.so"][..], &whole].concat());
        for link in
            [&["-L.", "-lwta", "-Wl,-rpath,$ORIGIN"][..], &[&library], &[&library, "-Wl,--gc-sections"]]
        {
            run_in(&[&["-o", "learn", &learn][..], link].concat());
            let said = good(Command::new(folder.path().join("learn")));
            assert!(said.contains("that of a fault"), "{said}");
        }
        if let Some(pkg_config) = tool("pkg-config", "pkg-config") {
            let mut flags = Command::new(pkg_config);
            flags
                .env("PKG_CONFIG_LIBDIR", at("lib/some/where/pkgconfig"))
                .args(["--cflags", "--libs", "wta"]);
            let flags = good(flags);
            let flags: Vec<&str> = flags.split_whitespace().collect();
            run_in(&[&["-o", "found", &learn][..], &flags].concat());
            good(Command::new(folder.path().join("found")));
        }
    }
    every_compiler_takes_the_header(folder.path(), &include, &library);
}

/// Twice in one file, in every standard of C and C++ that is promised; and programs of C++.
fn every_compiler_takes_the_header(folder: &Path, include: &str, library: &str) {
    const TEXT: &str = "#include <wta.h>\n#include <wta.h>\n#if WTA_VERSION_MAJOR < 0\n#error version\n#endif\n\
        static struct wta_model model;\nwta_status check(const char **text);\n\
        wta_status check(const char **text) { wta_status status = wta_model_init(&model, NULL, 0);\n\
        *text = status == WTA_OK ? wta_version() : wta_status_text(status); return status; }\n\
        int main(void) { const char *text; return check(&text) == WTA_ERROR_NULL && text[0] == 'a' ? 0 : 1; }\n";
    fs::write(folder.join("header.c"), TEXT).unwrap();
    fs::write(folder.join("header.cpp"), TEXT).unwrap();
    let (c, cpp) = (["c99", "c11", "c17"], ["c++11", "c++14", "c++17", "c++20"]);
    let only_c = ["-Wc++-compat", "-Wstrict-prototypes"];
    for (compiler, package) in
        [("gcc", "gcc"), ("clang", "clang"), ("arm-none-eabi-gcc", "gcc-arm-none-eabi")]
    {
        let Some(cc) = tool(compiler, package) else { continue };
        for standard in c {
            let mut command = Command::new(&cc);
            command.current_dir(folder).args(STRICT).args(only_c).arg(format!("-std={standard}"));
            command.args(["-I", include, "-fsyntax-only", "header.c"]);
            good(command);
        }
    }
    for (compiler, package) in [("g++", "g++"), ("clang++", "clang")] {
        let Some(cc) = tool(compiler, package) else { continue };
        for standard in cpp {
            let mut command = Command::new(&cc);
            command.current_dir(folder).args(STRICT).arg(format!("-std={standard}"));
            command.args(["-Wold-style-cast", "-I", include, "header.cpp", library, "-o", "header"]);
            good(command);
            good(Command::new(folder.join("header")));
        }
    }
}

#[test]
fn an_arm_toolchain_finds_the_library_for_the_chip() {
    let Some(cross) = require(Cross::for_firmware(ARM)) else { return };
    if tool("arm-none-eabi-gcc", "gcc-arm-none-eabi").is_none() {
        return;
    }
    if tool("qemu-system-arm", "qemu-system-arm").is_none() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let prefix = folder.path().join("wta");
    let mut install = script();
    // With the flags of the other builds for this target, so that what they share is built once.
    let cargo = cross.cargo_as_for_firmware("rustc", TMPDIR);
    for (name, value) in cargo.get_envs() {
        match value {
            Some(value) => install.env(name, value),
            None => install.env_remove(name),
        };
    }
    install.args(["--target", ARM, "--features", "dsp", "--prefix"]).arg(&prefix);
    let programs = cross.programs(TMPDIR, "release");
    install.arg("--build").arg(programs.ancestors().nth(2).unwrap());
    good(install);
    let settings = [
        "-DCMAKE_TOOLCHAIN_FILE=cortex-m4f.cmake".to_owned(),
        format!("-DCMAKE_PREFIX_PATH={}", prefix.display()),
    ];
    builds_and_passes(&workspace().join("tests/firmware/c"), &folder.path().join("build"), &settings);
}

#[test]
fn what_cannot_be_installed_gets_one_sentence() {
    for (arguments, code, sentence) in [
        (&["--prefx", "/tmp"][..], 2, "install.sh: --prefx is not an option: see --help"),
        (&["--prefix"], 2, "install.sh: --prefix needs a value: see --help"),
        (&["--prefix="], 2, "install.sh: the value of --prefix is empty: leave the option out"),
        (&["--opt-level", "0"], 2, "--opt-level is 0, but must be 1, 2, 3, s or z"),
        (&["--libdir=../lib"], 2, "--libdir is ../lib, but must be a plain folder below the prefix"),
        (&["--features", "dsp,panics"], 2, "the feature panics is for the tests of this repository"),
        (&["--target", "pdp11-none"], 1, "pdp11-none is not a target of Rust: `rustc --print target-list`"),
    ] {
        let mut command = script();
        command.env_remove("RUSTC").args(arguments);
        let finished = run(command).unwrap();
        let status = finished.status.unwrap();
        assert_eq!((status.code(), finished.output.lines().count()), (Some(code), 1), "{}", finished.output);
        assert!(finished.output.contains(sentence), "{}", finished.output);
    }
    let mut help = script();
    help.arg("--help");
    assert!(good(help).contains("--target TRIPLE"));
}
