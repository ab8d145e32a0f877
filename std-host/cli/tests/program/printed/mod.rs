//! Every command line that is printed, in the helps, in the documents and in sentences: it is understood, and
//! it runs.

mod lines;
mod sandbox;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lines::{Page, calls, command_line, documents, helps, named};
use sandbox::{Larder, Sandbox};

use crate::support::wta;

/// Lines that are not run, by a part of the line, and why. Their arguments are checked all the same.
const NOT_RUN: &[(&str, &str)] = &[
    ("wta paper ", "takes hours, and its rehearsal minutes; paper.rs rehearses rows of both"),
    (" --fetch ", "downloads; fetch.rs has a server of its own"),
    ("cifar10-stacked", "1024 maps on a whole data set; search is run with other recipes"),
];

/// A line that takes longer is told, for whoever looks for what to make quick.
const SLOW: Duration = Duration::from_secs(5);

/// Pages whose lines another test runs.
const ELSEWHERE: &[(&str, &str)] = &[("docs/sensor-to-board.md", "sensor_to_board.rs")];

/// Lines that stand on several pages, need nothing of them, and take long: they are run once.
const ONCE: &[&str] = &["wta demo"];

/// What makes a line quick: commands get these arguments, unless the line has one of these parts.
const ADDED: &[(&str, &[&str], &str)] = &[
    ("wta train ", &[" --epochs "], "--epochs 1"),
    ("wta search ", &[" --epochs "], "--epochs 1"),
    ("wta search ", &[" svm.c="], "--set svm.c=[1.0]"),
    // Activations have no labels.
    ("wta eval ", &[" --c ", "/activations"], "--c 1"),
    ("wta profile ", &[" --steps "], "--steps 1"),
];

/// What makes a line quick, or possible here: one part of a line becomes another.
const REPLACED: &[(&str, &str, &str)] = &[
    ("tail -f ", "tail ", "it would not end"),
    ("/mnt/server/", "", "there is no server"),
    ("--tries 9", "--tries 3", "it would take long"),
    ("maps=8,16,32", "maps=8,16", "it would take long"),
    ("--c 1,3,10", "--c 1,3", "it would take long"),
    ("--labels 1000", "--labels 100", "there are not so many digits"),
    ("--labels 300", "--labels 100", "there are not so many digits"),
    ("cifar10-conv256", "cifar10-conv64", "a quarter of the maps, measured by the same code"),
];

/// Lines that end with an error as they should, by a part of the line, and why.
const FAILING: &[(&str, &str)] = &[
    ("wta data ~/data", "the digits are fewer than those of MNIST, and it says so"),
    ("--device-ram", "it says what does not fit into the device"),
];

fn find<'a>(table: &'a [(&'a str, &'a str)], line: &str) -> Option<&'a str> {
    table.iter().find(|(part, _)| line.contains(part)).map(|(_, why)| *why)
}

/// The line as it is run.
fn quick(line: &str) -> String {
    let mut quick = line.to_owned();
    for (from, to, _) in REPLACED {
        quick = quick.replace(from, to);
    }
    for (command, without, added) in ADDED {
        if !without.iter().any(|part| line.contains(part)) {
            quick = quick.replace(command, &format!("{command}{added} "));
        }
    }
    quick
}

/// What went wrong when a page's lines ran one after the other.
fn mistakes(page: &Page, larder: &Larder) -> Vec<String> {
    let sandbox = Sandbox::with_data();
    let mut mistakes = Vec::new();
    let mut waiting: VecDeque<String> = page.lines.iter().cloned().collect();
    while let Some(line) = waiting.pop_front() {
        if find(NOT_RUN, &line).is_some() {
            continue;
        }
        let quick = quick(&line);
        sandbox.prepare(&quick, larder);
        let ended = sandbox.run(&quick);
        if ended.took > SLOW {
            eprintln!("{:.1?}, on {}: {quick}", ended.took, page.name);
        }
        let code = i32::from(find(FAILING, &line).is_some());
        let works = ended.codes == vec![code; calls(&line).len()] && (ended.succeeded || code != 0);
        if !works || ended.output.contains("panicked") {
            let last: Vec<&str> = ended.output.lines().rev().take(8).collect();
            let last = last.into_iter().rev().collect::<Vec<_>>().join("\n    ");
            mistakes.push(format!("{}: {line}\n    exit codes {:?}\n    {last}", page.name, ended.codes));
        }
        if line.starts_with("wta demo") {
            // What it says to do next; training longer is planned only.
            let next = ended.output.lines().filter_map(command_line).collect::<Vec<_>>();
            if next.is_empty() {
                mistakes.push(format!("{}: {line}: says nothing to do next", page.name));
            }
            waiting.extend(next.iter().map(|line| line.replace(".longer", ".longer --dry-run")));
        }
    }
    mistakes
}

