//! `model.wta` written from its description alone, independently of `wta export`, so that it can be written
//! wrong.

use wta_core::model::Tag;
use wta_core::{Network, Pool};

/// All fields before the section table.
pub(crate) const FIXED: usize = 80;

/// What a blob describes.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) network: Network,
    pub(crate) pool: Pool,
    pub(crate) flags: u32,
    pub(crate) scale: f32,
    pub(crate) classes: u32,
    pub(crate) sections: Vec<(Tag, Vec<u8>)>,
}

impl Contents {
    /// Numbers that are finite, of both signs, and not all the same.
    pub(crate) fn numbers(len: usize) -> Vec<u8> {
        (0..len).flat_map(|i| ((i as f32 * 0.7).sin() * 0.5).to_le_bytes()).collect()
    }

    /// Where the section table starts.
    pub(crate) fn table(&self) -> usize {
        FIXED + 20 * self.network.depth()
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = b"WTAMODEL".to_vec();
        let mut add = |numbers: &[usize]| {
            numbers.iter().for_each(|n| bytes.extend(u32::try_from(*n).unwrap().to_le_bytes()));
        };
        let (network, pool) = (&self.network, &self.pool);
        let (input, decoder) = (network.input(), network.decoder().conv.kernel);
        // The length and the checksum follow when the rest is there.
        add(&[1, 0, 0, self.flags as usize, self.scale.to_bits() as usize]);
        add(&[input.channels, input.height, input.width, decoder.height, decoder.width]);
        add(&[pool.kernel.height, pool.kernel.width, pool.stride.height, pool.stride.width]);
        add(&[pool.output(network.code()).len(), self.classes as usize]);
        add(&[network.depth(), self.sections.len()]);
        for layer in network.layers() {
            let conv = layer.conv;
            let (kernel, stride) = (conv.kernel, conv.stride);
            add(&[conv.maps, kernel.height, kernel.width, stride.height, stride.width]);
        }
        let mut offset = (self.table() + 12 * self.sections.len()).next_multiple_of(16);
        for (tag, section) in &self.sections {
            bytes.extend(tag);
            for number in [offset, section.len()] {
                bytes.extend(u32::try_from(number).unwrap().to_le_bytes());
            }
            offset = (offset + section.len()).next_multiple_of(16);
        }
        for (_, section) in &self.sections {
            bytes.resize(bytes.len().next_multiple_of(16), 0);
            bytes.extend(section);
        }
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        seal(&mut bytes);
        bytes
    }
}

/// Sets one of the 4-byte fields.
pub(crate) fn set(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Corrects length and checksum, so that the checks behind them are reached.
pub(crate) fn seal(bytes: &mut [u8]) {
    if bytes.len() >= 20 {
        set(bytes, 12, bytes.len() as u32);
        let crc = crc32(&bytes[20..]);
        set(bytes, 16, crc);
    }
}

/// The checksum, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut remainder = !0u32;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            remainder = (remainder >> 1) ^ (0xedb8_8320 & (remainder & 1).wrapping_neg());
        }
    }
    !remainder
}

/// Memory that starts at a multiple of 16.
#[derive(Default)]
pub(crate) struct Flash {
    words: Vec<u128>,
}

impl Flash {
    /// Puts the bytes so far from a multiple of 16.
    pub(crate) fn hold(&mut self, bytes: &[u8], shift: usize) -> &[u8] {
        self.words.resize((bytes.len() + shift).div_ceil(16), 0);
        let memory: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
        memory[shift..shift + bytes.len()].copy_from_slice(bytes);
        &memory[shift..shift + bytes.len()]
    }
}
