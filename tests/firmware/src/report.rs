//! Lines of text to whoever debugs the board, or runs QEMU: a name, and what was found.
//!
//! [`core::fmt`] would do, but brings code that can panic, and 10 kB of it.

use semihosting::io::{Write as _, stdout};
use wta_core::Error;

/// Characters of a line; what does not fit is dropped.
const LINE: usize = 160;

/// Attempts at writing a line.
const TRIES: usize = 1_000_000;

/// `f32` in a line.
const FLOATS: usize = 8;

/// A line that is written all at once: every write stops the processor until the host has answered.
struct Line {
    text: [u8; LINE],
    len: usize,
}

impl Line {
    fn new(name: &str) -> Self {
        let mut line = Self { text: [0; LINE], len: 0 };
        line.push(name);
        line
    }

    fn push(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.push_byte(byte));
    }

    fn push_byte(&mut self, byte: u8) {
        if let Some(place) = self.text.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn push_number(&mut self, number: u64) {
        // Powers of ten from the largest that a u64 holds.
        let mut power = 10_000_000_000_000_000_000;
        let mut begun = false;
        while power > 0 {
            let digit = (number / power % 10) as u8;
            begun |= digit != 0 || power == 1;
            if begun {
                self.push_byte(b'0' + digit);
            }
            power /= 10;
        }
    }

    fn push_hex(&mut self, bits: u32) {
        for shift in (0..8).rev() {
            let digit = (bits >> (4 * shift) & 15) as u8;
            self.push_byte(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }

    fn end(mut self) {
        self.push_byte(b'\n');
        let Ok(mut out) = stdout() else { return };
        let mut rest = self.text.get(..self.len).unwrap_or(&[]);
        // QEMU writes to a pipe without waiting: while that is full, nothing is taken. A host that does not
        // listen at all must not stop the program.
        for _ in 0..TRIES {
            let written = out.write(rest).unwrap_or(0);
            rest = rest.get(written..).unwrap_or(&[]);
            if rest.is_empty() {
                return;
            }
        }
    }
}

/// A line as it is.
pub fn line(text: &str) {
    Line::new(text).end();
}

/// A name and what comes after it.
pub fn text(name: &str, text: &str) {
    let mut line = Line::new(name);
    line.push(" ");
    line.push(text);
    line.end();
}

/// A name and a number.
pub fn number(name: &str, number: u64) {
    let mut line = Line::new(name);
    line.push(" ");
    line.push_number(number);
    line.end();
}

/// The bits of many numbers, in hexadecimal, a few in a line with the name before them.
pub fn floats(name: &str, values: &[f32]) {
    for values in values.chunks(FLOATS) {
        let mut line = Line::new(name);
        for value in values {
            line.push(" ");
            line.push_hex(value.to_bits());
        }
        line.end();
    }
}

/// The error's sentence.
pub fn error(error: &Error) {
    let mut line = Line::new("error: ");
    match error {
        Error::Invalid(what) | Error::Model(what) => line.push(what),
        Error::Length { what, expected, found } => {
            line.push(what);
            line.push(" of another length: ");
            line.push_number(*found as u64);
            line.push(", not ");
            line.push_number(*expected as u64);
        }
        Error::NotFinite { what, index } | Error::BadImage { what, index, .. } => {
            line.push(what);
            line.push(", at element ");
            line.push_number(*index as u64);
        }
        Error::Diverged { index } => {
            line.push("training diverged at parameter ");
            line.push_number(*index as u64);
        }
    }
    line.end();
}
