//! What generated Rust modules and C headers are named after.

use std::str::FromStr;

/// Words that Rust keeps for itself, and names that `wta.h` has with `wta_` or `WTA_` in front.
const TAKEN: &[&str] = &[
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "core",
    "std",
    "wta_core",
    "classify",
    "classify_int8",
    "encode",
    "encode_bytes",
    "encode_int8",
    "int8",
    "int8_bytes",
    "learner",
    "learner_begin",
    "learner_bytes",
    "learner_classify",
    "learner_defaults",
    "learner_forget",
    "learner_svm",
    "learner_update",
    "model_class_name",
    "model_info",
    "model_init",
    "model_network",
    "model_of_parameters",
    "model_parts",
    "model_words",
    "model_write",
    "model_write_bytes",
    "novelty",
    "novelty_bytes",
    "parameters_len",
    "row_fn",
    "status",
    "status_text",
    "train",
    "train_bytes",
    "train_init",
    "train_init_model",
    "train_parameters",
    "train_resume",
    "train_step",
    "train_steps_done",
    "train_units_bytes",
    "train_units_init",
    "train_units_init_model",
    "train_units_resume",
    "trainer",
    "training_defaults",
    "version",
];

/// The name of what is generated: an identifier of Rust and of C in small letters.
///
/// ```
/// use wta::export::Name;
///
/// assert_eq!("gestures_2".parse::<Name>().unwrap().to_string(), "gestures_2");
/// assert!("2nd".parse::<Name>().is_err() && "fn".parse::<Name>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Default for Name {
    fn default() -> Self {
        Self("model".to_owned())
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.chars().all(letters) {
            return Err("must be of the letters a to z, digits and _, and begin with a letter".to_owned());
        }
        if TAKEN.contains(&text) {
            return Err("is a word that Rust or wta.h needs; choose another".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.0)
    }
}

impl Name {
    /// The name in capital letters.
    pub(super) fn capitals(&self) -> String {
        self.0.to_uppercase()
    }
}
