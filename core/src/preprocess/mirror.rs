//! A border that mirrors the sample. Zeros would look like an edge, which whitening amplifies.

/// The rows above, or the columns before, that a filter with so many reaches over the border.
pub(super) const fn border(kernel: usize) -> usize {
    kernel.saturating_sub(1) / 2
}

/// The row or column, of `len`, that a mirrored border shows at `place`; `before` of the border come first.
/// The sample is mirrored as often as needed.
pub const fn mirrored(place: usize, before: usize, len: usize) -> usize {
    let len = if len == 0 { 1 } else { len };
    let period = len.saturating_mul(2);
    let (Some(back), Some(at)) = (before.checked_rem(period), place.checked_rem(period)) else { return 0 };
    let at = if at >= back { at - back } else { at + (period - back) };
    if at < len { at } else { (period - 1).saturating_sub(at) }
}

#[cfg(test)]
mod tests {
    use super::mirrored;

    #[test]
    fn a_border_is_a_mirror_image() {
        fn places<const N: usize>(before: usize, len: usize) -> [usize; N] {
            core::array::from_fn(|place| mirrored(place, before, len))
        }
        assert_eq!(places(2, 4), [1, 0, 0, 1, 2, 3, 3, 2]);
        assert_eq!(places(3, 1), [0; 7]);
        assert_eq!(places(5, 2), [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1], "as often as it takes");
        assert_eq!(places(0, 0), [0; 3]);
    }
}
