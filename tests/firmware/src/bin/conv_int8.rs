//! Counts the instructions of quantised convolutions on a Cortex-M4F, with its DSP instructions and portably,
//! and in `f32`; and compares the two on layers of all shapes.
//!
//! `cargo run --release --bin conv_int8` in this folder runs it in QEMU.

#![no_std]
#![no_main]

#[path = "../workload/conv_int8.rs"]
mod workload;

use cortex_m_rt::entry;
use workload::Memory;
use wta_core::int8::{Int8Kernels, Portable};
use wta_core::{Error, Extractor, Network, Parameters, Pool, Result, Scalar, extractor_len};
use wta_firmware::{clock, report, run};
use wta_simd::Dsp;

/// No more than so many bytes are on the stack.
const STACK: usize = 4608;

/// Shapes that are compared.
const SHAPES: u64 = 300;

/// An `f32` network's parameters, its image, and its memory.
struct Floats {
    parameters: [f32; 6400 + 16 + 16 * 16 + 16],
    image: [f32; 16 * 28 * 28],
    memory: [f32; 4000],
}

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    static mut FLOATS: Floats = Floats { parameters: [0.5; _], image: [0.5; _], memory: [0.0; _] };

    run(STACK, || {
        for (seed, network) in (1..).zip(&workload::MEASURED) {
            let dsp = counted(Dsp, MEMORY, network, seed)?;
            let portable = counted(Portable, MEMORY, network, seed)?;
            report::number("checksum", u64::from(dsp));
            if dsp != portable {
                return Err(Error::Invalid("the DSP's outputs are not the portable ones"));
            }
            floats(FLOATS, network)?;
        }
        for seed in 0..SHAPES {
            let network = workload::small(seed)?;
            let same = MEMORY.checksum(Dsp, &network, seed, |_| Ok(()))?
                == MEMORY.checksum(Portable, &network, seed, |_| Ok(()))?;
            if !same || workload::products(Dsp, seed)? != workload::products(Portable, seed)? {
                report::number("seed", seed);
                return Err(Error::Invalid("the DSP's outputs are not the portable ones"));
            }
        }
        report::number("compared", SHAPES);
        Ok(())
    })
}

/// Counts and reports a whole layer's instructions; its outputs' checksum.
fn counted<K: Int8Kernels>(kernels: K, memory: &mut Memory, network: &Network, seed: u64) -> Result<u32> {
    memory.checksum(kernels, network, seed, |layer| {
        let start = clock::instructions();
        layer()?;
        report::number("instructions", clock::instructions() - start);
        Ok(())
    })
}

/// The same for the layer in `f32`.
fn floats(floats: &mut Floats, network: &Network) -> Result<()> {
    let parameters = floats.parameters.get(..network.parameters_len()).unwrap_or_default();
    let parameters = Parameters::new(*network, parameters)?;
    let memory = floats.memory.get_mut(..extractor_len(network, &Pool::NONE)).unwrap_or_default();
    let mut extractor = Extractor::new(Scalar, parameters, Pool::NONE, false, memory)?;
    let image = floats.image.get(..network.input().len()).unwrap_or_default();
    let start = clock::instructions();
    extractor.for_each_row(image, |_, _| Ok(()))?;
    report::number("instructions", clock::instructions() - start);
    Ok(())
}
