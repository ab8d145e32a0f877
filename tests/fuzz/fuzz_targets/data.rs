//! `cargo +nightly fuzz run data`, from the folder `tests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wta_fuzz::data::run(bytes);
});
