//! The core's writer of `model.wta`: the bytes of the format, from memory that is not copied.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod blob;

use blob::{Contents, Flash, seal, set};
use proptest::prelude::*;
use wta_core::model::{
    BELOW, CLASS_NAMES, Description, INT8_BIASES, INT8_FEATURE_SCALE, INT8_MULTIPLIERS, INT8_WEIGHTS,
    MOMENTS, ModelWriter, PARAMETERS, SQRT_FEATURES, STACKED, SVM_BIASES, SVM_WEIGHTS, TRAINING,
    TRAINING_LEN, TrainingState, WHOLE_STACK, model_len,
};
use wta_core::{
    Conv, Corruption, Cut, Dictionary, Error, Guard, Initial, Method, Model, Network, Optimizer, Pool,
    Scalar, Schedule, Scratch, Selection, Shape, Size, Sparsity, Svm, Trainer, TrainingConfig, training_len,
};

/// Numbers that are finite, of both signs, and not all the same.
fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * 0.7).sin() * 0.5).collect()
}

fn network() -> Network {
    let layers = [Conv::new(3, Size::square(3)), Conv::with_stride(4, Size::new(2, 3), Size::new(1, 2))];
    Network::convolutional(Shape::new(1, 6, 7), &layers, Size::square(5)).unwrap()
}

fn config(method: Method) -> TrainingConfig {
    TrainingConfig {
        sparsity: Sparsity { grid: Size::new(2, 1), selection: Selection::Lifetime { rate: 0.3 } },
        corruption: Corruption { input: 0.1, hidden: 0.2, seed: 0xfedc_ba98_7654_3210 },
        guard: Guard::within(-3.0, 4.5).with_limit(1e6).with_gradient_norm(7.0),
        dictionary: Dictionary::FREE,
        optimizer: Optimizer {
            method,
            rate: 0.01,
            schedule: Schedule::Step { at: 0.5, factor: 0.1 },
            decay: 1e-4,
        },
        batch: 5,
        steps: (1 << 33) + 7,
    }
}

fn written(writer: &ModelWriter<'_>) -> Vec<u8> {
    let mut pieces = Vec::new();
    let sink = |bytes: &[u8]| {
        pieces.extend_from_slice(bytes);
        Ok(())
    };
    writer.write(sink).unwrap();
    assert_eq!(pieces.len(), writer.len());
    let mut whole = vec![0xff; writer.len() + 3];
    assert_eq!(writer.write_to(&mut whole), Ok(pieces.len()));
    assert_eq!(whole[..pieces.len()], pieces, "in one piece and in many");
    assert_eq!(whole[pieces.len()..], [0xff; 3], "nothing behind it is touched");
    assert!(matches!(writer.write_to(&mut whole[..pieces.len() - 1]), Err(Error::Length { .. })));
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_bytes_are_those_of_the_format(
        depth in 1usize..5, lens in prop::collection::vec(0usize..70, 0..16), flags in 0u32..4, scale in 0.1f32..9.0,
    ) {
        let layers = vec![Conv::new(2, Size::ONE); depth];
        let network = Network::convolutional(Shape::new(2, 3, 3), &layers, Size::square(3)).unwrap();
        let pool = Pool::square(2, 1);
        let tag = |index: usize| [b'T', b'0' + index as u8, b'A', b'G'];
        let sections: Vec<_> = lens.iter().enumerate().map(|(i, len)| (tag(i), vec![i as u8 + 1; *len])).collect();
        let contents = Contents { network, pool, flags, scale, classes: 3, sections };
        let mut writer = ModelWriter::new(Description { network, pool, flags, scale, classes: 3 });
        for (tag, bytes) in &contents.sections {
            writer.section(*tag, bytes).unwrap();
        }
        prop_assert_eq!(written(&writer), contents.write());
        prop_assert_eq!(model_len(&network, &lens), writer.len());
    }
}

#[test]
fn a_model_in_training_has_what_was_written() {
    let network = network();
    let parameters = numbers(network.parameters_len());
    let features = Pool::square(3, 2).output(network.code()).len();
    let (weights, biases) = (numbers(3 * features), numbers(3));
    let svm = Svm::new(features, &weights, &biases).unwrap();
    for (method, sets) in [(Method::Sgd { momentum: 0.9 }, 1), (Method::ADAM, 2)] {
        let moments = numbers(sets * network.parameters_len());
        let state = TrainingState { config: config(method), step: (5 << 32) + 4, moments: &moments };
        let description = Description::new(network).pooled(Pool::square(3, 2), true).scaled(0.25);
        let mut writer = ModelWriter::new(description);
        writer.parameters(&parameters).unwrap();
        writer.svm(&svm).unwrap();
        writer.training(&state).unwrap();
        let lens = [parameters.len(), weights.len(), biases.len()].map(|len| 4 * len);
        let lens = [&lens[..], &[TRAINING_LEN, 4 * moments.len()]].concat();
        assert_eq!(writer.len(), model_len(&network, &lens));
        let bytes = written(&writer);
        let mut flash = Flash::default();
        let model = Model::parse(flash.hold(&bytes, 0)).unwrap();
        assert_eq!((model.network(), model.pool(), model.scale()), (network, Pool::square(3, 2), 0.25));
        assert!(model.sqrt_features() && model.classes() == 3);
        assert_eq!(model.training(), Ok(Some(state)));
        assert_eq!(model.svm().unwrap().weights(), weights);
        assert_eq!(model.section(PARAMETERS), Some(bytemuck::cast_slice(&parameters)));
        // Passed on as it is, it has the same bytes.
        assert_eq!(written(&model.writer().unwrap()), bytes);
    }
}

