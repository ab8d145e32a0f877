//! The program `wta-mpi`: what `wta` does, by the processes of a job.
//!
//! All processes run the same command. The first one prints, and reads and writes the run folder. An error of
//! one ends all.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use wta::ranks::{Fact, Ranks, agree, each};

use crate::bug;
use crate::command;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::{self, FAILED, INTERRUPTED, REQUEUE};
use crate::print;
use crate::settings::Settings;
use crate::signals::{self, Signals, Stop};

/// How long a process waits before it tells its error: so long, the first one may tell the same, and end all.
const AFTER_THE_FIRST: Duration = Duration::from_secs(2);

/// The environment variables by which those who start jobs tell a process its number. A process that has
/// none is alone.
const NUMBERS: [&str; 4] = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"];

/// The processes of a job, as they were started.
pub trait Job: Ranks {
    /// The name of this process's machine.
    fn host(&self) -> &str;

    /// How many of the processes this machine has.
    fn here(&self) -> usize;

    /// Ends all processes with this exit code.
    fn abort(&self, code: u8) -> !;
}

/// Winner-take-all autoencoders on several machines: `wta` by the processes of an MPI job, to the same bits.
#[derive(Parser)]
#[command(
    name = "wta-mpi",
    version,
    after_help = "Each process reads the data; the first one has the run folder, which is that of `wta`. By SIGTERM and SIGUSR1
a training is saved, and ends with the exit code 75.

Examples:
  mpirun -n 4 wta-mpi train mnist-conv128 --data ~/data --run runs/conv128
  mpirun -n 3 wta-mpi train mnist-conv128 --data ~/data --run runs/conv128 --resume
  mpirun -n 2 wta-mpi eval --run runs/conv128 --data ~/data
  mpirun --hostfile boards wta-mpi train mnist-fc2000 --data /data --run runs/fc2000 --threads 4"
)]
struct Program {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Train a recipe into a run folder.
    #[command(after_help = TRAIN)]
    Train(command::train::Arguments),
    /// Train a linear SVM on the features and print its test error.
    #[command(after_help = EVAL)]
    Eval(command::eval::Arguments),
    /// Write features, codes or reconstructions as .npy, or a sparse matrix.
    #[command(after_help = ENCODE)]
    Encode(command::encode::Arguments),
    /// Measure training steps by 1, 2, 4, ... processes: the time to compute, to wait, and what is sent.
    #[command(after_help = PROFILE)]
    Profile(command::profile::Arguments),
}

/// The part of `train --help` after the arguments.
const TRAIN: &str = "\
The recipe and the samples have to be the same for all processes; --run, --resume and --from are the first one's.

Examples:
  mpirun -n 4 wta-mpi train mnist-conv16 --data ~/data --run runs/conv16
  mpirun -n 2 wta-mpi train mnist-conv16 --data ~/data --run runs/conv16 --resume
  mpirun --hostfile boards wta-mpi train my.toml --data /data --run runs/mine --epochs 3 --isa scalar";

/// The part of `eval --help` after the arguments.
const EVAL: &str = "\
C is chosen, and the SVM trained, as by `wta eval`, with the same result. Ten classes keep two processes busy.

Examples:
  mpirun -n 2 wta-mpi eval --run runs/conv16 --data ~/data
  mpirun -n 2 wta-mpi eval --run runs/conv16 --data ~/data --validate --c 1,3,10";

/// The part of `encode --help` after the arguments.
const ENCODE: &str = "\
The first process writes the file, which is that of `wta encode`.

Examples:
  mpirun -n 4 wta-mpi encode --run runs/conv16 --data ~/data --split test --out test.npy
  mpirun -n 4 wta-mpi encode --run runs/conv16 --data ~/data --split train --code trained --sparse --out winners.npz";

/// The part of `profile --help` after the arguments.
const PROFILE: &str = "\
A process waits for a kind of messages while another one computes, or while they are on their way. kB are thousands of
bytes, as this process sends them in a step. The efficiency is the speed-up divided by the number of processes.

The cases are those of `wta profile`, as conv128 and fc2000.

Examples:
  mpirun -n 4 wta-mpi profile --case conv128
  mpirun --hostfile boards wta-mpi profile mnist-fc2000 --threads 4 --steps 20 --json";

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Train(_) => "train",
            Self::Eval(_) => "eval",
            Self::Encode(_) => "encode",
            Self::Profile(_) => "profile",
        }
    }
}

/// Set by signals.
static STOP: Stop = Stop::new();

