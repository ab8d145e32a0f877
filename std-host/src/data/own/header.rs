//! The header of an array: the type, the order and the shape of its numbers.

use crate::data::element::Element;

/// The most bytes of a header: more must be damage.
pub(super) const MOST_HEADER: u64 = 1 << 24;

/// What an array consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Numbers(Element),
    /// Strings of at most so many characters, each of four bytes if `wide`, else of one.
    Text {
        characters: usize,
        wide: bool,
    },
}

impl Content {
    /// Bytes of a number or a string.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Numbers(element) => element.bytes(),
            Self::Text { characters, wide } => characters.saturating_mul(if wide { 4 } else { 1 }),
        }
    }
}

/// The contents of a header.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) content: Content,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
    /// Where the numbers begin, in bytes from the start of the file or the member.
    pub(super) start: u64,
}

impl Header {
    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

pub(super) fn cut_off<E>(_: E) -> String {
    "is cut off inside its header; write it again".to_owned()
}

/// The content of an array, if it can be read; `letter` is NumPy's.
pub(super) fn content_of(letter: char, size: usize) -> Option<Content> {
    let element = match (letter, size) {
        ('b' | '?', 1) => Element::Bool,
        ('u', 1) => Element::U8,
        ('u', 2) => Element::U16,
        ('u', 4) => Element::U32,
        ('u', 8) => Element::U64,
        ('i', 1) => Element::I8,
        ('i', 2) => Element::I16,
        ('i', 4) => Element::I32,
        ('i', 8) => Element::I64,
        ('f', 2) => Element::F16,
        ('f', 4) => Element::F32,
        ('f', 8) => Element::F64,
        ('U', characters) => return Some(Content::Text { characters, wide: true }),
        ('S' | 'a', characters) => return Some(Content::Text { characters, wide: false }),
        _ => return None,
    };
    Some(Content::Numbers(element))
}

/// The bytes of an array, unless they are more than memory could ever hold.
pub(super) fn promised(shape: &[usize], content: Content) -> Option<u64> {
    // A dimension of 0 does not excuse absurd other ones.
    let product =
        shape.iter().try_fold(content.bytes().max(1), |all, size| all.checked_mul((*size).max(1)))?;
    isize::try_from(product).ok()?;
    Some(if shape.contains(&0) || content.bytes() == 0 { 0 } else { product as u64 })
}

/// `2 x 3 x 4`
pub(super) fn by(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "a single number".to_owned();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}
