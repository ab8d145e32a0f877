//! The header of an array: the type, the order and the shape of its numbers.

/// The most bytes of a header: more must be damage.
pub(super) const MOST_HEADER: u64 = 1 << 24;

/// The numbers that arrays consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Float(usize),
    Signed(usize),
    Unsigned(usize),
}

impl Type {
    pub(super) fn bytes(self) -> usize {
        let (Self::Float(bytes) | Self::Signed(bytes) | Self::Unsigned(bytes)) = self;
        bytes
    }

    /// The number in these bytes, the lowest byte first.
    pub(super) fn number(self, bytes: [u8; 8]) -> f64 {
        let bits = u64::from_le_bytes(bytes);
        let spare = 64 - 8 * self.bytes() as u32;
        match self {
            Self::Float(4) => f64::from(f32::from_bits(bits as u32)),
            Self::Float(_) => f64::from_bits(bits),
            Self::Signed(_) => ((bits << spare) as i64 >> spare) as f64,
            Self::Unsigned(_) => bits as f64,
        }
    }
}

/// The contents of a header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: Type,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
    /// Bytes between the end of the header and the numbers.
    pub(super) start: u64,
}

pub(super) fn cut_off<E>(_: E) -> String {
    "is cut off inside its header; write it again".to_owned()
}

/// The type, if it is one that can be read; `letter` is NumPy's.
pub(super) fn type_of(letter: char, bytes: usize) -> Option<Type> {
    match (letter, bytes) {
        ('f', 4 | 8) => Some(Type::Float(bytes)),
        ('i', 1 | 2 | 4 | 8) => Some(Type::Signed(bytes)),
        ('u', 1 | 2 | 4 | 8) => Some(Type::Unsigned(bytes)),
        _ => None,
    }
}

/// The bytes of an array, unless they are more than memory could ever hold.
pub(super) fn promised(shape: &[usize], kind: Type) -> Option<u64> {
    // A dimension of 0 does not excuse absurd other ones.
    let product = shape.iter().try_fold(kind.bytes(), |all, size| all.checked_mul((*size).max(1)))?;
    isize::try_from(product).ok()?;
    Some(if shape.contains(&0) { 0 } else { product as u64 })
}