/// Half of the training here and half of it elsewhere give the weights of all of it.
#[test]
fn training_goes_on_from_a_model() {
    let network = Network::fully_connected(6, &[4]).unwrap();
    let config = TrainingConfig {
        sparsity: Sparsity::lifetime(0.5),
        corruption: Corruption { input: 0.1, hidden: 0.0, seed: 3 },
        steps: 20,
        ..config(Method::ADAM)
    };
    let len = training_len(&network, &config.sparsity, &config.optimizer.method, config.batch);
    let images: Vec<Vec<f32>> = (0..100).map(|i| numbers(i + 6)[i..].to_vec()).collect();
    let train =
        |(parameters, moments): (&mut [f32], &mut [f32]), config: TrainingConfig, from: u64, to: u64| {
            let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
            let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
            let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
            let mut trainer =
                Trainer::new(Scalar, network, config, from, parameters, moments, scratch).unwrap();
            for step in from..to {
                trainer.step(images[5 * step as usize..][..5].iter().map(|image| &image[..])).unwrap();
            }
        };
    let mut whole = (vec![0.0; len.parameters], vec![0.0; len.moments]);
    network.initialise(Initial::He, 1, &mut whole.0).unwrap();
    let mut half = whole.clone();
    train((&mut whole.0, &mut whole.1), config, 0, 20);
    train((&mut half.0, &mut half.1), config, 0, 9);
    let mut writer = ModelWriter::new(Description::new(network));
    writer.parameters(&half.0).unwrap();
    writer.training(&TrainingState { config, step: 9, moments: &half.1 }).unwrap();
    let (bytes, mut flash) = (written(&writer), Flash::default());
    let model = Model::parse(flash.hold(&bytes, 0)).unwrap();
    let state = model.training().unwrap().unwrap();
    let mut parameters: Vec<f32> = bytemuck::cast_slice(model.section(PARAMETERS).unwrap()).to_vec();
    let mut moments = state.moments.to_vec();
    train((&mut parameters, &mut moments), state.config, state.step, 20);
    assert_eq!((parameters, moments), whole);
}

#[test]
fn what_does_not_fit_other_numbers_is_left_out_when_a_model_is_passed_on() {
    let network = Network::fully_connected(6, &[4]).unwrap();
    let parameters = numbers(network.parameters_len());
    let integers =
        |len: usize| (0..len as u32).flat_map(|i| ((i + 1) << 20).to_le_bytes()).collect::<Vec<u8>>();
    let names: Vec<u8> = [1u32, 2].iter().flat_map(|end| end.to_le_bytes()).chain(*b"ab").collect();
    let contents = Contents {
        network,
        pool: Pool::NONE,
        flags: SQRT_FEATURES,
        scale: 0.5,
        classes: 2,
        sections: vec![
            (PARAMETERS, bytemuck::cast_slice(&parameters).to_vec()),
            (SVM_WEIGHTS, Contents::numbers(8)),
            (SVM_BIASES, Contents::numbers(2)),
            (INT8_WEIGHTS, vec![1; wta_core::int8::packed_len(4, 6)]),
            (INT8_BIASES, integers(4)),
            (INT8_MULTIPLIERS, integers(4)),
            (INT8_FEATURE_SCALE, Contents::numbers(1)),
            (CLASS_NAMES, names),
            (*b"MORE", vec![7; 5]),
        ],
    };
    let (bytes, mut flash) = (contents.write(), Flash::default());
    let model = Model::parse(flash.hold(&bytes, 0)).unwrap();
    assert_eq!(written(&model.writer().unwrap()), bytes);
    let other = numbers(network.parameters_len()).into_iter().rev().collect::<Vec<f32>>();
    let mut writer = model.writer().unwrap();
    writer.parameters(&other).unwrap();
    let (bytes, mut flash) = (written(&writer), Flash::default());
    let passed = Model::parse(flash.hold(&bytes, 0)).unwrap();
    assert!(passed.int8().is_none() && passed.svm().is_some());
    assert_eq!((passed.class_name(1), passed.section(*b"MORE")), (Some("b"), Some(&[7; 5][..])));
    let (weights, biases) = (numbers(12), numbers(3));
    writer.svm(&Svm::new(4, &weights, &biases).unwrap()).unwrap();
    let bytes = written(&writer);
    let passed = Model::parse(flash.hold(&bytes, 0)).unwrap();
    assert_eq!((passed.classes(), passed.class_names()), (3, None), "the names were those of two classes");
}

