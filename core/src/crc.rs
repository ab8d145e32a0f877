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
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::default();
    crc.add(bytes);
    crc.end()
}

/// The checksum of bytes that come piece by piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc {
    remainder: u32,
}

impl Default for Crc {
    fn default() -> Self {
        Self { remainder: !0 }
    }
}

impl Crc {
    /// Goes on with more bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.remainder = step(step(self.remainder ^ u32::from(*byte)));
        }
    }

    /// The checksum of all bytes so far.
    pub(crate) const fn end(self) -> u32 {
        !self.remainder
    }
}

fn step(remainder: u32) -> u32 {
    // Four bits are always in the table.
    let change = TABLE.get((remainder & 15) as usize).copied().unwrap_or(0);
    (remainder >> 4) ^ change
}

#[cfg(test)]
mod tests {
    use super::{Crc, crc32};

    #[test]
    fn the_check_value_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let mut crc = Crc::default();
        [&b"1"[..], b"", b"2345", b"6789"].into_iter().for_each(|piece| crc.add(piece));
        assert_eq!(crc.end(), 0xcbf4_3926);
    }
}
