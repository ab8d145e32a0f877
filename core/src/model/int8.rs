//! The quantised network and classifier of a `model.wta`, in place.

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::int8::{Int8Network, Int8Svm, check_filters};
use crate::model::format::{
    INT8_BIASES, INT8_FEATURE_SCALE, INT8_INPUT_STEP, INT8_MULTIPLIERS, INT8_SVM_BIASES, INT8_SVM_SCALES,
    INT8_SVM_WEIGHTS, INT8_WEIGHTS, Tag,
};
use crate::model::sections::Sections;
use crate::network::Network;
use crate::pool::Pool;
use crate::shape::Shape;

/// Makes a classifier, with or without a look at its sums.
type NewSvm<'a> = fn(Shape, &'a [i8], &'a [i32], &'a [f32]) -> Result<Int8Svm<'a>>;

/// All sections of a quantised model.
const INT8_SECTIONS: [Tag; 8] = [
    INT8_INPUT_STEP,
    INT8_WEIGHTS,
    INT8_BIASES,
    INT8_MULTIPLIERS,
    INT8_FEATURE_SCALE,
    INT8_SVM_WEIGHTS,
    INT8_SVM_BIASES,
    INT8_SVM_SCALES,
];

/// `Ok` when what is there of a quantised model is whole, and can be used; whether its input has a step.
pub(super) fn check(sections: &Sections<'_>, network: &Network, pool: &Pool, classes: usize) -> Result<bool> {
    if INT8_SECTIONS.iter().any(|tag| sections.bytes(*tag).is_some()) {
        check_parts(sections, network, pool, classes)
    } else {
        Ok(false)
    }
}

/// Not inlined, so that quantised layers are not on the stack of who reads a model in f32.
#[inline(never)]
fn check_parts(sections: &Sections<'_>, network: &Network, pool: &Pool, classes: usize) -> Result<bool> {
    if let Some((weights, biases, multipliers)) = filters(sections)? {
        check_filters(network, weights, biases, multipliers)?;
        pool.check_int8()?;
        let scale = sections.numbers::<f32>(INT8_FEATURE_SCALE)?.unwrap_or_default();
        expect_len("scale of the quantised features", 1, scale.len())?;
        expect_finite("scale of the quantised features", scale)?;
    }
    classifier(sections, network, pool, classes, Int8Svm::new)?;
    match sections.numbers::<f32>(INT8_INPUT_STEP)? {
        None => Ok(false),
        Some([step]) if step.is_finite() && *step > 0.0 => Ok(true),
        Some(_) => Err(Error::Model("the input's step of this model.wta is not one number above 0")),
    }
}

/// The numbers of the quantised filters, if there are any.
type Numbers<'a> = (&'a [i8], &'a [i32], &'a [i32]);

fn filters<'a>(sections: &Sections<'a>) -> Result<Option<Numbers<'a>>> {
    let numbers = (
        sections.numbers(INT8_WEIGHTS)?,
        sections.numbers(INT8_BIASES)?,
        sections.numbers(INT8_MULTIPLIERS)?,
    );
    match numbers {
        (Some(weights), Some(biases), Some(multipliers)) => Ok(Some((weights, biases, multipliers))),
        (None, None, None) => Ok(None),
        _ => Err(Error::Model("this model.wta has only parts of a quantised network")),
    }
}

/// The quantised encoder of a model that has been [checked](check).
pub(super) fn encoder<'a>(sections: &Sections<'a>, network: &Network) -> Option<Int8Network<'a>> {
    let (weights, biases, multipliers) = filters(sections).ok().flatten()?;
    Some(Int8Network::known(*network, weights, biases, multipliers))
}

/// The quantised classifier.
pub(super) fn classifier<'a>(
    sections: &Sections<'a>,
    network: &Network,
    pool: &Pool,
    classes: usize,
    new: NewSvm<'a>,
) -> Result<Option<Int8Svm<'a>>> {
    let numbers = (
        sections.numbers::<i8>(INT8_SVM_WEIGHTS)?,
        sections.numbers::<i32>(INT8_SVM_BIASES)?,
        sections.numbers::<f32>(INT8_SVM_SCALES)?,
    );
    let (weights, biases, scales) = match numbers {
        (Some(weights), Some(biases), Some(scales)) => (weights, biases, scales),
        (None, None, None) => return Ok(None),
        _ => return Err(Error::Model("this model.wta has only parts of a quantised classifier")),
    };
    if biases.len() != classes {
        return Err(Error::Model("the quantised classifier of this model.wta has not one bias per class"));
    }
    new(pool.output(network.code()), weights, biases, scales).map(Some)
}

/// What a quantised feature is multiplied by to make it one of the `f32` encoder.
pub(super) fn feature_scale(sections: &Sections<'_>) -> Option<f32> {
    sections.numbers(INT8_FEATURE_SCALE).ok().flatten().and_then(|scale| scale.first()).copied()
}
