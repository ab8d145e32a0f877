//! Winograd's algorithms against the direct one: their outputs and maxima lie within the bound that they
//! state, and what is built on that, screening, finds the very winners that evaluating every position finds.

use proptest::prelude::*;
use wta_core::{
    Candidates, Conv, Cut, Encoder, Filters, Kernels, Network, OutputLayout, PaddedLayout, Parameters,
    Random, Screened, Shape, Size, cut, promises, spatial, thresholds,
};
use wta_simd::Isa;

use crate::inputs::{Fenced, convolve};
use crate::{cases, isas};

/// A layer, often one that tiles are worth while for.
#[derive(Clone, Debug)]
struct Case {
    input: Shape,
    kernel: Size,
    maps: usize,
    seed: u64,
    /// Whole numbers, of which many are equal; numbers that are mostly alike; or normally distributed ones.
    kind: u8,
}

fn layers() -> impl Strategy<Value = Case> {
    let sizes = (0usize..=20, 0usize..=15, 1usize..=40, 1usize..=50);
    (kernels(), sizes, any::<u64>(), 0u8..3).prop_map(
        |(kernel, (height, width, channels, maps), seed, kind)| Case {
            input: Shape::new(channels, kernel.height + height, kernel.width + width),
            kernel,
            maps,
            seed,
            kind,
        },
    )
}

/// Squares, signals (one row), columns, and any.
fn kernels() -> impl Strategy<Value = Size> {
    let square = prop_oneof![Just(5usize), Just(3), Just(7), 2usize..=12].prop_map(Size::square);
    let line = (2usize..=24, any::<bool>()).prop_map(|(taps, is_turned)| {
        if is_turned { Size { height: taps, width: 1 } } else { Size { height: 1, width: taps } }
    });
    let any = (1usize..=9, 1usize..=9).prop_map(|(height, width)| Size { height, width });
    prop_oneof![3 => square, 1 => line, 1 => any]
}

impl Case {
    fn network(&self) -> Network {
        Network::convolutional(self.input, &[Conv::new(self.maps, self.kernel)], Size::ONE).unwrap()
    }

    /// The padded input, after a ReLU; filters; biases.
    fn draw(&self, random: &mut Random) -> (Fenced<f32>, Fenced<f32>, Fenced<f32>) {
        let padded = PaddedLayout::new(self.input, self.kernel);
        let number = |random: &mut Random| match self.kind {
            0 => random.below(4) as f32 - 1.0,
            // A background with a few strokes, as hidden maps of digits have.
            1 if random.below(8) > 0 => 0.25,
            _ => random.normal(),
        };
        let plain: Vec<f32> = (0..self.input.len()).map(|_| number(random).max(0.0)).collect();
        let mut map = Fenced::new(&vec![0.0; padded.len()], random);
        padded.fill(&plain, &mut map);
        let filters = self.network().top().filters_len();
        let weights: Vec<f32> = (0..filters).map(|_| number(random) - 0.2).collect();
        let bias: Vec<f32> = (0..self.maps).map(|_| number(random)).collect();
        (map, Fenced::new(&weights, random), Fenced::new(&bias, random))
    }
}

/// What evaluating every position makes of a layer: positions x maps.
fn evaluated(isa: Isa, case: &Case, map: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let fields = case.network().top().receptive_fields();
    let positions: Vec<u32> = (0..fields.positions() as u32).collect();
    let mut out = vec![0.0; positions.len() * case.maps];
    let mut column = vec![0.0; positions.len()];
    for (m, (filter, bias)) in weights.chunks(fields.len()).zip(bias).enumerate() {
        isa.activations(&fields, &positions, map, filter, *bias, &mut column);
        out.iter_mut().skip(m).step_by(case.maps).zip(&column).for_each(|(to, from)| *to = *from);
    }
    out
}

