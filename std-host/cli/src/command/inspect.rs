//! `wta inspect`.

use std::path::PathBuf;

use clap::Args;
use wta::inspect::{inspect, unreadable};

use crate::error::{Error, Result};
use crate::print::{json, print};

/// Arguments of `wta inspect`.
#[derive(Args)]
#[command(
    after_help = "Says of each file what it is, who reads it, what it belongs to, the range of its numbers, and what is wrong with it.
Files are known by what is in them; a name that promises something else is wrong. All of a file is read, some of it at a
time. Of a run folder: all its files, and whether they belong together. The exit code is 1 if anything is wrong.

Examples:
  wta inspect runs/fc2000
  wta inspect model.wta
  wta inspect --json runs/fc2000/model.safetensors"
)]
pub(crate) struct Arguments {
    /// Files, or run folders.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print JSON instead of text: one array.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut findings = Vec::new();
    for path in &arguments.paths {
        // What is wrong with one of them does not keep the others from being told.
        match inspect(path) {
            Ok(found) => findings.extend(found),
            Err(error) => findings.push(unreadable(path, &error)),
        }
    }
    if arguments.json {
        print(&json("the findings", serde_json::to_string_pretty(&findings))?)?;
    } else {
        let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
        print(&texts.join("\n"))?;
    }
    let wrong: Vec<String> = findings
        .iter()
        .filter(|finding| !finding.problems.is_empty())
        .map(|finding| finding.path.display().to_string())
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!("something is wrong with {}; see above", wrong.join(", "))))
}
