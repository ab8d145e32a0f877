//! The program `wta`; see `wta --help`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::bug;
use crate::command;
use crate::context::Context;
use crate::error::Result;
use crate::exit::{self, FAILED, INTERRUPTED};
use crate::print;
use crate::settings::Settings;
use crate::signals::{self, Signals, Stop};

/// Winner-take-all autoencoders: learn sparse features from unlabelled images, and classify with them.
#[derive(Parser)]
#[command(
    name = "wta",
    version,
    about,
    after_help = "Examples:
  wta demo                                                    train on the bundled digits
  wta init ~/my-data > my.toml                                a first recipe for data of your own
  wta recipes mnist-conv16 > my.toml                          start a recipe of your own
  wta plan mnist-fc2000                                       memory, time and disk, before anything runs
  wta train mnist-fc2000 --data ~/data --run runs/fc2000      train (Ctrl-C saves; --resume goes on)
  wta watch runs/fc2000                                       its curves, live in the terminal
  wta eval --run runs/fc2000 --data ~/data                    linear SVM on the features
  wta predict --run runs/fc2000 new.npy                       classes of new samples
  wta detect --learn normal.wav --watch today.wav             faults of a machine, from normal recordings alone
  wta show --run runs/fc2000                                  pictures of what was learnt
  wta report runs/fc2000 --data ~/data                        all of a run, to look at in a browser
  wta export --run runs/fc2000 --out model.wta                for firmware
  wta svm fit train.svm --model m.safetensors                 a linear SVM on LIBSVM's text, arrays or tables
  wta inspect model.wta                                       what a file is, and what is wrong with it
  wta profile mnist-fc2000                                    where the time of a training step goes

Exit codes: 0 done; 1 an error, which the last line says; 2 wrong arguments; 130 Ctrl-C or a signal, and what was worth
keeping is saved. More in docs/exit-codes.md."
)]
struct Program {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Train on the bundled digits, print the test error, write the pictures; needs no files.
    Demo(command::demo::Arguments),
    /// Look at a file or a folder, and print a recipe for it.
    Init(command::init::Arguments),
    /// List the recipes, or print one.
    Recipes(command::recipes::Arguments),
    /// Say what a training takes before it runs: memory, time, disk, a device; and what will not fit.
    Plan(command::plan::Arguments),
    /// Train a recipe into a run folder.
    Train(command::train::Arguments),
    /// Watch a training in its run folder: curves, speed, time left, the dictionary.
    Watch(command::watch::Arguments),
    /// Write features, codes or reconstructions as .npy, or a sparse matrix.
    Encode(command::encode::Arguments),
    /// Train a linear SVM on the features and print its test error.
    Eval(command::eval::Arguments),
    /// Classify new pictures, arrays or recordings.
    Predict(command::predict::Arguments),
    /// Learn what is normal from recordings, and tell what is not in others.
    Detect(command::detect::Arguments),
    /// Write a trained network for firmware (model.wta, a Rust module, a C header) or as ONNX.
    Export(command::export::Arguments),
    /// Make a run of a model.wta, to evaluate it, to train it on and to export it.
    Import(command::import::Arguments),
    /// Try combinations of a recipe's settings, by their error or loss on held-out samples.
    Search(command::search::Arguments),
    /// Write pictures: dictionary, feature maps, reconstructions.
    Show(command::show::Arguments),
    /// Write a page to look at: curves, dictionary, samples, mistakes, sizes; of several runs, side by side.
    Report(command::report::Arguments),
    /// A linear SVM on files of labelled examples: LIBSVM's text, sparse matrices, arrays, tables.
    Svm(command::svm::Arguments),
    /// Say what a file or a run folder is, what is in it, and what is wrong with it.
    Inspect(command::inspect::Arguments),
    /// Measure the phases of a training step, and encoding, against the machine's peak.
    Profile(command::profile::Arguments),
    /// Reproduce the paper's tables and figures; continues where it stopped.
    Paper(command::paper::Arguments),
    /// List the data sets in a folder, checked against published checksums; download one.
    Data(command::data::Arguments),
    /// Completions for a shell, and pages of the manual.
    Generate(command::generate::Arguments),
}

/// Set by Ctrl-C.
static STOP: Stop = Stop::new();

/// Runs the program `wta` with the arguments of this process.
pub fn wta() -> ExitCode {
    print::speak_as("wta".to_owned());
    let program = match Program::try_parse() {
        Ok(program) => program,
        Err(error) => return exit::explained(&error),
    };
    match bug::caught(|| run(program)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.details().iter().for_each(|line| print::tell(line));
            let code = if error.is_interruption() { INTERRUPTED } else { FAILED };
            print::complain(code, &error.to_string());
            ExitCode::from(code)
        }
    }
}

