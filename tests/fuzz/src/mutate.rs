//! Damages inputs, for the test on stable Rust: libFuzzer has its own way.

use wta_core::Random;

/// Numbers at the borders of what formats can say.
const NUMBERS: [u32; 16] = [
    0,
    1,
    2,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x0001_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
];

/// Words of texts: TOML, JSON, headers of arrays, tables.
const WORDS: [&str; 40] = [
    "0",
    "-1",
    "1e39",
    "1e-46",
    "nan",
    "-inf",
    "99999999999999999999",
    "4294967296",
    "0.5",
    "''",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "\n",
    "\t",
    "\u{7}",
    "é",
    "true",
    "null",
    "False",
    "<f8",
    ">i2",
    "|u1",
    "<c8",
    "(",
    ")",
    "../",
    "/dev/null",
    "x",
    "#",
    "-0",
    "0x10",
    "1_0",
    "[[",
];

/// Changes an input in one to a few places, most often near its beginning, where headers are, or near its
/// end, where archives have their list.
pub fn damage(whole: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let changes = if random.below(8) == 0 { 1 + random.below(24) } else { 1 + random.below(4) };
    for _ in 0..changes {
        change(&mut bytes, other, random);
    }
    bytes
}

fn below(random: &mut Random, bound: usize) -> usize {
    random.below(bound.min(u32::MAX as usize) as u32) as usize
}

fn place(len: usize, random: &mut Random) -> usize {
    let near = below(random, 200.min(len));
    match random.below(4) {
        0 => len - 1 - near,
        1 | 2 => near,
        _ => below(random, len),
    }
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if bytes.is_empty() {
        bytes.push(random.below(256) as u8);
        return;
    }
    let at = place(bytes.len(), random);
    let count = (1 + below(random, 8)).min(bytes.len() - at);
    match random.below(16) {
        0..=2 => bytes[at] = random.below(256) as u8,
        3 | 4 => bytes[at] ^= 1 << random.below(8),
        5 => bytes[at] = bytes[at].wrapping_add([1, 255][below(random, 2)]),
        6 => drop(bytes.drain(at..at + count)),
        7 => {
            let copy = bytes[at..at + count].to_vec();
            drop(bytes.splice(at..at, copy));
        }
        8 | 9 => {
            let number = NUMBERS[below(random, NUMBERS.len())];
            let width = [2, 4, 8][below(random, 3)].min(bytes.len() - at);
            let little = u64::from(number).to_le_bytes();
            for index in 0..width {
                bytes[at + index] =
                    if random.below(2) == 0 { little[index] } else { little[width - 1 - index] };
            }
        }
        10 | 11 => {
            let word = WORDS[below(random, WORDS.len())].as_bytes();
            let end = if random.below(2) == 0 { at } else { at + word.len().min(bytes.len() - at) };
            drop(bytes.splice(at..end, word.iter().copied()));
        }
        12 => digits(bytes, at, random),
        13 if !other.is_empty() => {
            let from = place(other.len(), random);
            let piece = &other[from..(from + 1 + below(random, 64)).min(other.len())];
            let end = if random.below(2) == 0 { at } else { (at + piece.len()).min(bytes.len()) };
            drop(bytes.splice(at..end, piece.iter().copied()));
        }
        14 if random.below(4) == 0 => bytes.truncate(at),
        14 => lines(bytes, random),
        _ => bytes[at..at + count].fill([0, 0xff, b'9', b' '][below(random, 4)]),
    }
}

/// Puts another number in place of the next one that is written in digits.
fn digits(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|start| at + start) else { return };
    let len = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match random.below(3) {
        0 => WORDS[below(random, 9)].to_owned(),
        1 => NUMBERS[below(random, NUMBERS.len())].to_string(),
        _ => random.below(40).to_string(),
    };
    drop(bytes.splice(start..start + len, number.bytes()));
}

/// Doubles, removes or swaps lines of a text.
fn lines(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (one, two) = (below(random, lines.len()), below(random, lines.len()));
    match random.below(3) {
        0 => lines.swap(one, two),
        1 => drop(lines.remove(one)),
        _ => {
            let copy = lines[one].clone();
            lines.insert(two, copy);
        }
    }
    *bytes = lines.concat();
}
