//! `cargo +nightly fuzz run c_calls`, from the folder `tests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wta_fuzz::c_calls::run(bytes);
});
