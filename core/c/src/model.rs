//! Models: from a `model.wta`, or of parameters that were trained here.

use core::ffi::{c_char, c_void};

use wta_core::int8::{Int8Network, Int8Svm};
use wta_core::model::ClassNames;
use wta_core::{Error, Model, Network, Novelty, Parameters, Pool, Scalar, Shape, Svm};

use crate::images::{Images, wta_images};
use crate::memory::{Storage, numbers, reference, store, stored, write};
use crate::network::{wta_network, wta_pooling, wta_shape};
use crate::status::wta_status::*;
use crate::status::{Checked, status, wta_status};

/// Words of a struct wta_model.
pub const WTA_MODEL_WORDS: usize = 208;

/// A model in use, for the caller to lay where he likes; it may be copied. What the words are is the
/// library's affair.
///
/// It refers to the bytes or parameters that it was made of, which must stay where they are.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wta_model {
    /// 0 before the initialisation.
    pub words: [usize; WTA_MODEL_WORDS],
}

// SAFETY: `repr(C)`, of `usize`s alone.
unsafe impl Storage for wta_model {
    type Content = Content;

    const MARK: usize = u32::from_le_bytes(*b"wtam") as usize;
}

/// What a [`wta_model`] holds: the parts of a [`Model`], so that they are checked once and not for each
/// image.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    pub(crate) network: Network,
    pub(crate) pool: Pool,
    pub(crate) root: bool,
    pub(crate) scale: f32,
    planar: bool,
    stacked: bool,
    parameters: Option<RawParameters>,
    pub(crate) svm: Option<Svm<'static>>,
    pub(crate) int8: Option<Int8Network<'static>>,
    pub(crate) int8_svm: Option<Int8Svm<'static>>,
    pub(crate) int8_feature_scale: f32,
    class_names: Option<ClassNames<'static>>,
    /// The shape of a sample: of a whole stack, that of its lowest layer.
    pub(crate) input: Shape,
    /// A model with preprocessing, layers below or an input in steps.
    pub(crate) whole: Option<Whole>,
}

/// A model for which more is to be computed than one network of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Whole {
    pub(crate) bytes: &'static [u8],
    pub(crate) functions: &'static WholeFunctions,
}

