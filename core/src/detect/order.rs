//! An order statistic of numbers that can be gone through again, without memory for sorting.

/// The `k`-th largest number, `k` from 1; the smallest when there are fewer. Numbers have to be finite.
pub(super) fn kth_largest(values: impl Iterator<Item = f32> + Clone, k: usize) -> f32 {
    // The largest key that k numbers reach, bit by bit from the highest.
    let mut found = 0;
    for bit in (0..32).rev() {
        let candidate = found | 1 << bit;
        if values.clone().filter(|value| key(*value) >= candidate).count() >= k {
            found = candidate;
        }
    }
    from_key(found)
}

/// Keys are ordered as the numbers are.
fn key(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

fn from_key(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::random::Random;
    use std::vec::Vec;

    #[test]
    fn it_is_what_sorting_gives() {
        let mut random = Random::new(3);
        for len in [1, 2, 5, 64] {
            let mut values: Vec<f32> = (0..len).map(|_| 10.0 * random.normal()).collect();
            values[len / 2] = 0.0;
            let mut sorted = values.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            for (index, expected) in sorted.iter().enumerate() {
                assert_eq!(kth_largest(values.iter().copied(), index + 1), *expected);
            }
        }
    }
}
