//! A home folder in which printed command lines run: data with the names that examples use, and the runs and
//! models that lines take for granted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::lines::calls;
use crate::support::{Folder, digits_of_mnist, write_npy};

/// A line that takes longer is killed, with all that it started.
const LIMIT: Duration = Duration::from_secs(180);

/// What lines may name without making it, and how it is made.
const MADE_BEFORE: &[(&str, &[&str])] = &[
    (
        "runs/conv16",
        &[
            "wta train mnist-conv16 --data ~/data --run runs/conv16 --epochs 1",
            "wta eval --run runs/conv16 --data ~/data --c 1",
        ],
    ),
    ("runs/conv128", &["wta train mnist-conv128 --data ~/data --run runs/conv128 --epochs 1"]),
    (
        "runs/fc2000",
        &[
            "wta train mnist-fc2000 --data ~/data --run runs/fc2000 --epochs 1",
            "wta eval --run runs/fc2000 --data ~/data --c 1",
        ],
    ),
    ("runs/mine", &["wta train my.toml --data ~/data --run runs/mine --epochs 1"]),
    ("runs/stacked", &["wta train mnist-conv16-stacked --data ~/data --run runs/stacked --epochs 1"]),
    (
        "runs/motions",
        &[
            "wta init ~/motions > motions.toml",
            "wta train motions.toml --data ~/motions --run runs/motions",
            "wta eval --run runs/motions --data ~/motions",
        ],
    ),
    (
        "runs/machine",
        &[
            "wta init ~/bearing > bearing.toml",
            "wta train bearing.toml --data ~/bearing --run runs/machine --epochs 1",
            "wta eval --run runs/machine --data ~/bearing --c 1",
        ],
    ),
    (
        "runs/photos",
        &[
            "wta init ~/photos > photos.toml",
            "wta train photos.toml --data ~/photos --run runs/photos --epochs 1",
            "wta eval --run runs/photos --data ~/photos --c 1",
        ],
    ),
    ("runs/natural", &["wta train natural.toml --data ~ --run runs/natural"]),
    ("runs/dictionary", &["wta train words.toml --data ~/activations --run runs/dictionary"]),
    ("runs/words", &["wta train words.toml --data ~/activations --run runs/words"]),
    ("runs/field", &["wta import model.wta --run runs/field"]),
    ("model.wta", &["wta export --run runs/conv16 --out model.wta"]),
    ("my.toml", &["wta recipes mnist-conv16 > my.toml"]),
    ("m.safetensors", &["wta svm fit train.svm --model m.safetensors"]),
    ("train.model", &["wta svm fit train.svm --model train.model --format liblinear"]),
    (
        "features.npz",
        &[
            "wta encode --run runs/motions --data ~/motions --split train --code trained --sparse --out features.npz",
        ],
    ),
];

/// The samples of `new.npy`, by what a line is about. The first that fits counts.
const NEW: &[(&str, &str)] = &[
    ("runs/motions", "~/motions/test.npy"),
    ("wta svm", "features.npy"),
    ("wta detect", "~/bearing/inner_7.npy"),
    ("new.npy", "digits.npy"),
];

/// Flags that are followed by what a command writes.
const WRITTEN: &[&str] = &["--out", "--rust", "--onnx", "--saelens", "--log-to"];

/// Commands that make the folder that follows `--run`.
const MAKERS: &[&str] = &["train", "search", "import", "paper", "demo"];

const NATURAL: &str = r#"
name = "natural"
about = "for the tests"
data = { set = "images", folder = "photos", size = 16, patches = 100 }
network = { kind = "convolutional", encoder = [{ maps = 4, kernel = 5 }], decoder_kernel = 7, initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 1, batch = 50, optimizer = "adam", rate = 1e-3 }
"#;

const WORDS: &str = r#"
name = "words"
about = "for the tests"
data = { set = "array", train = "train.npy", test = "test.npy" }
network = { kind = "fully-connected", units = [32], initial = "transposed" }
sparsity = { per-sample = 4 }
dictionary = { centred = true, unit_atoms = true }
training = { epochs = 1, batch = 20, optimizer = "adam", rate = 1e-3 }
"#;

/// The program under test, which notes how each of its calls ended.
const PROGRAM: &str = "#!/bin/sh\n\"$WTA\" \"$@\"; code=$?; echo $code >> \"$HOME/codes\"; exit $code\n";

/// What is run in place of a program that is not on every machine, and comes last on the path.
const STAND_INS: &[&str] = &["jq", "less"];

/// A home folder, and the folder `here` in it, where lines run.
pub(super) struct Sandbox {
    folder: Folder,
}

/// How a line ended.
pub(super) struct Ended {
    /// The exit codes of its calls of `wta`, in the order in which they ended.
    pub(super) codes: Vec<i32>,
    /// Whether the shell was satisfied, as after the last command of a pipe.
    pub(super) succeeded: bool,
    pub(super) output: String,
    pub(super) took: Duration,
}

