//! The program `wta-mpi`: what `wta` does, by the processes of a job.
//!
//! All processes run the same command. The first one prints, and reads and writes the run folder. An error of
//! one ends all.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::{Parser, Subcommand};
use wta::ranks::{Fact, Ranks, agree};

use crate::bug;
use crate::command;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::print;
use crate::settings::Settings;
use crate::signals::{REQUEUE, Signals, Stop};

/// How long a process waits before it tells its error: so long, the first one may tell the same, and end all.
const AFTER_THE_FIRST: Duration = Duration::from_secs(2);

/// The environment variables by which those who start jobs tell a process its number.
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
    Train(command::train::Arguments),
    /// Train a linear SVM on the features and print its test error.
    Eval(command::eval::Arguments),
    /// Write features, codes or reconstructions as .npy, or a sparse matrix.
    Encode(command::encode::Arguments),
    /// Measure training steps by 1, 2, 4, ... processes: the time to compute, to wait, and what is sent.
    #[command(after_help = PROFILE)]
    Profile(command::profile::Arguments),
}

/// The part of `profile --help` after the arguments.
const PROFILE: &str = "\
A process waits for a kind of messages while another one computes, or while they are on their way. kB are thousands of
bytes, as this process sends them in a step. The efficiency is the speed-up divided by the number of processes.

The cases are those of `wta profile`, as conv128 and fc2000.

Examples:
  mpirun -n 4 wta-mpi profile --case conv128
  mpirun --hostfile boards wta-mpi profile mnist-fc2000 --threads 4 --steps 20 --json";

impl Command {
    /// Which one it is.
    fn fact(&self) -> Fact {
        Fact::new(
            "command",
            match self {
                Self::Train(_) => "train",
                Self::Eval(_) => "eval",
                Self::Encode(_) => "encode",
                Self::Profile(_) => "profile",
            },
        )
    }
}

/// Set by signals.
static STOP: Stop = Stop::new();

/// Runs the program `wta-mpi` with the arguments of this process, as one of the processes that `start` gives.
/// It is called when the arguments are known to make sense.
pub fn wta_mpi(start: impl FnOnce() -> std::result::Result<Arc<dyn Job>, String>) -> ExitCode {
    let program = match Program::try_parse() {
        Ok(program) => program,
        Err(error) => {
            // Of many processes that say the same, one is enough.
            if NUMBERS.iter().filter_map(|name| std::env::var(name).ok()).all(|number| number == "0") {
                // Where nobody reads it, nothing can be said.
                let _ = error.print();
            }
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let job = match start() {
        Ok(job) => job,
        Err(problem) => {
            print::tell(&format!("wta-mpi: {problem}"));
            return ExitCode::FAILURE;
        }
    };
    match bug::caught(|| run(program, &job)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => end(&error, &*job),
    }
}

fn run(program: Program, job: &Arc<dyn Job>) -> Result<()> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let isa = program.settings.start((processors / job.here()).max(1), &STOP, Signals::QUEUED)?;
    let ranks: Arc<dyn Ranks> = Arc::<dyn Job>::clone(job);
    let facts = [
        Fact::new("version", env!("CARGO_PKG_VERSION")),
        Fact::new("instruction set", isa),
        program.command.fact(),
    ];
    agree(&*ranks, &facts).map_err(wta::Error::from)?;
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
    let is_first = job.rank() == 0;
    let code = if error.is_interruption() { STOP.code().unwrap_or(REQUEUE) } else { 1 };
    if error.is_agreed() {
        // The first process may still be saving: nobody ends it.
        if is_first {
            print::tell(&format!("wta-mpi: {error}"));
        }
        return ExitCode::from(code);
    }
    let told = if is_first {
        error.details().iter().for_each(|line| print::tell(line));
        format!("wta-mpi: {error}")
    } else {
        thread::sleep(AFTER_THE_FIRST);
        format!("wta-mpi: process {} on {}: {error}", job.rank(), job.host())
    };
    print::tell(&told);
    job.abort(code)
}
