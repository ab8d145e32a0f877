//! How many instructions the kernels take on aarch64, counted in QEMU, beside what `docs/aarch64.md` records.
//! There is no aarch64 here on which to measure time.
//!
//! The program is `simd/examples/instructions.rs`. QEMU's log has every block of instructions once, and a
//! line for each time that a block is executed. What a run of 2 N repetitions takes more than one of N is
//! what N repetitions take: to the instruction, and the same every time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::ops::{AddAssign, Sub};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wta_tests::{Cross, announce, emulator, require, run};

/// Seconds that one run may take in the emulator.
const LIMIT: u32 = 900;

/// What a number may differ from its record, in per cent.
const TOLERANCE: f64 = 3.0;

/// Units that are counted at least: short kernels are repeated.
const UNITS: u64 = 100_000;

/// The unit of whole networks. They take minutes to count: done only where the records are renewed.
const IMAGE: &str = "image";

/// The document with the tables.
const RECORDS: &str = include_str!("../../docs/aarch64.md");

/// Boards: what their cores do in a cycle, and how fast they are.
const BOARDS: [Board; 3] = [
    Board { name: "Pi 4, 1.5 GHz", hertz: 1.5e9, core: Core::A72 },
    Board { name: "Pi 4, 1.8 GHz", hertz: 1.8e9, core: Core::A72 },
    Board { name: "Pi 5, 2.4 GHz", hertz: 2.4e9, core: Core::A76 },
];

/// Cores of each board, and the images that its times are for.
const CORES: f64 = 4.0;
const BATCH: f64 = 100.0;

struct Board {
    name: &'static str,
    hertz: f64,
    core: Core,
}

#[derive(Clone, Copy)]
enum Core {
    A72,
    A76,
}

impl Core {
    /// The least cycles for these instructions: those of the busiest part of the core.
    fn cycles(self, counts: &Counts) -> f64 {
        let [all, vector, loads, stores] =
            [counts.all, counts.vector, counts.loads, counts.stores].map(|count| count as f64);
        match self {
            // Three instructions are decoded; two vector pipes of 64 bits; one load, one store of 8 bytes.
            Self::A72 => [all / 3.0, vector, loads, 2.0 * stores].into_iter().fold(0.0, f64::max),
            // Four are decoded; two vector pipes of 128 bits; two pipes for loads and stores.
            Self::A76 => [all / 4.0, vector / 2.0, (loads + stores) / 2.0].into_iter().fold(0.0, f64::max),
        }
    }
}

/// Instructions, by their kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    all: u64,
    /// Vector instructions and those of single floating-point numbers.
    vector: u64,
    /// Of those, multiply-adds of four numbers.
    fmla: u64,
    /// Of those, the ones by a lane of a vector: the matrix products. Transforms of tiles have none.
    products: u64,
    /// Registers that are loaded and stored: two by a pair's instruction.
    loads: u64,
    stores: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.vector += other.vector;
        self.fmla += other.fmla;
        self.products += other.products;
        self.loads += other.loads;
        self.stores += other.stores;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            all: self.all - other.all,
            vector: self.vector - other.vector,
            fmla: self.fmla - other.fmla,
            products: self.products - other.products,
            loads: self.loads - other.loads,
            stores: self.stores - other.stores,
        }
    }
}

impl Counts {
    /// One instruction, by the encoding's classes.
    fn of(word: u32) -> Self {
        let mut counts = Self { all: 1, ..Self::default() };
        let by_lane = word & 0xffc0_f400 == 0x4f80_1000;
        counts.vector = u64::from(word & 0x0e00_0000 == 0x0e00_0000);
        counts.fmla = u64::from(by_lane || word & 0xffe0_fc00 == 0x4e20_cc00);
        counts.products = u64::from(by_lane);
        if word & 0x0a00_0000 == 0x0800_0000 && !is_prefetch(word) {
            let (registers, is_load) = memory(word);
            *(if is_load { &mut counts.loads } else { &mut counts.stores }) = registers;
        }
        counts
    }
}

fn is_prefetch(word: u32) -> bool {
    word & 0xffc0_0000 == 0xf980_0000
        || word & 0xffe0_0c00 == 0xf880_0000
        || word & 0xffe0_0c00 == 0xf8a0_0800
        || word & 0xff00_0000 == 0xd800_0000
}

