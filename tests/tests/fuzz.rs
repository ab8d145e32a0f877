//! The targets of fuzzing (`tests/fuzz/src`) on stable Rust: for half a minute, seeds and damaged seeds.
//!
//! | setting | |
//! | --- | --- |
//! | `WTA_FUZZ_SECONDS=3600` | for so long, on each of two threads |
//! | `WTA_FUZZ_TARGETS=data,model` | these alone |
//! | `WTA_FUZZ_SEED=7` | other cases |
//! | `WTA_FUZZ_FOLDER=/tmp/x` | where the case that each thread tries is kept, and those that failed |
//! | `WTA_FUZZ_CASE=/tmp/x/model-1-77` | this one alone |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the library of cargo-fuzz's programs")]
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use targets::{TARGETS, Target, mutate, rules};
use wta_core::Random;

/// How long all targets take together: half a minute's work, on two threads.
const SECONDS: u64 = 15;

/// Threads, each of which tries every target in turn.
const THREADS: u64 = 2;

/// How long a thread stays with a target.
const TURN: Duration = Duration::from_secs(1);

/// What no case takes, also on a machine that does other things: longer is a hang.
const LONGEST: Duration = Duration::from_secs(60);

/// What all cases may take at once, in KiB, beyond what the process had before: files are small.
const MOST_MEMORY: u64 = 256 << 10;

/// After so many cases, memory is looked at: that takes as long as a small case.
const LOOKED_AT: u64 = 16;

/// What is known of a target.
#[derive(Clone, Copy, Default)]
struct Count {
    cases: u64,
    accepted: u64,
    nanoseconds: u64,
    slowest: Duration,
}

/// What all threads share.
struct Shared {
    start: Instant,
    time: Duration,
    seed: u64,
    folder: PathBuf,
    memory: u64,
    counts: Mutex<BTreeMap<&'static str, Count>>,
    failures: Mutex<BTreeMap<String, String>>,
    /// When each thread began its case, in milliseconds from the start; 0 for none.
    began: [AtomicU64; THREADS as usize],
}

impl Shared {
    fn is_over(&self) -> bool {
        self.start.elapsed() >= self.time
    }

    fn milliseconds(&self) -> u64 {
        self.start.elapsed().as_millis() as u64 + 1
    }

    fn report(&self) -> String {
        let mut text = format!("{} s\n", self.start.elapsed().as_secs());
        for (name, count) in &*self.counts.lock().unwrap() {
            let Count { cases, accepted, nanoseconds, slowest } = count;
            let minutes = *nanoseconds as f64 / 6e10;
            let slowest = slowest.as_millis();
            text += &format!(
                "{name}: {cases} cases, {accepted} accepted, {minutes:.2} minutes of a core, slowest {slowest} ms\n"
            );
        }
        text += &format!("peak of memory: {} KiB over {}\n", peak().saturating_sub(self.memory), self.memory);
        let failures = self.failures.lock().unwrap();
        failures.iter().for_each(|(what, place)| text += &format!("FAILED {what}: {place}\n"));
        text
    }
}

/// The largest resident set so far, in KiB; 0 where the system does not say it.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// What this thread has computed, in nanoseconds; where the system does not say it, what the clock says.
fn computed(start: Instant) -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next().and_then(|number| number.parse().ok());
    first.unwrap_or_else(|| start.elapsed().as_nanos() as u64)
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn chosen() -> Vec<&'static Target> {
    let names = setting("WTA_FUZZ_TARGETS");
    let is_chosen = |target: &&Target| {
        names.as_ref().is_none_or(|names| names.split(',').any(|name| name == target.name))
    };
    let chosen: Vec<_> = TARGETS.iter().filter(is_chosen).collect();
    assert!(!chosen.is_empty(), "there are {:?}", TARGETS.map_names());
    chosen
}

trait Names {
    fn map_names(&self) -> Vec<&'static str>;
}

impl Names for [Target] {
    fn map_names(&self) -> Vec<&'static str> {
        self.iter().map(|target| target.name).collect()
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given").to_owned()
}

/// Tries one case, and keeps it if it fails.
fn try_case(shared: &Shared, thread: u64, target: &Target, number: u64, bytes: &[u8]) {
    let current = shared.folder.join(format!("current-{thread}"));
    fs::write(&current, bytes).unwrap();
    let start = Instant::now();
    shared.began[thread as usize].store(shared.milliseconds(), Ordering::Relaxed);
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let accepted = (target.run)(bytes);
        rules::expect_no_hidden_panic();
        accepted
    }));
    shared.began[thread as usize].store(0, Ordering::Relaxed);
    let took = start.elapsed();
    let accepted = match result {
        Ok(accepted) => accepted,
        Err(panic) => {
            rules::forget();
            fail(shared, target, number, bytes, &said(&*panic));
            false
        }
    };
    if number % LOOKED_AT < THREADS && peak().saturating_sub(shared.memory) > MOST_MEMORY {
        fail(shared, target, number, bytes, "this case or one of those before it takes too much memory");
    }
    let mut counts = shared.counts.lock().unwrap();
    let count = counts.entry(target.name).or_default();
    count.cases += 1;
    count.accepted += u64::from(accepted);
    count.slowest = count.slowest.max(took);
}

