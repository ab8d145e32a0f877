//! Numbers for people.

use wta_core::Shape;

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A shape as `channels x rows x columns`, as files and arguments have it: `3x1x100`.
pub(crate) fn channels_rows_columns(shape: Shape) -> String {
    let Shape { channels, height, width } = shape;
    format!("{channels}x{height}x{width}")
}

/// The shape of samples as channels x rows x columns, such as `3x1x100`; `None` for what is no such shape.
pub fn shape_of(text: &str) -> Option<Shape> {
    let numbers: Option<Vec<usize>> =
        text.split('x').map(|number| number.trim().parse().ok().filter(|number| *number > 0)).collect();
    let [channels, height, width] = numbers?[..] else { return None };
    // So that its length is a number.
    channels.checked_mul(height)?.checked_mul(width)?;
    Some(Shape::new(channels, height, width))
}

/// A shape as rows x columns x channels.
pub(crate) fn rows_columns_channels(shape: Shape) -> String {
    let Shape { channels, height, width } = shape;
    format!("{height} x {width} x {channels}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_as_it_is_written() {
        let shape = Shape::new(3, 1, 100);
        assert_eq!(channels_rows_columns(shape), "3x1x100");
        assert_eq!(shape_of("3x1x100"), Some(shape));
        let most = usize::MAX;
        let endless = [format!("{most}x1x2"), format!("{most}x{most}x{most}")];
        assert!(endless.iter().all(|text| shape_of(text).is_none()));
        assert!(
            ["", "3x100", "3x0x100", "ax1x2", "1x2x3x4", "3x1x-1"].into_iter().all(|s| shape_of(s).is_none())
        );
    }
}
