//! `model.wta`: what a device finds in it.

use wta_core::model::{
    AVERAGE, BELOW, CLASS_NAMES, INT8_BIASES, INT8_FEATURE_SCALE, INT8_INPUT_STEP, INT8_MULTIPLIERS,
    INT8_SVM_BIASES, INT8_SVM_SCALES, INT8_SVM_WEIGHTS, INT8_WEIGHTS, MOMENTS, PARAMETERS, PREPROCESSING,
    SVM_BIASES, SVM_WEIGHTS, TRAINING, TRIANGLE, Tag, VERSION,
};
use wta_core::{Model, Pool};

use super::finding::Finding;
use crate::error::Result;
use crate::memory::flash::as_in_flash;
use crate::numbers::{channels_rows_columns, grouped};

/// The sections, and what is in them.
const SECTIONS: [(Tag, &str); 16] = [
    (PARAMETERS, "parameters, f32"),
    (SVM_WEIGHTS, "classifier, f32"),
    (SVM_BIASES, "its biases, f32"),
    (INT8_WEIGHTS, "filters, int8"),
    (INT8_BIASES, "their biases"),
    (INT8_MULTIPLIERS, "their multipliers"),
    (INT8_FEATURE_SCALE, "int8 features' scale"),
    (INT8_SVM_WEIGHTS, "classifier, int8"),
    (INT8_SVM_BIASES, "its biases"),
    (INT8_SVM_SCALES, "its scales"),
    (PREPROCESSING, "preprocessing"),
    (BELOW, "layers below"),
    (INT8_INPUT_STEP, "int8 input's step"),
    (CLASS_NAMES, "names of classes"),
    (TRAINING, "settings of a training"),
    (MOMENTS, "its moments"),
];

/// Looks at a `model.wta`.
pub(super) fn inspect(finding: Finding, bytes: &[u8]) -> Result<Finding> {
    let finding = finding.of(
        "a network for firmware (model.wta)",
        "the libraries wta-core and wta-c on a device; `wta import`, which makes a run of it",
    );
    let words = as_in_flash(bytes, || format!("{}: its content", finding.path.display()))?;
    let whole = bytemuck::cast_slice(&words).get(..bytes.len()).unwrap_or_default();
    Ok(match Model::parse(whole) {
        Ok(model) => of_model(finding, &model),
        Err(error) => finding.wrong(error.to_string()),
    })
}

fn of_model(finding: Finding, model: &Model<'_>) -> Finding {
    let (network, pool, flags) = (model.network(), model.pool(), model.description().flags);
    let mut finding = finding
        .with("format", VERSION.to_string())
        .with("checked", "the checksum is right")
        .with("layers", model.layers().to_string())
        .with("input", channels_rows_columns(network.input()))
        .with("code", channels_rows_columns(network.code()))
        .with("features", grouped(model.features() as u64));
    if pool != Pool::NONE {
        let how = if flags & AVERAGE != 0 { "means" } else { "largest activations" };
        let Pool { kernel, stride, .. } = pool;
        let text = format!(
            "{how} of {} x {} positions, every {} x {}",
            kernel.height, kernel.width, stride.height, stride.width
        );
        finding = finding.with("pooling", text);
    }
    if flags & TRIANGLE != 0 {
        finding = finding.with("threshold", "the mean over the maps is taken off");
    }
    if model.sqrt_features() {
        finding = finding.with("roots", "features are square roots");
    }
    finding = match (model.classes(), model.class_names()) {
        (0, _) => finding.with("classes", "none: without a classifier"),
        (classes, None) => finding.with("classes", classes.to_string()),
        (classes, Some(_)) => {
            let names: Vec<&str> = (0..classes).filter_map(|class| model.class_name(class)).collect();
            finding.with("classes", format!("{classes}: {}", names.join(", ")))
        }
    };
    if let Some(parameters) = model.parameters() {
        let decoder = if parameters.has_decoder() { "with the decoder" } else { "without the decoder" };
        finding = finding.with("f32", decoder);
    }
    if model.int8().is_some() {
        finding = finding.with("int8", "quantised");
    }
    if let Ok(Some(state)) = model.training() {
        finding = finding.with("training", format!("{} steps done", grouped(state.step)));
    }
    for (tag, what) in SECTIONS {
        if let Some(bytes) = model.section(tag) {
            let tag = tag.map(char::from).iter().collect::<String>();
            finding = finding.with(&tag, format!("{:>12} bytes: {what}", grouped(bytes.len() as u64)));
        }
    }
    finding
}
