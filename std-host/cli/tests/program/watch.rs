//! `wta watch`: in a terminal, without one, and of folders that are none.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Folder, STACK, skipped, wta};

/// A run of two epochs on the digits.
fn run(folder: &Folder) -> String {
    let (recipe, run) = (folder.write("r.toml", STACK), folder.path("run"));
    wta(&["train", &recipe, "--run", &run]).succeeds();
    assert!(!folder.exists("run/progress.json"), "a training that has ended well leaves none");
    run
}

#[test]
fn without_a_terminal_a_snapshot_is_printed_and_nothing_is_written() {
    let folder = Folder::new();
    let run = run(&folder);
    let before = folder.snapshot_of_files("run");
    for arguments in
        [&["watch", &run][..], &["watch", "--once", &run], &["watch", &run, "--pictures", "none"]]
    {
        let said = wta(arguments).succeeds();
        for line in ["recipe: stack (layer 2 of 2)", "state: finished", "epoch: 1 of 1"] {
            assert!(said.stdout.lines().any(|found| found == line), "{line:?} is not in {said:?}");
        }
        assert!(said.stdout.contains("loss: ") && said.stdout.contains("dead atoms: "), "{said:?}");
        assert!(said.stdout.contains(" samples/s") && said.stderr.is_empty(), "{said:?}");
        assert!(!said.stdout.contains('\u{1b}'), "{said:?}");
    }
    assert_eq!(folder.snapshot_of_files("run"), before);
}

#[test]
fn what_is_no_run_or_is_damaged_is_one_sentence() {
    let folder = Folder::new();
    wta(&["watch", &folder.path("none")]).fails("is not a run folder");
    wta(&["watch", &folder.write("file", "")]).fails("is not a run folder");
    let run = run(&folder);
    fs::write(folder.path("run/metrics.csv"), "epoch,loss\n1,x\n").unwrap();
    wta(&["watch", &run]).fails("is no table of metrics");
    fs::write(folder.path("run/recipe.toml"), "name = ").unwrap();
    wta(&["watch", &run]).fails("recipe.toml");
}

#[test]
fn an_interrupted_training_says_so() {
    let folder = Folder::new();
    let recipe = folder.write("r.toml", &STACK.replacen("epochs = 1", "epochs = 1000", 1));
    let run = folder.path("run");
    let metrics = folder.path("run/metrics.csv");
    let out = wta(&["train", &recipe, "--run", &run]).interrupted_when(|| fs::metadata(&metrics).is_ok());
    assert_eq!(out.code, Some(130), "{out:?}");
    let said = wta(&["watch", "--once", &run]).succeeds().stdout;
    assert!(said.contains("state: interrupted") && said.contains("progress: train stack, "), "{said}");
    assert!(!said.contains("time left"), "{said}");
}

/// Runs `wta` with arguments in a terminal that `script` makes, types `keys`, and returns the exit code, what
/// the terminal got, and whether it is set as before. `None` where there is no `script`.
fn in_terminal(
    folder: &Folder,
    arguments: &str,
    keys: &[u8],
    end: Option<&str>,
) -> Option<(i32, String, bool)> {
    let path = |name: &str| folder.path(name);
    let inner = folder.write(
        "inner.sh",
        &format!(
            "stty rows 24 cols 90; stty -a > {before}\nsh -c 'echo $$ > {pid}; exec {program} {arguments}'\necho $? > {code}; stty -a > {after}\n",
            before = path("before"),
            pid = path("pid"),
            program = env!("CARGO_BIN_EXE_wta"),
            code = path("code"),
            after = path("after"),
        ),
    );
    let mut script = Command::new("script");
    script
        .args(["-qec", &format!("sh {inner}"), "/dev/null"])
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR");
    let child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else {
        skipped("wta watch in a terminal: there is no script");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    for key in keys {
        input.write_all(&[*key]).unwrap();
        input.flush().unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
    if let Some(signal) = end {
        let pid = fs::read_to_string(path("pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }
    let start = std::time::Instant::now();
    while !folder.exists("after") && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(input);
    let out = child.wait_with_output().unwrap();
    let read = |name: &str| fs::read_to_string(path(name)).unwrap();
    let restored = read("before") == read("after");
    let code = read("code").trim().parse().unwrap();
    ["before", "after", "code", "pid"].iter().for_each(|name| fs::remove_file(path(name)).unwrap());
    Some((code, String::from_utf8_lossy(&out.stdout).into_owned(), restored))
}

#[test]
fn in_a_terminal_it_ends_by_q_ctrl_c_and_signals_and_restores_it() {
    let folder = Folder::new();
    let run = run(&folder);
    let watch = format!("watch {run} --pictures characters");
    for (keys, signal, code) in [(&b"\tq"[..], None, 0), (b"\x03", None, 130), (b"", Some("-TERM"), 130)] {
        let Some((ended, said, restored)) = in_terminal(&folder, &watch, keys, signal) else { return };
        assert_eq!(ended, code, "{keys:?} {signal:?}: {said}");
        assert!(restored, "{keys:?} {signal:?}: the terminal is set otherwise");
        // The alternate screen is left, and the cursor is seen.
        let last =
            |sequence: &str| said.rfind(sequence).unwrap_or_else(|| panic!("{sequence:?} in {said:?}"));
        assert!(
            last("\x1b[?1049l") > last("\x1b[?1049h") && last("\x1b[?25h") > last("\x1b[?25l"),
            "{said:?}"
        );
        assert!(said.contains("finished") && said.contains("dictionary") && said.contains('▀'), "{said:?}");
        // What it says at the end is said on the screen that stays.
        assert!(code == 0 || said.rfind("wta: interrupted") > said.rfind("\x1b[?1049l"), "{said:?}");
    }
}

#[test]
fn a_terminal_that_is_dumb_gets_a_snapshot() {
    let folder = Folder::new();
    let run = run(&folder);
    let Some((code, said, _)) = in_terminal(&folder, &format!("watch --once {run}"), b"", None) else {
        return;
    };
    assert!(code == 0 && said.contains("state: finished") && !said.contains('\u{1b}'), "{said:?}");
}
