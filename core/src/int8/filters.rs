//! Weights of 8 bits in the order in which kernels read them.

use crate::error::{Error, Result, expect_len};
use crate::int8::activation::MAX_ACTIVATION;
use crate::memory::part;
use crate::runs::{pieces, runs_mut};
use crate::shape::div_ceil;

/// Weights of a filter that lie side by side.
const GROUP: usize = 4;

/// Where in its group each weight lies. `SXTB16` sign-extends bytes 0 and 2 of a word, or bytes 1 and 3. Of
/// such a group it makes weights 0 and 1, then 2 and 3: pairs that meet neighbouring inputs.
const ORDER: [usize; GROUP] = [0, 2, 1, 3];

/// Filters of one length, packed pair by pair. A pair is groups of four weights, of the one filter and of the
/// other in turn; in a group, the second and the third weight are swapped. The last group and the last pair
/// are filled up with zeros.
#[derive(Clone, Copy, Debug)]
pub struct Int8Weights<'a> {
    weights: &'a [i8],
    filters: usize,
    filter_len: usize,
}

/// The length of so many packed filters; `usize::MAX` where that is beyond all memory.
pub const fn packed_len(filters: usize, filter_len: usize) -> usize {
    pair_len(filter_len).saturating_mul(div_ceil(filters, 2))
}

/// The length of a packed pair of filters.
const fn pair_len(filter_len: usize) -> usize {
    div_ceil(filter_len, GROUP).saturating_mul(2 * GROUP)
}

impl<'a> Int8Weights<'a> {
    /// So many filters of so many weights.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless there are [`packed_len`] of them.
    pub fn new(weights: &'a [i8], filters: usize, filter_len: usize) -> Result<Self> {
        expect_len("packed weights", packed_len(filters, filter_len), weights.len())?;
        Ok(Self { weights, filters, filter_len })
    }

    /// Packs filters that lie one after the other, `filter_len` weights each.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `packed` is [`packed_len`] long.
    pub fn pack(weights: &[i8], filter_len: usize, packed: &mut [i8]) -> Result<()> {
        let filters = weights.len().checked_div(filter_len).unwrap_or(0);
        expect_len("packed weights", packed_len(filters, filter_len), packed.len())?;
        packed.fill(0);
        let pairs = runs_mut(packed, pair_len(filter_len));
        for (pair, two) in pairs.zip(pieces(weights, filter_len.saturating_mul(2))) {
            for (start, filter) in [0, GROUP].into_iter().zip(pieces(two, filter_len)) {
                let groups = runs_mut(pair, 2 * GROUP);
                for (group, weights) in groups.zip(pieces(filter, GROUP)) {
                    for (place, weight) in ORDER.into_iter().zip(weights) {
                        group.iter_mut().skip(start + place).take(1).for_each(|to| *to = *weight);
                    }
                }
            }
        }
        Ok(())
    }

    /// The number of filters.
    pub const fn filters(&self) -> usize {
        self.filters
    }

    /// Weights in a filter.
    pub const fn filter_len(&self) -> usize {
        self.filter_len
    }

    /// The packed pairs of filters.
    pub fn pairs(&self) -> impl Iterator<Item = &'a [i8]> + use<'a> {
        // Not `chunks_exact`, which divides by the length when it is zipped: a panic, where the compiler does
        // not see that it is not 0.
        let (mut rest, len) = (self.weights, pair_len(self.filter_len).max(1));
        core::iter::from_fn(move || {
            let (pair, behind) = rest.split_at_checked(len)?;
            rest = behind;
            Some(pair)
        })
    }

    /// The weights of a filter in their order.
    pub fn filter(&self, index: usize) -> impl Iterator<Item = i8> + use<'a> {
        let pair_len = pair_len(self.filter_len);
        let pair = part(self.weights, (index / 2).saturating_mul(pair_len), pair_len);
        let groups = pieces(pair.get(index % 2 * GROUP..).unwrap_or_default(), 2 * GROUP);
        let weights = groups.flat_map(|group| match group {
            [a, b, c, d, ..] => [*a, *c, *b, *d],
            _ => [0; GROUP],
        });
        weights.take(self.filter_len)
    }
}

/// `Ok` when no sum of products of the weights with inputs of at most [`MAX_ACTIVATION`] and of the bias can
/// leave `i32`, whatever is summed first.
pub(crate) fn expect_sums_fit(weights: impl Iterator<Item = i8>, bias: i32) -> Result<()> {
    let absolute = weights.map(|weight| u64::from(weight.unsigned_abs()));
    let products =
        absolute.fold(0, u64::saturating_add).saturating_mul(u64::from(MAX_ACTIVATION.unsigned_abs()));
    if products.saturating_add(u64::from(bias.unsigned_abs())) > u64::from(i32::MAX.unsigned_abs()) {
        return Err(Error::Invalid("quantised weights are too large for sums of 32 bits"));
    }
    Ok(())
}

