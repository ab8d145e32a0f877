//! What learns digits on the device: a quantised network in flash gives the features of labelled images, and
//! two classifiers learn from them, one image at a time.

use wta_core::int8::{Int8Extractor, Int8Kernels, dequantise};
use wta_core::learn_classes::{
    NearestMean, SvmSettings, SvmTrainer, SvmTrainingLen, nearest_mean_len, svm_training_len,
};
use wta_core::model::{
    Description, INT8_BIASES, INT8_FEATURE_SCALE, INT8_MULTIPLIERS, INT8_WEIGHTS, ModelWriter,
};
use wta_core::{Conv, Error, Model, Network, Pool, Result, Shape, Size, Svm};

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const CLASSES: usize = 10;

/// The network that the model holds, so that its memory is known when the program is linked:
/// `wta recipes mnist-conv16`.
pub(crate) const NETWORK: Network = match Network::convolutional(
    Shape::new(1, SIDE, SIDE),
    &[Conv::new(16, Size::square(5)), Conv::new(16, Size::square(5))],
    Size::square(11),
) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

/// Coarser pooling than the model's: 4 x 4 windows, so that a class is 256 numbers and not 3,136.
pub(crate) const POOL: Pool = Pool::square(7, 7);
const FEATURES: usize = POOL.output(NETWORK.code()).len();

const SETTINGS: SvmSettings = SvmSettings::DEFAULT;
const SVM: SvmTrainingLen = svm_training_len(FEATURES, CLASSES, &SETTINGS);

/// Bytes at a multiple of 16, as a `model.wta` should lie: `include_bytes!` alone may put them anywhere.
#[repr(C, align(16))]
struct Flash<T: ?Sized>(T);

/// The model, in flash.
static MODEL: &Flash<[u8]> = &Flash(*include_bytes!("../../../../fixtures/models/mnist-conv16-int8.wta"));

/// All memory of learning, but for the extractor's.
pub(crate) struct Memory {
    quantised: [i16; FEATURES],
    features: [f32; FEATURES],
    means: [f32; nearest_mean_len(FEATURES, CLASSES)],
    counts: [u32; CLASSES],
    svm: [f32; SVM.floats],
    svm_counts: [u32; SVM.counts],
    weights: [f32; FEATURES * CLASSES],
    biases: [f32; CLASSES],
}

impl Memory {
    /// Before the first image.
    pub(crate) const fn new() -> Self {
        Self {
            quantised: [0; FEATURES],
            features: [0.0; FEATURES],
            means: [0.0; nearest_mean_len(FEATURES, CLASSES)],
            counts: [0; CLASSES],
            svm: [0.0; SVM.floats],
            svm_counts: [0; SVM.counts],
            weights: [0.0; FEATURES * CLASSES],
            biases: [0.0; CLASSES],
        }
    }
}

/// What is told of the work.
pub(crate) enum Told<'a> {
    /// An image's features are there, to be learnt or classified.
    Features,
    /// A mean has been updated.
    MeanUpdated,
    /// The support vector machine has been updated.
    SvmUpdated,
    /// An image's class and the classes' scores, by the nearest mean: negative distances.
    ByMean(usize, &'a [f32]),
    /// The same by the support vector machine.
    BySvm(usize, &'a [f32]),
    /// A piece of the `model.wta` with what was learnt.
    Model(&'a [u8]),
}

/// Learns from labelled images of bytes, then classifies others, then writes a model. `rows` is for the
/// extractor, as long as these kernels want it.
pub(crate) fn learn<K: Int8Kernels>(
    kernels: K,
    (images, labels): (&[u8], &[u8]),
    others: &[u8],
    rows: &mut [i16],
    memory: &mut Memory,
    mut told: impl FnMut(Told<'_>),
) -> Result<()> {
    let model = Model::parse(&MODEL.0)?;
    let (Some(network), Some(scale)) = (model.int8(), model.int8_feature_scale()) else {
        return Err(Error::Invalid("the model needs a network in 8 bits"));
    };
    let Memory { quantised, features, means, counts, svm, svm_counts, weights, biases } = memory;
    let mut extractor = Int8Extractor::new(kernels, network, POOL, model.sqrt_features(), rows)?;
    let mut nearest = NearestMean::new(FEATURES, means, counts)?;
    let mut svm = SvmTrainer::new(FEATURES, CLASSES, SETTINGS, svm, svm_counts)?;
    for (image, label) in images.chunks_exact(PIXELS).zip(labels) {
        extractor.features(image, quantised)?;
        dequantise(quantised, scale, features)?;
        told(Told::Features);
        nearest.update(features, usize::from(*label))?;
        told(Told::MeanUpdated);
        svm.update(features, usize::from(*label))?;
        told(Told::SvmUpdated);
    }
    let mut scores = [0.0; CLASSES];
    for image in others.chunks_exact(PIXELS) {
        extractor.features(image, quantised)?;
        dequantise(quantised, scale, features)?;
        told(Told::Features);
        let class = nearest.classify(features)?.map_or(CLASSES, |nearest| nearest.class);
        let distances = nearest.distances(features)?;
        scores.iter_mut().zip(distances).for_each(|(to, from)| *to = -from.unwrap_or(f32::INFINITY));
        told(Told::ByMean(class, &scores));
        let class = svm.classify(features)?.unwrap_or(CLASSES);
        let found = svm.scores(features)?;
        scores.iter_mut().zip(found).for_each(|(to, from)| *to = from.unwrap_or(f32::NEG_INFINITY));
        told(Told::BySvm(class, &scores));
    }
    svm.write_svm(weights, biases)?;
    let description = Description::new(NETWORK).pooled(POOL, model.sqrt_features()).scaled(model.scale());
    let mut writer = ModelWriter::new(description);
    for tag in [INT8_WEIGHTS, INT8_BIASES, INT8_MULTIPLIERS, INT8_FEATURE_SCALE] {
        writer.section(tag, model.section(tag).unwrap_or_default())?;
    }
    writer.svm(&Svm::new(FEATURES, weights, biases)?)?;
    writer.write(|piece| {
        told(Told::Model(piece));
        Ok(())
    })
}

/// A checksum of bytes that come in pieces (FNV-1a), for the comparison with the host.
pub(crate) fn hash(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
