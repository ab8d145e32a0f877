//! Cargo for another target.
//!
//! Where `rustup target add` has been run, its standard library is used. Elsewhere Debian's compiler serves,
//! which lives beside rustup's as `/usr/bin/rustc`: it has a package with a standard library for aarch64, and
//! one with the library's source, of which cargo builds `core` for targets without an operating system.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Availability;
use crate::emulator;

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_RUSTDOC: &str = "/usr/bin/rustdoc";

/// What cargo keeps of the environment's variables about itself. All others (`RUSTFLAGS`,
/// `CARGO_BUILD_TARGET`, `CARGO_PROFILE_*`, ...) are meant for the build that these tests are part of.
const KEPT: &[&str] = &[
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
    "CARGO_BUILD_JOBS",
];

/// A compiler for a target.
#[derive(Clone, Debug)]
pub struct Cross {
    target: &'static str,
    compiler: Compiler,
    linker: Option<PathBuf>,
    runner: Option<String>,
    flags: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compiler {
    /// The default one, with rustup's library for the target.
    Default,
    /// Debian's, with Debian's library for the target.
    Debian,
    /// Debian's, with `core` built from its source.
    DebianFromSource,
}

impl Cross {
    /// A compiler of `no_std` libraries for a target without an operating system.
    pub fn for_libraries(target: &'static str) -> Availability<Self> {
        let compiler = if has_library("rustc", target) {
            Compiler::Default
        } else if !has_library_source(DEBIAN_RUSTC) {
            return Availability::Missing(format!(
                "there is no Rust for {target}: run `rustup target add {target}`, or on Debian .ci/install-cross"
            ));
        } else if let Some(why) = too_old(DEBIAN_RUSTC) {
            return Availability::Missing(why);
        } else {
            Compiler::DebianFromSource
        };
        let cross = Self { target, compiler, linker: None, runner: None, flags: Vec::new() };
        if compiler == Compiler::Default {
            return Availability::Ready(cross);
        }
        // Libraries need neither; but cargo would build `core` again for each flag and each linker.
        let linker = match linker(target) {
            Availability::Ready(linker) => Some(linker),
            Availability::Missing(_) => None,
        };
        Availability::Ready(Self { linker, flags: vec!["-Clinker-flavor=ld"], ..cross })
    }

    /// The same with a linker: rustup's compiler brings one, Debian's takes Arm's, or for RISC-V that of
    /// LLVM.
    pub fn for_firmware(target: &'static str) -> Availability<Self> {
        Self::for_libraries(target).and_then(|cross| match cross.compiler {
            Compiler::Default => Availability::Ready(cross),
            _ => linker(target).and_then(|_| Availability::Ready(cross)),
        })
    }

    /// A compiler for Linux on aarch64 that goes as far as libraries and their assembly.
    pub fn for_aarch64_libraries() -> Availability<Self> {
        let target = "aarch64-unknown-linux-gnu";
        let compiler = if has_library("rustc", target) {
            Compiler::Default
        } else if has_library(DEBIAN_RUSTC, target) {
            Compiler::Debian
        } else {
            return Availability::Missing(format!(
                "there is no Rust for {target}: run `rustup target add {target}`, or on Debian .ci/install-cross"
            ));
        };
        if compiler == Compiler::Debian
            && let Some(why) = too_old(DEBIAN_RUSTC)
        {
            return Availability::Missing(why);
        }
        Availability::Ready(Self { target, compiler, linker: None, runner: None, flags: Vec::new() })
    }

    /// The same with a linker, for programs that run in QEMU; `limit` seconds each.
    ///
    /// They are linked statically: with shared libraries threads hang in qemu-user 7.2.
    pub fn for_aarch64_linux(limit: u32) -> Availability<Self> {
        let linker = emulator::find("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu");
        let tools = linker.and(emulator::find("qemu-aarch64", "qemu-user"));
        Self::for_aarch64_libraries().and(tools).and_then(|(cross, (linker, qemu))| {
            // `timeout` because killing cargo would leave the emulator running. Tests of many random cases
            // look at the variable, and are content with fewer.
            let qemu = qemu.display();
            let runner = Some(format!("env WTA_EMULATED=1 timeout --kill-after=5 {limit} {qemu} -cpu max"));
            let flags = vec!["-Ctarget-feature=+crt-static"];
            Availability::Ready(Self { linker: Some(linker), runner, flags, ..cross })
        })
    }

    /// Whether Debian's compiler is used, as in CI: another one makes programs of other sizes.
    pub fn is_from_debian(&self) -> bool {
        self.compiler != Compiler::Default
    }

    /// Where a profile's programs are after a build with [`cargo`](Self::cargo).
    pub fn programs(&self, tmpdir: &str, profile: &str) -> PathBuf {
        self.target_dir(tmpdir).join(self.target).join(profile)
    }

    /// One directory for each target, so that tests in parallel do not wait for each other's builds.
    fn target_dir(&self, tmpdir: &str) -> PathBuf {
        Path::new(tmpdir).join("cross").join(self.target)
    }

