//! `wta-mpi` by `mpirun`, on this machine: the bits, signals, and processes that die.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wta-mpi");

/// How long nothing here takes.
const LONG: Duration = Duration::from_secs(120);

/// One layer with lifetime sparsity, spread by images; and units, spread by units.
const CONVOLUTION: &str = "name = 'small'
about = 'a test'
data = { set = 'digits' }
network = { kind = 'convolutional', encoder = [{ maps = 6, kernel = 5 }], decoder_kernel = 5, initial = 'he' }
sparsity = { lifetime = 0.2 }
training = { epochs = 8, batch = 50, optimizer = 'adam', rate = 1e-3 }
features = { pool = { kernel = 7, stride = 7 } }
svm = { c = [1.0, 10.0] }
";
const UNITS: &str = "name = 'units'
about = 'a test'
data = { set = 'digits' }
network = { kind = 'fully-connected', units = [90], initial = { normal = 0.01 }, tied = true }
sparsity = { lifetime = 0.1 }
training = { epochs = 20, batch = 50, optimizer = 'adam', rate = 1e-3 }
svm = { c = [1.0, 10.0] }
";

/// A folder with a recipe in it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(recipe: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine.toml"), recipe).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `mpirun` of so many processes with these arguments.
    fn mpirun(&self, processes: usize, arguments: &[&str]) -> Command {
        let mut command = Command::new("mpirun");
        command
            .args(["--oversubscribe", "-n", &processes.to_string(), PROGRAM])
            .args(arguments)
            .current_dir(self.folder.path());
        as_anybody(&mut command);
        command
    }

    /// Trains into a run folder, to the end.
    fn train(&self, processes: usize, run: &str, more: &[&str]) -> Output {
        self.mpirun(processes, &training("mine.toml", run, more)).output().unwrap()
    }

    /// The same by one process, without `mpirun`.
    fn train_alone(&self, run: &str, more: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(training("mine.toml", run, more)).current_dir(self.folder.path()).output().unwrap()
    }

    /// Begins to train; what is said goes into a file.
    fn start(&self, processes: usize, run: &str, more: &[&str]) -> Child {
        let said = fs::File::create(self.path("said.txt")).unwrap();
        let mut command = self.mpirun(processes, &training("mine.toml", run, more));
        command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap()
    }

    /// What makes a training go on, if it has begun.
    fn resume(&self, run: &str) -> &'static [&'static str] {
        if self.path(run).join("recipe.toml").exists() { &["--resume"] } else { &[] }
    }

    /// Begins to train into `run`, or goes on, and waits for an epoch.
    fn start_an_epoch(&self, processes: usize) -> Child {
        let metrics = self.path("run").join("metrics.csv");
        let epochs = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
        let before = epochs();
        let job = self.start(processes, "run", self.resume("run"));
        wait_until("an epoch", || epochs() > before);
        job
    }

    /// The exit code of what was started, and what was said.
    fn end(&self, mut job: Child) -> (Option<i32>, String) {
        let mut ended = None;
        wait_until("the end", || {
            ended = job.try_wait().unwrap();
            ended.is_some()
        });
        (ended.unwrap().code(), fs::read_to_string(self.path("said.txt")).unwrap())
    }

    /// Whether two runs have the same weights and checkpoints, byte for byte.
    fn expect_same(&self, run: &str, other: &str) {
        for file in ["model.safetensors", "checkpoint.safetensors"] {
            let read = |run: &str| fs::read(self.path(run).join(file)).unwrap();
            assert!(read(run) == read(other), "{file} of {run} and {other}");
        }
    }
}

/// The arguments to train a recipe.
fn training<'a>(recipe: &'a str, run: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["train", recipe, "--threads", "1", "--run", run][..], more].concat()
}

/// Open MPI wants to be asked before the administrator uses it, as in containers.
fn as_anybody(command: &mut Command) {
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// The processes that train into this run, without `mpirun`.
fn processes(run: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let (command, cwd) = (String::from_utf8_lossy(&command).into_owned(), entry.path().join("cwd"));
        let is_ours = fs::read_link(cwd).is_ok_and(|cwd| Some(cwd.as_path()) == run.parent());
        if is_ours && command.starts_with(PROGRAM) {
            found.push(number);
        }
    }
    found.sort_unstable();
    found
}

fn signal(name: &str, process: u32) {
    // It may have ended by now.
    let _ = Command::new("kill").args([name, &process.to_string()]).stderr(Stdio::null()).status().unwrap();
}

