//! The quantised network and classifier of a `model.wta`, in place.

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::int8::{Int8Filters, Int8Network, Int8Svm, packed_len};
use crate::model::format::{
    INT8_BIASES, INT8_FEATURE_SCALE, INT8_INPUT_STEP, INT8_MULTIPLIERS, INT8_SVM_BIASES, INT8_SVM_SCALES,
    INT8_SVM_WEIGHTS, INT8_WEIGHTS, Tag,
};
use crate::model::sections::Sections;
use crate::network::{MAX_LAYERS, Network};
use crate::pool::Pool;
use crate::shape::Shape;

/// Makes the filters of a layer, with or without a look at their sums.
type NewFilters<'a> = fn(usize, &'a [i8], &'a [i32], &'a [i32]) -> Result<Int8Filters<'a>>;
/// Makes a classifier likewise.
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
    // Layer by layer: a whole network would be half a kilobyte of stack.
    if each_layer(sections, network, Int8Filters::new, &mut |_| Ok(()))? {
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

/// The quantised encoder, if it is there and can be used. Made in its place: what is returned lies on the
/// stack twice.
#[inline(always)]
pub(super) fn encoder<'a>(
    sections: &Sections<'a>,
    network: &Network,
    filters: NewFilters<'a>,
) -> Option<Int8Network<'a>> {
    let mut encoder = Some(Int8Network::known(*network, [Int8Filters::EMPTY; MAX_LAYERS]));
    if let Some(place) = &mut encoder
        && !fill(sections, filters, place)
    {
        encoder = None;
    }
    encoder
}

/// Fills in the filters; whether there are any.
#[inline(never)]
fn fill<'a>(sections: &Sections<'a>, filters: NewFilters<'a>, encoder: &mut Int8Network<'a>) -> bool {
    let (network, layers) = encoder.parts_mut();
    let mut places = layers.iter_mut();
    let found = each_layer(sections, network, filters, &mut |filters| {
        *places.next().ok_or(Error::Invalid("an encoder may have at most 8 layers"))? = filters;
        Ok(())
    });
    found == Ok(true)
}

/// Hands over the filters of each layer; whether there are any.
#[inline(never)]
fn each_layer<'a>(
    sections: &Sections<'a>,
    network: &Network,
    new: NewFilters<'a>,
    take: &mut dyn FnMut(Int8Filters<'a>) -> Result<()>,
) -> Result<bool> {
    let numbers = (
        sections.numbers::<i8>(INT8_WEIGHTS)?,
        sections.numbers::<i32>(INT8_BIASES)?,
        sections.numbers::<i32>(INT8_MULTIPLIERS)?,
    );
    let (mut weights, mut biases, mut multipliers) = match numbers {
        (Some(weights), Some(biases), Some(multipliers)) => (weights, biases, multipliers),
        (None, None, None) => return Ok(false),
        _ => return Err(Error::Model("this model.wta has only parts of a quantised network")),
    };
    for layer in network.each_layer() {
        let maps = layer.conv.maps;
        take(new(
            layer.filter_len(),
            split_off(&mut weights, packed_len(maps, layer.filter_len()))?,
            split_off(&mut biases, maps)?,
            split_off(&mut multipliers, maps)?,
        )?)?;
    }
    if !(weights.is_empty() && biases.is_empty() && multipliers.is_empty()) {
        return Err(Error::Model("the quantised network of this model.wta is too long"));
    }
    Ok(true)
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

/// Takes the first `len` numbers off `rest`.
fn split_off<'n, T>(rest: &mut &'n [T], len: usize) -> Result<&'n [T]> {
    let Some((numbers, others)) = rest.split_at_checked(len) else {
        return Err(Error::Model("the quantised network of this model.wta is too short"));
    };
    *rest = others;
    Ok(numbers)
}
