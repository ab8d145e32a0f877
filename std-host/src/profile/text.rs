//! Networks in words, as in papers.

use wta_core::{Network, Selection, Size, Sparsity};

/// A network and its sparsity in training, in words.
pub fn network_and_sparsity(network: &Network, sparsity: &Sparsity) -> String {
    let keep = match sparsity.selection {
        Selection::All => "every winner".to_owned(),
        Selection::Lifetime { rate } => format!("lifetime {}%", f64::from((rate * 1e4).round()) / 100.0),
        Selection::PerSample { count } => format!("{count} of each sample"),
        Selection::Batch { count } => format!("{count} of each sample on average"),
    };
    let grid = match sparsity.grid {
        Size::ONE => String::new(),
        grid => format!(", {}x{} winners per map", grid.height, grid.width),
    };
    format!("{}{grid}, {keep}", in_words(network))
}

/// `1x28x28, 128conv5-128conv5-128deconv11`, or `784-1000-784`.
fn in_words(network: &Network) -> String {
    let input = network.input();
    let tied = if network.is_tied() { ", tied" } else { "" };
    if network.is_fully_connected() {
        let units: String = network.layers().map(|layer| format!("{}-", layer.conv.maps)).collect();
        return format!("{0}-{units}{0}{tied}", input.len());
    }
    let layers = network.layers().map(|layer| {
        let stride = layer.conv.stride;
        let stride = if stride == Size::ONE { String::new() } else { format!("/{}", size(stride)) };
        format!("{}conv{}{stride}-", layer.conv.maps, size(layer.conv.kernel))
    });
    let decoder = network.decoder().conv;
    format!(
        "{}x{}x{}, {}{}deconv{}{tied}",
        input.channels,
        input.height,
        input.width,
        layers.collect::<String>(),
        decoder.maps,
        size(decoder.kernel)
    )
}

fn size(size: Size) -> String {
    let Size { height, width } = size;
    if height == width { format!("{height}") } else { format!("{height}x{width}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::cases::Case;
    use wta_core::{Conv, Shape};

    #[test]
    fn networks_are_written_as_in_papers() {
        let words = |name| {
            let case = Case::named(name).unwrap();
            network_and_sparsity(&case.network, &case.sparsity)
        };
        assert_eq!(words("fc2000"), "784-2000-784, lifetime 5%");
        assert_eq!(words("conv16"), "1x28x28, 16conv5-16conv5-16deconv11, every winner");
        assert_eq!(words("cifar64x3"), "3x32x32, 64conv5-64conv5-64conv5-64deconv7, lifetime 5%");
        let conv = [Conv::with_stride(6, Size::new(3, 5), Size::square(2))];
        let network = Network::convolutional(Shape::new(1, 8, 9), &conv, Size::square(3)).unwrap();
        let sparsity = Sparsity { grid: Size::new(2, 1), selection: Selection::PerSample { count: 3 } };
        assert_eq!(
            network_and_sparsity(&network, &sparsity),
            "1x8x9, 6conv3x5/2-6deconv3, 2x1 winners per map, 3 of each sample"
        );
        let tied = Network::fully_connected(9, &[4]).unwrap().tied().unwrap();
        assert_eq!(network_and_sparsity(&tied, &Sparsity::SPATIAL), "9-4-9, tied, every winner");
    }
}
