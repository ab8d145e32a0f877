//! What the programs in `src/bin/` share: how they start and end, report, measure their stack and count their
//! instructions.
//!
//! The programs are for QEMU, and report over semihosting; README.md says what a real board needs instead.
//! Nothing here or below can panic: `no_panic.rs` sees to that.

#![no_std]

#[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
pub mod clock;
mod no_panic;
pub mod report;
#[cfg(target_arch = "riscv32")]
mod riscv;
#[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
pub mod stack;

use wta_core::{Error, Result};

/// Runs a program to its end: QEMU exits with status 0, or with 1 after the error's sentence.
///
/// `stack` is the bound, in bytes, that the program documents for its stack: to have gone deeper is an error
/// too. The last lines say how deep it was, and `done`.
#[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
pub fn run(stack: usize, program: impl FnOnce() -> Result<()>) -> ! {
    #[cfg(target_arch = "arm")]
    clock::start();
    let ended = program().and_then(|()| {
        let used = stack::high_water();
        report::number("stack", used as u64);
        if used > stack {
            Err(Error::Invalid("the stack went deeper than the program's bound"))
        } else {
            Ok(())
        }
    });
    match ended {
        Ok(()) => {
            report::line("done");
            semihosting::process::exit(0)
        }
        Err(error) => {
            report::error(&error);
            semihosting::process::exit(1)
        }
    }
}
