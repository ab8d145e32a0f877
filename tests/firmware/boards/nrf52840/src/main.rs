//! An nRF52840 with a LIS3DH on I2C watches a machine's vibration.

#![no_std]
#![no_main]

use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_nrf::gpio::{Input, Level, Output, OutputDrive, Pull};
use embassy_nrf::nvmc::Nvmc;
use embassy_nrf::{bind_interrupts, peripherals, twim};
use embassy_time::{Duration, Ticker, Timer};
use panic_probe as _;
use static_cell::ConstStaticCell;
use wta_monitor::lis3dh::{self, Queue};
use wta_monitor::{FlashSlots, Machine, Monitor};

/// The last pages of the flash, which memory.x leaves to the detector's state.
const STATE: u32 = 0xf_0000;
const _: () = assert!(STATE + FlashSlots::<Nvmc<'_>>::BYTES <= 0x10_0000);

static MACHINE: ConstStaticCell<Machine> = ConstStaticCell::new(Machine::new());

bind_interrupts!(struct Irqs {
    TWISPI0 => twim::InterruptHandler<peripherals::TWISPI0>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let board = embassy_nrf::init(Default::default());
    // The development kit's first lamp and first button, both lit or pressed when low.
    let mut lamp = Output::new(board.P0_13, Level::High, OutputDrive::Standard);
    let button = Input::new(board.P0_11, Pull::Up);
    Timer::after_millis(10).await;
    let anew = button.is_low();

    let mut config = twim::Config::default();
    config.frequency = twim::Frequency::K400;
    let mut buffer = [0; 2];
    let mut bus = twim::Twim::new(board.TWISPI0, Irqs, board.P0_26, board.P0_27, config, &mut buffer);

    let slots = FlashSlots::new(Nvmc::new(board.NVMC), STATE);
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
    bus: &mut twim::Twim<'_>,
    monitor: &mut Monitor<'_, Nvmc<'_>>,
    lamp: &mut Output<'_>,
) -> Result<(), twim::Error> {
    let mut answer = [0];
    bus.write_read(lis3dh::ADDRESS, &[lis3dh::WHO_AM_I], &mut answer).await?;
    if answer != [lis3dh::IDENTITY] {
        defmt::warn!("this is not a LIS3DH: it calls itself {=[u8]:#x}", answer);
    }
    for setting in lis3dh::SETUP {
        bus.write(lis3dh::ADDRESS, &setting).await?;
    }
    let mut bytes = [0; lis3dh::QUEUE];
    // 11 samples each time.
    let mut ticker = Ticker::every(Duration::from_millis(8));
    loop {
        ticker.next().await;
        let mut source = [0];
        bus.write_read(lis3dh::ADDRESS, &[lis3dh::FIFO_SRC], &mut source).await?;
        let queue = Queue::new(source[0]);
        if queue.lost {
            monitor.gap();
        }
        let bytes = &mut bytes[..queue.bytes];
        if bytes.is_empty() {
            continue;
        }
        bus.write_read(lis3dh::ADDRESS, &[lis3dh::SAMPLES], bytes).await?;
        for sample in lis3dh::samples(bytes) {
            monitor.push(sample);
        }
        lamp.set_level(if monitor.is_alarmed() { Level::Low } else { Level::High });
    }
}
