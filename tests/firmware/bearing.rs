//! The recordings of `fixtures/bearing` as flat bytes, for the build script and for the tests on the host.

use std::fs;
use std::path::Path;

/// The samples of a recording, two bytes each, low byte first.
pub(crate) fn samples(name: &str) -> Vec<u8> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(super::FIXTURES).join(format!("bearing/{name}.npy"));
    let mut bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Bytes 8 and 9 are the length of the header behind them, of 1-D int16 in little endian.
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[..header]).into_owned();
    assert!(text.contains("'<i2'"), "{} is not int16", path.display());
    bytes.split_off(header)
}