/// Waits until something holds, but not for ever.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "waited for {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Ends `mpirun`, whose processes have ended. Now and then Open MPI 4.1 waits for ever for one that was
/// killed while MPI started.
fn finish(mut mpirun: Child) {
    let start = Instant::now();
    while mpirun.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(10));
    }
    // It may have ended.
    let _ = mpirun.kill();
    mpirun.wait().unwrap();
}

/// Numbers that are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn any_number_of_processes_writes_the_files_of_one() {
    for recipe in [CONVOLUTION, UNITS] {
        let desk = Desk::new(recipe);
        let alone = desk.train_alone("alone", &["--epochs", "2"]);
        assert!(alone.status.success(), "{}", said(&alone));
        for processes in [1, 2, 3, 4] {
            let run = format!("by{processes}");
            let output = desk.train(processes, &run, &["--epochs", "2"]);
            assert!(output.status.success(), "{}", said(&output));
            desk.expect_same("alone", &run);
            // One of them speaks.
            assert_eq!(said(&output).matches("weights checksum").count(), 1, "{}", said(&output));
        }
    }
}

#[test]
fn a_killed_process_ends_all_and_another_number_goes_on_to_the_same_bits() {
    let mut random = Numbers(20);
    for (recipe, kills) in [(CONVOLUTION, 10), (UNITS, 10)] {
        let desk = Desk::new(recipe);
        assert!(desk.train_alone("alone", &[]).status.success());
        let run = desk.path("run");
        for kill in 0..kills {
            let count = [3, 2, 4][kill % 3];
            let job = desk.start(count, "run", desk.resume("run"));
            wait_until("the processes", || {
                processes(&run).len() == count || run.join("model.safetensors").exists()
            });
            sleep(Duration::from_millis(random.below(700)));
            let started = processes(&run);
            if let Some(process) = started.get(random.below(count as u64) as usize) {
                signal("-KILL", *process);
            }
            let killed = Instant::now();
            wait_until("the end of all", || processes(&run).is_empty());
            assert!(killed.elapsed() < Duration::from_secs(30), "the others went on");
            finish(job);
        }
        let output = desk.train(3, "run", desk.resume("run"));
        assert!(output.status.success(), "{}", said(&output));
        desk.expect_same("alone", "run");
    }
}

#[test]
fn a_killed_process_is_told() {
    let desk = Desk::new(CONVOLUTION);
    let run = desk.path("run");
    let job = desk.start(3, "run", &[]);
    wait_until("an epoch", || run.join("metrics.csv").exists());
    signal("-KILL", processes(&run)[1]);
    let (code, text) = desk.end(job);
    assert!(code == Some(137) && text.contains("signal 9"), "{code:?} {text}");
}

#[test]
fn the_queues_warning_saves_and_has_a_code_of_its_own() {
    let desk = Desk::new(CONVOLUTION);
    assert!(desk.train_alone("alone", &[]).status.success());
    let run = desk.path("run");
    // To all processes, as SLURM and mpirun send it; then to one of them; then the other signal.
    for (name, to_all) in [("-USR1", true), ("-USR1", false), ("-TERM", true)] {
        let job = desk.start_an_epoch(3);
        let started = processes(&run);
        assert_eq!(started.len(), 3);
        started.iter().skip(1).take(if to_all { 3 } else { 1 }).for_each(|process| signal(name, *process));
        if to_all {
            signal(name, started[0]);
        }
        let (code, text) = desk.end(job);
        assert_eq!(code, Some(75), "{text}");
        assert_eq!(text.matches("is saved in run; continue with --resume").count(), 1, "{text}");
    }
    assert!(desk.train_alone("run", &["--resume"]).status.success());
    desk.expect_same("alone", "run");
}

/// Processes with different arguments: for each, those after `--run run`, and the recipe.
fn different(desk: &Desk, recipes: [&str; 3], more: [&[&str]; 3]) -> Output {
    let arguments = recipes.iter().zip(more).map(|(recipe, more)| training(recipe, "run", more));
    each_its_own(desk, &arguments.collect::<Vec<_>>())
}

/// Processes with these arguments each.
fn each_its_own(desk: &Desk, arguments: &[Vec<&str>]) -> Output {
    let mut command = Command::new("mpirun");
    command.arg("--oversubscribe").current_dir(desk.folder.path());
    for (number, arguments) in arguments.iter().enumerate() {
        command.args((number > 0).then_some(":")).args(["-n", "1", PROGRAM]).args(arguments);
    }
    as_anybody(&mut command);
    command.output().unwrap()
}

