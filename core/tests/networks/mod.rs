//! Random networks, parameters and images, for tests.

use proptest::prelude::*;
use wta_core::{Conv, Initial, Layer, Network, Random, Shape, Size};

fn sizes(up_to: usize) -> impl Strategy<Value = Size> {
    (1..=up_to, 1..=up_to).prop_map(|(height, width)| Size::new(height, width))
}

/// Kernels must fit the maps that they are applied to.
fn fit(size: Size, shape: Shape) -> Size {
    Size::new(size.height.min(shape.height), size.width.min(shape.width))
}

/// Convolutional networks of up to four layers, also of 1-D signals (height 1), some tied; fully connected
/// networks.
pub(crate) fn networks() -> impl Strategy<Value = Network> {
    prop_oneof![4 => convolutional(), 1 => fully_connected()]
}

fn convolutional() -> impl Strategy<Value = Network> {
    let conv =
        (1usize..6, sizes(5), sizes(3)).prop_map(|(maps, kernel, stride)| Conv { maps, kernel, stride });
    let height = prop_oneof![1 => Just(1usize), 4 => 1usize..12];
    let image = (1usize..4, height, 1usize..10).prop_map(|(c, h, w)| Shape::new(c, h, w));
    (image, prop::collection::vec(conv, 1..5), sizes(7), any::<bool>()).prop_map(
        |(image, mut convs, decoder, tied)| {
            let mut below = image;
            for conv in &mut convs {
                conv.kernel = fit(conv.kernel, below);
                below = Layer { input: below, conv: *conv }.output();
            }
            let tied = tied && convs.len() == 1;
            let decoder = if tied { convs[0].kernel } else { fit(decoder, image) };
            let network = Network::convolutional(image, &convs, decoder).unwrap();
            if tied { network.tied().unwrap() } else { network }
        },
    )
}

fn fully_connected() -> impl Strategy<Value = Network> {
    (1usize..30, prop::collection::vec(1usize..20, 1..4), any::<bool>()).prop_map(|(inputs, units, tied)| {
        let network = Network::fully_connected(inputs, &units).unwrap();
        if tied && units.len() == 1 { network.tied().unwrap() } else { network }
    })
}

/// Random parameters; biases are not 0 either, so that their part is seen.
pub(crate) fn parameters(network: &Network, seed: u64) -> Vec<f32> {
    let mut parameters = vec![0.0; network.parameters_len()];
    network.initialise(Initial::He, seed, &mut parameters).unwrap();
    let mut random = Random::new(seed ^ 1);
    parameters.iter_mut().for_each(|value| *value += 0.1 * random.normal());
    parameters
}

/// Random images, one after the other.
pub(crate) fn images(network: &Network, count: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed ^ 2);
    (0..count * network.input().len()).map(|_| random.normal()).collect()
}
