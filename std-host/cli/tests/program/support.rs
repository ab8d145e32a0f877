//! Running the program, and folders to run it in.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Says on the real stderr, which the test harness does not swallow, that something was not tested.
pub(crate) fn skipped(what: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {what}\n").as_bytes()).unwrap();
}

/// A command about to run.
pub(crate) struct Run {
    command: Command,
}

/// A stack on the digits: feature maps, and units above them.
pub(crate) const STACK: &str = r#"
name = "stack"
about = "for the tests"
data = { set = "digits" }
network = { kind = "fully-connected", units = [12], initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 1, batch = 100, optimizer = "adam", rate = 2e-3 }
svm = { c = [1.0] }
[below]
name = "lower"
about = "for the tests"
data = { set = "digits" }
network = { kind = "convolutional", encoder = [{ maps = 4, kernel = 5 }], decoder_kernel = 7, initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 1, batch = 100, optimizer = "adam", rate = 2e-3 }
features = { pool = { kernel = 7, stride = 7 } }
"#;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `wta` with arguments.
pub(crate) fn wta(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wta"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Run { command }
}

impl Run {
    pub(crate) fn finish(mut self) -> Outcome {
        let out = self.command.output().unwrap();
        Outcome {
            code: out.status.code(),
            stdout: String::from_utf8(out.stdout).unwrap(),
            stderr: String::from_utf8(out.stderr).unwrap(),
        }
    }

    /// Runs it; it must succeed.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Outcome {
        let out = self.finish();
        assert_eq!(out.code, Some(0), "{out:?}");
        out
    }

    /// Runs it; it must fail with one sentence that says `sentence`, and never panic.
    #[track_caller]
    pub(crate) fn fails(self, sentence: &str) -> Outcome {
        let out = self.finish();
        assert_eq!(out.code, Some(1), "{out:?} should say {sentence:?}");
        let last = out.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("wta: ") && last.contains(sentence), "{out:?} should say {sentence:?}");
        assert!(!out.stderr.contains("panicked"), "{out:?}");
        out
    }

    /// Starts it and kills it after a while, as `kill -9` does.
    pub(crate) fn killed_after(mut self, milliseconds: u64) {
        let mut child = self.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it and interrupts it, as Ctrl-C does, once `ready`.
    pub(crate) fn interrupted_when(mut self, ready: impl Fn() -> bool) -> Outcome {
        let mut child = self.command.spawn().unwrap();
        let start = Instant::now();
        while !ready() {
            assert!(start.elapsed() < Duration::from_secs(60), "never got ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        collect(&mut child)
    }
}

fn collect(child: &mut Child) -> Outcome {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    Outcome { code: child.wait().unwrap().code(), stdout, stderr }
}

impl Outcome {
    /// The rest of the line of stdout after `label`.
    #[track_caller]
    pub(crate) fn value_after(&self, label: &str) -> String {
        let line = self.stdout.lines().find_map(|line| line.strip_prefix(label));
        line.unwrap_or_else(|| panic!("no {label:?} in {self:?}")).to_owned()
    }
}

/// A temporary folder.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).into_os_string().into_string().unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.folder.path().join(name), text).unwrap();
        self.path(name)
    }

    /// Every file of a folder with its content.
    pub(crate) fn snapshot(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path(name)).unwrap().map(|entry| entry.unwrap());
        entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
    }

    /// The same of the files in a folder that has folders, too.
    pub(crate) fn snapshot_of_files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path(name)).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.path().is_file());
        files.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
    }

    /// A file of the bundled digits.
    pub(crate) fn bundled(&self, name: &str) -> Vec<u8> {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/digits").join(name)).unwrap()
    }

    /// A small disk; `None` when it cannot be mounted.
    #[cfg(target_os = "linux")]
    pub(crate) fn tmpfs(&self, name: &str, size: &str) -> Option<Mounted> {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        let options = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs", &path]).output().ok()?;
        mount.status.success().then_some(Mounted { path })
    }
}

/// A mounted folder, unmounted at the end.
#[cfg(target_os = "linux")]
pub(crate) struct Mounted {
    path: String,
}

#[cfg(target_os = "linux")]
impl Mounted {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).status();
    }
}

/// MNIST's four files, plain, with a few of the bundled digits; written anew each time. Returns the data
/// folder.
pub(crate) fn shrunken_mnist(folder: &Folder) -> String {
    digits_of_mnist(folder, 1_000, 200)
}

/// The same with as many digits for training and for testing.
pub(crate) fn digits_of_mnist(folder: &Folder, train: u32, test: u32) -> String {
    let data = folder.path("data");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(format!("{data}/mnist")).unwrap();
    for (prefix, count) in [("train", train), ("t10k", test)] {
        for (kind, header, item) in [("images-idx3", 16, 784), ("labels-idx1", 8, 1)] {
            let name = format!("{prefix}-{kind}-ubyte");
            let mut bytes = Vec::new();
            let packed = folder.bundled(&format!("{name}.gz"));
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
            bytes.truncate(header + count as usize * item);
            bytes[4..8].copy_from_slice(&count.to_be_bytes());
            fs::write(format!("{data}/mnist/{name}"), bytes).unwrap();
        }
    }
    data
}

/// Little-endian bytes as numbers.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// The numbers of a `.npy` file.
pub(crate) fn npy(path: &str) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    floats(&bytes[10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))..])
}

/// Writes a `.npy` file.
pub(crate) fn write_npy(path: &str, kind: &str, shape: &str, bytes: &[u8]) {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    header += &" ".repeat(63 - (header.len() + 10) % 64);
    header.push('\n');
    let len = u16::try_from(header.len()).unwrap().to_le_bytes();
    fs::write(path, [&b"\x93NUMPY\x01\x00"[..], &len, header.as_bytes(), bytes].concat()).unwrap();
}

/// `search.csv` without the times, which differ.
pub(crate) fn search_results(folder: &Folder, search: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder.path(&format!("{search}/search.csv"))).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let seconds = reader.headers().unwrap().iter().position(|name| name == "seconds").unwrap();
    let rows = reader.records().map(|row| {
        let cells = row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>();
        cells.into_iter().enumerate().filter(|(column, _)| *column != seconds).map(|(_, cell)| cell).collect()
    });
    rows.collect()
}
