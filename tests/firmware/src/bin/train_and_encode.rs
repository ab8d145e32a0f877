//! A whole job in one static: a network learns, and then encodes. The README shows this file.
#![no_std]
#![no_main]
use cortex_m_rt::entry;
use static_cell::ConstStaticCell;
use wta_core::prelude::*;
use wta_firmware::{report, run};

wta_core::job! {
    struct Bars {
        network: Network::fully_connected(16, &[12]), // 16 pixels, 12 units
        training: TrainingConfig::new(Sparsity::lifetime(0.1), Optimizer::sgd(0.05), 20, 400),
        trainer: UnitTrainer,
    }
}
static BARS: ConstStaticCell<Bars> = ConstStaticCell::new(Bars::new());
static BATCH: ConstStaticCell<[[f32; 16]; 20]> = ConstStaticCell::new([[0.0; 16]; 20]);

#[entry]
fn main() -> ! {
    run(3072, || {
        let (Some(bars), Some(batch)) = (BARS.try_take(), BATCH.try_take()) else { return Ok(()) };
        let (mut random, mut code) = (Random::new(1), [0.0; 12]);
        bars.initialise(1)?;
        let mut trainer = bars.trainer(0)?;
        for _ in 0..Bars::TRAINING.steps {
            batch.iter_mut().for_each(|image| measure(&mut random, image));
            report::floats("loss", &[trainer.step(batch.iter().map(|image| &image[..]))?]);
        }
        bars.extractor()?.features(&batch[0][..], &mut code)?;
        report::floats("code", &code);
        Ok(())
    })
}
/// An image of 4 x 4 pixels: each row and each column is lit with a chance of one in four.
fn measure(random: &mut Random, image: &mut [f32; 16]) {
    let lit = random.next_u64() & random.next_u64();
    let bar = |place: usize| (lit >> (place / 4) | lit >> (4 + place % 4)) & 1;
    image.iter_mut().enumerate().for_each(|(place, pixel)| *pixel = bar(place) as f32);
}