/// What the direct algorithm makes of a layer, scalar kernels' where a slice is too short.
fn convolved(isa: Isa, case: &Case, map: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let layer = case.network().top();
    let output_layout = OutputLayout { start: 0, row_stride: case.input.width * case.maps, step: case.maps };
    let out = Fenced::new(&vec![0.0; layer.output().len()], &mut Random::new(case.seed));
    convolve(isa, (&layer.receptive_fields(), output_layout), (weights, bias), map, &out).to_vec()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn outputs_and_maxima_lie_within_the_bound(case in layers()) {
        let mut random = Random::new(case.seed);
        let (map, weights, bias) = case.draw(&mut random);
        let layer = case.network().top();
        let (fields, output, maps) = (layer.receptive_fields(), layer.output(), case.maps);
        let output_layout = OutputLayout { start: 0, row_stride: output.width * maps, step: maps };
        for isa in isas() {
            let Some(tiling) = isa.tiling(&fields, maps) else { continue };
            let mut prepared = Fenced::new(&vec![f32::NAN; tiling.prepared_len], &mut random);
            isa.prepare_tiles(&fields, maps, &weights, &mut prepared);
            prepared.expect_fences();
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            let mut scratch = Fenced::new(&vec![f32::NAN; tiling.scratch_len], &mut random);
            let mut found = Fenced::new(&vec![0.0; output.len()], &mut random);
            isa.convolve_tiles(&fields, filters, &map, output_layout, &mut scratch, &mut found);
            let mut maxima = Fenced::new(&vec![f32::NAN; tiling.tiles() * maps], &mut random);
            let mut best = Fenced::new(&vec![f32::NAN; maps], &mut random);
            let mut slack = Fenced::new(&vec![f32::NAN; maps], &mut random);
            let screened = Screened { maxima: &mut maxima, best: &mut best, slack: &mut slack };
            isa.screen(&fields, filters, &map, &mut scratch, screened);
            [&found, &scratch, &maxima, &best, &slack].into_iter().for_each(Fenced::expect_fences);

            let expected = evaluated(isa, &case, &map, &weights, &bias);
            let mut tile_maxima = vec![0.0f32; tiling.tiles() * maps];
            for (position, (found, expected)) in found.chunks(maps).zip(expected.chunks(maps)).enumerate() {
                let y = position / output.width / tiling.rows;
                let x = position % output.width / tiling.columns;
                for (m, (found, expected)) in found.iter().zip(expected).enumerate() {
                    let slack = slack[m];
                    prop_assert!((found - expected).abs() <= slack, "{isa}: {found}, {expected}, {slack}");
                    // Not a bound that says nothing.
                    prop_assert!(slack < 0.02 * (1.0 + bias[m].abs()) * fields.len() as f32);
                    let tile = &mut tile_maxima[(y * tiling.across + x) * maps + m];
                    *tile = tile.max(*found);
                }
            }
            // The same outputs before the ReLU, of which only the maxima are kept.
            let rectified: Vec<f32> = maxima.iter().map(|maximum| maximum.max(0.0)).collect();
            prop_assert_eq!(bits(&rectified), bits(&tile_maxima), "{}", isa);
            let mut exact = vec![f32::NEG_INFINITY; maxima.len()];
            for position in 0..fields.positions() {
                let (y, x) = (position / output.width / tiling.rows, position % output.width / tiling.columns);
                for (m, filter) in weights.chunks(fields.len()).enumerate() {
                    let sum = bias[m] + isa.field_dot(&fields, fields.at(position), &map, filter);
                    let tile = &mut exact[(y * tiling.across + x) * maps + m];
                    *tile = tile.max(sum);
                }
            }
            for (index, (found, exact)) in maxima.iter().zip(&exact).enumerate() {
                prop_assert!((found - exact).abs() <= slack[index % maps], "{isa}: {found}, {exact}");
            }
            for (m, best) in best.iter().enumerate() {
                let of_map = maxima.iter().skip(m).step_by(maps);
                let largest = of_map.fold(f32::NEG_INFINITY, |a: f32, b| a.max(*b));
                prop_assert_eq!(*best, largest, "{}", isa);
            }
        }
    }

    /// Both halves have the bits of a convolution of their own, whatever the bias.
    #[test]
    fn both_signs(case in layers()) {
        let mut random = Random::new(case.seed);
        let (map, weights, bias) = case.draw(&mut random);
        let layer = case.network().top();
        let (fields, output, maps) = (layer.receptive_fields(), layer.output(), case.maps);
        let row_stride = output.width * 2 * maps;
        let output_layout = OutputLayout { start: 0, row_stride, step: 2 * maps };
        let negated: Vec<f32> = weights.iter().map(|v| -v).collect();
        for isa in isas() {
            let Some(tiling) = isa.tiling(&fields, maps) else { continue };
            let mut scratch = Fenced::new(&vec![f32::NAN; tiling.scratch_len], &mut random);
            let mut prepared = vec![f32::NAN; tiling.prepared_len];
            let mut expected = vec![0.0; 2 * output.len()];
            for (weights, half) in [(&weights[..], 0), (&negated, maps)] {
                isa.prepare_tiles(&fields, maps, weights, &mut prepared);
                let filters = Filters { weights, bias: &bias, prepared: &prepared };
                let layout = OutputLayout { start: half, ..output_layout };
                isa.convolve_tiles(&fields, filters, &map, layout, &mut scratch, &mut expected);
            }
            isa.prepare_tiles(&fields, maps, &weights, &mut prepared);
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            let mut found = Fenced::new(&vec![f32::NAN; 2 * output.len()], &mut random);
            isa.convolve_tiles_both_signs(&fields, filters, &map, output_layout, &mut scratch, &mut found);
            [&found, &scratch].into_iter().for_each(Fenced::expect_fences);
            prop_assert_eq!(bits(&found), bits(&expected), "{}", isa);
        }
    }

    #[test]
    fn activations_are_dot_products(case in layers(), count in 1usize..40) {
        let mut random = Random::new(case.seed);
        let (map, weights, bias) = case.draw(&mut random);
        let fields = case.network().top().receptive_fields();
        let positions: Vec<u32> = (0..count).map(|_| random.below(fields.positions() as u32)).collect();
        let m = random.below(case.maps as u32) as usize;
        let filter = Fenced::new(&weights[m * fields.len()..(m + 1) * fields.len()], &mut random);
        for isa in isas() {
            let dot = |p: &u32| bias[m] + isa.field_dot(&fields, fields.at(*p as usize), &map, &filter);
            let expected: Vec<f32> = positions.iter().map(|p| dot(p).max(0.0)).collect();
            let mut found = Fenced::new(&vec![0.0; count], &mut random);
            isa.activations(&fields, &positions, &map, &filter, bias[m], &mut found);
            found.expect_fences();
            prop_assert_eq!(bits(&found), bits(&expected), "{}", isa);
        }
    }

    #[test]
    fn screening_finds_the_winners_of_evaluating_everything(
        case in layers(), batch in 1usize..5, keep in 1usize..4,
    ) {
        let mut random = Random::new(case.seed);
        let network = case.network();
        let (weights, bias) = { let (_, weights, bias) = case.draw(&mut random); (weights, bias) };
        let inputs: Vec<_> = (0..batch).map(|_| case.draw(&mut random).0).collect();
        let mut parameters = vec![0.0; network.parameters_len()];
        parameters[..weights.len()].copy_from_slice(&weights);
        parameters[weights.len()..weights.len() + bias.len()].copy_from_slice(&bias);
        for isa in isas() {
            let parameters = Parameters::new(network, &parameters).unwrap();
            let mut prepared = vec![f32::NAN; Encoder::prepared_len(isa, &network)];
            let encoder = Encoder::new(isa, parameters, &mut prepared).unwrap();
            if !encoder.screens(Size::ONE) {
                continue;
            }
            let maps = case.maps;
            let mut winners = Vec::new();
            for input in &inputs {
                let code = evaluated(isa, &case, input, &weights, &bias);
                let (mut values, mut positions) = (vec![0.0; maps], vec![0; maps]);
                spatial(isa, network.code(), Size::ONE, &code, &mut values, &mut positions);
                winners.push((values, positions));
            }
            // Image by image, as the core's trainer does it.
            let mut scratch = vec![f32::NAN; Encoder::scratch_len(isa, &network)];
            let mut code = vec![f32::NAN; network.code_len()];
            for (input, (values, positions)) in inputs.iter().zip(&winners) {
                let (mut found, mut at) = (vec![f32::NAN; maps], vec![7; maps]);
                let candidates = Candidates { values: &mut found, positions: &mut at };
                encoder.compete_top(Size::ONE, 1, input, &mut scratch, &mut code, candidates).unwrap();
                prop_assert_eq!(bits(&found), bits(values), "{}", isa);
                let active = |list: &[u32]| -> Vec<u32> {
                    list.iter().zip(values).filter(|(_, v)| **v > 0.0).map(|(p, _)| *p).collect()
                };
                prop_assert_eq!(active(&at), active(positions), "{}", isa);
            }
            // In two rounds over a batch, as the host's does it: the k largest of each map, and nothing else
            // where they differ.
            let screen_len = Encoder::screen_len(isa, &network);
            let mut screens = vec![f32::NAN; batch * screen_len];
            for (input, screen) in inputs.iter().zip(screens.chunks_exact_mut(screen_len)) {
                encoder.screen(input, &mut scratch, screen).unwrap();
            }
            let mut found = vec![f32::NAN; batch * maps];
            let mut at = vec![7; batch * maps];
            for (row, screen) in found.chunks_exact_mut(maps).zip(screens.chunks_exact(screen_len)) {
                promises(screen, row);
            }
            let column = |values: &[f32], m: usize| -> Vec<f32> {
                values.iter().skip(m).step_by(maps).copied().collect()
            };
            let cut_of = |m| cut(column(&found, m).into_iter(), keep).unwrap();
            let cuts: Vec<Cut> = (0..maps).map(cut_of).collect();
            for (image, screen) in screens.chunks_exact(screen_len).enumerate() {
                let row = image * maps..(image + 1) * maps;
                let (values, positions) = (&mut found[row.clone()], &mut at[row]);
                encoder.refine_promising(image, &inputs[image], screen, &cuts, values, positions).unwrap();
            }
            let (mut counts, mut least) = (vec![9; maps], vec![9.0; maps]);
            thresholds(&found, keep, &mut counts, &mut least);
            for (image, screen) in screens.chunks_exact(screen_len).enumerate() {
                let row = image * maps..(image + 1) * maps;
                let (values, positions) = (&mut found[row.clone()], &mut at[row]);
                encoder.refine_open(&inputs[image], screen, &least, values, positions).unwrap();
            }
            for m in 0..maps {
                let expected: Vec<f32> = winners.iter().map(|(values, _)| values[m]).collect();
                let found = column(&found, m);
                let expected_cut = cut(expected.iter().copied(), keep).unwrap();
                let found_cut = cut(found.iter().copied(), keep).unwrap();
                for image in 0..batch {
                    let kept = expected_cut.keeps(image, expected[image]);
                    let found_kept = found_cut.keeps(image, found[image]);
                    prop_assert_eq!(found_kept, kept, "{}, {:?}, {:?}", isa, &expected, &found);
                    if kept {
                        prop_assert_eq!(found[image].to_bits(), expected[image].to_bits(), "{}", isa);
                        prop_assert_eq!(at[image * maps + m], winners[image].1[m], "{}", isa);
                    } else {
                        prop_assert!(found[image] == 0.0 || found[image] == expected[image], "{}", isa);
                    }
                }
            }
        }
    }

    /// Overflow on the way: the bound says nothing, and everything is evaluated.
    #[test]
    fn huge_numbers_are_found_all_the_same(case in layers(), power in 10i32..38) {
        let mut random = Random::new(case.seed);
        let network = case.network();
        let (mut map, weights, bias) = case.draw(&mut random);
        map.iter_mut().for_each(|v| *v *= 10f32.powi(power));
        let mut parameters = vec![0.0; network.parameters_len()];
        parameters[..weights.len()].copy_from_slice(&weights);
        parameters[weights.len()..weights.len() + bias.len()].copy_from_slice(&bias);
        for isa in isas() {
            let parameters = Parameters::new(network, &parameters).unwrap();
            let mut prepared = vec![f32::NAN; Encoder::prepared_len(isa, &network)];
            let encoder = Encoder::new(isa, parameters, &mut prepared).unwrap();
            let code = evaluated(isa, &case, &map, &weights, &bias);
            let (mut values, mut positions) = (vec![0.0; case.maps], vec![0; case.maps]);
            spatial(isa, network.code(), Size::ONE, &code, &mut values, &mut positions);
            let mut scratch = vec![f32::NAN; Encoder::scratch_len(isa, &network)];
            let mut code = vec![f32::NAN; network.code_len()];
            let (mut found, mut at) = (vec![f32::NAN; case.maps], vec![7; case.maps]);
            if encoder.screens(Size::ONE) {
                let candidates = Candidates { values: &mut found, positions: &mut at };
                encoder.compete_top(Size::ONE, 1, &map, &mut scratch, &mut code, candidates).unwrap();
                prop_assert_eq!(bits(&found), bits(&values), "{}", isa);
            }
        }
    }
}

