//! A Raspberry Pi Pico 2 (RP2350) with a LIS3DH on I2C watches a machine's vibration.

#![no_std]
#![no_main]

use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_rp::flash::{Blocking, Flash};
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::{bind_interrupts, i2c, peripherals};
use embassy_time::{Duration, Ticker, Timer};
use panic_probe as _;
use static_cell::ConstStaticCell;
use wta_monitor::lis3dh::{self, Queue};
use wta_monitor::{FlashSlots, Machine, Monitor};

/// Bytes of flash on the board.
const FLASH: usize = 4 << 20;
/// The last pages of it, which memory.x leaves to the detector's state.
const STATE: u32 = FLASH as u32 - (64 << 10);
const _: () = assert!(STATE + FlashSlots::<Storage>::BYTES <= FLASH as u32);

type Storage = Flash<'static, peripherals::FLASH, Blocking, FLASH>;
type Bus = i2c::I2c<'static, peripherals::I2C0, i2c::Async>;

static MACHINE: ConstStaticCell<Machine> = ConstStaticCell::new(Machine::new());

bind_interrupts!(struct Irqs {
    I2C0_IRQ => i2c::InterruptHandler<peripherals::I2C0>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let board = embassy_rp::init(Default::default());
    let mut lamp = Output::new(board.PIN_25, Level::Low);
    // Held to ground at the start: learn anew.
    let button = Input::new(board.PIN_15, Pull::Up);
    Timer::after_millis(10).await;
    let anew = button.is_low();

    let mut config = i2c::Config::default();
    config.frequency = 400_000;
    let mut bus = i2c::I2c::new_async(board.I2C0, board.PIN_5, board.PIN_4, Irqs, config);

    let slots = FlashSlots::new(Flash::new_blocking(board.FLASH), STATE);
    let mut monitor = match Monitor::start(MACHINE.take(), slots, anew) {
        Ok(monitor) => monitor,
        Err(error) => defmt::panic!("{}", error),
    };

    loop {
        // Where the sensor does not answer, or no longer, it is asked again: a loose wire is a gap.
        if let Err(error) = watch(&mut bus, &mut monitor, &mut lamp).await {
            defmt::error!("the accelerometer does not answer: {}", defmt::Debug2Format(&error));
        }
        monitor.gap();
        Timer::after_secs(1).await;
    }
}

/// Sets the sensor up, and takes its samples in until the bus fails.
async fn watch(
    bus: &mut Bus,
    monitor: &mut Monitor<'_, Storage>,
    lamp: &mut Output<'_>,
) -> Result<(), i2c::Error> {
    let mut answer = [0];
    bus.write_read_async(lis3dh::ADDRESS, [lis3dh::WHO_AM_I], &mut answer).await?;
    if answer != [lis3dh::IDENTITY] {
        defmt::warn!("this is not a LIS3DH: it calls itself {=[u8]:#x}", answer);
    }
    for setting in lis3dh::SETUP {
        bus.write_async(lis3dh::ADDRESS, setting).await?;
    }
    let mut bytes = [0; lis3dh::QUEUE];
    // 11 samples each time.
    let mut ticker = Ticker::every(Duration::from_millis(8));
    loop {
        ticker.next().await;
        let mut source = [0];
        bus.write_read_async(lis3dh::ADDRESS, [lis3dh::FIFO_SRC], &mut source).await?;
        let queue = Queue::new(source[0]);
        if queue.lost {
            monitor.gap();
        }
        let bytes = &mut bytes[..queue.bytes];
        if bytes.is_empty() {
            continue;
        }
        bus.write_read_async(lis3dh::ADDRESS, [lis3dh::SAMPLES], bytes).await?;
        for sample in lis3dh::samples(bytes) {
            monitor.push(sample);
        }
        lamp.set_level(monitor.is_alarmed().into());
    }
}
