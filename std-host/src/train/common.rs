//! What the processes that train together must have in common: else they would not find the bits of one, or
//! would wait for each other for ever.

use wta_simd::Isa;

use crate::error::Result;
use crate::preprocess::Samples;
use crate::ranks::{Fact, Ranks, agree};
use crate::recipe::{Recipe, settings};
use crate::run::SampleKind;

use super::options::Options;

/// `Ok` if all processes have the same version, instruction set, recipe and samples.
///
/// # Errors
///
/// [`Error::Lost`](crate::Error::Lost), which says what differs; also any error while a sample is read.
pub(super) fn expect_common(
    ranks: &dyn Ranks,
    recipe: &Recipe,
    samples: &Samples<'_>,
    options: &Options<'_>,
) -> Result<()> {
    if ranks.size() == 1 {
        return Ok(());
    }
    let mut facts = of_work(options.isa, recipe);
    facts.extend(of_samples("samples", samples)?);
    if let Some(patches) = options.patches {
        facts.extend(of_samples("samples of the layers below", patches)?);
    }
    Ok(agree(ranks, &facts)?)
}

/// The version, the instruction set and all settings of the recipe.
fn of_work(isa: Isa, recipe: &Recipe) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("version", env!("CARGO_PKG_VERSION")),
        Fact::new("instruction set", isa),
        Fact::new("recipe", &recipe.name),
    ];
    facts.extend(settings(recipe).into_iter().map(|(key, value)| Fact::new(key, value)));
    facts
}

fn of_samples(what: &str, samples: &Samples<'_>) -> Result<Vec<Fact>> {
    let SampleKind { shape, count, fingerprint, .. } = SampleKind::of(samples)?;
    let shape = format!("{} x {} x {}", shape.channels, shape.height, shape.width);
    let fingerprint = fingerprint.map_or("unknown".to_owned(), |print| format!("{print:08x}"));
    Ok(vec![
        Fact::new(format!("shape of the {what}"), shape),
        Fact::new(format!("number of {what}"), count.unwrap_or(0)),
        Fact::new(format!("checksum of the {what}"), fingerprint),
    ])
}