impl Sandbox {
    /// A home without anything but the program.
    pub(super) fn empty() -> Self {
        let sandbox = Self { folder: Folder::new() };
        fs::create_dir(sandbox.path("here")).unwrap();
        for (name, program) in std::iter::once(("bin/wta".to_owned(), PROGRAM))
            .chain(STAND_INS.iter().map(|name| (format!("stand-ins/{name}"), "#!/bin/sh\nexec cat >&2\n")))
        {
            sandbox.write(&name, program.as_bytes());
            fs::set_permissions(sandbox.path(&name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        sandbox
    }

    /// A home with data.
    pub(super) fn with_data() -> Self {
        let sandbox = Self::empty();
        sandbox.fill();
        sandbox
    }

    fn path(&self, name: &str) -> String {
        self.folder.path(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn fill(&self) {
        digits_of_mnist(&self.folder, 200, 100);
        self.shell(
            "cp -r $FIXTURES/motions $FIXTURES/bearing ~ && rm ~/bearing/README.md ~/motions/README.md
            cp -r ~/motions ~/data/motions && cp -r ~/motions ~/my-data && cp -r ~/data ~/new
            mkdir -p ~/.local/share/bash-completion/completions ~/.zfunc ~/.config/fish/completions src faults
            cp ~/bearing/inner_7.npy ~/bearing/outer_7.npy faults
            for copy in normal a b; do cp ~/bearing/normal.npy $copy.npy; done
            cp ~/motions/train.npy signals.npy && cp ~/motions/train_labels.npy labels.npy
            cp $FIXTURES/images/colour.jpg photo.jpg",
        );
        for name in ["normal", "today", "yesterday"] {
            self.write(&format!("here/{name}.wav"), &recording());
        }
        for (index, class) in (0..24).zip(["cats", "dogs"].iter().cycle()) {
            self.write(&format!("photos/{class}/{index}.ppm"), &picture(index));
        }
        for index in 0..4 {
            self.write(&format!("new-photos/{index}.ppm"), &picture(100 + index));
        }
        let names = (1..6).map(|number| format!("data_batch_{number}")).chain(["test_batch".to_owned()]);
        for name in names {
            self.write(&format!("data/cifar-10-batches-bin/{name}.bin"), &records_of_cifar_10());
        }
        let text = examples();
        for name in ["train.svm", "test.svm", "sensor.svm"] {
            self.write(&format!("here/{name}"), text.as_bytes());
        }
        self.shell("gzip -k train.svm");
        let floats = |count: usize| (0..count).flat_map(|at| noise(at).to_le_bytes()).collect::<Vec<u8>>();
        write_npy(&self.path("here/features.npy"), "<f4", "(40, 6)", &floats(40 * 6));
        let digits: Vec<u8> = (0..5 * 784).map(|at| (255.0 * noise(at)) as u8).collect();
        write_npy(&self.path("here/digits.npy"), "|u1", "(5, 28, 28)", &digits);
        fs::create_dir(self.path("activations")).unwrap();
        for (name, rows) in [("train", 100), ("test", 40)] {
            let path = self.path(&format!("activations/{name}.npy"));
            write_npy(&path, "<f4", &format!("({rows}, 16)"), &floats(rows * 16));
        }
        self.write("here/natural.toml", NATURAL.as_bytes());
        self.write("here/words.toml", WORDS.as_bytes());
    }

    /// A script that prepares something.
    fn shell(&self, script: &str) {
        let ended = self.run(&format!("set -e\n{script}"));
        let works = ended.succeeded && ended.codes.iter().all(|code| *code == 0);
        assert!(works, "{script}\n{}", ended.output);
    }

    /// Runs a line as a user would.
    pub(super) fn run(&self, line: &str) -> Ended {
        let home = self.path("");
        let home = home.trim_end_matches('/');
        let path = format!("{home}/bin:{}:{home}/stand-ins", std::env::var("PATH").unwrap());
        let output = self.path("output");
        let to = || Stdio::from(fs::File::options().create(true).append(true).open(&output).unwrap());
        let _ = (fs::remove_file(self.path("codes")), fs::remove_file(&output));
        let mut shell = Command::new("sh");
        shell
            .args(["-c", line])
            .current_dir(self.path("here"))
            .stdin(Stdio::null())
            .stdout(to())
            .stderr(to());
        shell.env("HOME", home).env("PATH", path).env("WTA", env!("CARGO_BIN_EXE_wta"));
        shell.env("FIXTURES", concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"));
        // Downloads fail at once.
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            shell.env(proxy, "http://127.0.0.1:9");
        }
        let start = Instant::now();
        let mut child = shell.process_group(0).spawn().unwrap();
        let (succeeded, status) = loop {
            match child.try_wait().unwrap() {
                Some(status) => break (status.success(), status.to_string()),
                None if start.elapsed() > LIMIT => {
                    Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status().unwrap();
                    child.wait().unwrap();
                    break (false, format!("killed after {LIMIT:?}"));
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let codes = fs::read_to_string(self.path("codes")).unwrap_or_default();
        let output = String::from_utf8_lossy(&fs::read(output).unwrap()).into_owned();
        Ended {
            codes: codes.lines().map(|code| code.parse().unwrap()).collect(),
            succeeded,
            output: format!("{output}\n{status}"),
            took: start.elapsed(),
        }
    }

    /// Puts in place what a line names and does not make itself. A folder that it makes is removed, since
    /// lines of a page need not be steps of one another.
    pub(super) fn prepare(&self, line: &str, larder: &Larder) {
        let here = |name: &str| self.path(&format!("here/{name}"));
        for call in calls(line).iter().filter(|call| is_maker(call)) {
            let run = call.iter().skip_while(|word| *word != "--run").nth(1);
            if let Some(run) = run.filter(|run| !run.contains("..")) {
                let _ = fs::remove_dir_all(here(run));
            }
        }
        for name in needed(line) {
            if !Path::new(&here(name)).exists() {
                fs::create_dir_all(here("runs")).unwrap();
                let copied =
                    Command::new("cp").args(["-r", &larder.get(name), &here(name)]).status().unwrap();
                assert!(copied.success(), "{name}");
            }
        }
        if let Some((_, samples)) = NEW.iter().find(|(part, _)| line.contains(part)) {
            self.shell(&format!("cp {samples} new.npy"));
        }
    }
}

/// Where what several lines need is made once.
pub(super) struct Larder {
    sandbox: Mutex<Sandbox>,
}

impl Larder {
    pub(super) fn new() -> Self {
        Self { sandbox: Mutex::new(Sandbox::with_data()) }
    }

    /// The path of what has this name.
    fn get(&self, name: &str) -> String {
        make(&self.sandbox.lock().unwrap(), name)
    }
}

/// Makes what has this name, and what it takes to make it, and returns its path.
fn make(sandbox: &Sandbox, name: &str) -> String {
    let path = sandbox.path(&format!("here/{name}"));
    if !Path::new(&path).exists() {
        let (_, steps) = MADE_BEFORE.iter().find(|(made, _)| *made == name).unwrap();
        for step in *steps {
            needed(step).iter().for_each(|name| drop(make(sandbox, name)));
            sandbox.shell(step);
        }
    }
    path
}

/// Whether a command makes the folder of its `--run`, or says what it would make.
fn is_maker(call: &[String]) -> bool {
    MAKERS.contains(&call[0].as_str()) && !call.iter().any(|word| word == "--resume")
}

/// The names of what has to be there before a line runs.
fn needed(line: &str) -> Vec<&'static str> {
    let mut needed = Vec::new();
    for call in calls(line) {
        let is_written = |flag: &str| {
            WRITTEN.contains(&flag)
                || flag == "--run" && is_maker(&call)
                || flag == "--model" && call[1] == "fit"
        };
        let words = call.iter().zip(&call[1..]).filter(|(flag, _)| !is_written(flag)).map(|(_, word)| word);
        for word in words {
            let is = |name: &str| word == name || word.starts_with(&format!("{name}/"));
            needed.extend(MADE_BEFORE.iter().map(|(name, _)| *name).filter(|name| is(name)));
        }
    }
    needed
}

/// A number between 0 and 1 that is another for each index.
fn noise(index: usize) -> f32 {
    ((index as f32 * 12.9898).sin() * 43758.547).fract().abs()
}

/// A recording of a machine, as a `.wav` of 16 bits at 12 kHz.
fn recording() -> Vec<u8> {
    let sample = |at: usize| (3000.0 * (at as f32 / 5.0).sin() + 1000.0 * noise(at)) as i16;
    let samples: Vec<u8> = (0..30_000).flat_map(|at| sample(at).to_le_bytes()).collect();
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let format = [16, 0, 0, 0, 1, 0, 1, 0];
    let rates = [&number(12_000)[..], &number(24_000), &[2, 0, 16, 0]].concat();
    let head = [b"WAVEfmt ", &format[..], &rates, b"data", &number(samples.len())].concat();
    [&b"RIFF"[..], &number(head.len() + samples.len()), &head, &samples].concat()
}

/// A coloured picture of 20 x 20, as a PPM.
fn picture(seed: usize) -> Vec<u8> {
    let tint = |at: usize| 60.0 + 60.0 * (seed % 2 * (at % 3)) as f32;
    let pixels = (0..20 * 20 * 3).map(|at| (tint(at) + 60.0 * noise(seed * 2000 + at)) as u8);
    b"P6 20 20 255\n".iter().copied().chain(pixels).collect()
}

/// Twenty records of CIFAR-10: a label and a picture each.
fn records_of_cifar_10() -> Vec<u8> {
    let byte =
        |at: usize| if at.is_multiple_of(3073) { (at / 3073 % 10) as u8 } else { (255.0 * noise(at)) as u8 };
    (0..20 * 3073).map(byte).collect()
}

/// Examples of two classes, as LIBSVM's text.
fn examples() -> String {
    let line = |at: usize| format!("{} {}:1 6:{}\n", at % 2, at % 2 + 1, noise(at));
    (0..40).map(line).collect()
}