#[test]
fn commands_and_flags_that_differ_end_all_with_one_sentence() {
    let desk = Desk::new(UNITS);
    assert!(desk.train_alone("done", &["--epochs", "1"]).status.success());
    let train = "train mine.toml --run run";
    let eval = "eval --run done";
    let encode = "encode --run done --out out.npy --split test";
    let profile = "profile mine.toml --steps 2";
    let cases: [(&[&str], &str); 12] = [
        (
            &[train, "--help"],
            "process 1 of the job has another command (--help) than the first process (train)",
        ),
        (&["--version", train], "another command (train) than the first process (--version)"),
        (&[train, eval, train], "process 1 of the job has another command (eval)"),
        (&[train, "train mine.toml --runs run"], "unexpected argument '--runs'"),
        (&[train, train, "train mine.toml"], "--run <DIR>"),
        (&[train, "nonsense"], "unrecognized subcommand 'nonsense'"),
        (&[eval, "eval --run done --validate"], "another --validate (given) than the first process (none)"),
        (&["eval --run done --pool 3/2", eval], "another --pool (none) than the first process (3/2)"),
        (&[eval, "eval --run done --labels 100 --seed 3"], "another --labels (100)"),
        (&[eval, "eval --run done --c 1,2.5"], "another --c (1,2.5) than the first process (none)"),
        (
            &[encode, "encode --run done --out out.npy --split held-out"],
            "another --split (held-out) than the first process (test)",
        ),
        (&[profile, "profile mine.toml --steps 3"], "another number of steps (3) than the first process (2)"),
    ];
    for (lines, expected) in cases {
        let arguments: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
        let output = each_its_own(&desk, &arguments);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{lines:?}: {text}");
        assert!(text.contains(expected), "{lines:?}: {text}");
        assert_eq!(text.matches("wta-mpi: ").count(), 1, "one sentence: {text}");
        assert!(!text.contains("MPI_ABORT"), "{text}");
        assert!(!desk.path("run").exists() && !desk.path("out.npy").exists());
    }
}

#[test]
fn the_exit_code_is_that_of_the_signal_whoever_gets_it() {
    let desk = Desk::new(CONVOLUTION);
    let run = desk.path("run");
    // To each of three processes, in this order; the last code is of the signal that wants no other try.
    // It comes first: a job may end before a second signal is sent.
    let cases: [(&[(usize, &str)], i32); 3] =
        [(&[(2, "-TERM")], 75), (&[(1, "-INT")], 130), (&[(1, "-HUP"), (0, "-TERM"), (2, "-TERM")], 130)];
    for (sent, expected) in cases {
        let job = desk.start_an_epoch(3);
        let processes = processes(&run);
        sent.iter().for_each(|(process, name)| signal(name, processes[*process]));
        let (code, text) = desk.end(job);
        assert_eq!(code, Some(expected), "{sent:?}: {text}");
        assert_eq!(text.matches("is saved in run; continue with --resume").count(), 1, "{text}");
    }
}

#[test]
fn a_signal_while_mpi_starts_is_heard_and_a_queues_may_be_repeated() {
    let desk = Desk::new(CONVOLUTION);
    let run = desk.path("run");
    let job = desk.start(2, "run", &[]);
    wait_until("the processes", || processes(&run).len() == 2);
    // A program needs a few milliseconds to begin; MPI takes hundreds.
    sleep(Duration::from_millis(50));
    let started = processes(&run);
    for _ in 0..3 {
        started.iter().for_each(|process| signal("-TERM", *process));
    }
    let (code, text) = desk.end(job);
    assert_eq!(code, Some(75), "{text}");
    assert!(desk.train_alone("run", desk.resume("run")).status.success());
    assert!(desk.train_alone("alone", &[]).status.success());
    desk.expect_same("alone", "run");
}

#[test]
fn processes_that_differ_end_with_a_sentence_before_anything_is_written() {
    let desk = Desk::new(CONVOLUTION);
    fs::write(desk.path("other.toml"), CONVOLUTION.replace("1e-3", "2e-3")).unwrap();
    let mine = ["mine.toml"; 3];
    let none: &[&str] = &[];
    let cases = [
        (
            ["mine.toml", "mine.toml", "other.toml"],
            [none; 3],
            "process 2 of the job has another training.rate (0.002)",
        ),
        (
            mine,
            [none, &["--isa", "scalar"], none],
            "process 1 of the job has another instruction set (scalar)",
        ),
        (["mine.toml", "mine.toml", "gone.toml"], [none; 3], "process 2 on "),
        (
            ["gone.toml", "gone.toml", "gone.toml"],
            [none; 3],
            "wta-mpi: there is no recipe and no file gone.toml",
        ),
        (mine, [none, none, &["--seed", "9"]], "process 2 of the job has another training.seed (9)"),
    ];
    for (recipes, more, expected) in cases {
        let output = different(&desk, recipes, more);
        let text = said(&output);
        assert!(!output.status.success() && text.contains(expected), "{expected}: {text}");
        assert_eq!(text.matches("wta-mpi: ").count(), 1, "one sentence: {text}");
        assert!(
            !text.contains("MPI_ABORT") || expected.contains(" on ") || expected.contains("gone"),
            "{text}"
        );
        assert!(!desk.path("run").exists());
    }
}

