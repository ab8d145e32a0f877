//! The firmware, built once for all tests, and what its programs report when they run.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use wta_tests::emulator::CortexM4;
use wta_tests::{Availability, Cross, emulator, require, run, run_within};

use crate::costs::{self, Costs};

const TARGET: &str = "thumbv7em-none-eabihf";
pub(crate) const TMPDIR: &str = env!("CARGO_TARGET_TMPDIR");

/// A compiler and a board.
pub(crate) struct Board {
    cross: Cross,
    emulator: CortexM4,
}

/// The board with all programs built; `None` where the tools are missing.
pub(crate) fn board() -> Option<&'static Board> {
    static BOARD: OnceLock<Availability<Board>> = OnceLock::new();
    let board = BOARD.get_or_init(|| {
        Cross::for_firmware(TARGET).and(emulator::CortexM4::find()).and_then(|(cross, emulator)| {
            let board = Board { cross, emulator };
            let built = run(board.cargo_build()).unwrap();
            assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);
            Availability::Ready(board)
        })
    });
    match board {
        Availability::Ready(board) => Some(board),
        Availability::Missing(why) => require(Availability::Missing(why.clone())),
    }
}

impl Board {
    /// `cargo build --release` of the firmware.
    pub(crate) fn cargo_build(&self) -> Command {
        self.cargo_build_as("release")
    }

    /// `cargo build --profile ...` of the firmware.
    pub(crate) fn cargo_build_as(&self, profile: &str) -> Command {
        let mut cargo = self.cross.cargo("build", TMPDIR);
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/Cargo.toml");
        cargo.args(["--profile", profile]).arg("--manifest-path").arg(manifest);
        cargo
    }

    /// Where a program is.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.cross.programs(TMPDIR, "release").join(name)
    }

    /// The compiler.
    pub(crate) fn cross(&self) -> &Cross {
        &self.cross
    }

    /// Runs a program to its end, which must be a good one, and compares its costs with what is recorded.
    pub(crate) fn run(&self, name: &str, limit: Duration) -> Report {
        self.run_file(name, &self.program(name), limit)
    }

    /// The same for a program that lies elsewhere.
    pub(crate) fn run_file(&self, name: &str, program: &Path, limit: Duration) -> Report {
        let ran = run_within(limit, self.emulator.command(program)).unwrap();
        assert!(ran.success(), "{name}: QEMU: {}\n{}", ran.ending(), ran.output);
        assert_eq!(ran.output.lines().last(), Some("done"), "{name}: {}", ran.output);
        let mut report = Report::new(ran.output);
        report.costs = costs::of(program, report.number("stack"), report.numbers("instructions"));
        costs::check(name, &report.costs, self.cross.is_from_debian());
        report
    }
}

/// What a program printed: lines of a name and numbers.
pub(crate) struct Report {
    output: String,
    costs: Costs,
}

impl Report {
    /// Of a program whose costs are not recorded.
    pub(crate) fn new(output: String) -> Self {
        Self { output, costs: Costs::default() }
    }

    /// All that comes after this name, line by line.
    fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.output.lines().map(str::split_whitespace);
        lines.filter_map(move |mut words| (words.next() == Some(name)).then_some(words)).flatten()
    }

    /// The lines of a name and one number.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, u64)> {
        let pairs = self.output.lines().filter_map(|line| line.split_once(' '));
        pairs.filter_map(|(name, number)| Some((name, number.parse().ok()?)))
    }

    /// The words with this name.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        self.words(name).collect()
    }

    /// Bytes of RAM that the program took, stack included.
    pub(crate) fn ram(&self) -> u64 {
        self.costs.ram + self.costs.stack
    }

    /// The numbers with this name.
    pub(crate) fn numbers(&self, name: &str) -> Vec<u64> {
        self.words(name).map(|word| word.parse().unwrap()).collect()
    }

    /// The only number with this name.
    pub(crate) fn number(&self, name: &str) -> u64 {
        match self.numbers(name)[..] {
            [number] => number,
            _ => panic!("not one number is called {name}:\n{}", self.output),
        }
    }

    /// The numbers with this name, which were printed as their bits.
    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        self.words(name).map(|bits| f32::from_bits(u32::from_str_radix(bits, 16).unwrap())).collect()
    }
}

/// Asserts that the board found the same numbers as this computer, to the bit.
#[track_caller]
pub(crate) fn assert_same_bits(what: impl Debug, board: &[f32], here: &[f32]) {
    assert_eq!(board.len(), here.len(), "{what:?}");
    for (index, (board, here)) in board.iter().zip(here).enumerate() {
        assert!(
            board.to_bits() == here.to_bits(),
            "{what:?}, number {index}: {board:e} on the board, {here:e} here"
        );
    }
}
