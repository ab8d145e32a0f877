//! Little memory, signals, pipes and damaged palettes: one sentence and an exit code, never a signal.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Folder, Outcome, wta};

/// Runs `wta` with little address space, in KiB.
fn limited(kib: u64, arguments: &[&str]) -> Outcome {
    let script = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_wta")]).args(arguments).args(["--threads", "2"]);
    let out = command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).output().unwrap();
    Outcome {
        code: out.status.code(),
        stdout: String::from_utf8(out.stdout).unwrap(),
        stderr: String::from_utf8(out.stderr).unwrap(),
    }
}

#[track_caller]
fn told(out: &Outcome, sentence: &str) {
    let last = out.stderr.lines().last().unwrap_or_default();
    assert!(out.code == Some(1) && last.starts_with("wta: ") && last.contains(sentence), "{out:?}");
}

fn recipe(folder: &Folder, name: &str, lines: &str) -> String {
    let text = format!(
        "name = \"x\"\nabout = \"x\"\n{lines}\nsparsity = {{}}\n\
         training = {{ epochs = 1, batch = 10, optimizer = \"adam\", rate = 1e-3 }}\n"
    );
    folder.write(name, &text)
}

#[cfg(target_os = "linux")]
#[test]
fn what_needs_more_memory_than_there_is_says_so() {
    let folder = Folder::new();
    let run = folder.path("run");
    let digits = "data = { set = \"digits\" }";
    for network in [
        "{ kind = \"fully-connected\", units = [1000000], initial = \"he\" }",
        "{ kind = \"fully-connected\", units = [60000, 20000], initial = \"he\" }",
        "{ kind = \"convolutional\", encoder = [{ maps = 6000, kernel = 5 }, { maps = 6000, kernel = 5 }], \
         decoder_kernel = 9, initial = \"he\" }",
    ] {
        let wide = recipe(&folder, "wide.toml", &format!("{digits}\nnetwork = {network}"));
        told(&limited(4_000_000, &["train", &wide, "--run", &run]), "memory");
        assert!(!folder.exists("run/recipe.toml"));
    }
    // A setting of one's own, which the system does not know.
    let wide = recipe(
        &folder,
        "wide.toml",
        &format!("{digits}\nnetwork = {{ kind = \"fully-connected\", units = [50000], initial = \"he\" }}"),
    );
    wta(&["train", &wide, "--run", &run, "--max-memory", "300"])
        .fails("of memory, and this process may take only");
    // An array with a hole, which is small on the disk: samples of 400 MB.
    let hole = folder.path("hole.npy");
    let mut header =
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 100000000), }"
            .to_vec();
    header.resize(127, b' ');
    header.push(b'\n');
    fs::write(&hole, &header).unwrap();
    fs::File::options().write(true).open(&hole).unwrap().set_len(128 + 800_000_000).unwrap();
    let arrays = recipe(
        &folder,
        "arrays.toml",
        "data = { set = \"array\", train = \"hole.npy\" }\n\
         network = { kind = \"fully-connected\", units = [20], initial = \"he\" }",
    );
    told(&limited(1_000_000, &["train", &arrays, "--data", &folder.path(""), "--run", &run]), "memory");
    let out = limited(1_000_000, &["init", &hole]);
    assert!(out.code == Some(0) || out.code == Some(1), "{out:?}");
    // The same commands with enough are right: the limit alone refuses.
    let small = recipe(
        &folder,
        "small.toml",
        &format!("{digits}\nnetwork = {{ kind = \"fully-connected\", units = [10], initial = \"he\" }}"),
    );
    let out = limited(4_000_000, &["train", &small, "--run", &run]);
    assert_eq!(out.code, Some(0), "{out:?}");
}

/// Starts `wta`, sends a signal after a while, and waits for the end.
fn signalled(arguments: &[&str], name: &str, ready: impl Fn() -> bool) -> (Outcome, Duration) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wta"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(60), "never got ready");
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Instant::now();
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    let out = child.wait_with_output().unwrap();
    let outcome = Outcome {
        code: out.status.code(),
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    };
    (outcome, sent.elapsed())
}

