//! ST's LIS3DH, an accelerometer of three axes with a queue of 32 samples: its registers, for whatever bus
//! driver a board has. The other sensors of this family (LIS2DH12, LIS2DE12) have the same.
//!
//! The queue is read every few milliseconds, and nothing is lost while a window is judged or a step is
//! trained, so long as that takes less than 32 samples (24 ms). Where it takes longer, the sensor says so.

use crate::machine::CHANNELS;

/// The address on an I2C bus with the pin SA0 at ground; 0x19 with it at the supply (or open, on most boards
/// with pull-ups).
pub const ADDRESS: u8 = 0x18;

/// The register of [`IDENTITY`].
pub const WHO_AM_I: u8 = 0x0f;

/// What a LIS3DH answers there.
pub const IDENTITY: u8 = 0x33;

/// Registers and what to write to them at the start, in this order: all axes 1,344 times a second, 12 bits,
/// +-4 g, an empty queue that drops the oldest sample when it is full.
pub const SETUP: [[u8; 2]; 5] = [
    [0x20, 0b1001_0111], // CTRL_REG1: 1.344 kHz; z, y, x
    [0x23, 0b1001_1000], // CTRL_REG4: whole samples, +-4 g, high resolution
    [0x24, 0b0100_0000], // CTRL_REG5: the queue is on
    [0x2e, 0b0000_0000], // FIFO_CTRL_REG: bypass, which empties it
    [0x2e, 0b1000_0000], // FIFO_CTRL_REG: stream
];

/// The register of [`Queue`].
pub const FIFO_SRC: u8 = 0x2f;

/// The first register of the oldest sample, with the bit that lets the address count up: as many samples as
/// are asked for come one after the other.
pub const SAMPLES: u8 = 0x28 | 0x80;

/// Bytes of a sample.
pub const SAMPLE: usize = 2 * CHANNELS;

/// Bytes of a full queue.
pub const QUEUE: usize = 32 * SAMPLE;

/// How full the sensor's queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Bytes to be read.
    pub bytes: usize,
    /// Samples before those were lost.
    pub lost: bool,
}

impl Queue {
    /// From the register [`FIFO_SRC`].
    pub const fn new(source: u8) -> Self {
        let (lost, empty, count) = (source & 0x40 != 0, source & 0x20 != 0, (source & 0x1f) as usize);
        // A full queue counts to 31 and says that it runs over.
        let count = if lost { 32 } else { count };
        Self { bytes: if empty { 0 } else { count * SAMPLE }, lost }
    }
}

/// The samples in what was read: two bytes for each axis, the low one first.
pub fn samples(bytes: &[u8]) -> impl Iterator<Item = [i16; CHANNELS]> {
    let (samples, _) = bytes.as_chunks::<SAMPLE>();
    samples.iter().map(|[a, b, c, d, e, f]| [[*a, *b], [*c, *d], [*e, *f]].map(i16::from_le_bytes))
}
