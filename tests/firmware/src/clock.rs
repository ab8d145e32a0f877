//! Instructions counted by SysTick, the timer that every Cortex-M has.
//!
//! QEMU's boards run at 25 MHz; with `-icount shift=0` an instruction takes a nanosecond, so that a tick is
//! [`PER_TICK`] instructions, the same on every machine. On hardware, the DWT's cycle counter is what to
//! read.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

/// Instructions in a tick.
pub const PER_TICK: u64 = 40;

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
            return (u64::from(before) * u64::from(PERIOD) + u64::from(passed)) * PER_TICK;
        }
    }
}