    /// [`cargo`](Self::cargo) with `--release` and the settings of the firmware's own profile, of
    /// tests/firmware/Cargo.toml: `core`, when it is built from source, is then built once for all of them.
    pub fn cargo_as_for_firmware(&self, subcommand: &str, tmpdir: &str) -> Command {
        let mut cargo = self.cargo(subcommand, tmpdir);
        for (key, value) in
            [("LTO", "true"), ("CODEGEN_UNITS", "1"), ("OPT_LEVEL", "3"), ("DEBUG", "line-tables-only")]
        {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
        }
        cargo.arg("--release");
        cargo
    }

    /// `cargo SUBCOMMAND --target ...` with the workspace's root as its directory and with no more of this
    /// build's environment than it should see.
    ///
    /// What it builds goes below `tmpdir`, which is `env!("CARGO_TARGET_TMPDIR")`: inside the workspace's
    /// target directory, apart from the build that the tests are part of. Lock files must be up to date: a
    /// test does not change the source.
    pub fn cargo(&self, subcommand: &str, tmpdir: &str) -> Command {
        self.cargo_in(subcommand, &self.target_dir(tmpdir))
    }

    /// [`cargo`](Self::cargo) with this target directory.
    pub fn cargo_in(&self, subcommand: &str, target_dir: &Path) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let variables = env::vars_os().map(|(name, _)| name);
        variables.filter(|name| !is_kept(name)).for_each(|name| {
            cargo.env_remove(name);
        });
        // Even when empty, this overrides what configuration files say about flags.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", self.flags.join("\u{1f}"));
        let variable = |what| format!("CARGO_TARGET_{}_{what}", shouted(self.target));
        if let Some(linker) = &self.linker {
            cargo.env(variable("LINKER"), linker);
        }
        if let Some(runner) = &self.runner {
            cargo.env(variable("RUNNER"), runner);
        }
        cargo.current_dir(workspace()).args([subcommand, "--locked", "--target", self.target]);
        cargo.arg("--target-dir").arg(target_dir);
        if self.compiler != Compiler::Default {
            cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTDOC", DEBIAN_RUSTDOC);
        }
        if self.compiler == Compiler::DebianFromSource {
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=core");
        }
        cargo
    }
}

/// A linker of firmware with the command line of GNU's.
fn linker(target: &str) -> Availability<PathBuf> {
    if target.starts_with("riscv") {
        emulator::find("ld.lld", "lld")
    } else {
        emulator::find("arm-none-eabi-ld", "binutils-arm-none-eabi")
    }
}

fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

fn is_kept(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    let about_cargo = name.starts_with("CARGO") || name.starts_with("RUSTC") || name.starts_with("RUSTDOC");
    // Cargo's own path for the tests' shared libraries, which another compiler must not see.
    let harmful = about_cargo || name == "RUSTFLAGS" || name == "LD_LIBRARY_PATH";
    !harmful || KEPT.iter().any(|kept| name.starts_with(kept))
}

/// The target's name in the names of cargo's environment variables.
fn shouted(target: &str) -> String {
    target.to_uppercase().replace(['-', '.'], "_")
}

/// What a compiler prints, if it can be run and succeeds.
fn printed(rustc: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(rustc).env_remove("LD_LIBRARY_PATH").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn has_library(rustc: &str, target: &str) -> bool {
    let folder = printed(rustc, &["--print", "target-libdir", "--target", target]);
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

fn has_library_source(rustc: &str) -> bool {
    let root = printed(rustc, &["--print", "sysroot"]);
    root.is_some_and(|root| Path::new(&root).join("lib/rustlib/src/rust/library/Cargo.lock").is_file())
}

/// Why a compiler does not do for this workspace, if it is older than the workspace's `rust-version`.
fn too_old(rustc: &str) -> Option<String> {
    let required = env!("CARGO_PKG_RUST_VERSION");
    let version = printed(rustc, &["--version"]).unwrap_or_default();
    let found = version.split(' ').nth(1).unwrap_or_default();
    (release(found) < release(required)).then(|| {
        format!("{rustc} is {version:?}, but this workspace needs Rust {required}: run .ci/install-cross")
    })
}

/// Major and minor version.
fn release(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_builds_settings_are_dropped_and_the_network_settings_kept() {
        for dropped in ["RUSTFLAGS", "RUSTC", "RUSTC_WRAPPER", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            assert!(!is_kept(OsStr::new(dropped)), "{dropped}");
        }
        for kept in ["PATH", "HOME", "CARGO_HOME", "CARGO_NET_OFFLINE", "RUSTUP_TOOLCHAIN", "RUST_BACKTRACE"]
        {
            assert!(is_kept(OsStr::new(kept)), "{kept}");
        }
    }

    #[test]
    fn targets_are_spelt_as_cargo_does() {
        assert_eq!(shouted("thumbv8m.main-none-eabihf"), "THUMBV8M_MAIN_NONE_EABIHF");
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(release("1.63.0") < release("1.90"));
        assert!(release("1.100.1") > release("1.99.0"));
        assert_eq!(release("rubbish"), (0, 0));
    }

    #[test]
    fn the_hosts_library_is_found_and_a_made_up_targets_is_not() {
        let host = printed("rustc", &["--print", "host-tuple"]).unwrap();
        assert!(has_library("rustc", &host));
        assert!(!has_library("rustc", "no-such-target"));
        assert!(!has_library("no-such-compiler", &host));
    }

    #[test]
    fn a_compiler_that_cannot_be_run_is_too_old() {
        assert!(too_old("no-such-compiler").is_some());
        assert_eq!(too_old("rustc"), None);
    }
}
