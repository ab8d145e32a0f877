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

/// A shape as rows x columns x channels.
pub(crate) fn rows_columns_channels(shape: Shape) -> String {
    let Shape { channels, height, width } = shape;
    format!("{height} x {width} x {channels}")
}
