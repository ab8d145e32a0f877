//! `model.wta` as a C header.

use wta_core::int8::{Int8Extractor, Portable};
use wta_core::{Method, Model, extractor_len, novelty_len, stream_training_len};

use super::format::ModelFile;
use crate::error::Result;

/// The number of bytes in a line of the array.
const LINE: usize = 16;

/// A header for C99 (and C++) with the aligned array, and its description as macros. `name` appears in its
/// first line.
///
/// # Errors
///
/// None for a file that was made on this machine.
pub fn header(file: &ModelFile, name: &str) -> Result<String> {
    let model = file.model()?;
    let input = model.network().input();
    // The name must not end the comment that it appears in.
    let name = name.replace("*/", "* /");
    let mut text = format!(
        "/* {name}: made by `wta export`, to be made again and not to be edited. */

#ifndef WTA_MODEL_H
#define WTA_MODEL_H

/* Bytes of the model. */
#define WTA_MODEL_LEN {}u
/* The input: height x width positions with the channels side by side. */
#define WTA_MODEL_CHANNELS {}u
#define WTA_MODEL_HEIGHT {}u
#define WTA_MODEL_WIDTH {}u
/* What each number of the input is multiplied by. */
#define WTA_MODEL_SCALE {:?}f
/* Features of an image. */
#define WTA_MODEL_FEATURES {}u
/* Classes of the classifier; 0 for none. */
#define WTA_MODEL_CLASSES {}u
{}
#if defined(__cplusplus) && __cplusplus >= 201103L
#define WTA_MODEL_ALIGN alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define WTA_MODEL_ALIGN _Alignas(16)
#elif defined(__GNUC__) || defined(__ICCARM__) || defined(__CC_ARM)
#define WTA_MODEL_ALIGN __attribute__((aligned(16)))
#else
#error \"say here how this compiler aligns an array to 16 bytes\"
#endif

/* The bytes of model.wta, in flash. */
WTA_MODEL_ALIGN static const unsigned char wta_model[WTA_MODEL_LEN] = {{\n",
        file.bytes().len(),
        input.channels,
        input.height,
        input.width,
        model.scale(),
        model.features(),
        model.classes(),
        memory_macros(&model),
    );
    for line in file.bytes().chunks(LINE) {
        text.push_str("    ");
        text.extend(line.iter().map(|byte| format!("0x{byte:02x},")));
        text.push('\n');
    }
    text.push_str("};\n\n#endif\n");
    Ok(text)
}

/// Macros with the RAM that the functions of wta.h need for this model. A function gets one if the model has
/// the sections that it needs.
fn memory_macros(model: &Model<'_>) -> String {
    let (network, pool) = (model.network(), model.pool());
    let mut text = String::from("/* Bytes of memory that the functions of wta.h need. */\n");
    let mut define = |name: &str, bytes: &str| text += &format!("#define WTA_MODEL_{name} {bytes}\n");
    if model.parameters().is_some() {
        define("ENCODE_BYTES", &format!("{}u", 4 * extractor_len(&network, &pool)));
    }
    if model.int8().is_some() {
        // The DSP instructions need a filter's length of memory more than `Portable`.
        let more = network.layers().map(|layer| layer.filter_len().next_multiple_of(4)).max().unwrap_or(0);
        let numbers = Int8Extractor::<Portable>::memory_len(&network, &pool) + more;
        let sums = model.int8_svm().map_or(0, |svm| svm.classes());
        define("INT8_BYTES", &format!("{}u", 2 * numbers.next_multiple_of(2) + 4 * sums));
    }
    if model.parameters().is_some_and(|parameters| parameters.has_decoder()) {
        let novelty = novelty_len(&network) + network.code().channels;
        define("NOVELTY_BYTES", &format!("{}u", 4 * novelty));
        for (name, method) in [("SGD", Method::Sgd { momentum: 0.0 }), ("ADAM", Method::ADAM)] {
            let bytes = |batch| stream_training_len(&network, &method, batch).bytes();
            let image = bytes(1) - bytes(0);
            let training = format!("({}u + {image}u * (batch))", bytes(0));
            define(&format!("TRAIN_{name}_BYTES(batch)"), &training);
        }
    }
    text
}