/// The dense code of an image.
fn encoded(isa: Isa, network: Network, parameters: &[f32], image: &[f32]) -> Vec<f32> {
    let parameters = Parameters::new(network, parameters).unwrap();
    let mut prepared = vec![f32::NAN; Encoder::prepared_len(isa, &network)];
    let encoder = Encoder::new(isa, parameters, &mut prepared).unwrap();
    let mut scratch = vec![f32::NAN; Encoder::scratch_len(isa, &network)];
    let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![f32::NAN; network.code_len()]);
    encoder.load(1, 0, image, &mut inputs).unwrap();
    encoder.hidden(1, &mut inputs, &mut scratch).unwrap();
    encoder.top(1, &inputs, &mut scratch, &mut code).unwrap();
    code
}

/// A signal's network has the same bits along the rows and along the columns, also where a stride makes
/// fields look like those of more channels.
#[test]
fn turned_networks_have_the_same_bits() {
    let mut random = Random::new(7);
    for (kernel, stride) in [(9, 1), (5, 1), (3, 1), (4, 2), (6, 2), (6, 3), (12, 4), (5, 2), (31, 1)] {
        for (channels, maps) in [(16, 32), (33, 20), (6, 40)] {
            let conv = |maps| Conv::with_stride(maps, Size::new(1, kernel), Size::new(1, stride));
            let input = Shape::new(channels, 1, 203);
            let network = Network::convolutional(input, &[conv(maps), conv(maps)], Size::ONE).unwrap();
            let mut parameters = vec![0.0; network.parameters_len()];
            parameters.iter_mut().for_each(|number| *number = 0.1 * random.normal());
            let image: Vec<f32> = (0..input.len()).map(|_| random.normal()).collect();
            for isa in isas() {
                let expected = encoded(isa, network, &parameters, &image);
                let found = encoded(isa, network.turned(), &parameters, &image);
                assert!(bits(&found) == bits(&expected), "{isa}: kernel {kernel}, stride {stride}");
                let is_tiled =
                    |network: &Network| network.layers().any(|layer| Encoder::tiling(isa, &layer).is_some());
                assert!(stride == 1 || !is_tiled(&network) && !is_tiled(&network.turned()), "{isa}");
            }
        }
    }
}

