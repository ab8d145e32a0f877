//! The range of many numbers, which need not be in memory together.

use super::element::Element;

/// What is known of the numbers so far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    /// How many there are.
    pub(crate) count: u64,
    /// Those that are 0.
    pub(crate) zeros: u64,
    /// Those that are NaN or infinite.
    pub(crate) not_finite: u64,
    /// The smallest finite one.
    pub(crate) least: f64,
    /// The largest finite one.
    pub(crate) largest: f64,
    /// The sum of the finite ones.
    pub(crate) sum: f64,
}

impl Default for Range {
    fn default() -> Self {
        let (least, largest) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { count: 0, zeros: 0, not_finite: 0, least, largest, sum: 0.0 }
    }
}

impl Range {
    /// One number more.
    pub(crate) fn add(&mut self, value: f64) {
        self.many(value, 1);
    }

    fn many(&mut self, value: f64, times: u64) {
        self.count += times;
        if value == 0.0 {
            self.zeros += times;
        }
        if value.is_finite() {
            (self.least, self.largest) = (self.least.min(value), self.largest.max(value));
            self.sum += value * times as f64;
        } else {
            self.not_finite += times;
        }
    }

    /// Numbers as they lie in a file, one after the other.
    pub(crate) fn add_stored(&mut self, element: Element, bytes: &[u8], big_endian: bool) {
        match (element, big_endian) {
            // Pixels: large files of few values.
            (Element::U8, _) => {
                let mut counts = [0u64; 256];
                for byte in bytes {
                    if let Some(count) = counts.get_mut(usize::from(*byte)) {
                        *count += 1;
                    }
                }
                let found = (0u8..=255).zip(counts).filter(|(_, count)| *count > 0);
                found.for_each(|(byte, count)| self.many(f64::from(byte), count));
            }
            (Element::F32, false) => {
                let (numbers, _) = bytes.as_chunks();
                numbers.iter().for_each(|number| self.add(f64::from(f32::from_le_bytes(*number))));
            }
            _ => {
                let numbers = bytes.chunks_exact(element.bytes());
                numbers.for_each(|number| self.add(element.number(number, big_endian)));
            }
        }
    }
}

impl FromIterator<f64> for Range {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        values.into_iter().fold(Self::default(), |mut range, value| {
            range.add(value);
            range
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_numbers_have_the_range_of_their_values() {
        let values = [3.0, 0.0, 255.0, 3.0, 7.0];
        let expected: Range = values.into_iter().collect();
        assert_eq!((expected.count, expected.zeros, expected.least, expected.largest), (5, 1, 0.0, 255.0));
        let mut bytes = Range::default();
        bytes.add_stored(Element::U8, &values.map(|value| value as u8), false);
        let mut big = Range::default();
        big.add_stored(Element::I16, values.map(|value| (value as i16).to_be_bytes()).as_flattened(), true);
        let mut floats = Range::default();
        floats.add_stored(
            Element::F32,
            values.map(|value| (value as f32).to_le_bytes()).as_flattened(),
            false,
        );
        assert_eq!((&bytes, &big, &floats), (&expected, &expected, &expected));
        let odd: Range = [f64::NAN, f64::INFINITY].into_iter().collect();
        assert_eq!((odd.count, odd.not_finite, odd.sum), (2, 2, 0.0));
    }
}