/// Lines of all pages.
fn all() -> Vec<Page> {
    documents().into_iter().chain(helps()).collect()
}

/// Whether arguments are understood, or what the program says to them. Sentences name flags without their
/// value.
fn is_understood(arguments: &[String]) -> Result<(), String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--help"]).collect();
    let out = wta(&arguments).finish();
    if out.code == Some(0) || out.stderr.contains("a value is required") { Ok(()) } else { Err(out.stderr) }
}

#[test]
fn every_help_has_two_examples() {
    let helps = helps();
    assert!(helps.len() > 20 && helps.iter().any(|page| page.name == "wta svm fit"));
    let short = helps.iter().filter(|page| page.lines.len() < 2).map(|page| &page.name);
    assert_eq!(short.collect::<Vec<_>>(), [""; 0], "have fewer than two examples");
}

#[test]
fn every_line_is_understood() {
    let sandbox = Sandbox::empty();
    let mut wrong = Vec::new();
    for page in all() {
        for line in &page.lines {
            for call in calls(line) {
                if let Err(why) = is_understood(&call) {
                    wrong.push(format!("{}: {line}\n    {why}", page.name));
                }
            }
            // Without data it ends at once, after a look at all its arguments.
            if find(NOT_RUN, line).is_some() && !line.contains("--quick") && sandbox.run(line).codes != [1] {
                wrong.push(format!("{}: {line}\n    should find no data", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_that_a_sentence_names_is_understood() {
    let named = named();
    assert!(named.len() > 50, "{named:?}");
    let mut wrong = Vec::new();
    for text in &named {
        // What stands in place of a number, and what is left out.
        let filled =
            text.replace("...", "").replace("{more}", "").replace("{name}", "mnist").replace("{epochs}", "1");
        let filled = filled.replace(" SEED", " 1").replace(" {}", " 1").replace(" N", " 2");
        for call in calls(&filled) {
            if let Err(why) = is_understood(&call) {
                wrong.push(format!("{text}\n    {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tables_are_about_lines_that_are_there() {
    let pages = all();
    let lines: Vec<&String> = pages.iter().flat_map(|page| &page.lines).collect();
    let parts = NOT_RUN.iter().chain(FAILING).map(|(part, _)| part).chain(ONCE);
    for part in parts.chain(REPLACED.iter().map(|(part, _, _)| part)) {
        assert!(lines.iter().any(|line| line.contains(part)), "no line has {part:?}");
    }
    for (name, _) in ELSEWHERE {
        assert!(pages.iter().any(|page| page.name == *name), "no page is {name}");
    }
}

#[test]
fn every_line_runs() {
    let (mut pages, mut seen) = (all(), BTreeSet::new());
    for page in &mut pages {
        page.lines.retain(|line| !ONCE.contains(&line.as_str()) || seen.insert(line.clone()));
    }
    // The longest first.
    pages.sort_by_key(|page| page.name != "wta demo");
    let (larder, next, found) = (Larder::new(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from).min(8) {
            scope.spawn(|| {
                while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !ELSEWHERE.iter().any(|(name, _)| *name == page.name) {
                        let mistakes = mistakes(page, &larder);
                        found.lock().unwrap().extend(mistakes);
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{} lines do not work\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_line_that_lies_is_found_out() {
    let page = |line: &str| Page { name: "a page".to_owned(), lines: vec![line.to_owned()] };
    let larder = Larder::new();
    for lie in [
        "wta inspect no-such-file",
        "wta recipes no-such-recipe | cat",
        "wta recipes && wta recipse",
        "wta recipes > no/such",
    ] {
        assert_eq!(mistakes(&page(lie), &larder).len(), 1, "{lie}");
    }
    assert_eq!(mistakes(&page("wta recipes > r && wta inspect model.wta | cat"), &larder), [""; 0]);
    for wrong in ["train --no-such-flag", "no-such-command", "eval --draws many"] {
        assert!(is_understood(&wrong.split(' ').map(str::to_owned).collect::<Vec<_>>()).is_err(), "{wrong}");
    }
}