#[test]
fn what_cannot_be_is_refused_in_one_sentence() {
    let network = network();
    let parameters = numbers(network.parameters_len());
    let mut writer = ModelWriter::new(Description::new(network));
    assert!(matches!(writer.parameters(&parameters[1..]), Err(Error::Length { .. })));
    assert!(matches!(writer.parameters(&[f32::NAN; 1]), Err(Error::Length { .. })));
    let spoilt = vec![f32::INFINITY; network.encoder_len()];
    assert!(matches!(writer.parameters(&spoilt), Err(Error::NotFinite { index: 0, .. })));
    let svm = Svm::new(2, &[1.0; 4], &[0.0; 2]).unwrap();
    assert!(matches!(writer.svm(&svm), Err(Error::Length { expected: 96, found: 2, .. })));
    let moments = numbers(network.parameters_len());
    let state = TrainingState { config: config(Method::ADAM), step: 0, moments: &moments };
    assert!(matches!(writer.training(&state), Err(Error::Length { .. })));
    let wrong = TrainingConfig { batch: 0, ..config(Method::Sgd { momentum: 0.9 }) };
    assert!(writer.training(&TrainingState { config: wrong, ..state }).is_err());
    for index in 0..16u8 {
        writer.section([index; 4], &[]).unwrap();
    }
    let sentence = writer.section(*b"MORE", &[]).unwrap_err().to_string();
    assert!(sentence.contains("at most 16 sections"), "{sentence}");
    writer.section([3; 4], b"again").unwrap();
    let stop = Err(Error::Invalid("the flash is full"));
    assert_eq!(writer.write(|_| stop), stop, "what the sink returns");
    // The upper layer of a quantised stack cannot change alone.
    let mut writer = ModelWriter::new(Description {
        flags: STACKED | WHOLE_STACK,
        ..Description::new(Network::fully_connected(6, &[4]).unwrap())
    });
    writer.section(BELOW, &[1; 4]).unwrap();
    writer.section(INT8_WEIGHTS, &[1; 4]).unwrap();
    let parameters = numbers(58);
    assert!(writer.parameters(&parameters).is_err());
}

/// Whatever the sections of a training hold, an error or a state that can be gone on with.
#[test]
fn damaged_training_states_are_refused() {
    let network = Network::fully_connected(3, &[2]).unwrap();
    let (parameters, moments) = (numbers(network.parameters_len()), numbers(network.parameters_len()));
    let config =
        TrainingConfig { sparsity: Sparsity::lifetime(0.5), ..config(Method::Sgd { momentum: 0.5 }) };
    let mut writer = ModelWriter::new(Description::new(network));
    writer.parameters(&parameters).unwrap();
    let plain = writer;
    writer.training(&TrainingState { config, step: 9, moments: &moments }).unwrap();
    let bytes = written(&writer);
    let mut flash = Flash::default();
    let settings = Model::parse(flash.hold(&bytes, 0)).unwrap().section(TRAINING).unwrap().to_vec();
    let with = |settings: &[u8], moments: &[u8]| {
        let mut writer = plain;
        writer.section(TRAINING, settings).unwrap();
        writer.section(MOMENTS, moments).unwrap();
        let mut bytes = Vec::new();
        writer
            .write(|piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        bytes
    };
    let numbers: &[u8] = bytemuck::cast_slice(&moments);
    let mut hold = Flash::default();
    assert_eq!(with(&settings, numbers), bytes);
    assert!(Model::parse(hold.hold(&with(&settings, &numbers[4..]), 0)).is_err());
    assert!(Model::parse(hold.hold(&with(&settings[4..], numbers), 0)).is_err());
    assert!(Model::parse(hold.hold(&with(&settings[..5], numbers), 0)).is_err());
    assert!(Model::parse(hold.hold(&with(&[], numbers), 0)).is_err());
    // A key of a later version is no damage.
    let later = [&settings[..], &[99, 0, 0, 0, 1, 2, 3, 4]].concat();
    let later = with(&later, numbers);
    let model = Model::parse(hold.hold(&later, 0)).unwrap();
    assert_eq!(model.training().unwrap().unwrap().step, 9);
    // An encoder alone cannot go on.
    let alone = &parameters[..network.encoder_len()];
    let mut writer = ModelWriter::new(Description::new(network));
    writer.parameters(alone).unwrap();
    writer.training(&TrainingState { config, step: 9, moments: &moments }).unwrap();
    let sentence = Model::parse(hold.hold(&written(&writer), 0)).unwrap_err().to_string();
    assert!(sentence.contains("no whole network"), "{sentence}");
    // Every word of the settings, to something else.
    for at in (0..settings.len()).step_by(4) {
        for value in [0, 1, 2, 3, 1 << 20, u32::MAX, f32::NAN.to_bits(), (-1.0f32).to_bits()] {
            let mut changed = settings.clone();
            set(&mut changed, at, value);
            let mut bytes = with(&changed, numbers);
            seal(&mut bytes);
            match Model::parse(hold.hold(&bytes, 0)) {
                Err(error) => assert!(!error.to_string().contains('\n')),
                Ok(model) => model.training().unwrap().unwrap().config.check(&network).unwrap(),
            }
        }
    }
}
