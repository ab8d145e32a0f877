//! What the processes that work together must have in common: else they would not find the bits of one, or
//! would wait for each other for ever.

use wta_simd::Isa;

use super::sample::SampleKind;
use crate::error::Result;
use crate::preprocess::Samples;
use crate::ranks::Fact;
use crate::recipe::{Recipe, settings};

/// The version, the instruction set and all settings of the recipe.
pub(crate) fn facts_of_work(isa: Isa, recipe: &Recipe) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("version", env!("CARGO_PKG_VERSION")),
        Fact::new("instruction set", isa),
        Fact::new("recipe", &recipe.name),
    ];
    facts.extend(settings(recipe).into_iter().map(|(key, value)| Fact::new(key, value)));
    facts
}

/// Shape, number and checksum of samples.
///
/// # Errors
///
/// Any error while a sample is read.
pub(crate) fn facts_of_samples(what: &str, samples: &Samples<'_>) -> Result<Vec<Fact>> {
    let SampleKind { shape, count, fingerprint, .. } = SampleKind::of(samples)?;
    let shape = format!("{} x {} x {}", shape.channels, shape.height, shape.width);
    let fingerprint = fingerprint.map_or("unknown".to_owned(), |print| format!("{print:08x}"));
    Ok(vec![
        Fact::new(format!("shape of the {what}"), shape),
        Fact::new(format!("number of {what}"), count.unwrap_or(0)),
        Fact::new(format!("checksum of the {what}"), fingerprint),
    ])
}
