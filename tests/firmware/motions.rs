//! The test windows of `fixtures/motions` as flat bytes, for the build script and for the tests on the host.

use std::fs;
use std::path::Path;

/// Bytes of the windows: 40 of 6 axes and 100 time steps.
const LEN: usize = 4 * 40 * 6 * 100;

/// All windows of the test file, `f32`, window by window and axis after axis.
pub(crate) fn windows() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(super::FIXTURES).join("motions/test.npy");
    let mut bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // The numbers are the end of the file, in C order.
    assert!(bytes.len() > LEN, "{} holds no 40 windows", path.display());
    bytes.split_off(bytes.len() - LEN)
}