#[cfg(unix)]
#[test]
fn the_first_signal_stops_whatever_is_being_done() {
    let folder = Folder::new();
    // Nobody writes into the pipe, and the program waits for somebody.
    let pipe = folder.path("recipe.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let start = Instant::now();
    let waited = || start.elapsed() > Duration::from_millis(500);
    let (out, took) = signalled(&["train", &pipe, "--run", &folder.path("run")], "-INT", waited);
    assert!(out.code == Some(130) && took < Duration::from_secs(5), "{took:?} {out:?}");
    assert_eq!(out.stderr, "wta: interrupted\n");

    // Features are being written: what there is of the file is removed.
    let run = folder.path("run");
    wta(&["train", "digits-demo", "--epochs", "0", "--run", &run]).succeeds();
    fs::create_dir(folder.path("out")).unwrap();
    let files = || fs::read_dir(folder.path("out")).unwrap().count();
    let out = folder.path("out/codes.npy");
    let encode =
        ["encode", "--run", &run, "--split", "train", "--out", &out, "--pool", "none", "--threads", "1"];
    let (out, took) = signalled(&encode, "-TERM", || files() > 0);
    assert!(out.code == Some(130) && took < Duration::from_secs(20), "{took:?} {out:?}");
    assert!(out.stderr.ends_with("wta: interrupted: no file was written\n"), "{out:?}");
    assert_eq!(files(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn signals_that_were_ignored_stay_ignored() {
    let folder = Folder::new();
    let pipe = folder.path("recipe.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = "trap '' INT HUP; exec \"$0\" train \"$1\" --run \"$2\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_wta"), &pipe, &folder.path("run")])
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    for signal in ["-INT", "-HUP"] {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    }
    std::thread::sleep(Duration::from_secs(3));
    assert!(child.try_wait().unwrap().is_none(), "it has ended");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A PNG of a palette whose chunk has so many bytes.
fn with_palette(len: usize) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut checked = kind.to_vec();
        checked.extend(data);
        let mut crc = flate2::Crc::new();
        crc.update(&checked);
        [&(data.len() as u32).to_be_bytes()[..], &checked, &crc.sum().to_be_bytes()].concat()
    };
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut rows, &[0, 0, 1, 1, 0, 0, 1, 0, 1]).unwrap();
    let header = [0, 0, 0, 2, 0, 0, 0, 3, 8, 3, 0, 0, 0];
    let (palette, rows) = (vec![77; len], rows.finish().unwrap());
    let chunks =
        [chunk(b"IHDR", &header), chunk(b"PLTE", &palette), chunk(b"IDAT", &rows), chunk(b"IEND", &[])];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

#[test]
fn a_palette_that_is_no_multiple_of_three_bytes_is_a_bad_file() {
    let folder = Folder::new();
    fs::create_dir(folder.path("pictures")).unwrap();
    let lines = |on_error: &str| {
        format!(
            "data = {{ set = \"images\", folder = \"pictures\", size = 3, test_share = 0{on_error} }}\n\
             network = {{ kind = \"fully-connected\", units = [2], initial = \"he\" }}"
        )
    };
    let refusing = recipe(&folder, "refusing.toml", &lines(""));
    let text = fs::read_to_string(&refusing).unwrap().replace("batch = 10", "batch = 1");
    fs::write(&refusing, &text).unwrap();
    let skipping =
        folder.write("skipping.toml", &text.replace("test_share = 0", "test_share = 0, on_error = \"skip\""));
    let data = folder.path("");
    fs::write(folder.path("pictures/good.png"), with_palette(6)).unwrap();
    for len in [1, 2, 3, 4, 5, 7, 8, 767, 769] {
        fs::write(folder.path("pictures/bad.png"), with_palette(len)).unwrap();
        let (one, two) = (folder.path("one"), folder.path("two"));
        if len == 3 {
            // A palette too short for the pixels is another fault, which decoders forgive or not.
            continue;
        }
        wta(&["train", &refusing, "--data", &data, "--run", &one]).fails("bad.png: is ");
        let out = wta(&["train", &skipping, "--data", &data, "--run", &two]).succeeds();
        assert!(out.stderr.contains("bad.png: is ") && !out.stderr.contains("panicked"), "{len}: {out:?}");
        fs::remove_dir_all(two).unwrap();
    }
}
