//! `cargo +nightly fuzz run detector`, from the folder `tests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wta_fuzz::detector::run(bytes);
});
