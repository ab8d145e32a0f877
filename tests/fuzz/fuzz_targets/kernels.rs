//! `cargo +nightly fuzz run kernels`, from the folder `tests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wta_fuzz::kernels::run(bytes);
});
