//! `cargo +nightly fuzz run run_files`, from the folder `tests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wta_fuzz::run_files::run(bytes);
});
