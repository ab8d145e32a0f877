//! Learns to tell handwritten digits on the device: 200 labelled images, two classifiers, and a `model.wta`
//! of what was learnt.
//!
//! The workload is the part to read.

#![no_std]
#![no_main]

#[path = "../workload/learn_digits.rs"]
mod workload;

use cortex_m_rt::entry;
use workload::{Memory, NETWORK, POOL, Told};
use wta_core::int8::{Aligned, Int8Extractor};
use wta_firmware::{clock, report, run};
use wta_simd::Dsp;

static IMAGES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/train_images"));
static LABELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/train_labels"));
static OTHERS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/test_images"));

/// No more than so many bytes are on the stack.
const STACK: usize = 8192;

/// Numbers that the extractor needs.
const ROWS: usize = Int8Extractor::<Dsp>::memory_len(&NETWORK, &POOL);

#[entry]
fn main() -> ! {
    static mut ROW_MEMORY: Aligned<[i16; ROWS]> = Aligned([0; ROWS]);
    static mut MEMORY: Memory = Memory::new();

    run(STACK, || {
        let mut before = clock::instructions();
        let (mut by_mean, mut by_svm) = (0, 0);
        let (mut model, mut len) = (0, 0);
        workload::learn(Dsp, (IMAGES, LABELS), OTHERS, &mut ROW_MEMORY.0, MEMORY, |told| {
            let now = clock::instructions();
            match told {
                Told::Features => {}
                Told::MeanUpdated => by_mean += now - before,
                Told::SvmUpdated => by_svm += now - before,
                Told::ByMean(class, scores) => {
                    report::number("by_mean", class as u64);
                    report::floats("mean_scores", scores);
                }
                Told::BySvm(class, scores) => {
                    report::number("by_svm", class as u64);
                    report::floats("svm_scores", scores);
                }
                Told::Model(piece) => {
                    model = workload::hash(model, piece);
                    len += piece.len() as u64;
                }
            }
            before = clock::instructions();
        })?;
        report::number("model", model);
        report::number("model_bytes", len);
        report::number("instructions", by_mean / LABELS.len() as u64);
        report::number("instructions", by_svm / LABELS.len() as u64);
        Ok(())
    })
}
