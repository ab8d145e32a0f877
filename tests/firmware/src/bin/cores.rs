//! Classifies a few digits in 8 bits on every kind of core, and in `f32` on those with an FPU: what an image
//! takes with the kernels for the core, and with the portable ones.

#![no_std]
#![no_main]

#[cfg(any(target_abi = "eabihf", target_feature = "f"))]
#[path = "../workload/classify_digits.rs"]
mod floats;
#[path = "../workload/classify_int8.rs"]
mod workload;

use workload::{NETWORK, POOL};
use wta_core::Result;
use wta_core::int8::{Aligned, Int8Extractor, Int8Kernels, Portable};
use wta_firmware::{clock, report, run};
use wta_simd::Int8Native;

/// As many digits as are quick to emulate.
static IMAGES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/few_images"));

/// Pixels of a digit.
const PIXELS: u64 = 28 * 28;

/// No more than so many bytes are on the stack.
const STACK: usize = 8192;

/// Numbers that an extractor needs, whichever kernels it has.
const ROWS: usize = {
    let (native, portable) = (
        Int8Extractor::<Int8Native>::memory_len(&NETWORK, &POOL),
        Int8Extractor::<Portable>::memory_len(&NETWORK, &POOL),
    );
    if native > portable { native } else { portable }
};

type Rows = Aligned<[i16; ROWS]>;

/// The program; `rows` is handed out once.
fn program(rows: &mut Rows) -> ! {
    run(STACK, || {
        int8(Int8Native, rows)?;
        int8(Portable, rows)?;
        #[cfg(any(target_abi = "eabihf", target_feature = "f"))]
        in_floats()?;
        Ok(())
    })
}

/// Reports the scores with these kernels, and the instructions of an image.
fn int8<K: Int8Kernels>(kernels: K, rows: &mut Rows) -> Result<()> {
    let len = Int8Extractor::<K>::memory_len(&NETWORK, &POOL);
    let mut count = |images: &[u8], shown: bool| -> Result<u64> {
        let started = clock::instructions();
        workload::classify(kernels, images, rows.0.get_mut(..len).unwrap_or_default(), |scores| {
            if shown {
                report::number("class", workload::largest(&scores) as u64);
                report::floats("scores", &scores);
            }
        })?;
        Ok(clock::instructions() - started)
    };
    count(IMAGES, true)?;
    per_image(count(IMAGES, false)?, count(&[], false)?);
    Ok(())
}

/// Reports the instructions of an image in `f32`.
#[cfg(any(target_abi = "eabihf", target_feature = "f"))]
fn in_floats() -> Result<()> {
    static mut MEMORY: floats::Memory = floats::Memory::new();
    // SAFETY: the program calls this once, so that there is no other reference.
    let memory = unsafe { &mut *core::ptr::addr_of_mut!(MEMORY) };
    let mut count = |images: &[u8]| -> Result<u64> {
        let started = clock::instructions();
        floats::classify(images, memory, |_, _| {})?;
        Ok(clock::instructions() - started)
    };
    per_image(count(IMAGES)?, count(&[])?);
    Ok(())
}

/// Reports what each image took: all of them, less what no image takes, which is the model's check.
fn per_image(all: u64, none: u64) {
    report::number("instructions", (all - none) / (IMAGES.len() as u64 / PIXELS));
}

#[cfg(target_arch = "arm")]
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut ROW_MEMORY: Rows = Aligned([0; ROWS]);
    program(ROW_MEMORY)
}

#[cfg(target_arch = "riscv32")]
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    static mut ROW_MEMORY: Rows = Aligned([0; ROWS]);
    // SAFETY: the start-up code calls this once, so that there is no other reference.
    program(unsafe { &mut *core::ptr::addr_of_mut!(ROW_MEMORY) })
}
