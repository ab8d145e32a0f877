//! `cargo +nightly fuzz run model`, from the folder `tests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wta_fuzz::model::run(bytes);
});
