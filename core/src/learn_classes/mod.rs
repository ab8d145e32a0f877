//! Classifiers that learn on the device, one labelled sample at a time, in memory of a constant size.
//!
//! | learner | memory | learns |
//! | --- | --- | --- |
//! | [`NearestMean`] | a mean per class | at once: one sample of a class is enough to know it |
//! | [`SvmTrainer`] | weights per class, twice when they are averaged | more slowly, and with fewer errors in the end |
//!
//! Samples are features as they come out of an [`Extractor`](crate::Extractor). Those of an
//! [`Int8Extractor`](crate::int8::Int8Extractor) are first brought to `f32` by
//! [`dequantise`](crate::int8::dequantise). A class is known from its first sample on; up to a number that is
//! set once, classes may come at any time, and [be forgotten](NearestMean::forget). What was learnt is an
//! [`Svm`](crate::Svm) in both cases, which [`ModelWriter`](crate::model::ModelWriter) puts into a
//! `model.wta`.
//!
//! Sums are in the order of the features, so a device and a host that learn from the same samples hold the
//! same bits.

mod linear_svm;
mod nearest_mean;
mod sample;

pub use linear_svm::{Margin, SvmSchedule, SvmSettings, SvmTrainer, SvmTrainingLen, svm_training_len};
pub use nearest_mean::{Nearest, NearestMean, nearest_mean_len};
