//! Models with preprocessing, layers below and stepped inputs, as C calls them: the bits of the Rust
//! pipelines, whatever kind of numbers the samples are.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "calls as C makes them: every buffer is as long as its call says, or the call refuses it first"
)]

#[path = "../../tests/blob/mod.rs"]
#[allow(dead_code, reason = "this test writes nothing wrong")]
mod blob;

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use blob::{Contents, Flash};
use wta_c::wta_status::*;
use wta_c::*;
use wta_core::int8::{Int8Svm, Portable, packed_len};
use wta_core::model::{
    BELOW, CLASS_NAMES, INT8_BIASES, INT8_FEATURE_SCALE, INT8_INPUT_STEP, INT8_MULTIPLIERS, INT8_SVM_BIASES,
    INT8_SVM_SCALES, INT8_SVM_WEIGHTS, INT8_WEIGHTS, PARAMETERS, PLANAR, PREPROCESSED, PREPROCESSING,
    STACKED, STEPPED, SVM_BIASES, SVM_WEIGHTS, WHOLE_STACK,
};
use wta_core::preprocess::CHANNELS;
use wta_core::{Conv, Int8Pipeline, Model, Network, Pipeline, Pool, Shape, Size};

const CLASSES: usize = 3;
const SHAPE: Shape = Shape::new(2, 12, 1);

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Sections in both numbers, with a classifier if there are classes.
fn sections(network: &Network, pool: Pool, classes: usize) -> Vec<([u8; 4], Vec<u8>)> {
    let features = pool.output(network.code());
    let some = |len: usize| (0..len).map(|i| (i * 37 % 101) as u8).collect::<Vec<u8>>();
    let packed = network.layers().map(|layer| packed_len(layer.conv.maps, layer.filter_len())).sum();
    let maps: usize = network.layers().map(|layer| layer.conv.maps).sum();
    let mut sections = vec![
        (PARAMETERS, Contents::numbers(network.parameters_len())),
        (INT8_WEIGHTS, some(packed)),
        (INT8_BIASES, bytes_of(&vec![1000; maps])),
        (INT8_MULTIPLIERS, bytes_of(&vec![1 << 20; maps])),
        (INT8_FEATURE_SCALE, Contents::numbers(2)[4..].to_vec()),
    ];
    if classes > 0 {
        sections.extend([
            (SVM_WEIGHTS, Contents::numbers(classes * features.len())),
            (SVM_BIASES, Contents::numbers(classes)),
            (INT8_SVM_WEIGHTS, some(Int8Svm::weights_len(classes, features))),
            (INT8_SVM_BIASES, bytes_of(&vec![5; classes])),
            (INT8_SVM_SCALES, Contents::numbers(classes)),
        ]);
    }
    sections
}

/// A signal's network with a mean and a factor for each channel.
fn preprocessed(classes: usize) -> Contents {
    let network = Network::convolutional(SHAPE, &[Conv::new(4, Size::new(3, 1))], Size::new(3, 1)).unwrap();
    let pool = Pool { kernel: Size::new(3, 1), stride: Size::new(2, 1), ..Pool::NONE };
    let mut steps = vec![1, 2, 12, 1, CHANNELS, 4];
    steps.extend([3.0f32, -2.0, 0.25, 0.5].map(f32::to_bits));
    let mut sections = sections(&network, pool, classes);
    sections.push((PREPROCESSING, bytes_of(&steps)));
    sections.push((INT8_INPUT_STEP, 0.125f32.to_le_bytes().to_vec()));
    Contents { network, pool, flags: PREPROCESSED | STEPPED, scale: 0.5, classes: classes as u32, sections }
}

/// A fully-connected layer on its features.
fn stack() -> Contents {
    let lower = preprocessed(0);
    let network = Network::fully_connected(lower.pool.output(lower.network.code()).len(), &[5]).unwrap();
    let mut sections = sections(&network, Pool::NONE, CLASSES);
    sections.push((BELOW, lower.write()));
    let flags = STACKED | PLANAR | WHOLE_STACK;
    Contents { network, pool: Pool::NONE, flags, scale: 1.5, classes: CLASSES as u32, sections }
}

