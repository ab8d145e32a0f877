//! The program `wta`; see `wta --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wta_cli::wta()
}
