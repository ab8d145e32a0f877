//! An ESP32-C3 with a LIS3DH on I2C watches a machine's vibration.

#![no_std]
#![no_main]

use esp_backtrace as _;
use esp_hal::delay::Delay;
use esp_hal::gpio::{Input, InputConfig, Level, Output, OutputConfig, Pull};
use esp_hal::i2c::master::{Config, Error, I2c};
use esp_hal::time::Rate;
use esp_hal::{Blocking, main};
use esp_println as _;
use esp_storage::FlashStorage;
use static_cell::ConstStaticCell;
use wta_monitor::lis3dh::{self, Queue};
use wta_monitor::{FlashSlots, Machine, Monitor};

esp_bootloader_esp_idf::esp_app_desc!();

/// The partition `state` of partitions.csv.
const STATE: u32 = 0x3f_0000;
const _: () = assert!(FlashSlots::<FlashStorage<'_>>::BYTES <= 0x1_0000);

static MACHINE: ConstStaticCell<Machine> = ConstStaticCell::new(Machine::new());

#[main]
fn main() -> ! {
    let board = esp_hal::init(esp_hal::Config::default());
    let mut lamp = Output::new(board.GPIO10, Level::Low, OutputConfig::default());
    // The button BOOT, which is low when pressed. Press it right after the reset, not during it.
    let button = Input::new(board.GPIO9, InputConfig::default().with_pull(Pull::Up));
    let delay = Delay::new();
    delay.delay_millis(1000);
    let anew = button.is_low();

    let config = Config::default().with_frequency(Rate::from_khz(400));
    let mut bus = match I2c::new(board.I2C0, config) {
        Ok(bus) => bus.with_sda(board.GPIO4).with_scl(board.GPIO5),
        Err(_) => defmt::panic!("the I2C bus cannot run at 400 kHz"),
    };

    let slots = FlashSlots::new(FlashStorage::new(board.FLASH), STATE);
    let mut monitor = match Monitor::start(MACHINE.take(), slots, anew) {
        Ok(monitor) => monitor,
        Err(error) => defmt::panic!("{}", error),
    };

    loop {
        // Where the sensor does not answer, or no longer, it is asked again: a loose wire is a gap.
        if let Err(error) = watch(&mut bus, &delay, &mut monitor, &mut lamp) {
            defmt::error!("the accelerometer does not answer: {}", defmt::Debug2Format(&error));
        }
        monitor.gap();
        delay.delay_millis(1000);
    }
}

/// Sets the sensor up, and takes its samples in until the bus fails.
fn watch(
    bus: &mut I2c<'_, Blocking>,
    delay: &Delay,
    monitor: &mut Monitor<'_, FlashStorage<'_>>,
    lamp: &mut Output<'_>,
) -> Result<(), Error> {
    let mut answer = [0];
    bus.write_read(lis3dh::ADDRESS, &[lis3dh::WHO_AM_I], &mut answer)?;
    if answer != [lis3dh::IDENTITY] {
        defmt::warn!("this is not a LIS3DH: it calls itself {=[u8]:#x}", answer);
    }
    for setting in lis3dh::SETUP {
        bus.write(lis3dh::ADDRESS, &setting)?;
    }
    let mut bytes = [0; lis3dh::QUEUE];
    loop {
        let mut source = [0];
        bus.write_read(lis3dh::ADDRESS, &[lis3dh::FIFO_SRC], &mut source)?;
        let queue = Queue::new(source[0]);
        if queue.lost {
            monitor.gap();
        }
        let bytes = &mut bytes[..queue.bytes];
        if bytes.is_empty() {
            delay.delay_millis(4);
            continue;
        }
        bus.write_read(lis3dh::ADDRESS, &[lis3dh::SAMPLES], bytes)?;
        for sample in lis3dh::samples(bytes) {
            monitor.push(sample);
        }
        lamp.set_level(monitor.is_alarmed().into());
        delay.delay_millis(4);
    }
}
