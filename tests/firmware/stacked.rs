//! A small stack of two convolutional layers as one `model.wta`, by docs/model-format.md: no model of the
//! fixtures is one.

use flate2::Crc;

const STACKED: u32 = 4;
const WHOLE_STACK: u32 = 64;

/// The stack: 12 x 12 bytes, 3 maps pooled to 6 x 6, then 4 pooled to 3 x 3, and a classifier of two classes.
pub(crate) fn model() -> Vec<u8> {
    let lower = layer(0, [1, 12, 12], 3, 108, 0, &[(b"PARM", numbers(3 * 9 + 3))]);
    let sections: &[(&[u8; 4], Vec<u8>)] = &[
        (b"PARM", numbers(4 * 27 + 4)),
        (b"SVMW", numbers(2 * 36)),
        (b"SVMB", numbers(2)),
        (b"BELW", lower),
    ];
    layer(STACKED | WHOLE_STACK, [3, 6, 6], 4, 36, 2, sections)
}

/// A layer of 3 x 3 kernels whose maps are pooled by 2.
fn layer(
    flags: u32,
    input: [u32; 3],
    maps: u32,
    features: u32,
    classes: u32,
    sections: &[(&[u8; 4], Vec<u8>)],
) -> Vec<u8> {
    let mut bytes = b"WTAMODEL".to_vec();
    let add = |bytes: &mut Vec<u8>, numbers: &[u32]| {
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    };
    // The length and the checksum follow when the rest is there.
    add(&mut bytes, &[1, 0, 0, flags, 1f32.to_bits()]);
    add(&mut bytes, &input);
    add(&mut bytes, &[3, 3, 2, 2, 2, 2, features, classes, 1, sections.len() as u32]);
    add(&mut bytes, &[maps, 3, 3, 1, 1]);
    let mut offset = (bytes.len() + 12 * sections.len()).next_multiple_of(16);
    for (tag, section) in sections {
        bytes.extend(*tag);
        add(&mut bytes, &[offset as u32, section.len() as u32]);
        offset = (offset + section.len()).next_multiple_of(16);
    }
    for (_, section) in sections {
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        bytes.extend(section);
    }
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    let len = bytes.len() as u32;
    bytes[12..16].copy_from_slice(&len.to_le_bytes());
    let mut crc = Crc::new();
    crc.update(&bytes[20..]);
    bytes[16..20].copy_from_slice(&crc.sum().to_le_bytes());
    bytes
}

/// Numbers of both signs.
fn numbers(len: usize) -> Vec<u8> {
    (0..len).flat_map(|i| ((i as f32 * 0.7).sin() * 0.1).to_le_bytes()).collect()
}