/// The quantised filters of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Int8Filters<'a> {
    /// The weights, in units of the map's scale.
    pub weights: Int8Weights<'a>,
    /// For each map, where its sum starts, in units of the map's scale times the input's.
    pub bias: &'a [i32],
    /// For each map, what turns its sum into an activation: see [`requantise`](crate::int8::requantise).
    pub multipliers: &'a [i32],
}

impl<'a> Int8Filters<'a> {
    pub(crate) const EMPTY: Self = Self {
        weights: Int8Weights { weights: &[], filters: 0, filter_len: 0 },
        bias: &[],
        multipliers: &[],
    };

    /// A layer's filters: packed weights, and a bias and a multiplier for each map.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for other lengths, [`Error::Invalid`] for a negative multiplier or for weights and a
    /// bias whose sum could leave `i32`.
    pub fn new(
        filter_len: usize,
        weights: &'a [i8],
        bias: &'a [i32],
        multipliers: &'a [i32],
    ) -> Result<Self> {
        let filters = Self::known(filter_len, weights, bias, multipliers)?;
        filters.check()?;
        Ok(filters)
    }

    /// `Ok` when no multiplier is negative, and no sum can leave `i32`.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { weights, bias, multipliers } = self;
        if multipliers.iter().any(|multiplier| *multiplier < 0) {
            return Err(Error::Invalid("a multiplier of a quantised layer is negative"));
        }
        for (map, bias) in bias.iter().enumerate() {
            expect_sums_fit(weights.filter(map), *bias)?;
        }
        Ok(())
    }

    /// [`Int8Filters::new`] for numbers that have been looked at before.
    pub(crate) fn known(
        filter_len: usize,
        weights: &'a [i8],
        bias: &'a [i32],
        multipliers: &'a [i32],
    ) -> Result<Self> {
        let weights = Int8Weights::new(weights, bias.len(), filter_len)?;
        expect_len("multipliers", bias.len(), multipliers.len())?;
        Ok(Self { weights, bias, multipliers })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn filters_lie_in_pairs_of_groups() {
        let weights: Vec<i8> = (1..=15).collect();
        let mut packed = vec![9; packed_len(3, 5)];
        Int8Weights::pack(&weights, 5, &mut packed).unwrap();
        let expected = [
            1, 3, 2, 4, 6, 8, 7, 9, 5, 0, 0, 0, 10, 0, 0, 0, 11, 13, 12, 14, 0, 0, 0, 0, 15, 0, 0, 0, 0, 0,
            0, 0,
        ];
        assert_eq!(packed, expected);
        let rows = Int8Weights::new(&packed, 3, 5).unwrap();
        for (index, filter) in weights.chunks(5).enumerate() {
            assert_eq!(rows.filter(index).collect::<Vec<_>>(), filter);
        }
        assert_eq!(rows.filter(4).count(), 0);
    }

    #[test]
    fn sums_that_could_leave_32_bits_are_refused() {
        // 255 * 128 * 65,793 = 2^31 - 128: the bias may be 127, not 128.
        let weights = vec![-128; 65_793];
        let mut packed = vec![0; packed_len(1, weights.len())];
        Int8Weights::pack(&weights, weights.len(), &mut packed).unwrap();
        assert!(Int8Filters::new(weights.len(), &packed, &[127], &[1]).is_ok());
        assert!(Int8Filters::new(weights.len(), &packed, &[-127], &[1]).is_ok());
        for bias in [128, -128, i32::MIN, i32::MAX] {
            let bias = [bias];
            let refused = Int8Filters::new(weights.len(), &packed, &bias, &[1]);
            assert!(matches!(refused, Err(Error::Invalid(why)) if why.contains("32 bits")), "{bias:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(Int8Filters::new(3, &[0; 7], &[0], &[0]), Err(Error::Length { expected: 8, .. })));
        assert!(matches!(Int8Filters::new(3, &[0; 8], &[0], &[0; 2]), Err(Error::Length { .. })));
        assert!(Int8Filters::new(3, &[0; 8], &[0], &[-1]).is_err());
        assert!(Int8Weights::new(&[], usize::MAX, usize::MAX).is_err());
        assert!(Int8Weights::pack(&[1, 2, 3], 3, &mut [0; 4]).is_err());
    }
}