/// Scores an image with what its preprocessing holds.
type Score = fn(&mut Novelty<'_, Scalar>, &'static [u8], Images<'_>, &mut [f32]) -> Checked<f32>;

/// What a model says of the layer that takes the samples.
pub(crate) struct Lowest {
    scale: f32,
    planar: bool,
    stacked: bool,
    input: Shape,
}

impl Lowest {
    pub(crate) fn of(layer: &Model<'_>) -> Self {
        Self {
            scale: layer.scale(),
            planar: layer.is_planar(),
            stacked: layer.is_stacked(),
            input: layer.network().input(),
        }
    }
}

/// What computes it, from its bytes.
pub(crate) struct WholeFunctions {
    pub(crate) lowest: fn(&Model<'static>) -> Lowest,
    pub(crate) encode_bytes: fn(&'static [u8]) -> Checked<usize>,
    pub(crate) encode: unsafe fn(&Content, &'static [u8], &Call) -> Checked<()>,
    pub(crate) classify: unsafe fn(&Content, &'static [u8], &Call) -> Checked<()>,
    pub(crate) int8_bytes: fn(&'static [u8]) -> Checked<usize>,
    pub(crate) encode_int8: unsafe fn(&Content, &'static [u8], &Call) -> Checked<()>,
    pub(crate) classify_int8: unsafe fn(&Content, &'static [u8], &Call) -> Checked<()>,
    /// Floats that preprocessing holds.
    pub(crate) held: fn(&'static [u8]) -> Checked<usize>,
    pub(crate) novelty: Score,
}

/// The arguments of wta_encode or wta_classify, but for the model.
pub(crate) struct Call {
    pub(crate) images: *const wta_images,
    pub(crate) memory: *mut c_void,
    pub(crate) bytes: usize,
    /// Features or scores.
    pub(crate) to: *mut f32,
    pub(crate) len: usize,
    pub(crate) label: *mut usize,
}

/// Parameters as a pointer, as a trainer may change them between two calls, which a reference would forbid.
#[derive(Clone, Copy)]
struct RawParameters {
    values: *const f32,
    len: usize,
}

impl Content {
    /// The parameters, during a call.
    ///
    /// # Safety
    ///
    /// The caller's contract for the parameters: they are where they were, and nobody writes them.
    pub(crate) unsafe fn parameters<'a>(&self) -> Checked<Parameters<'a>> {
        // SAFETY: the function's contract.
        let values = unsafe { self.values() }?;
        Ok(if self.has_decoder() {
            Parameters::new(self.network, values)?
        } else {
            Parameters::without_decoder(self.network, values)?
        })
    }

    /// [`Content::parameters`] as numbers.
    ///
    /// # Safety
    ///
    /// The same.
    pub(crate) unsafe fn values<'a>(&self) -> Checked<&'a [f32]> {
        let RawParameters { values, len } = self.parameters.ok_or(WTA_ERROR_MISSING)?;
        // SAFETY: the function's contract.
        unsafe { numbers(values, len) }
    }

    pub(crate) fn expect_parameters(&self) -> Checked<()> {
        if self.parameters.is_some() { Ok(()) } else { Err(WTA_ERROR_MISSING) }
    }

    pub(crate) fn expect_decoder(&self) -> Checked<()> {
        if self.has_decoder() { Ok(()) } else { Err(WTA_ERROR_MISSING) }
    }

    /// `Ok` if samples can be reconstructed; of a whole stack, only the features below the last layer could
    /// be.
    pub(crate) fn expect_reconstruction(&self) -> Checked<()> {
        self.expect_decoder()?;
        if self.input == self.network.input() { Ok(()) } else { Err(WTA_ERROR_MISSING) }
    }

    fn has_decoder(&self) -> bool {
        self.parameters.is_some_and(|parameters| parameters.len == self.network.parameters_len())
    }

    fn classes(&self) -> usize {
        let f32 = self.svm.map(|svm| svm.classes());
        f32.or(self.int8_svm.map(|svm| svm.classes())).unwrap_or(0)
    }
}

/// What is known of a model.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct wta_info {
    /// The images' shape.
    pub input: wta_shape,
    /// The shape of the code.
    pub code: wta_shape,
    /// The shape of the features: the code, pooled. There are channels x height x width of them.
    pub features: wta_shape,
    /// Classes of the classifier, which is how many scores it gives; 0 for no classifier.
    pub classes: usize,
    /// What bytes of an image are multiplied by.
    pub scale: f32,
    /// Whether wta_encode can be called.
    pub encodes: bool,
    /// Whether wta_classify can be called.
    pub classifies: bool,
    /// Whether wta_encode_int8 can be called.
    pub encodes_int8: bool,
    /// Whether wta_classify_int8 can be called.
    pub classifies_int8: bool,
    /// Whether the decoder's parameters are there, which wta_novelty and training need.
    pub reconstructs: bool,
    /// Whether the input holds channel after channel, not position after position.
    pub planar: bool,
    /// Whether the input are the features of another model, which is not in the bytes.
    pub stacked: bool,
}

/// Checks a model.wta and makes a model of it, which refers to the bytes: they must stay as they are for as
/// long as the model is used. They must lie at a multiple of 4, better 16. Takes one pass over the bytes and
/// one over the numbers. WTA_ERROR_WHOLE for a model with preprocessing, a whole stack or samples that are no
/// bytes: wta_model_init_whole takes it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_model_init(model: *mut wta_model, bytes: *const u8, len: usize) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { init(model, bytes, len, None) })
}

/// Makes a model of bytes; one for which more is to be computed only with the functions that do.
///
/// # Safety
///
/// The caller's contract, which has the bytes stay for as long as the model is used.
pub(crate) unsafe fn init(
    model: *mut wta_model,
    bytes: *const u8,
    len: usize,
    functions: Option<&'static WholeFunctions>,
) -> Checked<()> {
    // SAFETY: the function's contract.
    match unsafe { numbers(bytes, len) }.and_then(|bytes| Ok((bytes, parse(bytes)?))) {
        // SAFETY: the function's contract.
        Ok((bytes, parsed)) => unsafe { keep(model, bytes, &parsed, functions) },
        // SAFETY: the function's contract.
        Err(status) => unsafe { store(model, Err(status)) },
    }
}

/// Stores the parts of a parsed model. Not inlined, so that they are not on the stack while it is parsed.
///
/// # Safety
///
/// The caller's contract.
#[inline(never)]
unsafe fn keep(
    model: *mut wta_model,
    bytes: &'static [u8],
    parsed: &Model<'static>,
    functions: Option<&'static WholeFunctions>,
) -> Checked<()> {
    // SAFETY: the function's contract.
    unsafe { store(model, content(bytes, parsed, functions)) }
}

fn parse(bytes: &'static [u8]) -> Checked<Model<'static>> {
    if !bytes.as_ptr().addr().is_multiple_of(4) {
        return Err(WTA_ERROR_ALIGNMENT);
    }
    Model::parse(bytes).map_err(|error| match error {
        // Whatever is wrong inside of the bytes, it is the bytes that are wrong.
        Error::Length { .. } | Error::NotFinite { .. } | Error::Invalid(_) => WTA_ERROR_MODEL,
        error => error.into(),
    })
}

fn content(
    bytes: &'static [u8],
    model: &Model<'static>,
    functions: Option<&'static WholeFunctions>,
) -> Checked<Content> {
    let whole = if model.needs_pipeline() {
        Some(Whole { bytes, functions: functions.ok_or(WTA_ERROR_WHOLE)? })
    } else {
        None
    };
    let lowest = match &whole {
        Some(whole) => (whole.functions.lowest)(model),
        None => Lowest::of(model),
    };
    let parameters = model.section(wta_core::model::PARAMETERS).map(|section| RawParameters {
        values: section.as_ptr().cast(),
        len: section.len() / size_of::<f32>(),
    });
    Ok(Content {
        network: model.network(),
        pool: model.pool(),
        root: model.sqrt_features(),
        scale: lowest.scale,
        planar: lowest.planar,
        stacked: lowest.stacked,
        parameters,
        svm: model.svm(),
        int8: model.int8(),
        int8_svm: model.int8_svm(),
        int8_feature_scale: model.int8_feature_scale().unwrap_or(1.0),
        class_names: model.class_names(),
        input: lowest.input,
        whole,
    })
}

/// Makes a model, without classifier, of a network's parameters: those of a trainer, for example. There are
/// wta_parameters_len of them, which must stay where they are; when they have changed (after a training
/// step), the model is one of the new ones. Bytes of images will be multiplied by scale. pooling may be NULL
/// for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_model_of_parameters(
    model: *mut wta_model,
    network: *const wta_network,
    pooling: *const wta_pooling,
    scale: f32,
    parameters: *const f32,
    len: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let content = unsafe { of_parameters(network, pooling, scale, parameters, len) };
    // SAFETY: the header's contract.
    status(unsafe { store(model, content) })
}

/// # Safety
///
/// The caller's contract.
unsafe fn of_parameters(
    network: *const wta_network,
    pooling: *const wta_pooling,
    scale: f32,
    parameters: *const f32,
    len: usize,
) -> Checked<Content> {
    // SAFETY: the function's contract.
    let network = unsafe { reference(network) }?.check()?;
    let (pool, root) = if pooling.is_null() {
        (Pool::NONE, false)
    } else {
        // SAFETY: the function's contract.
        let pooling = unsafe { reference(pooling) }?;
        (pooling.check(&network)?, pooling.root)
    };
    if !(scale.is_finite() && scale > 0.0) {
        return Err(WTA_ERROR_INVALID);
    }
    // SAFETY: the function's contract.
    Parameters::from_outside(network, unsafe { numbers(parameters, len) }?)?;
    Ok(Content {
        network,
        pool,
        root,
        scale,
        planar: false,
        stacked: false,
        parameters: Some(RawParameters { values: parameters, len }),
        svm: None,
        int8: None,
        int8_svm: None,
        int8_feature_scale: 1.0,
        class_names: None,
        input: network.input(),
        whole: None,
    })
}

/// Says what is known of a model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_model_info(model: *const wta_model, info: *mut wta_info) -> wta_status {
    // SAFETY: the header's contract.
    let described = unsafe { stored(model) }.map(|content| wta_info {
        input: content.input.into(),
        code: content.network.code().into(),
        features: content.pool.output(content.network.code()).into(),
        classes: content.classes(),
        scale: content.scale,
        encodes: content.parameters.is_some(),
        classifies: content.parameters.is_some() && content.svm.is_some(),
        encodes_int8: content.int8.is_some(),
        classifies_int8: content.int8.is_some() && content.int8_svm.is_some(),
        reconstructs: content.expect_reconstruction().is_ok(),
        planar: content.planar,
        stacked: content.stacked,
    });
    // SAFETY: the header's contract.
    status(described.and_then(|described| unsafe { write(info, described) }))
}

/// Says where the name of a class lies in the model's bytes, UTF-8 without a 0 at its end, and how many bytes
/// it has. WTA_ERROR_MISSING for a model whose classes are called 0, 1, 2 and so on, WTA_ERROR_LENGTH for a
/// class that the classifier does not have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_model_class_name(
    model: *const wta_model,
    class: usize,
    name: *mut *const c_char,
    len: *mut usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let found = unsafe { stored(model) }
        .and_then(|content| content.class_names.ok_or(WTA_ERROR_MISSING)?.get(class).ok_or(WTA_ERROR_LENGTH));
    status(found.and_then(|found| {
        // SAFETY: the header's contract.
        unsafe { write(name, found.as_ptr().cast()) }?;
        // SAFETY: the header's contract.
        unsafe { write(len, found.len()) }
    }))
}

/// Says what a model's network is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_model_network(model: *const wta_model, network: *mut wta_network) -> wta_status {
    // SAFETY: the header's contract.
    let described = unsafe { stored(model) }.map(|content| wta_network::of(&content.network));
    // SAFETY: the header's contract.
    status(described.and_then(|described| unsafe { write(network, described) }))
}
