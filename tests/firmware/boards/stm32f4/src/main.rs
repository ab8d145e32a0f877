//! An STM32F411 with an analog accelerometer of three axes watches a machine's vibration: a timer starts the
//! ADC at the stated rate, and DMA brings the samples.

#![no_std]
#![no_main]

use cortex_m::peripheral::DWT;
use cortex_m_rt::entry;
use defmt_rtt as _;
use panic_probe as _;
use static_cell::{ConstStaticCell, StaticCell};
use stm32f4xx_hal::adc::Adc;
use stm32f4xx_hal::adc::config::{
    AdcConfig, Clock, Dma, ExternalTrigger, SampleTime, Scan, Sequence, TriggerMode,
};
use stm32f4xx_hal::dma::config::DmaConfig;
use stm32f4xx_hal::dma::{DMAError, StreamsTuple, Transfer};
use stm32f4xx_hal::flash::{FlashExt as _, UnlockedFlash};
use stm32f4xx_hal::pac::{self, tim2::cr2::MMS};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config;
use stm32f4xx_hal::timer::Timer;
use wta_monitor::{CHANNELS, FlashSlots, Machine, Monitor, RATE};

/// The last two sectors of the flash, which memory.x leaves to the detector's state. Offsets count from the
/// start of the flash.
const STATE: u32 = 256 << 10;
const _: () = assert!(STATE + FlashSlots::<UnlockedFlash<'_>>::BYTES <= 512 << 10);

/// Samples that DMA brings at a time.
const TOGETHER: usize = 32;
type Buffer = [u16; TOGETHER * CHANNELS];

/// Of the processor, in Hz.
const CLOCK: u32 = 84_000_000;
/// Processor cycles after which a buffer must have been followed by the next: one and a half of the time that
/// it takes. Later, another may have been lost.
const LATE: u32 = CLOCK / RATE * TOGETHER as u32 * 3 / 2;

static MACHINE: ConstStaticCell<Machine> = ConstStaticCell::new(Machine::new());
static BUFFERS: [StaticCell<Buffer>; 3] = [const { StaticCell::new() }; 3];

#[entry]
fn main() -> ! {
    let (Some(board), Some(mut core)) = (pac::Peripherals::take(), cortex_m::Peripherals::take()) else {
        defmt::panic!("main runs once");
    };
    let mut rcc = board.RCC.freeze(Config::hsi().sysclk(CLOCK.Hz()));
    core.DCB.enable_trace();
    core.DWT.enable_cycle_counter();

    // The Nucleo's green lamp and blue button, which is low when pressed.
    let (a, c) = (board.GPIOA.split(&mut rcc), board.GPIOC.split(&mut rcc));
    let mut lamp = a.pa5.into_push_pull_output();
    let button = c.pc13.into_floating_input();
    let anew = button.is_low();

    let mut flash = board.FLASH;
    let slots = FlashSlots::new(flash.unlocked(), STATE);
    let mut monitor = match Monitor::start(MACHINE.take(), slots, anew) {
        Ok(monitor) => monitor,
        Err(error) => defmt::panic!("{}", error),
    };

    // Each beat of the timer starts one conversion of the three pins. The ADC bears 36 MHz; this is 21.
    let config = AdcConfig::default()
        .clock(Clock::Pclk2_div_4)
        .dma(Dma::Continuous)
        .scan(Scan::Enabled)
        .external_trigger(TriggerMode::RisingEdge, ExternalTrigger::Tim_2_trgo);
    let mut adc = Adc::new(board.ADC1, true, config, &mut rcc);
    adc.configure_channel(&a.pa0.into_analog(), Sequence::One, SampleTime::Cycles_112);
    adc.configure_channel(&a.pa1.into_analog(), Sequence::Two, SampleTime::Cycles_112);
    adc.configure_channel(&a.pa4.into_analog(), Sequence::Three, SampleTime::Cycles_112);

    let [first, second, mut free] = BUFFERS.each_ref().map(|cell| cell.init([0; TOGETHER * CHANNELS]));
    let dma = StreamsTuple::new(board.DMA2, &mut rcc);
    let config = DmaConfig::default().memory_increment(true).double_buffer(true);
    let mut transfer = Transfer::init_peripheral_to_memory(dma.0, adc, first, Some(second), config);
    transfer.start(|adc| adc.enable());

    let mut timer = Timer::new(board.TIM2, &mut rcc);
    timer.set_master_mode(MMS::Update);
    let mut timer = timer.counter_hz();
    if timer.start(RATE.Hz()).is_err() {
        defmt::panic!("the timer cannot beat at {=u32} Hz", RATE);
    }

    let mut last = DWT::cycle_count();
    loop {
        match transfer.next_transfer(free) {
            Ok((full, _)) => {
                let now = DWT::cycle_count();
                if now.wrapping_sub(last) > LATE {
                    monitor.gap();
                }
                last = now;
                let (samples, _) = full.as_chunks::<CHANNELS>();
                for sample in samples {
                    // 12 bits, whose middle is no acceleration; the detector takes out what is left of it.
                    monitor.push(sample.map(|number| (number as i16 - 2048) * 8));
                }
                lamp.set_state(monitor.is_alarmed().into());
                free = full;
            }
            Err(DMAError::NotReady(buffer)) => free = buffer,
            Err(DMAError::Overrun(buffer) | DMAError::SmallBuffer(buffer)) => {
                monitor.gap();
                free = buffer;
            }
        }
    }
}
