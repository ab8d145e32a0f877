//! `cargo +nightly fuzz run recipes`, from the folder `tests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wta_fuzz::recipes::run(bytes);
});