/// How many registers an instruction moves, and whether it loads them.
fn memory(word: u32) -> (u64, bool) {
    let bit = |index: u32| word >> index & 1 == 1;
    if word & 0x3b00_0000 == 0x1800_0000 {
        (1, true) // a literal
    } else if word & 0x3a00_0000 == 0x2800_0000 {
        (2, bit(22)) // a pair
    } else if word & 0xbf00_0000 == 0x0c00_0000 {
        // Several vectors, one after the other or interleaved.
        let registers = match word >> 12 & 0xf {
            0b0000 | 0b0010 => 4,
            0b0100 | 0b0110 => 3,
            0b1000 | 0b1010 => 2,
            _ => 1,
        };
        (registers, bit(22))
    } else if word & 0x3b00_0000 == 0x0800_0000 || bit(26) {
        (1, bit(22)) // exclusive, a lane of a vector, a vector
    } else {
        (1, word >> 22 & 3 != 0)
    }
}

/// All instructions in a log of QEMU's `-d exec,nochain,in_asm`.
#[derive(Default)]
struct Log {
    /// Of each block, by its address.
    blocks: HashMap<u64, Counts>,
    /// The block whose instructions are being listed.
    listed: Option<u64>,
    total: Counts,
}

impl Log {
    fn add(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("Trace ") {
            self.listed = None;
            let address = rest.split('/').nth(1).and_then(|address| u64::from_str_radix(address, 16).ok());
            self.total += address.and_then(|address| self.blocks.get(&address)).copied().unwrap_or_default();
        } else if let Some((address, rest)) = line.strip_prefix("0x").and_then(|line| line.split_once(':')) {
            let word = rest.split_whitespace().next().and_then(|word| u32::from_str_radix(word, 16).ok());
            let (Ok(address), Some(word)) = (u64::from_str_radix(address, 16), word) else { return };
            let block = self.blocks.entry(*self.listed.get_or_insert(address));
            *block.or_default() += Counts::of(word);
        } else if line.starts_with("IN:") {
            self.listed = None;
        }
    }
}

/// A kernel or a job of the program's.
struct Subject {
    name: String,
    unit: String,
    /// In a repetition.
    units: u64,
    /// Instructions for a unit, at least, where that is known.
    ideal: String,
}

/// The program, and what runs it.
struct Program {
    path: PathBuf,
    qemu: PathBuf,
}

impl Program {
    fn new(cross: &Cross) -> Option<Self> {
        let mut cargo = cross.cargo("build", env!("CARGO_TARGET_TMPDIR"));
        cargo.args(["--release", "-p", "wta-simd", "--example", "instructions"]);
        let built = run(cargo).unwrap();
        assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);
        let path = cross.programs(env!("CARGO_TARGET_TMPDIR"), "release").join("examples/instructions");
        Some(Self { path, qemu: require(emulator::find("qemu-aarch64", "qemu-user"))? })
    }

    /// A process of it; one that hangs is killed.
    fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.arg("--kill-after=5").arg(LIMIT.to_string()).arg(&self.qemu).args(["-cpu", "max"]);
        command.args(options).arg(&self.path);
        command
    }

    fn subjects(&self) -> Vec<Subject> {
        let listed = run(self.command(&[])).unwrap();
        assert!(listed.success(), "{}\n{}", listed.ending(), listed.output);
        let subjects = listed.output.lines().map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, unit, units, ideal] = fields[..] else { panic!("{line}") };
            let units = units.parse().unwrap();
            Subject { name: name.to_owned(), unit: unit.to_owned(), units, ideal: ideal.to_owned() }
        });
        subjects.collect()
    }

    /// What `times` repetitions take, and the rest of the run.
    fn run(&self, name: &str, times: u64) -> Counts {
        let mut command = self.command(&["-d", "exec,nochain,in_asm"]);
        command.args([name, &times.to_string()]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut log, mut line) = (Log::default(), String::new());
        let mut lines = BufReader::with_capacity(1 << 16, child.stderr.take().unwrap());
        while lines.read_line(&mut line).unwrap() > 0 {
            log.add(&line);
            line.clear();
        }
        let status = child.wait().unwrap();
        assert!(status.success(), "{name}: {status}");
        assert!(log.total.all > 1000, "{name}: this QEMU's log is not understood");
        log.total
    }

    /// The instructions of so many repetitions.
    fn count(&self, subject: &Subject, times: u64) -> Counts {
        self.run(&subject.name, 2 * times) - self.run(&subject.name, times)
    }
}