fn run(program: Program) -> Result<()> {
    signals::watch(&STOP, Signals::ALONE)?;
    if let Command::Train(arguments) = &program.command {
        arguments.open_log(true)?;
    }
    let isa = program.settings.start(0)?;
    let context = Context { isa, stop: &STOP, ranks: None };
    match program.command {
        Command::Demo(arguments) => command::demo::run(&arguments, &context),
        Command::Recipes(arguments) => command::recipes::run(&arguments),
        Command::Init(arguments) => command::init::run(&arguments, &context),
        Command::Plan(arguments) => command::plan::run(&arguments, &context),
        Command::Train(arguments) => command::train::run(&arguments, &context),
        Command::Watch(arguments) => command::watch::run(&arguments, &context),
        Command::Encode(arguments) => command::encode::run(&arguments, &context),
        Command::Eval(arguments) => command::eval::run(&arguments, &context),
        Command::Predict(arguments) => command::predict::run(&arguments, &context),
        Command::Detect(arguments) => command::detect::run(&arguments, &context),
        Command::Export(arguments) => command::export::run(&arguments, &context),
        Command::Import(arguments) => command::import::run(&arguments),
        Command::Search(arguments) => command::search::run(&arguments, &context),
        Command::Show(arguments) => command::show::run(&arguments, &context),
        Command::Report(arguments) => command::report::run(&arguments, &context),
        Command::Svm(arguments) => command::svm::run(&arguments, &context),
        Command::Inspect(arguments) => command::inspect::run(&arguments),
        Command::Profile(arguments) => command::profile::run(&arguments, &context),
        Command::Paper(arguments) => command::paper::run(&arguments, &context),
        Command::Data(arguments) => command::data::run(&arguments, &context),
        Command::Generate(arguments) => command::generate::run(&arguments, Program::command()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Command;

    use super::*;

    /// Flags that are about different things in different commands: results of different kinds and their
    /// formats; the SVM's C, and the language C; how many labels, and the file that holds them.
    const DIFFERENT: [&str; 4] = ["out", "format", "c", "labels"];

    /// The words that a help text begins with.
    fn beginning(help: &str) -> String {
        help.split_whitespace().take(2).collect::<Vec<_>>().join(" ").trim_end_matches([',', ':']).to_owned()
    }

    /// The commands below one, with all their names.
    fn all(command: &Command, before: &str) -> Vec<(String, Command)> {
        let below = command.get_subcommands().flat_map(|below| {
            let name = format!("{before} {}", below.get_name());
            let mut found = all(below, &name);
            found.push((name, below.clone()));
            found
        });
        below.collect()
    }

    #[test]
    fn a_flag_is_the_same_in_every_command() {
        Program::command().debug_assert();
        let mut known: BTreeMap<String, Vec<[String; 3]>> = BTreeMap::new();
        for (name, command) in all(&Program::command(), "wta") {
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty(), "{name}: {argument} has no help");
                let Some(long) = argument.get_long().filter(|long| !DIFFERENT.contains(long)) else {
                    continue;
                };
                let values = argument.get_value_names().unwrap_or_default().join(" ");
                known.entry(long.to_owned()).or_default().push([values, beginning(&help), name.clone()]);
            }
        }
        let same = |of: &[[String; 3]]| of.iter().all(|one| of.iter().all(|other| one[..2] == other[..2]));
        let different: Vec<_> = known.iter().filter(|(_, of)| !same(of)).collect();
        assert!(different.is_empty(), "{different:#?}");
        assert!(known.len() > 50 && known.contains_key("run"), "{known:?}");
    }

    #[test]
    fn a_flag_has_one_letter_and_a_letter_one_flag() {
        let letters = |command: &Command| -> Vec<(char, String)> {
            let found =
                command.get_arguments().filter_map(|a| Some((a.get_short()?, a.get_long()?.to_owned())));
            found.collect()
        };
        let mut program = Program::command();
        program.build();
        let mut known = BTreeMap::new();
        for (name, command) in all(&program, "wta") {
            for (letter, long) in letters(&command) {
                assert_eq!(known.entry(letter).or_insert(long.clone()), &long, "-{letter} of {name}");
            }
        }
        assert_eq!(known.get(&'q').map(String::as_str), Some("quiet"));
    }
}
