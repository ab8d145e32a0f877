//! The command lines that the program and the documents print.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Command lines that stand below each other.
pub(super) struct Page {
    /// A command, as `wta svm fit`, or the path of a document.
    pub(super) name: String,
    pub(super) lines: Vec<String>,
}

/// The words of each simple command in a line for the shell, without redirections.
pub(super) fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let (mut quote, mut redirected) = (None, false);
    for character in line.chars().chain([';']) {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ' | '|' | '&' | ';' | '<' | '>') => {
                // The number before an arrow is that of what is redirected.
                let digits = |word: &String| "<>".contains(character) && word.parse::<u32>().is_ok();
                if let Some(word) = word.take().filter(|word| !digits(word))
                    && !std::mem::take(&mut redirected)
                {
                    words.push(word);
                }
                redirected |= "<>".contains(character);
                if "|&;".contains(character) && !words.is_empty() {
                    commands.push(std::mem::take(&mut words));
                }
            }
            _ => word.get_or_insert_default().push(character),
        }
    }
    commands
}

/// Those of them that run `wta`, without this word.
pub(super) fn calls(line: &str) -> Vec<Vec<String>> {
    let of_wta = commands(line).into_iter().filter(|words| words[0] == "wta");
    of_wta.map(|words| words[1..].to_vec()).collect()
}

/// The command line in a printed line, if there is one, without what is said about it.
pub(super) fn command_line(printed: &str) -> Option<String> {
    let line = printed.trim();
    let line = line.strip_prefix("$ ").unwrap_or(line).replace("cargo run --release -- ", "wta ");
    let end = ["  ", " # "].iter().filter_map(|comment| line.find(comment)).min();
    let line = &line[..end.unwrap_or(line.len())];
    (!calls(line).is_empty()).then(|| line.to_owned())
}

/// What `--help` says of a command, in lines that are not broken.
fn help(command: &[String]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wta"));
    let out = program.args(command).arg("--help").env("COLUMNS", "1000").output().unwrap();
    assert!(out.status.success(), "{command:?} {out:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// The lines of a text between a headline and the next empty line.
fn section<'a>(text: &'a str, headline: &str) -> impl Iterator<Item = &'a str> {
    text.lines().skip_while(move |line| *line != headline).skip(1).take_while(|line| !line.is_empty())
}

/// The examples of each help, from that of `wta` down to the last subcommand.
pub(super) fn helps() -> Vec<Page> {
    let (mut pages, mut waiting) = (Vec::new(), vec![Vec::new()]);
    while let Some(command) = waiting.pop() {
        let help = help(&command);
        let below = section(&help, "Commands:").map(|line| line.split_whitespace().next().unwrap());
        let below = below.filter(|name| *name != "help");
        waiting.extend(below.map(|name| [&command[..], &[name.to_owned()]].concat()));
        let lines = section(&help, "Examples:").filter_map(command_line).collect();
        pages.push(Page { name: [&["wta".to_owned()], &command[..]].concat().join(" "), lines });
    }
    pages
}

/// Files with this ending in a folder and, of sources, below it.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && ending == "rs" {
            files(&path, ending, found);
        }
        if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    found.sort();
}

/// The documents that tell how the program is used: their paths in the repository, and their texts.
fn texts() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for folder in ["docs", "std-host", "std-host/cli", "std-host/mpi", "std-host/python"] {
        files(&Path::new(REPOSITORY).join(folder), "md", &mut paths);
    }
    for name in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"] {
        paths.push(Path::new(REPOSITORY).join(name));
    }
    let name = |path: &Path| path.strip_prefix(REPOSITORY).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// The command lines in the code blocks of each document that has some.
pub(super) fn documents() -> Vec<Page> {
    let page = |(name, text): (String, String)| {
        let (mut lines, mut inside) = (Vec::new(), false);
        for line in text.lines() {
            if line.starts_with("```") {
                inside = !inside;
            } else if inside || line.starts_with("    ") {
                lines.extend(command_line(line));
            }
        }
        Page { name, lines }
    };
    texts().into_iter().map(page).filter(|page| !page.lines.is_empty()).collect()
}

/// What stands between one of these beginnings and the next of the same mark, and calls `wta`.
fn quoted(text: &str, mark: char) -> Vec<String> {
    let begin = format!("{mark}wta ");
    let after = text.match_indices(&begin).map(|(at, _)| &text[at + 1..]);
    after.filter_map(|rest| Some(rest[..rest.find(mark)?].to_owned())).collect()
}

/// The commands that sentences name, in documents, comments and messages. They may have words in place of
/// values, and leave out what the sentence is not about.
pub(super) fn named() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (_, text) in texts() {
        let prose = text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
        named.extend(quoted(&prose.split_whitespace().collect::<Vec<_>>().join(" "), '`'));
    }
    let mut sources = Vec::new();
    for folder in ["src", "../src"] {
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), "rs", &mut sources);
    }
    assert!(sources.len() > 100, "{sources:?}");
    for path in sources {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| {
            let line = line.trim();
            line.trim_start_matches(['/', '!']).trim_end_matches('\\').trim()
        });
        let text = lines.collect::<Vec<_>>().join(" ").replace("\\\"", "'");
        named.extend(quoted(&text, '`'));
        named.extend(quoted(&text, '"'));
    }
    named
}

#[test]
pub(super) fn command_lines_are_found_in_what_is_printed() {
    for (printed, line) in [
        ("$ wta demo --run x   # a comment", "wta demo --run x"),
        ("    wta show --run x  says this", "wta show --run x"),
        ("zcat a.gz | wta svm fit - --model m  # any pipe", "zcat a.gz | wta svm fit - --model m"),
        ("cargo run --release -- demo", "wta demo"),
    ] {
        assert_eq!(command_line(printed).as_deref(), Some(line));
    }
    for other in ["wta-mpi train x", "wta: what went wrong", "cargo build", "a wta demo"] {
        assert_eq!(command_line(other), None);
    }
    let line = "wta init a 2> b > c && wta search r --set 't=\"x\",\"y|z\"' | jq .event";
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(calls(line), [words("init a"), words("search r --set t=\"x\",\"y|z\"")]);
    assert_eq!(commands(line)[2], ["jq", ".event"]);
    assert_eq!(quoted("say `wta eval` and `wta show --run {run}`, not `wta`", '`').len(), 2);
}