#[test]
fn kernels_take_the_instructions_that_the_document_records() {
    let Some(cross) = require(Cross::for_aarch64_linux(LIMIT)) else { return };
    let Some(program) = Program::new(&cross) else { return };
    let (mut kernels, mut jobs, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let renewed = env::var_os("WTA_RECORD_INSTRUCTIONS");
    for subject in program.subjects() {
        if subject.unit == IMAGE {
            if renewed.is_none() {
                continue;
            }
            let counts = program.count(&subject, 1);
            jobs.push(job(&subject, &counts));
            times.push(estimate(&subject, &counts));
        } else {
            let repetitions = UNITS.div_ceil(subject.units);
            kernels.push(kernel(&subject, repetitions, &program.count(&subject, repetitions)));
        }
    }
    if let Some(file) = renewed {
        let tables = [kernels.join("\n"), jobs.join("\n"), times.join("\n")];
        fs::write(Path::new(&file), tables.join("\n\n") + "\n").unwrap();
    }
    if !cross.is_from_debian() {
        announce("SKIPPED: instructions are recorded for Debian's compiler");
        return;
    }
    let complaints: Vec<String> =
        kernels.iter().chain(&jobs).filter_map(|row| complaint(row, RECORDS)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A row of the table of kernels: instructions for each unit.
fn kernel(subject: &Subject, repetitions: u64, counts: &Counts) -> String {
    let units = (subject.units * repetitions) as f64;
    let each = |count: u64| format!("{:.3}", count as f64 / units);
    // The transforms of tiles multiply and add, too, but not by a lane.
    let is_tiled = ["tiles ", "screen "].iter().any(|start| subject.name.starts_with(start));
    let left = match is_tiled {
        true => format!("{:.3}", counts.all as f64 / (4 * counts.products) as f64),
        false => String::new(),
    };
    format!(
        "| {} | {} | {} | {} | {left} | {} | {} | {} |",
        subject.name,
        subject.unit,
        each(counts.all),
        subject.ideal,
        each(counts.fmla),
        each(counts.loads),
        each(counts.stores)
    )
}

/// A row of the table of jobs: thousands of instructions for each image.
fn job(subject: &Subject, counts: &Counts) -> String {
    let each = |count: u64| format!("{:.0}", count as f64 / subject.units as f64 / 1e3);
    let numbers = [counts.all, counts.vector, counts.fmla, counts.loads, counts.stores].map(each);
    format!("| {} | {} |", subject.name, numbers.join(" | "))
}

/// A row of the table of times: milliseconds for a batch on all cores, at best.
fn estimate(subject: &Subject, counts: &Counts) -> String {
    let times = BOARDS.map(|Board { hertz, core, .. }| {
        let cycles = core.cycles(counts) / subject.units as f64 * BATCH / CORES;
        format!("{:.1}", 1e3 * cycles / hertz)
    });
    format!("| {} | {} |", subject.name, times.join(" | "))
}

/// A sentence when the document has no such row, or its first number differs by too much.
fn complaint(row: &str, document: &str) -> Option<String> {
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let number = |cells: &[String]| cells.iter().skip(2).find_map(|cell| cell.parse::<f64>().ok());
    let found = cells(row);
    let name = found.get(1)?;
    let recorded = document.lines().map(cells).find(|cells| cells.get(1) == Some(name));
    let advice = "docs/aarch64.md; WTA_RECORD_INSTRUCTIONS=FILE writes its tables";
    let Some(recorded) = recorded.as_deref().and_then(number) else {
        return Some(format!("{name} is not in {advice}: {row}"));
    };
    let now = number(&found)?;
    let differs = (now - recorded).abs() * 100.0 > recorded * TOLERANCE;
    differs.then(|| format!("{name}: {now} instructions, recorded are {recorded} ({advice})"))
}

#[test]
fn instructions_are_told_apart() {
    let of = |word| {
        let Counts { all, vector, fmla, products, loads, stores } = Counts::of(word);
        [all, vector, fmla, products, loads, stores]
    };
    assert_eq!(of(0x4e22_cc20), [1, 1, 1, 0, 0, 0], "fmla v0.4s, v1.4s, v2.4s");
    assert_eq!(of(0x4fa2_1820), [1, 1, 1, 1, 0, 0], "fmla v0.4s, v1.4s, v2.s[3]");
    assert_eq!(of(0x4e62_cc20), [1, 1, 0, 0, 0, 0], "fmla v0.2d, v1.2d, v2.2d");
    assert_eq!(of(0x1f02_0c20), [1, 1, 0, 0, 0, 0], "fmadd s0, s1, s2, s3");
    assert_eq!(of(0x3dc0_0003), [1, 0, 0, 0, 1, 0], "ldr q3, [x0]");
    assert_eq!(of(0x3d80_0003), [1, 0, 0, 0, 0, 1], "str q3, [x0]");
    assert_eq!(of(0x3cdf_b008), [1, 0, 0, 0, 1, 0], "ldur q8, [x0, #-5]");
    assert_eq!(of(0xa940_1003), [1, 0, 0, 0, 2, 0], "ldp x3, x4, [x0]");
    assert_eq!(of(0xad00_1003), [1, 0, 0, 0, 0, 2], "stp q3, q4, [x0]");
    assert_eq!(of(0x4c40_7805), [1, 0, 0, 0, 1, 0], "ld1 of v5.4s");
    assert_eq!(of(0x4c40_a805), [1, 0, 0, 0, 2, 0], "ld1 of v5.4s and v6.4s");
    assert_eq!(of(0x4d40_c807), [1, 0, 0, 0, 1, 0], "ld1r of v7.4s");
    assert_eq!(of(0xb980_0005), [1, 0, 0, 0, 1, 0], "ldrsw x5, [x0]");
    assert_eq!(of(0xf980_0000), [1, 0, 0, 0, 0, 0], "prfm pldl1keep, [x0]");
    assert_eq!(of(0x8b01_0000), [1, 0, 0, 0, 0, 0], "add x0, x0, x1");
    assert_eq!(of(0x54ff_ffe1), [1, 0, 0, 0, 0, 0], "b.ne");
}

#[test]
fn a_log_is_added_up() {
    let log = "----------------\nIN: main\n0x00400600:  3dc00003  ldr q3, [x0]\n0x00400604:  54ffffe1  b.ne\n\n\
               Trace 0: 0x7fa5 [0000/0000000000400600/00/00] main\nTrace 0: 0x7fa5 [00/0000000000400600/0/0] main\n\
               ----------------\nIN: \n0x00400608:  4fa21820  fmla v0.4s, v1.4s, v2.s[3]\n\n\
               Trace 0: 0x7fa5 [0000/0000000000400608/00/00] main\nanother line: of no meaning\n";
    let mut found = Log::default();
    log.lines().for_each(|line| found.add(line));
    let expected = Counts { all: 5, vector: 1, fmla: 1, products: 1, loads: 2, stores: 0 };
    assert_eq!(found.total, expected);
}

#[test]
fn the_busiest_part_of_a_core_decides() {
    let counts = Counts { all: 90, vector: 40, fmla: 40, products: 40, loads: 20, stores: 10 };
    assert_eq!(Core::A72.cycles(&counts), 40.0);
    assert_eq!(Core::A76.cycles(&counts), 22.5);
}

#[test]
fn growth_and_missing_rows_are_told() {
    let document = "| a kernel | weight | 0.500 | 0.250 |\n| step x | 1000 | 7 |\n";
    assert_eq!(complaint("| a kernel | weight | 0.514 | 0.250 |", document), None);
    assert!(complaint("| a kernel | weight | 0.516 | 0.250 |", document).unwrap().contains("0.516"));
    assert!(complaint("| step x | 900 | 7 |", document).unwrap().starts_with("step x: 900 instructions"));
    assert!(complaint("| other | weight | 1 |", document).unwrap().starts_with("other is not in"));
}

#[test]
fn the_document_says_which_boards() {
    for Board { name, .. } in BOARDS {
        assert!(RECORDS.contains(name), "{name}");
    }
}
