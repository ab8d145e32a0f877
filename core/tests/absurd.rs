//! Descriptions that describe nothing, or more than any memory holds: numbers from 0 to `usize::MAX`, in
//! every combination. Whatever they say, constructors refuse them or build them, and lengths saturate: a
//! debug build, in which an overflow panics, never panics.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

use proptest::prelude::*;
use proptest::test_runner::Config;
use wta_core::detect::{Settings, detector_len, state_bytes};
use wta_core::int8::{Int8Extractor, Int8Filters, Int8Kernels, Int8Svm, Portable, packed_len};
use wta_core::learn_classes::{SvmSettings, SvmTrainer, nearest_mean_len, svm_training_len};
use wta_core::model::{Description, ModelWriter, model_len};
use wta_core::{
    ContrastiveDivergence, Conv, Inputs, Layer, Method, Network, Optimizer, OutputLayout, PaddedLayout, Pool,
    PoolKind, RbmTrainer, ReceptiveFields, Scalar, Scratch, Selection, Shape, Size, Sparsity, StreamTrainer,
    Threshold, Trainer, TrainingConfig, UnitTrainer, extractor_len, forward_len, novelty_len,
    rbm_training_len, stream_training_len, survivors, training_len, unit_training_len,
};

const CASES: u32 = if cfg!(miri) { 4 } else { 2000 };

fn number() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0usize..=20,
        1 => (0u32..usize::BITS).prop_map(|bit| 1 << bit),
        1 => (0u32..usize::BITS).prop_map(|bit| (1 << bit) - 1),
        1 => (1usize..500).prop_map(|part| usize::MAX / part),
        1 => (0usize..20).prop_map(|less| usize::MAX - less),
        1 => any::<usize>(),
    ]
}

fn size() -> impl Strategy<Value = Size> {
    (number(), number()).prop_map(|(height, width)| Size::new(height, width))
}

fn shape() -> impl Strategy<Value = Shape> {
    (number(), number(), number()).prop_map(|(channels, height, width)| Shape::new(channels, height, width))
}

fn conv() -> impl Strategy<Value = Conv> {
    (number(), size(), size()).prop_map(|(maps, kernel, stride)| Conv { maps, kernel, stride })
}

fn pool() -> impl Strategy<Value = Pool> {
    let kind = prop_oneof![Just(PoolKind::Max), Just(PoolKind::Average)];
    let threshold = prop_oneof![Just(Threshold::None), Just(Threshold::Triangle)];
    (size(), size(), kind, threshold).prop_map(|(kernel, stride, kind, threshold)| Pool {
        kernel,
        stride,
        kind,
        threshold,
    })
}

fn sparsity() -> impl Strategy<Value = Sparsity> {
    let selection = prop_oneof![
        Just(Selection::All),
        any::<f32>().prop_map(|rate| Selection::Lifetime { rate }),
        number().prop_map(|count| Selection::PerSample { count }),
        number().prop_map(|count| Selection::Batch { count }),
    ];
    (size(), selection).prop_map(|(grid, selection)| Sparsity { grid, selection })
}

