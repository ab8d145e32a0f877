//! The exit codes of all programs, in one place; docs/exit-codes.md is the same for users.

use std::process::ExitCode;

use signal_hook::low_level;

use crate::screen;

/// An error: one sentence on standard error says which. `wta inspect` has it if anything is wrong.
pub(crate) const FAILED: u8 = 1;

/// The arguments cannot be understood. It is clap's, which says what it has not understood.
pub(crate) const MISUSED: u8 = 2;

/// The system has ended a job by a signal, and what was saved can be gone on with: sysexits' `EX_TEMPFAIL`,
/// by which a queue starts it again. Of `wta-mpi` alone.
pub(crate) const REQUEUE: u8 = 75;

/// Ctrl-C, SIGTERM or SIGHUP: 128 and the number of SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints a help, a version, or what is wrong with the arguments.
pub(crate) fn explained(error: &clap::Error) -> ExitCode {
    // Where nobody reads it, nothing can be said.
    let _ = error.print();
    of_arguments(error)
}

/// The exit code after what arguments ask for: a help, a version, or what is wrong with them.
pub(crate) fn of_arguments(error: &clap::Error) -> ExitCode {
    if error.use_stderr() { ExitCode::from(MISUSED) } else { ExitCode::SUCCESS }
}

/// Ends the program at once, from whichever thread.
pub(crate) fn at_once(code: u8) -> ! {
    screen::give_back();
    low_level::exit(code.into())
}
