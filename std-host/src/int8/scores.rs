//! A quantised classifier: the score of each class.

use wta_core::int8::Int8Svm;
use wta_core::{OutputLayout, PaddedLayout, ReceptiveFields, Shape, Size};
use wta_simd::int8::{Int8Filter, Int8Isa};

use crate::error::Result;
use crate::memory::reserve::zeros;

/// A quantised classifier, packed for the processor.
pub(super) struct Int8Scores {
    isa: Int8Isa,
    fields: ReceptiveFields,
    scales: Vec<f32>,
    prepared: Vec<i32>,
}

impl Int8Scores {
    pub(super) fn new(isa: Int8Isa, svm: &Int8Svm<'_>) -> Result<Self> {
        let features = Shape::vector(svm.features().len());
        let fields = ReceptiveFields::new(&PaddedLayout::new(features, Size::ONE), Size::ONE);
        let len = isa.prepared_len(&fields, svm.classes());
        let mut prepared = zeros(len, || "a quantised classifier".to_owned())?;
        let filters = svm.bias().iter().enumerate().map(|(class, bias)| Int8Filter {
            weights: svm.weights(class),
            bias: *bias,
            multiplier: 0,
        });
        isa.prepare(&fields, filters, &mut prepared);
        Ok(Self { isa, fields, scales: svm.scales().to_vec(), prepared })
    }

    /// The number of classes: at least one.
    pub(super) fn classes(&self) -> usize {
        self.scales.len()
    }

    /// The scores of so many samples, class by class. Some bytes follow their features
    /// ([`BEHIND`](wta_simd::int8::BEHIND)).
    pub(super) fn of(&self, samples: usize, features: &[u8]) -> Vec<f32> {
        let classes = self.classes();
        let fields = ReceptiveFields { width: samples, step_right: self.fields.row_len, ..self.fields };
        let layout = OutputLayout { start: 0, row_stride: 0, step: classes };
        let mut sums = vec![0; samples * classes];
        self.isa.sums(&fields, classes, &self.prepared, features, layout, &mut sums);
        let scales = self.scales.iter().cycle();
        sums.into_iter().zip(scales).map(|(sum, scale)| sum as f32 * scale).collect()
    }
}