/// Layers of many channels are computed by tiles, whatever their kernel; those of few channels, with strides,
/// or of a single tap are not.
#[test]
fn wide_layers_are_computed_by_tiles() {
    for isa in isas().filter(|isa| *isa != Isa::Scalar) {
        let tiled = |channels, maps, kernel: (usize, usize), stride| {
            let kernel = Size { height: kernel.0, width: kernel.1 };
            let conv = Conv::with_stride(maps, kernel, Size::square(stride));
            let network = Network::convolutional(Shape::new(channels, 28, 28), &[conv], Size::ONE).unwrap();
            isa.tiling(&network.top().receptive_fields(), maps).is_some()
        };
        for maps in [16, 64, 128] {
            for kernel in [(5, 5), (3, 3), (7, 7), (9, 9), (11, 11), (3, 5), (6, 4), (1, 9), (9, 1)] {
                assert!(maps < 64 && kernel != (5, 5) || tiled(maps, maps, kernel, 1), "{isa}: {kernel:?}");
                assert!(!tiled(1, maps, kernel, 1) || kernel.0 * kernel.1 > 25, "{isa}: {kernel:?}");
                assert!(!tiled(maps, maps, kernel, 2), "{isa}: {kernel:?}");
            }
            assert!(!tiled(maps, maps, (1, 1), 1), "{isa}");
        }
    }
}

