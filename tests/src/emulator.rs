//! The emulators: QEMU for a microcontroller's board, and for programs of another Linux.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Availability;

/// A program on the `PATH`, or the sentence that names it and its Debian `package`.
pub fn find(program: &str, package: &str) -> Availability<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    match env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file()) {
        Some(file) => Availability::Ready(file),
        None => Availability::Missing(format!(
            "{program} is not on the PATH: run .ci/install-cross, or install it (Debian's package is {package})"
        )),
    }
}

/// QEMU's `mps2-an386` board: a Cortex-M4F with 4 MB of flash and of RAM, and semihosting.
#[derive(Debug)]
pub struct CortexM4 {
    qemu: PathBuf,
}

impl CortexM4 {
    /// The emulator, if it is installed.
    pub fn find() -> Availability<Self> {
        find("qemu-system-arm", "qemu-system-arm").and_then(|qemu| Availability::Ready(Self { qemu }))
    }

    /// A command that runs the firmware, one instruction per simulated nanosecond, until it exits by
    /// semihosting.
    pub fn command(&self, firmware: &Path) -> Command {
        command(&self.qemu, &["mps2-an386", "-icount", "shift=0"], firmware)
    }
}

/// A small machine without an FPU, with semihosting.
#[derive(Clone, Debug)]
pub struct SmallMachine {
    qemu: PathBuf,
    machine: &'static [&'static str],
}

impl SmallMachine {
    /// QEMU's `microbit`: a Cortex-M0 with 256 KB of flash and 16 KB of RAM.
    pub fn cortex_m0() -> Availability<Self> {
        let qemu = find("qemu-system-arm", "qemu-system-arm");
        qemu.and_then(|qemu| Availability::Ready(Self { qemu, machine: &["microbit"] }))
    }

    /// A board of QEMU's with a Cortex-M: `mps2-an500` (M7), `mps2-an505` (M33) or `mps3-an547` (M55).
    pub fn cortex_m(machine: &'static [&'static str]) -> Availability<Self> {
        let qemu = find("qemu-system-arm", "qemu-system-arm");
        qemu.and_then(|qemu| Availability::Ready(Self { qemu, machine }))
    }

    /// QEMU's `virt`: RISC-V of 32 bits.
    pub fn riscv32() -> Availability<Self> {
        let qemu = find("qemu-system-riscv32", "qemu-system-misc");
        qemu.and_then(|qemu| Availability::Ready(Self { qemu, machine: &["virt", "-bios", "none"] }))
    }

    /// A command that runs the firmware, one instruction per simulated nanosecond, until it exits by
    /// semihosting.
    pub fn command(&self, firmware: &Path) -> Command {
        let mut command = command(&self.qemu, self.machine, firmware);
        command.args(["-icount", "shift=0"]);
        command
    }
}

fn command(qemu: &Path, machine: &[&str], firmware: &Path) -> Command {
    let mut command = Command::new(qemu);
    command.arg("-M").args(machine).arg("-nographic");
    command.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(firmware);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let Availability::Missing(why) = find("no-such-emulator", "some-package") else {
            panic!("found a program that is not there");
        };
        assert!(why.contains("no-such-emulator") && why.contains("some-package"), "{why}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_on_the_path_is_found() {
        assert!(matches!(find("sh", "dash"), Availability::Ready(file) if file.ends_with("sh")));
    }
}
