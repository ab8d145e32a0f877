//! What classifies digits: a trained network and a linear classifier in flash, and a few rows in RAM.

use wta_core::{
    Classifier, Conv, Error, Extractor, Model, Network, Pool, Result, Scalar, Shape, Size, extractor_len,
};

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const CLASSES: usize = 10;

/// The network that the model holds, so that its memory is known when the program is linked:
/// `wta recipes mnist-conv16`.
const NETWORK: Network = match Network::convolutional(
    Shape::new(1, SIDE, SIDE),
    &[Conv::new(16, Size::square(5)), Conv::new(16, Size::square(5))],
    Size::square(11),
) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};
const POOL: Pool = Pool::square(6, 2);

/// Bytes at a multiple of 16, as a `model.wta` should lie: `include_bytes!` alone may put them anywhere.
#[repr(C, align(16))]
pub(crate) struct Aligned<T: ?Sized>(pub(crate) T);

/// The model, in flash.
pub(crate) static MODEL: &Aligned<[u8]> =
    &Aligned(*include_bytes!("../../../../fixtures/models/mnist-conv16.wta"));

/// All memory of the classification.
pub(crate) struct Memory {
    rows: [f32; extractor_len(&NETWORK, &POOL)],
    scores: [f32; CLASSES],
}

impl Memory {
    /// Before the first image.
    pub(crate) const fn new() -> Self {
        Self { rows: [0.0; extractor_len(&NETWORK, &POOL)], scores: [0.0; CLASSES] }
    }
}

/// Classifies images of bytes, one after the other, and hands over each one's class and scores.
pub(crate) fn classify(
    images: &[u8],
    memory: &mut Memory,
    mut found: impl FnMut(usize, &[f32]),
) -> Result<()> {
    let model = Model::parse(&MODEL.0)?;
    let (Some(parameters), Some(svm)) = (model.parameters(), model.svm()) else {
        return Err(Error::Invalid("the model needs a network and a classifier, both in f32"));
    };
    let extractor =
        Extractor::new(Scalar, parameters, model.pool(), model.sqrt_features(), &mut memory.rows)?;
    let mut classifier = Classifier::new(extractor, svm, &mut memory.scores)?;
    let scale = model.scale();
    for image in images.chunks_exact(PIXELS) {
        let scores = classifier.scores(|y: usize, row: &mut [f32]| {
            let pixels = image.iter().skip(y * SIDE);
            row.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = f32::from(*pixel) * scale);
        })?;
        found(largest(scores), scores);
    }
    Ok(())
}

/// The class with the largest score; of several, the first.
fn largest(scores: &[f32]) -> usize {
    let better = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
    scores.iter().copied().enumerate().fold((0, f32::NEG_INFINITY), better).0
}
