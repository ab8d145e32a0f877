//! What the boards share, in an emulator: recordings of a motor's bearing stand for the accelerometer, RAM
//! for the flash, and the log goes to the host, which tests/tests/boards.rs decodes.

#![no_std]
#![no_main]

mod logger;
#[path = "../../../src/no_panic.rs"]
mod no_panic;
mod ram_flash;
mod recordings;
mod refusals;
mod sentences;

// Its critical section.
use cortex_m as _;
use cortex_m_rt::entry;
use ram_flash::RamFlash;
use wta_monitor::{FlashSlots, Machine, Monitor};

#[entry]
fn main() -> ! {
    static mut FLASH: RamFlash = RamFlash::new();
    static mut MACHINE: Machine = Machine::new();

    sentences::log();
    refusals::refusals();
    let ended = watch(FLASH, MACHINE);
    if let Err(error) = ended {
        defmt::error!("{}", error);
    }
    defmt::info!("done");
    semihosting::process::exit(u32::from(ended.is_err()).cast_signed())
}

/// A machine is learnt, the power fails, and faults come.
fn watch(flash: &mut RamFlash, machine: &mut Machine) -> wta_core::Result<()> {
    let mut monitor = Monitor::start(machine, FlashSlots::new(&mut *flash, ram_flash::STATE), false)?;
    recordings::learn(&mut monitor);
    defmt::info!("recording: normal");
    recordings::play(&mut monitor, recordings::not_seen());
    drop(monitor);
    machine_without_power(machine);
    let mut monitor = Monitor::start(machine, FlashSlots::new(flash, ram_flash::STATE), false)?;
    for (name, recording) in recordings::FAULTS {
        defmt::info!("recording: {=str}", name);
        recordings::play(&mut monitor, recording);
        defmt::info!("recording: normal");
        recordings::play(&mut monitor, recordings::not_seen());
    }
    Ok(())
}

/// Nothing is left of what was in RAM.
fn machine_without_power(machine: &mut Machine) {
    *machine = Machine::new();
}
