//! Orders of the channels: side by side at each position, as in this library, or one after the other, as in
//! PyTorch.

use wta_core::Shape;

/// Features from our layout (maps side by side at each position) in PyTorch's (map after map).
pub(crate) fn channels_first<T: Copy>(shape: Shape, features: &[T]) -> impl Iterator<Item = T> + '_ {
    features.chunks_exact(shape.len()).flat_map(move |image| planar(shape, image))
}

/// One image's numbers map after map, from maps that lie side by side at each position.
pub(crate) fn planar<T: Copy>(shape: Shape, image: &[T]) -> impl Iterator<Item = T> + '_ {
    transposed(image, shape.positions())
}

/// One image's channels side by side at each position, from channels that lie one after the other.
pub(crate) fn interleaved(shape: Shape, image: &[f32]) -> impl Iterator<Item = f32> + '_ {
    transposed(image, shape.channels)
}

/// A matrix of `rows` rows, column by column.
pub(crate) fn transposed<T: Copy>(matrix: &[T], rows: usize) -> impl Iterator<Item = T> + '_ {
    let columns = matrix.len() / rows.max(1);
    (0..columns).flat_map(move |column| matrix.iter().skip(column).step_by(columns.max(1)).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orders_are_each_others_inverse() {
        let shape = Shape::new(3, 1, 2);
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let by_channel: Vec<f32> = planar(shape, &image).collect();
        assert_eq!(by_channel, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert!(interleaved(shape, &by_channel).eq(image));
        let two = [image, image].concat();
        assert!(channels_first(shape, &two).eq([&by_channel[..], &by_channel].concat()));
    }
}