/// Networks as large as may be: kernels and strides that fit, and whatever else.
fn networks() -> impl Strategy<Value = Network> {
    let conv = (number(), 1usize..=20, 1usize..=20, number(), number());
    let dense = (number(), prop::collection::vec(number(), 1..4), any::<bool>());
    prop_oneof![
        (shape(), prop::collection::vec(conv, 1..5), size(), any::<bool>()).prop_filter_map(
            "no network",
            |(image, convs, decoder, tied)| {
                let mut below = image;
                let convs: Vec<Conv> = convs
                    .into_iter()
                    .map(|(maps, height, width, down, across)| {
                        let kernel = Size::new(height.min(below.height), width.min(below.width));
                        let conv = Conv { maps, kernel, stride: Size::new(down.max(1), across.max(1)) };
                        below = Layer { input: below, conv }.output();
                        conv
                    })
                    .collect();
                let tied = tied && convs.len() == 1;
                let decoder = if tied { convs.first()?.kernel } else { decoder };
                let decoder = Size::new(decoder.height.min(image.height), decoder.width.min(image.width));
                let network = Network::convolutional(image, &convs, decoder).ok()?;
                if tied { network.tied().ok() } else { Some(network) }
            }
        ),
        dense.prop_filter_map("no network", |(inputs, units, tied)| {
            let network = Network::fully_connected(inputs, &units).ok()?;
            if tied { network.tied().ok() } else { Some(network) }
        }),
    ]
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(CASES) })]

    #[test]
    fn shapes_and_layouts(shape in shape(), conv in conv(), pool in pool(), at in (number(), number())) {
        let (y, x) = at;
        prop_assert!(shape.len() == 0 || shape.len() >= shape.positions());
        prop_assert_eq!(shape.turned().len(), shape.len());
        let layer = Layer { input: shape, conv };
        let _ = (layer.output().len(), layer.filter_len(), layer.filters_len());
        let padded = PaddedLayout::new(shape, conv.kernel);
        let _ = (padded.len(), padded.row_stride(), padded.start(), padded.output_layout().at(y, x));
        let fields = ReceptiveFields::new(&padded, conv.stride);
        let _ = (fields.len(), fields.positions(), fields.at(y), fields.offset(y, x), fields.extent());
        let apart = OutputLayout { start: y, row_stride: x, step: conv.maps };
        let _ = apart.is_apart(shape.height, shape.width, shape.channels);
        let mut numbers = [1.0; 24];
        padded.fill(&[2.0; 12], &mut numbers);
        padded.clear_border(&mut numbers);
        let _ = (padded.rows(&numbers).take(30).count(), fields.field(y, &numbers).take(30).count());
        let output = pool.output(shape);
        prop_assert_eq!(pool.turned().output(shape.turned()).len(), output.len());
        // Nothing is pooled into buffers of other lengths.
        let mut pooled = [0.0; 24];
        let done = pool.run(Scalar, shape, &numbers, &mut pooled);
        prop_assert!(done.is_err() || (shape.len() == 24 && output.len() == 24));
    }

    #[test]
    fn networks_of_any_numbers(
        input in shape(),
        convs in prop::collection::vec(conv(), 0..10),
        decoder in size(),
        units in prop::collection::vec(number(), 0..10),
    ) {
        for network in [
            Network::convolutional(input, &convs, decoder),
            Network::convolutional(input, &convs, decoder).and_then(Network::tied),
            Network::fully_connected(input.channels, &units),
        ]
        .into_iter()
        .flatten()
        {
            prop_assert!(network.parameters_len() > 0 && network.code_len() > 0);
        }
    }

    #[test]
    fn lengths_of_the_largest_networks(
        network in networks(),
        pool in pool(),
        sparsity in sparsity(),
        batch in number(),
        rate in any::<f32>(),
    ) {
        let network_len = network.parameters_len();
        prop_assert!(network_len > network.input().channels && network.encoder_len() < network_len);
        let _ = (network.inputs_len(), network.residual_len(), network.delta_scratch_len());
        let _ = (network.deltas_len(), network.turned().inputs_len(), network.code_len());
        let _ = (forward_len(&network), novelty_len(&network), extractor_len(&network, &pool));
        let _ = Int8Extractor::<Portable>::memory_len(&network, &pool);
        let _ = (sparsity.check(&network), sparsity.winners_len(&network), survivors(rate, batch));
        let _ = model_len(&network, &[batch, 4, network_len]);
        let description = Description::new(network).pooled(pool, true);
        prop_assert!(ModelWriter::new(description).write_to(&mut [0; 64]).is_err());

        let config = TrainingConfig::new(sparsity, Optimizer::adam(1e-3), batch, 1);
        let scratch = || Scratch { floats: &mut [], indices: &mut [], cuts: &mut [] };
        for len in [
            training_len(&network, &sparsity, &Method::ADAM, batch),
            stream_training_len(&network, &Method::ADAM, batch),
            unit_training_len(&network, &sparsity, &Method::ADAM, batch),
            rbm_training_len(&network, batch),
        ] {
            // The parameters are a part of it.
            prop_assert!(len.bytes() / 4 >= network_len);
        }
        // Trainers refuse memory that is too short, however long it should be.
        let scalar = Scalar;
        let divergence = ContrastiveDivergence { steps: 1, persistent: false, seed: batch as u64 };
        let refused = [
            Trainer::new(scalar, network, config, 0, &mut [], &mut [], scratch()).is_err(),
            StreamTrainer::new(scalar, network, config, 0, &mut [], &mut [], scratch()).is_err(),
            UnitTrainer::new(scalar, network, config, 0, &mut [], &mut [], scratch()).is_err(),
            RbmTrainer::new(scalar, network, config, divergence, 0, &mut [], &mut [], scratch()).is_err(),
        ];
        prop_assert_eq!(refused, [true; 4]);
        let inputs_len = batch.saturating_mul(network.inputs_len());
        prop_assert_eq!(Inputs::new(network, batch, &[0.0; 3]).is_ok(), inputs_len == 3);
    }

    #[test]
    fn detectors_of_any_numbers(
        window in number(),
        channels in number(),
        units in number(),
        kernel in number(),
        (hop, batch) in (number(), number()),
        (conditioning, windows) in (any::<u32>(), any::<u32>()),
        (saturation, alarms) in (any::<f32>(), any::<f32>()),
    ) {
        for settings in [
            Settings::fully_connected(window, channels, units),
            Settings::convolutional(window, channels, units, kernel),
        ]
        .into_iter()
        .flatten()
        {
            let changed = settings
                .hop(hop)
                .learning(conditioning.into(), batch)
                .conditioning(conditioning, saturation)
                .calibration(windows, alarms)
                .votes(conditioning, windows, 1);
            for settings in [settings, settings.learning(5, batch), changed] {
                let _ = (settings.check(), settings.window(), settings.tail_len());
                let _ = (detector_len(&settings).bytes(), state_bytes(&settings));
            }
        }
    }

    #[test]
    fn classifiers_of_any_numbers(features in number(), classes in number(), shape in shape()) {
        let settings = SvmSettings::DEFAULT;
        let _ = (nearest_mean_len(features, classes), svm_training_len(features, classes, &settings));
        prop_assert!(SvmTrainer::new(features, classes, settings, &mut [], &mut []).is_err());
        let _ = (packed_len(classes, features), Int8Svm::weights_len(classes, shape));
        let (weights, bias) = ([1; 24], [1; 3]);
        if let Ok(svm) = Int8Svm::new(shape, &weights, &bias, &[1.0; 3]) {
            prop_assert_eq!(Int8Svm::weights_len(3, shape), 24);
            prop_assert_eq!(svm.classes(), 3);
        }
    }

    #[test]
    fn quantised_layers_of_any_numbers(
        (rows, row_len, row_stride) in (number(), number(), number()),
        (height, width, step_down, step_right) in (number(), number(), number(), number()),
        (filters, filter_len) in (0usize..6, 0usize..40),
        (window, scratch, out) in (0usize..200, 0usize..200, 0usize..60),
    ) {
        let fields = ReceptiveFields { rows, row_len, row_stride, height, width, step_down, step_right };
        let weights = vec![3; packed_len(filters, filter_len)];
        let (bias, multipliers) = (vec![5; filters], vec![1 << 20; filters]);
        let filters = Int8Filters::new(filter_len, &weights, &bias, &multipliers).unwrap();
        let inputs: Vec<i16> = (0i16..).take(window).collect();
        let (mut changed, mut scratch, mut out) = (inputs.clone(), vec![7; scratch], vec![9; out]);
        Portable.convolve(&fields, &filters, &mut changed, &mut scratch, &mut out);
        prop_assert_eq!(changed, inputs.clone());
        let mut sums = vec![0; out.len()];
        Portable.accumulate(&filters.weights, &inputs, &mut sums);
        Portable.max(&inputs, &mut out);
    }
}