/// Too short slices: nothing is touched outside them, and the outputs are the scalar kernels' or none.
#[test]
fn short_slices_are_left_alone() {
    for (height, width) in [(5, 5), (3, 3), (7, 7), (1, 9), (9, 1), (4, 6), (11, 3)] {
        let kernel = Size { height, width };
        let input = Shape::new(9, 12.max(height), if height == 1 { 40 } else { 10 });
        short_slices(&Case { input, kernel, maps: 21, seed: 3, kind: 0 });
    }
}

fn short_slices(case: &Case) {
    let mut random = Random::new(case.seed);
    let (map, weights, bias) = case.draw(&mut random);
    let layer = case.network().top();
    let (fields, maps) = (layer.receptive_fields(), case.maps);
    let output_layout = OutputLayout { start: 0, row_stride: layer.output().width * maps, step: maps };
    for isa in isas() {
        let Some(tiling) = isa.tiling(&fields, maps) else { continue };
        let mut prepared = Fenced::new(&vec![0.0; tiling.prepared_len], &mut random);
        isa.prepare_tiles(&fields, maps, &weights, &mut prepared);
        let expected = Fenced::new(&convolved(isa, case, &map, &weights, &bias), &mut random);
        for part in 0..4 {
            let cut = |list: &Fenced<f32>, which: usize, random: &mut Random| {
                Fenced::new(&list[..list.len() - usize::from(part == which)], random)
            };
            let (map, prepared) = (cut(&map, 0, &mut random), cut(&prepared, 1, &mut random));
            let mut scratch = vec![0.0; tiling.scratch_len - usize::from(part == 2)];
            let mut out = cut(&expected, 3, &mut random);
            out.fill(-1.0);
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            isa.convolve_tiles(&fields, filters, &map, output_layout, &mut scratch, &mut out);
            out.expect_fences();
            let (mut maxima, mut best) = (vec![0.0; tiling.tiles() * maps], vec![0.0; maps]);
            let mut slack = vec![0.0; maps - usize::from(part == 3)];
            let screened = Screened { maxima: &mut maxima, best: &mut best, slack: &mut slack };
            isa.screen(&fields, filters, &map, &mut scratch, screened);
            assert!(slack.iter().all(|slack| *slack == f32::INFINITY), "{isa}, {part}");
            // The last position needs the missing input, or is the missing output.
            let whole = expected.len() - maps;
            assert!(out[..whole] == expected[..whole], "{isa}, {part}");
            // The layout has no room for both signs.
            out.fill(-1.0);
            isa.convolve_tiles_both_signs(&fields, filters, &map, output_layout, &mut scratch, &mut out);
            assert!(out.iter().all(|v| *v == -1.0), "{isa}, {part}");
        }
    }
}
