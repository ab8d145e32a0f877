//! Instructions counted, on every machine that QEMU emulates here.
//!
//! With `-icount shift=0` an instruction takes a simulated nanosecond. On Arm, SysTick counts, the timer that
//! every Cortex-M has, at the board's clock; on RISC-V, the counter of instructions. On hardware, the DWT's
//! cycle counter or `mcycle` is what to read.

#[cfg(target_arch = "arm")]
pub(crate) use arm::start;
#[cfg(target_arch = "arm")]
pub use arm::{PER_TICK, instructions};
#[cfg(target_arch = "riscv32")]
pub use riscv::instructions;

#[cfg(target_arch = "arm")]
mod arm {
    use core::sync::atomic::{AtomicU32, Ordering};

    use cortex_m::Peripherals;
    use cortex_m::peripheral::SYST;
    use cortex_m::peripheral::syst::SystClkSource;
    use cortex_m_rt::exception;

    /// Nanoseconds in a tick, times two: the clock of the micro:bit has 16 MHz, that of QEMU's model of a
    /// Cortex-M33 20, and those of the others 25.
    const HALVES: u64 = if cfg!(not(target_has_atomic = "32")) {
        125
    } else if cfg!(wta_armv8) {
        100
    } else {
        80
    };

    /// Instructions in a tick.
    pub const PER_TICK: u64 = HALVES / 2;

    /// The counter has 24 bits, and counts down.
    const PERIOD: u32 = 1 << 24;

    /// How often it has begun anew.
    static WRAPS: AtomicU32 = AtomicU32::new(0);

    #[exception]
    fn SysTick() {
        // Not `fetch_add`, which a Cortex-M0 does not have: nothing else writes.
        WRAPS.store(WRAPS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Starts the counter; the first call counts.
    pub(crate) fn start() {
        let Some(peripherals) = Peripherals::take() else { return };
        let mut timer = peripherals.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(PERIOD - 1);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
    }

    /// Instructions since the start, to within [`PER_TICK`] and the few that reading takes.
    pub fn instructions() -> u64 {
        loop {
            let before = WRAPS.load(Ordering::Relaxed);
            // From 0, where it starts, and where a period ends, the counter goes on to the largest number.
            let passed = 0u32.wrapping_sub(SYST::get_current()) % PERIOD;
            // A wrap between the two reads belongs to neither or both: read again.
            if WRAPS.load(Ordering::Relaxed) == before {
                return (u64::from(before) * u64::from(PERIOD) + u64::from(passed)) * HALVES / 2;
            }
        }
    }
}

#[cfg(target_arch = "riscv32")]
mod riscv {
    use core::arch::asm;

    /// Instructions since the machine's start.
    pub fn instructions() -> u64 {
        loop {
            let (high, low, again): (u32, u32, u32);
            // SAFETY: reads the counter of instructions, and nothing else.
            unsafe {
                asm!("csrr {}, minstreth", "csrr {}, minstret", "csrr {}, minstreth",
                    out(reg) high, out(reg) low, out(reg) again, options(nomem, nostack));
            }
            if high == again {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }
}
