//! CRC-32 with the polynomial of zlib and Ethernet, four bits at a time. It takes ten instructions per byte
//! and a table of 64 bytes; byte by byte, the table would take a kilobyte of flash.

/// The polynomial, lowest bit first.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// What four bits do to the remainder.
const TABLE: [u32; 16] = [
    entry(0),
    entry(1),
    entry(2),
    entry(3),
    entry(4),
    entry(5),
    entry(6),
    entry(7),
    entry(8),
    entry(9),
    entry(10),
    entry(11),
    entry(12),
    entry(13),
    entry(14),
    entry(15),
];

const fn entry(bits: u32) -> u32 {
    let mut remainder = bits;
    let mut bit = 0;
    while bit < 4 {
        remainder = (remainder >> 1) ^ if remainder & 1 == 1 { POLYNOMIAL } else { 0 };
        bit += 1;
    }
    remainder
}

/// The checksum of some bytes.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !added(!0, bytes)
}

/// The checksum of bytes that come in pieces.
pub(super) struct Crc32 {
    remainder: u32,
}

impl Crc32 {
    pub(super) const fn new() -> Self {
        Self { remainder: !0 }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.remainder = added(self.remainder, bytes);
    }

    /// The checksum of all bytes so far.
    pub(super) const fn checksum(&self) -> u32 {
        !self.remainder
    }
}

fn added(remainder: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(remainder, |remainder, byte| step(step(remainder ^ u32::from(*byte))))
}

fn step(remainder: u32) -> u32 {
    // Four bits are always in the table.
    let change = TABLE.get((remainder & 15) as usize).copied().unwrap_or(0);
    (remainder >> 4) ^ change
}

#[cfg(test)]
mod tests {
    use super::{Crc32, crc32};

    #[test]
    fn the_check_value_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        let mut pieces = Crc32::new();
        [&b"1234"[..], b"", b"56789"].iter().for_each(|piece| pieces.add(piece));
        assert_eq!(pieces.checksum(), 0xcbf4_3926);
    }
}
