//! The types of numbers that files hold, and what makes `f32`s of them.

/// The type of a number in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 0 for false, any other byte for true.
    Bool,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// IEEE half precision.
    F16,
    /// The upper half of an `f32`.
    BF16,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
}

impl Element {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether numbers of this type are 0 to 255, so that a byte holds each.
    pub fn is_byte(self) -> bool {
        matches!(self, Self::Bool | Self::U8)
    }

    /// Whether numbers of this type are whole.
    pub fn is_whole(self) -> bool {
        !matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }

    /// Its name for people: `float16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// The number in the first bytes, exactly unless it is a 64-bit integer beyond 2^53; 0 if there are too
    /// few bytes.
    pub(super) fn number(self, bytes: &[u8], big_endian: bool) -> f64 {
        let mut eight = [0; 8];
        let size = self.bytes();
        for (index, byte) in bytes.iter().take(size).enumerate() {
            let place = if big_endian { size - 1 - index } else { index };
            if let Some(to) = eight.get_mut(place) {
                *to = *byte;
            }
        }
        let bits = u64::from_le_bytes(eight);
        match self {
            Self::Bool => f64::from(u8::from(bits != 0)),
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => bits as f64,
            Self::I8 => f64::from(bits as i8),
            Self::I16 => f64::from(bits as i16),
            Self::I32 => f64::from(bits as i32),
            Self::I64 => bits as i64 as f64,
            Self::F16 => f64::from(half(bits as u16)),
            Self::BF16 => f64::from(f32::from_bits((bits as u32) << 16)),
            Self::F32 => f64::from(f32::from_bits(bits as u32)),
            Self::F64 => f64::from_bits(bits),
        }
    }

    /// The whole number in the first bytes; `None` if the type's numbers are not whole, or it is beyond
    /// `i64`.
    pub(super) fn whole(self, bytes: &[u8], big_endian: bool) -> Option<i64> {
        if !self.is_whole() {
            return None;
        }
        let size = self.bytes();
        let sign = match self {
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => {
                let top = if big_endian { bytes.first() } else { bytes.get(size - 1) };
                if top.is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 }
            }
            _ => 0,
        };
        let mut wide = [sign; 16];
        for (index, byte) in bytes.iter().take(size).enumerate() {
            let place = if big_endian { size - 1 - index } else { index };
            if let Some(to) = wide.get_mut(place) {
                *to = *byte;
            }
        }
        let whole = i128::from_le_bytes(wide);
        i64::try_from(if self == Self::Bool { i128::from(whole != 0) } else { whole }).ok()
    }

    /// Makes `f32`s of numbers that lie one after the other.
    pub(super) fn decode(self, bytes: &[u8], big_endian: bool, to: &mut [f32]) {
        // What large files hold has loops of its own, which the compiler turns into vector instructions.
        match (self, big_endian) {
            (Self::U8, _) => to.iter_mut().zip(bytes).for_each(|(to, byte)| *to = f32::from(*byte)),
            (Self::F32, false) => {
                let (numbers, _) = bytes.as_chunks();
                to.iter_mut().zip(numbers).for_each(|(to, number)| *to = f32::from_le_bytes(*number));
            }
            (Self::F64, false) => {
                let (numbers, _) = bytes.as_chunks();
                to.iter_mut().zip(numbers).for_each(|(to, number)| *to = f64::from_le_bytes(*number) as f32);
            }
            (Self::I16, false) => {
                let (numbers, _) = bytes.as_chunks();
                let numbers = numbers.iter().map(|number| i16::from_le_bytes(*number));
                to.iter_mut().zip(numbers).for_each(|(to, number)| *to = f32::from(number));
            }
            _ => {
                let numbers = bytes.chunks_exact(self.bytes());
                to.iter_mut()
                    .zip(numbers)
                    .for_each(|(to, number)| *to = self.number(number, big_endian) as f32);
            }
        }
    }
}

/// The number of an IEEE half.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, u32::from(bits >> 10 & 31), u32::from(bits & 0x3ff));
    let size = match exponent {
        // Numbers so small that the fraction has no leading 1: a multiple of 2^-24.
        0 => fraction as f32 * (1.0 / 16_777_216.0),
        31 if fraction == 0 => f32::INFINITY,
        31 => f32::NAN,
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    if sign == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_ieee() {
        for (bits, number) in [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), f32::to_bits(number), "{bits:04x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn numbers_come_out_of_either_byte_order() {
        let cases: [(Element, u64, f64); 9] = [
            (Element::I8, 0xff, -1.0),
            (Element::I16, 0x8000, -32768.0),
            (Element::U16, 0x8000, 32768.0),
            (Element::I32, 0xffff_fffe, -2.0),
            (Element::U32, 0xffff_fffe, 4_294_967_294.0),
            (Element::I64, u64::MAX - 2, -3.0),
            (Element::BF16, 0x3fc0, 1.5),
            (Element::F32, 0x3fc0_0000, 1.5),
            (Element::F64, 0x3ff8_0000_0000_0000, 1.5),
        ];
        for (element, bits, number) in cases {
            let little = &bits.to_le_bytes()[..element.bytes()];
            let big: Vec<u8> = little.iter().rev().copied().collect();
            for (bytes, order) in [(little, false), (&big[..], true)] {
                assert_eq!(element.number(bytes, order), number, "{element:?}");
                let mut to = [f32::NAN];
                element.decode(bytes, order, &mut to);
                assert_eq!(f64::from(to[0]), f64::from(number as f32), "{element:?}");
                let whole = element.is_whole().then_some(number as i64);
                assert_eq!(element.whole(bytes, order), whole, "{element:?}");
            }
        }
        assert_eq!(Element::U64.whole(&[0xff; 8], false), None, "beyond i64");
        assert_eq!(Element::Bool.number(&[7], false), 1.0);
    }
}