#[test]
fn what_the_first_process_cannot_do_ends_all() {
    let desk = Desk::new(CONVOLUTION);
    assert!(desk.train(2, "run", &["--epochs", "1"]).status.success());
    let output = desk.train(3, "run", &["--epochs", "1"]);
    let text = said(&output);
    assert!(!output.status.success() && text.contains("holds a run already"), "{text}");
    assert_eq!(text.matches("wta-mpi: ").count(), 1, "{text}");
}

#[test]
fn evaluation_and_encoding_have_the_bytes_of_one_process() {
    for recipe in [CONVOLUTION, UNITS] {
        let desk = Desk::new(recipe);
        assert!(desk.train_alone("run", &["--epochs", "1"]).status.success());
        let mut files = Vec::new();
        for processes in [1, 3] {
            let evaluation =
                desk.mpirun(processes, &["eval", "--run", "run", "--threads", "1"]).output().unwrap();
            let text = said(&evaluation);
            assert!(evaluation.status.success() && text.matches("test error:").count() == 1, "{text}");
            let encode = |out: &str, more: &[&str]| {
                let arguments =
                    [&["encode", "--run", "run", "--split", "test", "--out", out][..], more].concat();
                let output = desk.mpirun(processes, &arguments).output().unwrap();
                assert!(output.status.success(), "{}", said(&output));
                fs::read(desk.path(out)).unwrap()
            };
            files.push([
                fs::read(desk.path("run/svm.safetensors")).unwrap(),
                encode("dense.npy", &[]),
                encode("winners.npz", &["--code", "trained", "--sparse"]),
            ]);
        }
        assert!(files[0] == files[1]);
    }
    // Begun anew, it would be stopped at the same place again: no code that asks for that.
    let desk = Desk::new(CONVOLUTION);
    assert!(desk.train_alone("run", &["--epochs", "0"]).status.success());
    let job = desk.mpirun(2, &["eval", "--run", "run"]).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the processes", || processes(&desk.path("run")).len() == 2);
    sleep(Duration::from_millis(50));
    processes(&desk.path("run")).iter().for_each(|process| signal("-TERM", *process));
    assert_eq!(job.wait_with_output().unwrap().status.code(), Some(130));
    // What the first process cannot write ends all.
    let desk = Desk::new(UNITS);
    assert!(desk.train_alone("run", &["--epochs", "1"]).status.success());
    let output = desk
        .mpirun(2, &["encode", "--run", "run", "--split", "test", "--out", "no/folder.npy"])
        .output()
        .unwrap();
    assert!(!output.status.success() && said(&output).contains("no/folder.npy"), "{}", said(&output));
}

#[test]
fn help_and_wrong_flags_are_told_once() {
    let desk = Desk::new(CONVOLUTION);
    let output = desk.mpirun(3, &["--help"]).output().unwrap();
    assert!(output.status.success() && said(&output).matches("Usage:").count() == 1, "{}", said(&output));
    for wrong in [&["train", "mine.toml"][..], &["nonsense"], &["eval", "--run", "x", "--c", "a"]] {
        let output = desk.mpirun(3, wrong).output().unwrap();
        let text = said(&output);
        assert!(output.status.code() == Some(2) && text.matches("--help").count() == 1, "{text}");
    }
    // Alone, without MPI.
    for (flag, expected) in [("--help", "mpirun -n 4 wta-mpi train"), ("--version", "wta-mpi 0.")] {
        let output = Command::new(PROGRAM).arg(flag).output().unwrap();
        assert!(output.status.success() && said(&output).contains(expected), "{}", said(&output));
    }
    // Of each command, with examples by mpirun.
    for command in ["train", "eval", "encode", "profile"] {
        let text = said(&Command::new(PROGRAM).args([command, "--help"]).output().unwrap());
        // Lines are as long as the terminal's.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&format!(" wta-mpi {command} ")), "{text}");
        assert!(!text.contains(&format!(" wta {command} ")), "{text}");
        assert!(text.contains("divided by its processes"), "{text}");
    }
}

#[test]
fn a_profile_has_a_line_for_each_number_of_processes() {
    let desk = Desk::new(CONVOLUTION);
    let profile = ["profile", "--case", "conv16", "--batch", "10", "--steps", "2", "--threads", "1"];
    let output = desk.mpirun(4, &profile).output().unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("by 2 processes") && text.contains("by 4 processes"), "{text}");
}