const NOTHING: wta_images = wta_images {
    pixels: null(),
    len: 0,
    stride: 0,
    row: None,
    context: null_mut(),
    samples: null(),
    kind: 0,
};

unsafe extern "C" fn scaled_row(context: *mut c_void, _: usize, y: usize, row: *mut f32, len: usize) {
    let samples = context.cast::<f32>();
    for i in 0..len {
        unsafe { row.add(i).write(samples.add(y * len + i).read() * 0.5) };
    }
}

#[test]
fn c_gets_the_bits_of_the_pipelines_from_any_kind_of_samples() {
    for contents in [preprocessed(CLASSES), stack()] {
        let (mut flash, bytes) = (Flash::default(), contents.write());
        let bytes = flash.hold(&bytes, 0);
        let model = Model::parse(bytes).unwrap();
        let mut held = wta_model { words: [0; WTA_MODEL_WORDS] };
        let refused = unsafe { wta_model_init(&mut held, bytes.as_ptr(), bytes.len()) };
        assert_eq!(refused, WTA_ERROR_WHOLE, "without the functions that compute it");
        assert_eq!(unsafe { wta_model_init_whole(&mut held, bytes.as_ptr(), bytes.len()) }, WTA_OK);
        let mut info = wta_info::default();
        assert_eq!(unsafe { wta_model_info(&held, &mut info) }, WTA_OK);
        assert_eq!((info.input.channels, info.input.height, info.input.width), (2, 12, 1));
        assert_eq!((info.scale, info.planar, info.stacked), (0.5, false, false));
        assert_eq!((info.classes, info.reconstructs), (CLASSES, model.layers() == 1));
        assert!(info.classifies && info.classifies_int8);

        let samples: Vec<i8> = (0..24).map(|i| ((i * 53) % 41) as i8 - 20).collect();
        let positive: Vec<u8> = samples.iter().map(|v| (v + 20) as u8).collect();
        let wide: Vec<i16> = samples.iter().map(|v| i16::from(*v)).collect();
        let unsigned: Vec<u16> = positive.iter().map(|v| u16::from(*v)).collect();
        let mut floats: Vec<f32> = samples.iter().map(|v| f32::from(*v)).collect();
        let of = |samples: *const c_void, len: usize, kind: u32| wta_images { samples, len, kind, ..NOTHING };
        let context = floats.as_mut_ptr().cast();
        let signed = [
            of(samples.as_ptr().cast(), 24, WTA_INT8),
            of(wide.as_ptr().cast(), 48, WTA_INT16),
            of(floats.as_ptr().cast(), 96, WTA_FLOAT),
            wta_images { row: Some(scaled_row), context, ..NOTHING },
        ];
        let others = [
            of(positive.as_ptr().cast(), 24, WTA_UINT8),
            of(unsigned.as_ptr().cast(), 48, WTA_UINT16),
            wta_images { pixels: positive.as_ptr(), len: 24, ..NOTHING },
        ];
        for (kinds, rust) in [(&signed[..], Some(&samples)), (&others[..], None)] {
            let mut memory = vec![0.0; Pipeline::memory_len(&model)];
            let mut words = vec![0; Int8Pipeline::<Portable>::memory_len(&model)];
            let mut pipeline = Pipeline::new(model, &mut memory).unwrap();
            let scores = match rust {
                Some(samples) => pipeline.scores(&samples[..]).unwrap().to_vec(),
                None => pipeline.scores(&positive[..]).unwrap().to_vec(),
            };
            let mut features = vec![0.0; model.features()];
            match rust {
                Some(samples) => pipeline.features(&samples[..], &mut features).unwrap(),
                None => pipeline.features(&positive[..], &mut features).unwrap(),
            }
            let mut pipeline = Int8Pipeline::new(Portable, model, &mut words).unwrap();
            let int8: Vec<f32> = match rust {
                Some(samples) => pipeline.scores(&samples[..]).unwrap().collect(),
                None => pipeline.scores(&positive[..]).unwrap().collect(),
            };
            let (needed, int8_needed) = unsafe { (wta_encode_bytes(&held), wta_int8_bytes(&held)) };
            assert_eq!(needed, 4 * memory.len());
            assert_eq!(int8_needed, 4 * words.len());
            let mut lent = vec![0xdead_beef_u32; needed.max(int8_needed) / 4];
            let lent = lent.as_mut_ptr().cast::<c_void>();
            for images in kinds {
                let (mut found, mut label) = ([f32::NAN; CLASSES], usize::MAX);
                let to = found.as_mut_ptr();
                let status = unsafe { wta_classify(&held, images, lent, needed, to, CLASSES, &mut label) };
                assert_eq!((status, &found[..]), (WTA_OK, &scores[..]));
                assert!(scores.iter().all(|score| *score <= scores[label]));
                let status =
                    unsafe { wta_classify_int8(&held, images, lent, int8_needed, to, CLASSES, &mut label) };
                assert_eq!((status, &found[..]), (WTA_OK, &int8[..]));
                let mut found = vec![f32::NAN; model.features()];
                let to = found.as_mut_ptr();
                let status = unsafe { wta_encode(&held, images, lent, needed, to, found.len()) };
                assert_eq!((status, &found), (WTA_OK, &features));
                let status = unsafe { wta_encode_int8(&held, images, lent, int8_needed, to, found.len()) };
                assert_eq!(status, WTA_OK);
                let short = unsafe { wta_encode(&held, images, lent, needed - 4, to, found.len()) };
                assert_eq!(short, WTA_ERROR_LENGTH);
            }
        }
        let short = wta_images { len: 47, ..signed[1] };
        let odd = wta_images { kind: 9, ..signed[1] };
        let mut memory = vec![0u32; 4096];
        let lent = memory.as_mut_ptr().cast::<c_void>();
        let mut found = vec![0.0; model.features()];
        for (images, expected) in
            [(short, WTA_ERROR_LENGTH), (odd, WTA_ERROR_INVALID), (NOTHING, WTA_ERROR_NULL)]
        {
            let status = unsafe { wta_encode(&held, &images, lent, 16384, found.as_mut_ptr(), found.len()) };
            assert_eq!(status, expected);
        }
        let mut score = f32::NAN;
        let bytes = unsafe { wta_novelty_bytes(&held) };
        let status = unsafe { wta_novelty(&held, &signed[0], 0, lent, bytes, &mut score) };
        assert_eq!(status, if model.layers() == 1 { WTA_OK } else { WTA_ERROR_MISSING });
        assert_eq!(score.is_finite(), model.layers() == 1);
    }
}

