//! Square roots of activations.

/// `sqrt(255 * activation)`, rounded: the square root of an activation in units that make 255 the largest again.
pub fn root(activation: i16) -> i16 {
    ROOTS.get(usize::from(activation.unsigned_abs())).map_or(0, |root| i16::from(*root))
}

#[allow(clippy::indexing_slicing, reason = "the index is below the array's length; const has no iterators")]
const ROOTS: [u8; 256] = {
    let mut roots = [0; 256];
    let (mut activation, mut root) = (0usize, 0usize);
    while activation < 256 {
        // Rounded to the nearest: (root + 1/2)^2 = root^2 + root + 1/4 is no integer, so that there is no half.
        while root * root + root < 255 * activation {
            root += 1;
        }
        roots[activation] = root as u8;
        activation += 1;
    }
    roots
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_the_rounded_square_root() {
        for activation in 0..=255i16 {
            let exact = (255.0 * f64::from(activation)).sqrt();
            assert_eq!(f64::from(super::root(activation)), exact.round(), "{activation}");
        }
        assert_eq!(super::root(256), 0);
    }
}