/// Keeps the first case of each kind of failure.
fn fail(shared: &Shared, target: &Target, number: u64, bytes: &[u8], why: &str) {
    // Numbers differ from one case to another.
    let kind: String = why.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
    let mut failures = shared.failures.lock().unwrap();
    let kind = format!("{}: {kind}", target.name);
    if failures.contains_key(&kind) || failures.len() > 100 {
        return;
    }
    let path = shared.folder.join(format!("{}-{}-{number}", target.name, shared.seed));
    fs::write(&path, bytes).unwrap();
    eprintln!("FAILED {kind}: {why:.2000}: {}", path.display());
    failures.insert(kind, format!("{why:.300} ({})", path.display()));
}

/// One thread's cases: seeds first, then damaged ones; `THREADS` threads share the numbers.
fn work(shared: &Shared, thread: u64, targets: &[(&'static Target, Vec<Vec<u8>>)]) {
    rules::watch();
    let mut numbers = vec![thread; targets.len()];
    while !shared.is_over() {
        for ((target, seeds), number) in targets.iter().zip(&mut numbers) {
            let (turn, before) = (Instant::now(), computed(shared.start));
            while turn.elapsed() < TURN && !shared.is_over() {
                let case = match seeds.get(*number as usize) {
                    Some(seed) => seed.clone(),
                    None => {
                        let mut random = Random::stream(shared.seed, *number);
                        let mut choose = || &seeds[random.below(seeds.len() as u32) as usize][..];
                        let (one, other) = (choose(), choose());
                        mutate::damage(one, other, &mut random)
                    }
                };
                try_case(shared, thread, target, *number, &case);
                *number += THREADS;
            }
            let took = computed(shared.start) - before;
            shared.counts.lock().unwrap().entry(target.name).or_default().nanoseconds += took;
        }
    }
}

/// Ends the process when a case hangs, and tells where the thread is in its report once a minute.
fn watch(shared: &Shared) {
    let mut told = Instant::now();
    while !shared.is_over() {
        std::thread::sleep(Duration::from_millis(100));
        for (thread, began) in shared.began.iter().enumerate() {
            let began = began.load(Ordering::Relaxed);
            if began != 0 && shared.milliseconds().saturating_sub(began) > LONGEST.as_millis() as u64 {
                let case = shared.folder.join(format!("current-{thread}"));
                eprintln!("{}\nFAILED: takes more than {LONGEST:?}: {}", shared.report(), case.display());
                std::process::exit(1);
            }
        }
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            eprintln!("{}", shared.report());
        }
    }
}

/// Cases that failed once; each target has some that are sound.
fn try_one(path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy();
    let target = chosen()
        .into_iter()
        .find(|target| name.starts_with(target.name) || setting("WTA_FUZZ_TARGETS").is_some());
    let target = target.expect("the file's name begins with that of a target; or give WTA_FUZZ_TARGETS");
    let before = peak();
    println!(
        "{}: accepted: {}, {} KiB",
        target.name,
        (target.run)(&fs::read(path).unwrap()),
        peak() - before
    );
}

#[test]
fn every_case_is_refused_in_one_sentence_or_holds_what_is_promised() {
    rules::watch();
    if let Some(case) = setting("WTA_FUZZ_CASE") {
        return try_one(Path::new(&case));
    }
    let temporary = tempfile::tempdir().unwrap();
    let folder = setting("WTA_FUZZ_FOLDER").map_or_else(|| temporary.path().to_path_buf(), PathBuf::from);
    fs::create_dir_all(&folder).unwrap();
    let number = |name: &str, otherwise| setting(name).map_or(otherwise, |text| text.parse().unwrap());
    let targets: Vec<_> = chosen().into_iter().map(|target| (target, (target.seeds)())).collect();
    for (target, seeds) in &targets {
        assert!(seeds.iter().any(|seed| (target.run)(seed)), "no seed of {} is sound", target.name);
    }
    let shared = Shared {
        start: Instant::now(),
        time: Duration::from_secs(number("WTA_FUZZ_SECONDS", SECONDS)),
        seed: number("WTA_FUZZ_SEED", 1),
        folder,
        memory: peak(),
        counts: Mutex::default(),
        failures: Mutex::default(),
        began: [const { AtomicU64::new(0) }; THREADS as usize],
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (shared, targets) = (&shared, &targets);
            scope.spawn(move || work(shared, thread, targets));
        }
        watch(&shared);
    });
    let report = shared.report();
    println!("{report}");
    let counts = shared.counts.lock().unwrap();
    for (target, _) in &targets {
        let count = counts.get(target.name).copied().unwrap_or_default();
        let (accepted, cases) = (count.accepted, count.cases);
        assert!(0 < accepted && accepted < cases, "{report}");
    }
    if !shared.failures.lock().unwrap().is_empty() {
        // The cases are wanted.
        let kept = temporary.keep();
        panic!("{report}in {}", kept.display());
    }
}