#[test]
fn classes_have_names() {
    let mut contents = preprocessed(CLASSES);
    contents.sections.push((CLASS_NAMES, [&bytes_of(&[5, 5, 7])[..], "still\u{fc}".as_bytes()].concat()));
    let mut flash = Flash::default();
    let bytes = contents.write();
    let bytes = flash.hold(&bytes, 0);
    let mut model = wta_model { words: [0; WTA_MODEL_WORDS] };
    let (mut name, mut len) = (null(), 0);
    let class_name = wta_model_class_name;
    unsafe {
        assert_eq!(class_name(&model, 0, &mut name, &mut len), WTA_ERROR_UNINITIALISED);
        assert_eq!(wta_model_init_whole(&mut model, bytes.as_ptr(), bytes.len()), WTA_OK);
        for (class, expected) in ["still", "", "\u{fc}"].iter().enumerate() {
            assert_eq!(class_name(&model, class, &mut name, &mut len), WTA_OK);
            assert_eq!(std::slice::from_raw_parts(name.cast::<u8>(), len), expected.as_bytes());
        }
        assert_eq!(class_name(&model, CLASSES, &mut name, &mut len), WTA_ERROR_LENGTH);
        assert_eq!(class_name(&model, 0, null_mut(), &mut len), WTA_ERROR_NULL);
        assert_eq!(class_name(&model, 0, &mut name, null_mut()), WTA_ERROR_NULL);
        let plain = preprocessed(CLASSES).write();
        let plain = flash.hold(&plain, 0);
        assert_eq!(wta_model_init_whole(&mut model, plain.as_ptr(), plain.len()), WTA_OK);
        assert_eq!(class_name(&model, 0, &mut name, &mut len), WTA_ERROR_MISSING);
    }
}
