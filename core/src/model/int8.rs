//! The quantised network and classifier of a `model.wta`, in place.

use bytemuck::Pod;

use super::{
    INT8_BIASES, INT8_FEATURE_SCALE, INT8_MULTIPLIERS, INT8_SVM_BIASES, INT8_SVM_SCALES, INT8_SVM_WEIGHTS,
    INT8_WEIGHTS, Model, Tag,
};
use crate::error::{Error, Result, expect_finite, expect_len};
use crate::int8::{Int8Filters, Int8Network, Int8Svm, packed_len};
use crate::network::MAX_LAYERS;

/// All sections of a quantised model.
const INT8_SECTIONS: [Tag; 7] = [
    INT8_WEIGHTS,
    INT8_BIASES,
    INT8_MULTIPLIERS,
    INT8_FEATURE_SCALE,
    INT8_SVM_WEIGHTS,
    INT8_SVM_BIASES,
    INT8_SVM_SCALES,
];

impl<'a> Model<'a> {
    /// The quantised encoder, in place; none when the model was exported without. It takes pixels as they are: bytes.
    ///
    /// Its filters are looked through once more: to be called once, not for every image.
    pub fn int8(&self) -> Option<Int8Network<'a>> {
        self.int8_network().ok().flatten()
    }

    /// The quantised classifier, in place; none when the model was exported without. As [`Model::int8`], to be called once.
    pub fn int8_svm(&self) -> Option<Int8Svm<'a>> {
        self.int8_classifier().ok().flatten()
    }

    /// What makes a feature of the quantised encoder one of the `f32` encoder: what each is multiplied by.
    pub fn int8_feature_scale(&self) -> Option<f32> {
        self.numbers(INT8_FEATURE_SCALE).ok().flatten().and_then(|scale| scale.first()).copied()
    }

    /// `Ok` when what is there of all that is whole, and can be used.
    pub(super) fn check_int8(&self) -> Result<()> {
        if INT8_SECTIONS.iter().any(|tag| self.section(*tag).is_some()) { self.check_parts() } else { Ok(()) }
    }

    /// Not inlined, so that quantised layers are not on the stack of who reads a model in f32.
    #[inline(never)]
    fn check_parts(&self) -> Result<()> {
        if self.int8_network()?.is_some() {
            self.pool.check_int8()?;
            let scale = self.numbers::<f32>(INT8_FEATURE_SCALE)?.unwrap_or_default();
            expect_len("scale of the quantised features", 1, scale.len())?;
            expect_finite("scale of the quantised features", scale)?;
        }
        self.int8_classifier().map(drop)
    }

    fn int8_network(&self) -> Result<Option<Int8Network<'a>>> {
        let numbers = (
            self.numbers::<i8>(INT8_WEIGHTS)?,
            self.numbers::<i32>(INT8_BIASES)?,
            self.numbers::<i32>(INT8_MULTIPLIERS)?,
        );
        match numbers {
            (Some(weights), Some(biases), Some(multipliers)) => {
                self.int8_layers(weights, biases, multipliers).map(Some)
            }
            (None, None, None) => Ok(None),
            _ => Err(Error::Model("this model.wta has only parts of a quantised network")),
        }
    }

    fn int8_layers(
        &self,
        mut weights: &'a [i8],
        mut biases: &'a [i32],
        mut multipliers: &'a [i32],
    ) -> Result<Int8Network<'a>> {
        let mut layers = heapless::Vec::<_, MAX_LAYERS>::new();
        for layer in self.network.layers() {
            let maps = layer.conv.maps;
            let filters = Int8Filters::new(
                layer.filter_len(),
                split_off(&mut weights, packed_len(maps, layer.filter_len()))?,
                split_off(&mut biases, maps)?,
                split_off(&mut multipliers, maps)?,
            )?;
            layers.push(filters).map_err(|_| Error::Invalid("an encoder may have at most 8 layers"))?;
        }
        if !(weights.is_empty() && biases.is_empty() && multipliers.is_empty()) {
            return Err(Error::Model("the quantised network of this model.wta is too long"));
        }
        Int8Network::new(self.network, &layers)
    }

    fn int8_classifier(&self) -> Result<Option<Int8Svm<'a>>> {
        let numbers = (
            self.numbers::<i8>(INT8_SVM_WEIGHTS)?,
            self.numbers::<i32>(INT8_SVM_BIASES)?,
            self.numbers::<f32>(INT8_SVM_SCALES)?,
        );
        let (weights, biases, scales) = match numbers {
            (Some(weights), Some(biases), Some(scales)) => (weights, biases, scales),
            (None, None, None) => return Ok(None),
            _ => return Err(Error::Model("this model.wta has only parts of a quantised classifier")),
        };
        if biases.len() != self.classes {
            return Err(Error::Model(
                "the quantised classifier of this model.wta has not one bias per class",
            ));
        }
        Int8Svm::new(self.pool.output(self.network.code()), weights, biases, scales).map(Some)
    }

    /// A section's numbers.
    pub(super) fn numbers<T: Pod>(&self, tag: Tag) -> Result<Option<&'a [T]>> {
        let Some(bytes) = self.section(tag) else { return Ok(None) };
        match bytemuck::try_cast_slice(bytes) {
            Ok(numbers) => Ok(Some(numbers)),
            Err(_) => Err(Error::Model("a section of this model.wta does not hold whole numbers")),
        }
    }
}

/// The first `len` numbers, which `rest` then does not have any more.
fn split_off<'n, T>(rest: &mut &'n [T], len: usize) -> Result<&'n [T]> {
    let Some((numbers, others)) = rest.split_at_checked(len) else {
        return Err(Error::Model("the quantised network of this model.wta is too short"));
    };
    *rest = others;
    Ok(numbers)
}
