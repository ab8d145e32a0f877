//! The program `wta-mpi`; see `wta-mpi --help`.

use std::process::ExitCode;
use std::sync::Arc;

use wta_cli::Job;
use wta_mpi::MpiRanks;

fn main() -> ExitCode {
    wta_cli::wta_mpi(|| Ok(Arc::new(MpiRanks::start()?) as Arc<dyn Job>))
}
