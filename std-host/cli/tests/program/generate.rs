//! `wta generate`: completions that a shell runs, and pages of the manual.

use std::fs;
use std::process::Command;

use crate::support::{Folder, wta};

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = wta(&["generate", "completions", shell]).succeeds().stdout;
        for word in ["train", "inspect", "resume"] {
            assert!(script.contains(word), "{shell} knows no {word}");
        }
        assert!(!script.contains("[possible values"), "{shell}");
    }
    // clap's own sentence, with its own exit code.
    let refused = wta(&["generate", "completions", "cmd"]).finish();
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("possible values: bash"), "{}", refused.stderr);
}

/// What bash offers behind `words`, of which the last has been begun.
fn offered(script: &str, words: &[&str]) -> Vec<String> {
    let line = format!(
        "source {script}; COMP_WORDS=({}); COMP_CWORD={}; _wta wta '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let out = Command::new("bash").args(["--norc", "-c", &line]).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_flags_and_recipes() {
    let folder = Folder::new();
    let script = folder.write("wta.bash", &wta(&["generate", "completions", "bash"]).succeeds().stdout);
    assert_eq!(offered(&script, &["wta", "insp"]), ["inspect"]);
    assert_eq!(offered(&script, &["wta", "train", "mnist-conv16-"]), ["mnist-conv16-stacked"]);
    assert_eq!(offered(&script, &["wta", "train", "--resu"]), ["--resume"]);
    assert!(offered(&script, &["wta", "profile", "cifar10-"]).len() >= 4);
    // Any other text is a path.
    wta(&["train", "no-such.toml", "--run", &folder.path("x")]).fails("no-such.toml");
}

#[test]
fn each_command_has_a_page() {
    let folder = Folder::new();
    let man = folder.path("man/man1");
    let said = wta(&["generate", "man", &man]).succeeds().stdout;
    let mut pages: Vec<String> =
        fs::read_dir(&man).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    assert!(said.starts_with(&format!("{} pages in ", pages.len())), "{said}");
    let help = wta(&["--help"]).succeeds().stdout;
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What a line goes on with is indented further.
    let commands: Vec<&str> = commands
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands.iter().filter(|command| **command != "help") {
        let page = fs::read_to_string(format!("{man}/wta-{command}.1")).unwrap();
        assert!(page.contains(".TH"), "{command}");
    }
    let train = fs::read_to_string(format!("{man}/wta-train.1")).unwrap();
    for text in ["resume", "Examples:", "runs/conv16"] {
        assert!(train.contains(text), "{text} is not in\n{train}");
    }
    assert!(pages.contains(&"wta-generate-man.1".to_owned()), "{pages:?}");
    wta(&["generate", "man", &folder.write("file", "")]).fails("cannot create");
}