/// Runs the program `wta-mpi` with the arguments of this process, as one of the processes that `start` gives.
pub fn wta_mpi(start: impl FnOnce() -> std::result::Result<Arc<dyn Job>, String>) -> ExitCode {
    print::speak_as("wta-mpi".to_owned());
    // Before MPI starts, which takes long enough for a signal to arrive.
    if let Err(error) = signals::watch(&STOP, Signals::QUEUED) {
        print::complain(FAILED, &error.to_string());
        return ExitCode::from(FAILED);
    }
    let program = match parse() {
        Err(error) if NUMBERS.iter().all(|name| std::env::var_os(name).is_none()) => {
            return exit::explained(&error);
        }
        program => program,
    };
    let job = match start() {
        Ok(job) => job,
        Err(problem) => {
            print::complain(FAILED, &problem);
            return ExitCode::from(FAILED);
        }
    };
    if job.rank() > 0 {
        print::speak_as(format!("wta-mpi: process {} on {}", job.rank(), job.host()));
    }
    // A process that ends before the others know would let them wait for ever.
    let known = agree_on_command(&program, &*job);
    let program = match (known, program) {
        (Ok(()), Ok(program)) => program,
        (Ok(()), Err(error)) if job.rank() == 0 => return exit::explained(&error),
        (Ok(()), Err(error)) => return exit::of_arguments(&error),
        (Err(error), _) => return end(&error, &*job),
    };
    match bug::caught(|| run(program, &job)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => end(&error, &*job),
    }
}

/// What the arguments of this process say.
fn parse() -> std::result::Result<Program, clap::Error> {
    let threads = "Threads of each process [default: the machine's processors, divided by its processes]";
    let known = Program::command().mut_arg("threads", |threads_of| threads_of.help(threads));
    known.try_get_matches().and_then(|found| Program::from_arg_matches(&found))
}

/// `Ok` if all processes have the same version and were given the same command, or made the same mistake.
fn agree_on_command(program: &std::result::Result<Program, clap::Error>, job: &dyn Job) -> Result<()> {
    let command = match program {
        Ok(program) => program.command.name().to_owned(),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                "--help".to_owned()
            }
            ErrorKind::DisplayVersion => "--version".to_owned(),
            // The sentence, without the usage below it.
            _ => error.to_string().split("\n\n").next().unwrap_or_default().to_owned(),
        },
    };
    let facts = [Fact::new("version", env!("CARGO_PKG_VERSION")), Fact::new("command", command)];
    Ok(agree(job, &facts)?)
}

fn run(program: Program, job: &Arc<dyn Job>) -> Result<()> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    if let Command::Train(arguments) = &program.command {
        arguments.open_log(job.rank() == 0)?;
    }
    let isa = program.settings.start((processors / job.here()).max(1))?;
    let ranks: Arc<dyn Ranks> = Arc::<dyn Job>::clone(job);
    agree(&*ranks, &[Fact::new("instruction set", isa)])?;
    let context = Context { isa, stop: &STOP, ranks: Some(ranks) };
    match program.command {
        Command::Train(arguments) => command::train::run(&arguments, &context),
        Command::Eval(arguments) => command::eval::run(&arguments, &context),
        Command::Encode(arguments) => command::encode::run(&arguments, &context),
        Command::Profile(arguments) => command::profile::run(&arguments, &context),
    }
}

/// Tells an error, and ends what it has to end.
fn end(error: &Error, job: &dyn Job) -> ExitCode {
    let (is_first, code) = (job.rank() == 0, exit_code(error, job));
    if error.is_agreed() {
        // The first process may still be saving: nobody ends it.
        if is_first {
            print::complain(code, &error.to_string());
        }
        return ExitCode::from(code);
    }
    if is_first {
        error.details().iter().for_each(|line| print::tell(line));
    } else {
        thread::sleep(AFTER_THE_FIRST);
    }
    print::complain(code, &error.to_string());
    job.abort(code)
}

/// The exit code after an error. That of a job that can be put into the queue again is for what can be gone
/// on with: an evaluation begins anew, and would never be finished.
fn exit_code(error: &Error, job: &dyn Job) -> u8 {
    if !error.is_interruption() {
        return FAILED;
    }
    // Not every process gets the signal, and the first one knows whether something is saved.
    let mine = [STOP.code().unwrap_or(0), u8::from(error.is_resumable())];
    let said = if error.is_agreed() { each(job, mine).unwrap_or_else(|_| vec![mine]) } else { vec![mine] };
    if said.iter().all(|[_, is_resumable]| *is_resumable == 0) {
        return INTERRUPTED;
    }
    // Of two signals, the one that does not ask for another try.
    said.iter().map(|[code, _]| *code).max().filter(|code| *code != 0).unwrap_or(REQUEUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_says_its_name_and_version() {
        Program::command().debug_assert();
        let said = Program::command().render_version();
        assert_eq!(said, concat!("wta-mpi ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}
